package listeners

import "testing"

func TestForeign(t *testing.T) {
	t.Parallel()
	l := NewWebsocket("x", "127.0.0.1:0", &Config{WebsocketOrigins: []string{"*"}})
	establish, conns := handOver()
	start(t, l, nil, establish)
	for _, tt := range []struct {
		name, header string
		want         bool
	}{
		{"a program", "X-Other: 1", false},
		{"a local page", "Origin: http://localhost:3000", false},
		{"a page below localhost", "Origin: http://app.localhost.", false},
		{"a page by address", "Origin: http://[::1]:3000", false},
		{"a page from elsewhere", "Origin: https://evil.example.com", true},
		{"a page with a name like localhost", "Origin: http://localhost.example.com", true},
		{"a page without an origin", "Origin: null", true},
		{"forwarded", "X-Forwarded-For: 203.0.113.7", true},
		{"forwarded by the standard", "Forwarded: for=203.0.113.7", true},
		{"by a gateway", "Via: 1.1 proxy", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ask(t, l.Address(), upgradeRequest("/mqtt", "broker", offerMQTT, tt.header))
			conn := receive(t, conns, "the connection")
			defer conn.Close()
			if ws, ok := conn.(*WebsocketConn); !ok || ws.Foreign() != tt.want {
				t.Errorf("a %T, foreign %t, want %t", conn, ws.Foreign(), tt.want)
			}
		})
	}
}
