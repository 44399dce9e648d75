package listeners

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestUnixStaleSocketIsRemoved(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false) // as after a crash
	dead.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Fatal(err)
	}
	l := NewUnixSock("x", path)
	start(t, l, nil, echo)
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	limited(t, conn)
	mustWrite(t, conn, []byte("alive"))
	mustRead(t, conn, "alive")
}

func TestUnixRefusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		lay  func(t *testing.T, path string) // puts something in the way
		is   error
		want string
	}{
		{
			"live socket", func(t *testing.T, path string) { start(t, NewUnixSock("first", path), nil, echo) },
			syscall.EADDRINUSE, "another program listens",
		},
		{"file", func(t *testing.T, path string) { os.WriteFile(path, []byte("precious"), 0o600) }, nil, "no socket"},
		{"directory", func(t *testing.T, path string) { os.Mkdir(path, 0o700) }, nil, "no socket"},
		{"link", func(t *testing.T, path string) { os.Symlink("/nowhere", path) }, nil, "no socket"},
		{"datagram socket", func(t *testing.T, path string) {
			c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
		}, syscall.EPROTOTYPE, "neither alive nor dead"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := socketPath(t)
			tt.lay(t, path)
			l := NewUnixSock("x", path)
			err := l.Listen(nil)
			if err == nil {
				l.Close(t.Context())
				t.Fatal("no error")
			}
			if tt.is != nil && !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("%v, want %q", err, tt.want)
			}
			if _, err := os.Lstat(path); err != nil {
				t.Errorf("what was in the way is gone: %v", err)
			}
		})
	}
	t.Run("no directory", func(t *testing.T) {
		path := socketPath(t) + "/missing/x.sock"
		if err := NewUnixSock("x", path).Listen(nil); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
			t.Error(err)
		}
	})
	t.Run("path too long", func(t *testing.T) {
		path := socketPath(t) + strings.Repeat("x", 200)
		if err := NewUnixSock("x", path).Listen(nil); err == nil || !strings.Contains(err.Error(), "too long") {
			t.Error(err)
		}
	})
}

func TestUnixMode(t *testing.T) {
	t.Parallel()
	for _, mode := range []os.FileMode{0o600, 0o660, 0o666} {
		t.Run(mode.String(), func(t *testing.T) {
			path := socketPath(t)
			start(t, NewUnixSock("x", path, &Config{UnixMode: mode}), nil, echo)
			info, err := os.Stat(path)
			if err != nil || info.Mode().Perm() != mode {
				t.Errorf("%v, %v", info.Mode(), err)
			}
		})
	}
}

func TestUnixCloseRemovesItsFile(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"own", "gone", "another's"} {
		t.Run(name, func(t *testing.T) {
			path := socketPath(t)
			l := NewUnixSock("x", path)
			if err := l.Listen(nil); err != nil {
				t.Fatal(err)
			}
			if name != "own" {
				os.Remove(path)
			}
			if name == "another's" {
				os.WriteFile(path, nil, 0o600)
			}
			if err := l.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err := os.Lstat(path); (err == nil) != (name == "another's") {
				t.Errorf("after Close: %v", err)
			}
		})
	}
}

func TestUnixProxyProtocol(t *testing.T) {
	t.Parallel()
	l := NewUnixSock("x", socketPath(t), &Config{ProxyProtocol: true})
	establish, conns := handOver()
	start(t, l, nil, establish)
	client, err := net.Dial("unix", l.Address())
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, limited(t, client), []byte(proxyLine))
	if conn := limited(t, receive(t, conns, "the connection")); conn.RemoteAddr().String() != "192.0.2.7:12345" {
		t.Errorf("remote %v", conn.RemoteAddr())
	}
}
