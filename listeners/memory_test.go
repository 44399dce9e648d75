package listeners

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

func TestMemoryDial(t *testing.T) {
	t.Run("waits for Serve", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := NewMemory("x")
			dialled := make(chan net.Conn)
			go func() {
				conn, err := l.Dial(t.Context())
				if err != nil {
					t.Error(err)
				}
				dialled <- conn
			}()
			synctest.Wait()
			start(t, l, nil, echo)
			conn := <-dialled
			mustWrite(t, conn, []byte("hello"))
			mustRead(t, conn, "hello")
			if conn.RemoteAddr().String() != "memory" || conn.LocalAddr().Network() != "memory" {
				t.Errorf("addresses %v, %v", conn.RemoteAddr(), conn.LocalAddr())
			}
			conn.Close()
		})
	})
	t.Run("gives up with its context", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := NewMemory("x")
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			begin := time.Now()
			if _, err := l.Dial(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Minute {
				t.Errorf("%v after %v", err, time.Since(begin))
			}
		})
	})
	t.Run("is refused after Close", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := NewMemory("x")
			start(t, l, nil, echo)
			refused := make(chan error)
			l.Close(t.Context())
			go func() {
				_, err := l.Dial(t.Context())
				refused <- err
			}()
			if err := <-refused; !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		})
	})
	t.Run("ends with Close", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := NewMemory("x") // nobody serves
			refused := make(chan error)
			go func() {
				_, err := l.Dial(t.Context())
				refused <- err
			}()
			synctest.Wait()
			l.Close(t.Context())
			if err := <-refused; !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		})
	})
}

// An hour passes in no time: waiting on a memory connection is durable.
func TestMemoryInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewMemory("x")
		start(t, l, nil, func(conn net.Conn) error {
			defer conn.Close()
			conn.SetReadDeadline(time.Now().Add(time.Hour))
			_, err := conn.Read(make([]byte, 1))
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("read: %v", err)
			}
			return err
		})
		conn, err := l.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if rest, err := io.ReadAll(conn); len(rest) != 0 || err != nil || time.Since(begin) != time.Hour {
			t.Errorf("read %q, %v after %v", rest, err, time.Since(begin))
		}
		conn.Close()
	})
}

func TestPipeIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPipe()
		mustWrite(t, a, make([]byte, pipeBytes)) // does not block
		done := make(chan int)
		go func() {
			n, _ := a.Write([]byte("xyz"))
			done <- n
		}()
		synctest.Wait()
		select {
		case <-done:
			t.Fatal("more than the bound was buffered")
		default:
		}
		if n, err := b.Read(make([]byte, 2)); n != 2 || err != nil {
			t.Fatalf("read %d, %v", n, err)
		}
		synctest.Wait()
		select {
		case <-done:
			t.Fatal("two bytes of room took three")
		default:
		}
		if n, err := b.Read(make([]byte, 2)); n != 2 || err != nil {
			t.Fatalf("read %d, %v", n, err)
		}
		if n := <-done; n != 3 {
			t.Errorf("wrote %d", n)
		}
	})
}

func TestPipeDeadlines(t *testing.T) {
	for _, tt := range []struct {
		name string
		set  func(a net.Conn)
		want time.Duration // 0 = at once
	}{
		{"past", func(a net.Conn) { a.SetDeadline(time.Now().Add(-1)) }, 0},
		{"now", func(a net.Conn) { a.SetDeadline(time.Now()) }, 0},
		{"future", func(a net.Conn) { a.SetDeadline(time.Now().Add(time.Minute)) }, time.Minute},
		{"each", func(a net.Conn) {
			a.SetReadDeadline(time.Now().Add(time.Minute))
			a.SetWriteDeadline(time.Now().Add(time.Minute))
		}, time.Minute},
		{"later one wins", func(a net.Conn) {
			a.SetDeadline(time.Now().Add(time.Second))
			a.SetDeadline(time.Now().Add(time.Minute))
		}, time.Minute},
		{"set while waiting", func(a net.Conn) {
			time.AfterFunc(time.Second, func() { a.SetDeadline(time.Now()) })
		}, time.Second},
		{"removed and set", func(a net.Conn) {
			a.SetDeadline(time.Now())
			a.SetDeadline(time.Time{})
			time.AfterFunc(time.Second, func() { a.SetDeadline(time.Now().Add(time.Second)) })
		}, 2 * time.Second},
	} {
		for _, op := range []string{"read", "write"} {
			t.Run(tt.name+"/"+op, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a, b := newPipe()
					mustWrite(t, a, make([]byte, pipeBytes))
					tt.set(a)
					begin := time.Now()
					var err error
					if op == "read" {
						_, err = a.Read(make([]byte, 1))
					} else {
						_, err = a.Write(make([]byte, 1))
					}
					ne, ok := errors.AsType[net.Error](err)
					if !ok || !ne.Timeout() || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) != tt.want {
						t.Errorf("%v after %v, want a timeout after %v", err, time.Since(begin), tt.want)
					}
					a.SetDeadline(time.Time{}) // and it works again
					mustWrite(t, b, []byte("x"))
					mustRead(t, a, "x")
					a.Close()
				})
			})
		}
	}
}

func TestPipeClose(t *testing.T) {
	t.Run("what was written arrives before the end", func(t *testing.T) {
		a, b := newPipe()
		mustWrite(t, a, []byte("last"))
		a.Close()
		mustRead(t, b, "last")
		mustEnd(t, b)
		if _, err := b.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("write to a closed end: %v", err)
		}
	})
	t.Run("the closed end", func(t *testing.T) {
		a, _ := newPipe()
		a.Close()
		a.Close()
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read: %v", err)
		}
		if _, err := a.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("write: %v", err)
		}
		if err := a.SetDeadline(time.Now()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("deadline: %v", err)
		}
	})
	t.Run("half", func(t *testing.T) {
		a, b := newPipe()
		a.(*pipeConn).CloseWrite()
		mustEnd(t, b)
		mustWrite(t, b, []byte("still"))
		mustRead(t, a, "still")
	})
	t.Run("wakes those who wait", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a, b := newPipe()
			mustWrite(t, a, make([]byte, pipeBytes))
			errs := make(chan error, 3)
			go func() { _, err := a.Read(make([]byte, 1)); errs <- err }()
			go func() { _, err := a.Write(make([]byte, 1)); errs <- err }()
			synctest.Wait()
			b.Close()
			for range 2 {
				if err := <-errs; !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) {
					t.Error(err)
				}
			}
		})
	})
}

// Random sizes on both sides: the ring keeps order and loses nothing.
func TestPipeKeepsOrder(t *testing.T) {
	t.Parallel()
	a, b := newPipe()
	limited(t, a)
	limited(t, b)
	sent := make([]byte, 1<<20)
	rng := rand.NewChaCha8([32]byte{1})
	rng.Read(sent)
	go func() {
		sizes := rand.New(rand.NewPCG(1, 2))
		for rest := sent; len(rest) > 0; {
			n := min(1+sizes.IntN(5000), len(rest))
			a.Write(rest[:n])
			rest = rest[n:]
		}
		a.Close()
	}()
	var got bytes.Buffer
	sizes := rand.New(rand.NewPCG(3, 4))
	for buf := make([]byte, 9000); ; {
		n, err := b.Read(buf[:1+sizes.IntN(len(buf))])
		got.Write(buf[:n])
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got.Bytes(), sent) {
		t.Errorf("%d of %d bytes, or others", got.Len(), len(sent))
	}
}
