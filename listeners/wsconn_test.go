package listeners

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
)

func TestWebsocketCloseByServer(t *testing.T) {
	t.Parallel()
	client, conn := wsPair(t, nil)
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := readFrame(client.r)
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := ws.ParseCloseFrameData(f.Payload); f.Header.OpCode != ws.OpClose || status != ws.StatusNormalClosure {
		t.Errorf("op %d, status %d", f.Header.OpCode, status)
	}
	mustEnd(t, client.r)
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read after Close: %v", err)
	}
	if _, err := conn.Write([]byte("x")); err == nil {
		t.Error("a write after Close")
	}
}

// fill writes until the pipe to the client, who does not read, is full and a
// Write is stuck. The result of that Write arrives in the channel.
func fill(conn *WebsocketConn) <-chan error {
	stuck := make(chan error, 1)
	go func() {
		_, err := conn.Write(make([]byte, 2*pipeBytes))
		stuck <- err
	}()
	synctest.Wait()
	return stuck
}

// A client that does not read can delay Close only so long.
func TestWebsocketCloseIsBounded(t *testing.T) {
	t.Run("writer stuck", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			_, server := newPipe()
			conn := newWebsocketConn(server, nil)
			stuck := fill(conn)
			begin := time.Now()
			conn.Close()
			if waited := time.Since(begin); waited != wsGoodbye {
				t.Errorf("Close took %v, want %v", waited, wsGoodbye)
			}
			if err := <-stuck; !errors.Is(err, net.ErrClosed) {
				t.Errorf("the stuck Write ended with %v", err)
			}
		})
	})
	t.Run("socket full", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			_, server := newPipe()
			conn := newWebsocketConn(server, nil)
			server.Write(make([]byte, pipeBytes))
			begin := time.Now()
			conn.Close()
			if waited := time.Since(begin); waited != wsGoodbye {
				t.Errorf("Close took %v, want %v", waited, wsGoodbye)
			}
		})
	})
	t.Run("nothing in the way", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			_, server := newPipe()
			begin := time.Now()
			newWebsocketConn(server, nil).Close()
			if waited := time.Since(begin); waited != 0 {
				t.Errorf("Close took %v", waited)
			}
		})
	})
}

// A reader does not wait for a stuck writer; the newest ping is answered behind it.
func TestWebsocketPingWhileWriting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clientSide, server := newPipe()
		client := &wsClient{Conn: clientSide, r: clientSide}
		conn := newWebsocketConn(server, nil)
		stuck := fill(conn)

		mustWrite(t, clientSide, client.frame(ws.OpPing, true, "first"))
		mustWrite(t, clientSide, client.frame(ws.OpPing, true, "second"))
		mustWrite(t, client, []byte("payload"))
		mustRead(t, conn, "payload")

		var got []ws.OpCode
		for range 2 {
			f, err := readFrame(clientSide)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, f.Header.OpCode)
			if f.Header.OpCode == ws.OpPong && string(f.Payload) != "second" {
				t.Errorf("pong %q", f.Payload)
			}
		}
		if !slices.Equal(got, []ws.OpCode{ws.OpBinary, ws.OpPong}) {
			t.Errorf("received %v", got)
		}
		if err := <-stuck; err != nil {
			t.Error(err)
		}
		conn.Close()
	})
}

func TestWebsocketConcurrentWrites(t *testing.T) {
	t.Parallel()
	client, conn := wsPair(t, nil)
	const writers, each, size = 8, 50, 3000
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for range each {
				if _, err := conn.Write(bytes.Repeat([]byte{byte(i)}, size)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range writers * each {
		f, err := readFrame(client.r)
		if err != nil {
			t.Fatal(err)
		}
		if f.Header.OpCode != ws.OpBinary || !f.Header.Fin || f.Header.Masked ||
			!bytes.Equal(f.Payload, bytes.Repeat(f.Payload[:1], size)) {
			t.Fatalf("a mixed frame: %+v", f.Header)
		}
	}
	wg.Wait()
}

// [MQTT-6.0.0-1] Each Write is one binary frame, whatever its size and transport.
func TestWebsocketWriteIsOneFrame(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ws", "wss", "proxy"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := &Config{}
			if name == "wss" {
				cfg.TLSConfig = serverConfig()
			}
			client, conn := wsPair(t, cfg)
			if name == "proxy" {
				conn.writer = newWSWriter(&junction{Conn: &ProxyConn{Conn: conn.writer.under.Conn}})
				if !conn.writer.vectors {
					t.Error("no writev behind a proxy")
				}
			}
			for _, size := range []int{1, 125, 126, wsChunk - 4, wsChunk - 3, 65535, 65536, 1 << 20} {
				sent := bytes.Repeat([]byte{1, 2, 3, 5, 7}, size/5+1)[:size]
				go conn.Write(sent)
				f, err := readFrame(client.r)
				if err != nil || f.Header.OpCode != ws.OpBinary || !f.Header.Fin || !bytes.Equal(f.Payload, sent) {
					t.Fatalf("%d bytes: %+v, %v", size, f.Header, err)
				}
			}
			if n, err := conn.Write(nil); n != 0 || err != nil {
				t.Errorf("empty write: %d, %v", n, err)
			}
		})
	}
}

