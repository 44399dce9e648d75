package examples

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// program is one example that runs.
type program struct {
	addr  string
	lines chan string // what it prints, so many lines that it never waits
}

const patience = 10 * time.Second

// start runs an example on a free port until the test ends, and sees it stop
// in good order.
func start(t *testing.T, binary string, args ...string) *program {
	t.Helper()
	cmd := exec.Command(binary, append([]string{"-addr", "127.0.0.1:0"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &program{lines: make(chan string, 1000)}
	go func() {
		for scan := bufio.NewScanner(out); scan.Scan(); {
			p.lines <- scan.Text()
		}
		close(p.lines)
	}()
	t.Cleanup(func() {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Errorf("interrupt: %v", err)
		}
		p.expect(t, "stopped")
		if err := cmd.Wait(); err != nil {
			t.Errorf("it ended with %v", err)
		}
	})
	p.addr = strings.TrimPrefix(p.expect(t, "listening on"), "listening on ")
	return p
}

// expect waits for a line that begins with or contains want, and returns it.
func (p *program) expect(t *testing.T, want string) string {
	t.Helper()
	end := time.After(patience)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				t.Fatalf("it ended without printing %q", want)
			}
			if strings.Contains(line, want) {
				return line
			}
		case <-end:
			t.Fatalf("it did not print %q", want)
		}
	}
}

// dial connects a client over a connection.
func dial(t *testing.T, conn net.Conn, err error, pk *packets.Connect) *mqtttest.Client {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // before the program is stopped
	c := mqtttest.NewClient(t, conn, packets.V5)
	c.Send(pk)
	c.Connack = mqtttest.Expect[*packets.Connack](c)
	return c
}

func dialTCP(t *testing.T, p *program, id string) *mqtttest.Client {
	t.Helper()
	conn, err := net.Dial("tcp", p.addr)
	return dial(t, conn, err, mqtttest.Connect(id))
}

// echo sends a message to itself.
func echo(t *testing.T, c *mqtttest.Client) {
	t.Helper()
	c.Subscribe("echo", 0)
	c.Publish("echo", "hello", 0, false)
	if got := c.Message(); string(got.Payload) != "hello" {
		t.Errorf("got %q", got.Payload)
	}
}

// wsConn is a WebSocket connection as a stream.
type wsConn struct {
	net.Conn
	rest []byte
}

func (c *wsConn) Read(b []byte) (int, error) {
	for len(c.rest) == 0 {
		data, err := wsutil.ReadServerBinary(c.Conn)
		if err != nil {
			return 0, errors.Join(err, io.EOF)
		}
		c.rest = data
	}
	n := copy(b, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func (c *wsConn) Write(b []byte) (int, error) {
	return len(b), wsutil.WriteClientBinary(c.Conn, b)
}

func TestExamples(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin+string(filepath.Separator), "./...")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	tests := map[string]func(t *testing.T, start func(args ...string) *program){
		"tcp": func(t *testing.T, start func(...string) *program) {
			echo(t, dialTCP(t, start(), "c"))
		},
		"tls": func(t *testing.T, start func(...string) *program) {
			conn, err := tls.Dial("tcp", start().addr, &tls.Config{InsecureSkipVerify: true})
			echo(t, dial(t, conn, err, mqtttest.Connect("c")))
		},
		"websocket": func(t *testing.T, start func(...string) *program) {
			dialer := ws.Dialer{Protocols: []string{"mqtt"}, Timeout: patience}
			conn, _, _, err := dialer.Dial(context.Background(), "ws://"+start().addr+"/mqtt")
			echo(t, dial(t, &wsConn{Conn: conn}, err, mqtttest.Connect("c")))
		},
		"hooks": func(t *testing.T, start func(...string) *program) {
			p := start()
			if c := dialTCP(t, p, "nobody"); !c.Connack.Code.Failed() {
				t.Error("a client without a user name was admitted")
			}
			conn, err := net.Dial("tcp", p.addr)
			pk := mqtttest.Connect("c")
			pk.Username, pk.UsernameFlag = "ann", true
			c := dial(t, conn, err, pk)
			if code := c.Subscribe("bob/#", 0); !code.Failed() {
				t.Error("subscribed to another's topics")
			}
			c.Subscribe("ann/#", 0)
			c.Publish("ann/news", "hello", 0, false)
			if got := c.Message(); string(got.Payload) != "HELLO" {
				t.Errorf("got %q", got.Payload)
			}
			p.expect(t, "c published HELLO to ann/news")
			c.Disconnect(0)
			p.expect(t, "c is gone: <nil>")
		},
		"direct": func(t *testing.T, start func(...string) *program) {
			p := start()
			c := dialTCP(t, p, "c")
			c.Subscribe("news", 0)
			if got := c.Message(); !got.Retain {
				t.Error("the news is not retained")
			}
			c.Subscribe("pong/#", 1)
			c.Send(&packets.Publish{Topic: "ping/1", Payload: []byte("x")})
			if got := c.Message(); got.Topic != "pong/1" || string(got.Payload) != "x" {
				t.Errorf("got %s=%s", got.Topic, got.Payload)
			}
			p.expect(t, "answered ping/1")
		},
		"inject": func(t *testing.T, start func(...string) *program) {
			p := start()
			c := dialTCP(t, p, "c")
			if got := c.Message(); got.Topic != "welcome/c" || string(got.Payload) != "hello c" || got.QoS != 1 {
				t.Errorf("got %+v", got)
			}
			p.expect(t, "greeted c")
		},
		"listener": func(t *testing.T, start func(...string) *program) {
			p := start("-seats", "1")
			first := dialTCP(t, p, "first")
			p.expect(t, "seated 1")
			conn, err := net.Dial("tcp", p.addr) // waits at the turnstile
			if err != nil {
				t.Fatal(err)
			}
			echo(t, first)
			first.Disconnect(0)
			echo(t, dial(t, conn, nil, mqtttest.Connect("second")))
		},
		"embed": func(t *testing.T, start func(...string) *program) {
			c := dialTCP(t, start(), "c")
			c.Subscribe("count", 0)
			if first, second := string(c.Message().Payload), string(c.Message().Payload); first == second {
				t.Errorf("counted %s, then %s", first, second)
			}
		},
		"debug": func(t *testing.T, start func(...string) *program) {
			p := start("-data", "-pings")
			c := dialTCP(t, p, "c")
			p.expect(t, "type=CONNECT")
			echo(t, c)
			p.expect(t, `Payload:\"hello\"`)
			c.Ping()
			p.expect(t, "type=PINGREQ")
		},
	}
	folders, err := filepath.Glob("*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		name := filepath.Dir(folder)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test := tests[name]
			if test == nil {
				t.Fatal("no test runs it")
			}
			test(t, func(args ...string) *program { return start(t, filepath.Join(bin, name), args...) })
		})
	}
}
