package listeners

import (
	"net"
	"syscall"
	"testing"
	"time"
)

func TestTCPSocketOptions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		keepAlive time.Duration
		on, idle  int
	}{
		{"default", 0, 1, 15},
		{"own", 40 * time.Second, 1, 40},
		{"off", -1, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := NewTCP("x", "127.0.0.1:0", &Config{KeepAlive: tt.keepAlive})
			establish, conns := handOver()
			start(t, l, nil, establish)
			dialTCP(t, l.Address())
			raw, err := limited(t, receive(t, conns, "the connection")).(*net.TCPConn).SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			option := func(level, name int) (value int) {
				t.Helper()
				var failed error
				if err := raw.Control(func(fd uintptr) { value, failed = syscall.GetsockoptInt(int(fd), level, name) }); err != nil || failed != nil {
					t.Fatal(err, failed)
				}
				return value
			}
			if option(syscall.IPPROTO_TCP, syscall.TCP_NODELAY) != 1 {
				t.Error("TCP_NODELAY is off")
			}
			if got := option(syscall.SOL_SOCKET, syscall.SO_KEEPALIVE); got != tt.on {
				t.Errorf("keep-alive %d, want %d", got, tt.on)
			}
			if got := option(syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE); tt.on == 1 && got != tt.idle {
				t.Errorf("keep-alive idle %d s, want %d", got, tt.idle)
			}
		})
	}
}
