package app

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/linnetmq/linnet/internal/config"
)

// systemd listens at a socket as the service manager does, and has the process's
// environment name it.
func systemd(t *testing.T) *net.UnixConn {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return conn
}

func told(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4096)
	n, err := conn.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestNotify(t *testing.T) {
	conn := systemd(t)
	n := newNotifier()
	if v, set := os.LookupEnv("NOTIFY_SOCKET"); set {
		t.Errorf("children still see %q", v)
	}
	if err := errors.Join(n.ready("serving"), n.reloading(), n.ready("serving again"), n.stopping()); err != nil {
		t.Fatal(err)
	}
	if got := told(t, conn); got != "READY=1\nSTATUS=serving" {
		t.Errorf("ready: %q", got)
	}
	state, at, found := strings.Cut(told(t, conn), "\nMONOTONIC_USEC=")
	if usec, err := strconv.ParseInt(at, 10, 64); state != "RELOADING=1" || !found || err != nil || usec <= 0 {
		t.Errorf("reloading: %q, %q", state, at)
	}
	if got := told(t, conn); got != "READY=1\nSTATUS=serving again" {
		t.Errorf("ready again: %q", got)
	}
	if got := told(t, conn); got != "STOPPING=1" {
		t.Errorf("stopping: %q", got)
	}
}

func TestWatchdog(t *testing.T) {
	conn := systemd(t)
	t.Setenv("WATCHDOG_USEC", "3000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	n := newNotifier()
	if n.every != time.Millisecond {
		t.Fatalf("a sign of life every %v", n.every)
	}
	calls := 0
	n.watch(func(context.Context) error {
		if calls++; calls%2 == 0 {
			return errors.New("not well")
		}
		return nil
	})
	for range 3 {
		if got := told(t, conn); got != "WATCHDOG=1" {
			t.Errorf("have %q", got)
		}
	}
	n.close()
	if calls < 5 {
		t.Errorf("three signs of life after %d questions: one came although it was not well", calls)
	}
}

func TestNotifierWithoutSystemd(t *testing.T) {
	for _, tt := range []struct{ name, socket, usec, pid string }{
		{"no socket", "", "3000", ""},
		{"a strange one", "vsock:2:3", "3000", ""},
		{"another process's watchdog", "/run/x", "3000", "1"},
		{"no time", "/run/x", "soon", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("NOTIFY_SOCKET", tt.socket)
			t.Setenv("WATCHDOG_USEC", tt.usec)
			t.Setenv("WATCHDOG_PID", tt.pid)
			n := newNotifier()
			n.watch(func(context.Context) error { t.Error("asked"); return nil })
			if (n.socket != nil) != (tt.socket == "/run/x") || n.every != 0 {
				t.Errorf("socket %v, every %v", n.socket, n.every)
			}
			if err := n.ready("x"); (err != nil) != (n.socket != nil) {
				t.Errorf("ready: %v", err)
			}
			n.close()
		})
	}
}

// TestBrokerTellsSystemd runs a broker under the eyes of systemd.
func TestBrokerTellsSystemd(t *testing.T) {
	conn := systemd(t)
	cfg := config.Default()
	cfg.Listeners = []config.Listener{{ID: "unix", Protocol: config.Unix, Address: filepath.Join(t.TempDir(), "s")}}
	cfg.DataDir = t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- runBroker(ctx, func() (*config.Config, error) { return cfg, nil }, streams{err: io.Discard})
	}()
	if got := told(t, conn); got != "READY=1\nSTATUS=serving clients" {
		t.Errorf("at the start: %q", got)
	}
	cancel()
	if got := told(t, conn); got != "STOPPING=1" {
		t.Errorf("at the end: %q", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
