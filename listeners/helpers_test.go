package listeners

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// patienceOfTests bounds waits for events that must happen.
const patienceOfTests = 10 * time.Second

// listener is the shape the broker expects.
type listener interface {
	ID() string
	Address() string
	Protocol() string
	Listen(log *slog.Logger) error
	Serve(establish func(net.Conn) error) error
	Close(ctx context.Context) error
}

var (
	_ listener = (*TCP)(nil)
	_ listener = (*UnixSock)(nil)
	_ listener = (*Net)(nil)
	_ listener = (*Memory)(nil)
	_ listener = (*Websocket)(nil)
	_ listener = (*HTTPStats)(nil)
	_ listener = (*HTTPHealthCheck)(nil)
)

// start listens and serves until the test ends, when Serve must return nil.
func start(t testing.TB, l listener, log *slog.Logger, establish func(net.Conn) error) {
	t.Helper()
	if err := l.Listen(log); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- l.Serve(establish) }()
	t.Cleanup(func() {
		if err := l.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
		select {
		case err := <-served:
			if err != nil {
				t.Errorf("serve: %v", err)
			}
		case <-time.After(patienceOfTests):
			t.Error("Serve did not return after Close")
		}
	})
}

// echo returns everything it reads.
func echo(conn net.Conn) error {
	defer conn.Close()
	_, err := io.Copy(struct{ io.Writer }{conn}, struct{ io.Reader }{conn})
	return err
}

// handOver returns an establish function that passes connections on, and the
// channel they arrive in. The receiver closes them.
func handOver() (func(net.Conn) error, <-chan net.Conn) {
	conns := make(chan net.Conn, 16)
	return func(conn net.Conn) error {
		conns <- conn
		return nil
	}, conns
}

func receive[T any](t testing.TB, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patienceOfTests):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

// dialTCP connects and closes at the end of the test.
func dialTCP(t testing.TB, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return limited(t, conn)
}

// limited gives conn a deadline and closes it at the end of the test.
func limited(t testing.TB, conn net.Conn) net.Conn {
	t.Helper()
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patienceOfTests)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func mustWrite(t testing.TB, w io.Writer, b []byte) {
	t.Helper()
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
}

// mustRead reads exactly len(want) bytes and compares them.
func mustRead(t testing.TB, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r, got); err != nil {
		t.Fatalf("read %q: %v", want, err)
	}
	if string(got) != want {
		t.Fatalf("read %q, want %q", got, want)
	}
}

// mustEnd expects the other side to close.
func mustEnd(t testing.TB, r io.Reader) {
	t.Helper()
	rest, err := io.ReadAll(r)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the connection was not closed")
	}
	if len(rest) > 0 {
		t.Fatalf("read %q, want nothing", rest)
	}
}

// certificate makes a self-signed certificate for 127.0.0.1, once.
var certificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
})

func serverConfig() *tls.Config { return &tls.Config{Certificates: []tls.Certificate{certificate()}} }

func clientConfig() *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(certificate().Leaf)
	return &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}
}

// logBook collects log lines.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
	seen chan struct{} // a token per line
}

func newLogBook() *logBook { return &logBook{seen: make(chan struct{}, 1000)} }

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen <- struct{}{}
	return b.text.Write(p)
}

func (b *logBook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (b *logBook) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// wait returns when the book contains words.
func (b *logBook) wait(t testing.TB, words string) {
	t.Helper()
	limit := time.After(patienceOfTests)
	for !strings.Contains(b.String(), words) {
		select {
		case <-b.seen:
		case <-limit:
			t.Fatalf("no %q in the log:\n%s", words, b)
		}
	}
}

// wsClient is the client's end of a WebSocket as a byte stream: each Write is one
// masked binary frame, Read returns payloads.
type wsClient struct {
	net.Conn
	r    io.Reader // what the server sent behind the handshake, then Conn
	left []byte
}

// dialWS connects to url, a ws:// or wss:// one, offering the subprotocol mqtt.
func dialWS(ctx context.Context, url string, change ...func(*ws.Dialer)) (*wsClient, ws.Handshake, error) {
	d := ws.Dialer{Protocols: []string{"mqtt"}, TLSConfig: clientConfig()}
	for _, f := range change {
		f(&d)
	}
	conn, early, hs, err := d.Dial(ctx, url)
	if err != nil {
		if conn != nil {
			conn.Close()
		}
		return nil, hs, err
	}
	c := &wsClient{Conn: conn, r: conn}
	if early != nil {
		c.r = io.MultiReader(io.LimitReader(early, int64(early.Buffered())), conn)
	}
	return c, hs, nil
}

// mustDialWS is dialWS with a deadline, closed at the end of the test.
func mustDialWS(t testing.TB, l *Websocket) *wsClient {
	t.Helper()
	c, _, err := dialWS(t.Context(), l.Protocol()+"://"+l.Address()+"/mqtt")
	if err != nil {
		t.Fatal(err)
	}
	limited(t, c.Conn)
	return c
}

func (c *wsClient) frame(op ws.OpCode, fin bool, payload string) []byte {
	return ws.MustCompileFrame(ws.MaskFrame(ws.NewFrame(op, fin, []byte(payload))))
}

// readFrame reads one frame; none in these tests is longer than the limit.
func readFrame(r io.Reader) (ws.Frame, error) {
	head, err := ws.ReadHeader(r)
	if err != nil {
		return ws.Frame{}, err
	}
	if head.Length > 2<<20 {
		return ws.Frame{}, fmt.Errorf("a frame of %d bytes", head.Length)
	}
	payload := make([]byte, head.Length)
	_, err = io.ReadFull(r, payload)
	return ws.Frame{Header: head, Payload: payload}, err
}

func (c *wsClient) Write(p []byte) (int, error) {
	if _, err := c.Conn.Write(c.frame(ws.OpBinary, true, string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (c *wsClient) Read(p []byte) (int, error) {
	for len(c.left) == 0 {
		f, err := readFrame(c.r)
		if err != nil {
			return 0, err
		}
		switch f.Header.OpCode {
		case ws.OpBinary:
			c.left = f.Payload
		case ws.OpClose:
			return 0, io.EOF
		default: // what the tests want to see of these they read as frames
		}
	}
	n := copy(p, c.left)
	c.left = c.left[n:]
	return n, nil
}

func (c *wsClient) Close() error {
	c.Conn.Write(c.frame(ws.OpClose, true, ""))
	return c.Conn.Close()
}