// RFC 6455 section 5.2: the shortest encoding of the length must be used.
func TestWebsocketShortestHeader(t *testing.T) {
	t.Parallel()
	for length, want := range map[int]int{0: 2, 125: 2, 126: 4, 65535: 4, 65536: 10} {
		if got := appendServerHeader(nil, ws.OpBinary, length); len(got) != want {
			t.Errorf("header %x for %d bytes", got, length)
		}
	}
}

// A Write that was cut in two ends writing, because the client waits for the rest.
func TestWebsocketWriteDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := newPipe()
		conn := newWebsocketConn(server, nil)
		conn.SetWriteDeadline(time.Now().Add(time.Second))
		n, err := conn.Write(make([]byte, 2*pipeBytes))
		if n != pipeBytes-10 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("wrote %d, %v", n, err)
		}
		conn.SetWriteDeadline(time.Time{})
		if _, err := conn.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the next write: %v", err)
		}
		client.Close()
		conn.Close()
	})
	synctest.Test(t, func(t *testing.T) {
		client, server := newPipe()
		conn := newWebsocketConn(server, nil)
		conn.SetWriteDeadline(time.Now())
		if n, err := conn.Write([]byte("x")); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("wrote %d, %v", n, err)
		}
		conn.SetWriteDeadline(time.Time{})
		mustWrite(t, conn, []byte("y")) // nothing was sent, nothing is broken
		mustRead(t, client, "\x82\x01y")
		conn.Close()
	})
}

// A Read that runs into its deadline anywhere in a frame loses nothing.
func TestWebsocketReadDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clientSide, server := newPipe()
		var c wsClient
		conn := newWebsocketConn(server, nil)
		raw := slices.Concat(c.frame(ws.OpBinary, false, strings.Repeat("a", 130)), c.frame(ws.OpPing, true, "ping"),
			c.frame(ws.OpContinuation, true, "bc"))
		var got []byte
		buf := make([]byte, 100)
		for i := range raw {
			mustWrite(t, clientSide, raw[i:i+1])
			for {
				conn.SetReadDeadline(time.Now().Add(time.Second))
				n, err := conn.Read(buf)
				got = append(got, buf[:n]...)
				if errors.Is(err, os.ErrDeadlineExceeded) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
			}
		}
		if want := strings.Repeat("a", 130) + "bc"; string(got) != want {
			t.Errorf("read %q", got)
		}
		conn.Close()
	})
}

