package bench

import (
	"crypto/tls"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
)

func TestTransports(t *testing.T) {
	t.Parallel()
	web := httptest.NewTLSServer(nil)
	t.Cleanup(web.Close)
	secure := &listeners.Config{TLSConfig: &tls.Config{Certificates: web.TLS.Certificates}}
	tests := []struct {
		scheme   string
		listener func(t *testing.T) mqtt.Listener
	}{
		{"tcp", func(*testing.T) mqtt.Listener { return listeners.NewTCP("l", "127.0.0.1:0", nil) }},
		{"tls", func(*testing.T) mqtt.Listener { return listeners.NewTLS("l", "127.0.0.1:0", secure) }},
		{"ws", func(*testing.T) mqtt.Listener { return listeners.NewWebsocket("l", "127.0.0.1:0", nil) }},
		{"wss", func(*testing.T) mqtt.Listener { return listeners.NewWebsocket("l", "127.0.0.1:0", secure) }},
		{"unix", func(t *testing.T) mqtt.Listener { return listeners.NewUnixSock("l", filepath.Join(t.TempDir(), "s")) }},
	}
	for _, tt := range tests {
		t.Run(tt.scheme, func(t *testing.T) {
			t.Parallel()
			url := tt.scheme + "://" + start(t, tt.listener(t))
			for _, size := range []string{"16", "1000", "70000"} { // each WebSocket frame length
				res, code, stderr := run(t, "p2p", "-clients", "2", "-count", "50", "-size", size, "-insecure", "-source", "127.0.0.1,127.0.0.1", url)
				if code != 0 || res.Received != 100 {
					t.Errorf("%s bytes: exit code %d, result %+v, said %s", size, code, res, stderr)
				}
			}
		})
	}
	t.Run("a certificate nobody knows", func(t *testing.T) {
		t.Parallel()
		url := "tls://" + start(t, listeners.NewTLS("l", "127.0.0.1:0", secure))
		if res, code, _ := run(t, "p2p", "-clients", "1", "-count", "1", url); code != 1 || res.Error == "" {
			t.Errorf("exit code %d, result %+v", code, res)
		}
	})
	t.Run("no WebSocket server", func(t *testing.T) {
		t.Parallel()
		if res, code, _ := run(t, "p2p", "-clients", "1", "-insecure", "wss"+web.URL[len("https"):]); code != 1 || res.Error == "" {
			t.Errorf("exit code %d, result %+v", code, res)
		}
	})
}