// The declared length of a frame takes no memory: its payload goes through as it comes.
func TestWebsocketHugeFrame(t *testing.T) {
	client, server := newPipe()
	conn := newWebsocketConn(server, nil)
	limited(t, client)
	limited(t, conn)
	head := binary.BigEndian.AppendUint64([]byte{0x82, 0xff}, 1<<62)
	mustWrite(t, client, append(head, 0, 0, 0, 0))

	chunk := make([]byte, 32<<10)
	go func() {
		for range 1000 {
			client.Write(chunk)
		}
		client.Close()
	}()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var total int
	for buf := make([]byte, 32<<10); ; {
		n, err := conn.Read(buf)
		total += n
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if total != 1000*len(chunk) {
		t.Errorf("read %d bytes", total)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
		t.Errorf("%d bytes allocated for %d read", used, total)
	}
}

// loop is a connection that reads the same bytes for ever and forgets what is written.
type loop struct {
	net.Conn
	data []byte
	at   int
}

func (l *loop) Read(p []byte) (int, error) {
	n := copy(p, l.data[l.at:])
	l.at = (l.at + n) % len(l.data)
	return n, nil
}

func (l *loop) Write(p []byte) (int, error) { return len(p), nil }

func TestWebsocketAllocations(t *testing.T) {
	var c wsClient
	data := bytes.Repeat(c.frame(ws.OpBinary, true, strings.Repeat("x", 200)), 50)
	conn := newWebsocketConn(&loop{data: data}, nil)
	buf := make([]byte, 3000) // cuts frames anywhere
	if allocs := testing.AllocsPerRun(1000, func() { conn.Read(buf) }); allocs != 0 {
		t.Errorf("%v allocations per Read", allocs)
	}
	if allocs := testing.AllocsPerRun(1000, func() { conn.Write(buf) }); allocs >= 1 { // the pool may be emptied once
		t.Errorf("%v allocations per Write", allocs)
	}
}

func TestWebsocketWritevAllocations(t *testing.T) {
	client, conn := wsPair(t, nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(io.Discard, client.Conn)
	}()
	buf := make([]byte, 3000)
	// The runtime of other goroutines is counted too: leave room below one per Write.
	if allocs := testing.AllocsPerRun(1000, func() { conn.Write(buf) }); allocs >= 1 {
		t.Errorf("%v allocations per Write", allocs)
	}
	conn.Close()
	<-done
}

func BenchmarkWebsocketRead(b *testing.B) {
	var c wsClient
	for _, size := range []int{16, 256, 4096} {
		b.Run(strconv.Itoa(size)+"B", func(b *testing.B) {
			frame := c.frame(ws.OpBinary, true, strings.Repeat("x", size))
			conn := newWebsocketConn(&loop{data: bytes.Repeat(frame, 1<<20/len(frame))}, nil)
			buf := make([]byte, 64<<10)
			b.ReportAllocs()
			var total int
			for b.Loop() {
				n, err := conn.Read(buf)
				if err != nil {
					b.Fatal(err)
				}
				total += n
			}
			b.SetBytes(int64(total / b.N))
		})
	}
}

// FuzzWebsocketRead checks that reading never panics, never yields more than was
// sent, and yields the same in any fragmentation.
func FuzzWebsocketRead(f *testing.F) {
	for _, script := range wsScripts() {
		if len(script.raw) < 1000 {
			f.Add([]byte(script.raw), uint8(3), uint8(2))
		}
	}
	var c wsClient
	f.Add(c.frame(ws.OpText, true, "text"), uint8(1), uint8(9))
	f.Add(c.frame(ws.OpClose, true, "\x03\xe8bye"), uint8(1), uint8(9))
	f.Add([]byte{0x82, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5}, uint8(4), uint8(4))
	f.Fuzz(func(t *testing.T, raw []byte, chunk, read uint8) {
		whole, wholeErr := readAllWS(raw, len(raw)+1, len(raw)+1)
		parts, partsErr := readAllWS(raw, int(chunk)+1, int(read)+1)
		if !bytes.Equal(whole, parts) || wholeErr.Error() != partsErr.Error() {
			t.Fatalf("at once %q, %v; in parts %q, %v", whole, wholeErr, parts, partsErr)
		}
		if len(whole) > len(raw) {
			t.Fatalf("%d bytes out of %d", len(whole), len(raw))
		}
	})
}

// readAllWS reads raw as a client's frames, received in chunks.
func readAllWS(raw []byte, chunk, read int) ([]byte, error) {
	conn := newWebsocketConn(&chunks{data: raw, size: chunk}, nil)
	var got []byte
	for buf := make([]byte, read); ; {
		n, err := conn.Read(buf)
		got = append(got, buf[:n]...)
		if err != nil {
			return got, err
		}
	}
}

// chunks is a connection that yields data in pieces and then io.EOF.
type chunks struct {
	net.Conn
	data []byte
	size int
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.data[:min(c.size, len(c.data))])
	c.data = c.data[n:]
	return n, nil
}

func (c *chunks) Write(p []byte) (int, error)      { return len(p), nil }
func (c *chunks) Close() error                     { return nil }
func (c *chunks) SetWriteDeadline(time.Time) error { return nil }
