package listeners

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// upgradeRequest returns the text of a WebSocket handshake with these extra header lines.
func upgradeRequest(path, host string, lines ...string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
		strings.Join(append(lines, "\r\n"), "\r\n")
}

const offerMQTT = "Sec-WebSocket-Protocol: mqtt"

// ask sends a raw request and returns the response. The connection
// stays open until the test ends.
func ask(t *testing.T, address, request string) answer {
	t.Helper()
	conn := dialTCP(t, address)
	mustWrite(t, conn, []byte(request))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return answer{status: resp.StatusCode, header: resp.Header}
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// [MQTT-6.0.0-3] The client must offer the subprotocol mqtt.
// [MQTT-6.0.0-4] The server must choose the name mqtt.
func TestWebsocketSubprotocol(t *testing.T) {
	t.Parallel()
	l := NewWebsocket("x", "127.0.0.1:0", nil)
	start(t, l, nil, echo)
	for _, tt := range []struct {
		name    string
		headers []string
		chosen  string // "" = refused
	}{
		{"mqtt", []string{offerMQTT}, "mqtt"},
		{"MQTT 3.1", []string{"Sec-WebSocket-Protocol: mqttv3.1"}, "mqttv3.1"},
		{"both", []string{"Sec-WebSocket-Protocol: mqttv3.1, mqtt"}, "mqtt"},
		{"among others", []string{"Sec-WebSocket-Protocol: chat,mqtt,soap"}, "mqtt"},
		{"two headers", []string{"Sec-WebSocket-Protocol: chat", offerMQTT}, "mqtt"},
		{"none", nil, ""},
		{"empty", []string{"Sec-WebSocket-Protocol: "}, ""},
		{"other", []string{"Sec-WebSocket-Protocol: mqtt5"}, ""},
		{"upper case", []string{"Sec-WebSocket-Protocol: MQTT"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ask(t, l.Address(), upgradeRequest("/mqtt", "broker", tt.headers...))
			if tt.chosen == "" {
				if got.status != http.StatusBadRequest || !strings.Contains(got.body, "subprotocol mqtt") {
					t.Errorf("status %d, body %q", got.status, got.body)
				}
				return
			}
			chosen := got.header.Get("Sec-Websocket-Protocol")
			if got.status != http.StatusSwitchingProtocols || chosen != tt.chosen {
				t.Errorf("status %d, protocol %q, want %q", got.status, chosen, tt.chosen)
			}
		})
	}
}

func TestWebsocketOrigin(t *testing.T) {
	t.Parallel()
	listed := []string{"https://app.example.com", "http://dev.example.com:8000"}
	for _, tt := range []struct {
		name    string
		host    string
		origins []string // Origin headers sent
		allowed []string
		want    bool
	}{
		{"no browser", "localhost:1883", nil, nil, true},
		{"same host", "broker.example.com:9001", []string{"https://broker.example.com"}, nil, true},
		{"same host, port in both", "localhost:9001", []string{"http://localhost:8000"}, nil, true},
		{"same host in other case", "Broker.example.com", []string{"https://broker.EXAMPLE.com"}, nil, true},
		{"same IPv6 host", "[::1]:9001", []string{"http://[::1]:8000"}, nil, true},
		{"other page to localhost", "localhost:1883", []string{"https://evil.example.com"}, nil, false},
		{"other page to 127.0.0.1", "127.0.0.1:1883", []string{"http://localhost"}, nil, false},
		{"suffix", "example.com", []string{"https://notexample.com"}, nil, false},
		{"subdomain", "example.com", []string{"https://a.example.com"}, nil, false},
		{"user name", "example.com", []string{"https://example.com@evil.com"}, nil, false},
		{"null", "localhost", []string{"null"}, nil, false},
		{"null listed", "localhost", []string{"null"}, []string{"null"}, true},
		{"empty", "localhost", []string{""}, nil, false},
		{"no URL", "localhost", []string{"localhost"}, nil, false},
		{"broken URL", "localhost", []string{"http://local%zzhost"}, nil, false},
		{"listed", "localhost", []string{"https://app.example.com"}, listed, true},
		{"listed with port", "localhost", []string{"http://dev.example.com:8000"}, listed, true},
		{"listed, other port", "localhost", []string{"http://dev.example.com:8001"}, listed, false},
		{"listed, other scheme", "localhost", []string{"http://app.example.com"}, listed, false},
		{"all", "localhost", []string{"https://evil.example.com"}, []string{"*"}, true},
		{"two origins", "localhost", []string{"http://localhost", "http://evil.example.com"}, nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := NewWebsocket("x", "127.0.0.1:0", &Config{WebsocketOrigins: tt.allowed})
			start(t, l, nil, echo)
			lines := []string{offerMQTT}
			for _, origin := range tt.origins {
				lines = append(lines, "Origin: "+origin)
			}
			got := ask(t, l.Address(), upgradeRequest("/mqtt", tt.host, lines...))
			want, refused := http.StatusSwitchingProtocols, uint64(0)
			if !tt.want {
				want, refused = http.StatusForbidden, 1
			}
			if got.status != want || l.Refused() != refused {
				t.Errorf("status %d, refused %d, want %d", got.status, l.Refused(), want)
			}
		})
	}
}

// TestWebsocketConnOrigin proves that the receiver of a connection learns the
// page that opened it.
func TestWebsocketConnOrigin(t *testing.T) {
	t.Parallel()
	l := NewWebsocket("x", "127.0.0.1:0", nil)
	establish, conns := handOver()
	start(t, l, nil, establish)
	for _, tt := range []struct {
		name, origin string
		headers      []string
	}{
		{"a page", "http://broker:3000", []string{offerMQTT, "Origin: http://broker:3000"}},
		{"no browser", "", []string{offerMQTT}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ask(t, l.Address(), upgradeRequest("/mqtt", "broker", tt.headers...))
			conn := receive(t, conns, "the connection")
			defer conn.Close()
			ws, ok := conn.(*WebsocketConn)
			if !ok || ws.Origin() != tt.origin {
				t.Errorf("handed over a %T of %q, want a page of %q", conn, ws.Origin(), tt.origin)
			}
		})
	}
}

func TestWebsocketPath(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, configured, asked string
		want                    int
	}{
		{"default", "", "/mqtt", http.StatusSwitchingProtocols},
		{"query", "", "/mqtt?token=1", http.StatusSwitchingProtocols},
		{"root", "", "/", http.StatusNotFound},
		{"longer", "", "/mqtt/x", http.StatusNotFound},
		{"own", "/ws", "/ws", http.StatusSwitchingProtocols},
		{"own, not the default", "/ws", "/mqtt", http.StatusNotFound},
		{"any", "*", "/what/ever", http.StatusSwitchingProtocols},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := NewWebsocket("x", "127.0.0.1:0", &Config{WebsocketPath: tt.configured})
			start(t, l, nil, echo)
			if got := ask(t, l.Address(), upgradeRequest(tt.asked, "broker", offerMQTT)); got.status != tt.want {
				t.Errorf("status %d, want %d", got.status, tt.want)
			}
		})
	}
}

func TestWebsocketBadRequests(t *testing.T) {
	t.Parallel()
	good := upgradeRequest("/mqtt", "broker", offerMQTT)
	for _, tt := range []struct {
		name, request string
		want          int
	}{
		{"plain GET", "GET /mqtt HTTP/1.1\r\nHost: broker\r\n\r\n", http.StatusUpgradeRequired},
		{"POST", strings.Replace(good, "GET", "POST", 1), http.StatusMethodNotAllowed},
		{"version", strings.Replace(good, "Version: 13", "Version: 8", 1), http.StatusUpgradeRequired},
		{"no key", strings.Replace(good, "Sec-WebSocket-Key", "X-Key", 1), http.StatusBadRequest},
		{"no Connection", strings.Replace(good, "Connection:", "X-Connection:", 1), http.StatusBadRequest},
		{
			"headers too large", strings.Replace(good, "Host: broker", "Host: broker\r\nX: "+strings.Repeat("x", 20_000), 1),
			http.StatusRequestHeaderFieldsTooLarge,
		},
		{"no HTTP", "\x10\x0c\x00\x04MQTT\r\n\r\n", http.StatusBadRequest},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := NewWebsocket("x", "127.0.0.1:0", nil)
			start(t, l, nil, echo)
			conn := dialTCP(t, l.Address())
			go io.WriteString(conn, tt.request) // may fail when the answer comes early
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != tt.want {
				t.Errorf("status %s, want %d", resp.Status, tt.want)
			}
		})
	}
}

// A client may send its CONNECT right behind the handshake.
func TestWebsocketEarlyBytes(t *testing.T) {
	t.Parallel()
	l := NewWebsocket("x", "127.0.0.1:0", nil)
	establish, conns := handOver()
	start(t, l, nil, establish)
	client := dialTCP(t, l.Address())
	var c wsClient
	long := strings.Repeat("early ", 500)
	mustWrite(t, client, append([]byte(upgradeRequest("/mqtt", "broker", offerMQTT)), c.frame(ws.OpBinary, true, long)...))
	conn := limited(t, receive(t, conns, "the connection"))
	mustRead(t, conn, long)
	mustWrite(t, client, c.frame(ws.OpBinary, true, "late"))
	mustRead(t, conn, "late")
}

// wsPair returns both ends of an upgraded connection.
func wsPair(t *testing.T, cfg *Config) (*wsClient, *WebsocketConn) {
	t.Helper()
	l := NewWebsocket("x", "127.0.0.1:0", cfg)
	establish, conns := handOver()
	start(t, l, nil, establish)
	client := mustDialWS(t, l)
	return client, limited(t, receive(t, conns, "the connection")).(*WebsocketConn)
}

// wsScripts are frames a client may send and what the server reads from them.
func wsScripts() []struct{ name, raw, payload string } {
	var c wsClient
	join := func(frames ...[]byte) string { return string(bytes.Join(frames, nil)) }
	return []struct{ name, raw, payload string }{
		{"one frame", join(c.frame(ws.OpBinary, true, "abc")), "abc"},
		{"packet over two frames", join(c.frame(ws.OpBinary, true, "ab"), c.frame(ws.OpBinary, true, "c")), "abc"},
		{"continuation", join(c.frame(ws.OpBinary, false, "a"), c.frame(ws.OpContinuation, false, "b"), c.frame(ws.OpContinuation, true, "c")), "abc"},
		{"message after continuation", join(c.frame(ws.OpBinary, false, "a"), c.frame(ws.OpContinuation, true, "b"), c.frame(ws.OpBinary, true, "c")), "abc"},
		{"empty frames", join(c.frame(ws.OpBinary, true, ""), c.frame(ws.OpBinary, false, ""), c.frame(ws.OpContinuation, true, ""), c.frame(ws.OpBinary, true, "abc")), "abc"},
		{"control frames between", join(c.frame(ws.OpBinary, false, "a"), c.frame(ws.OpPing, true, "p"), c.frame(ws.OpContinuation, false, "b"),
			c.frame(ws.OpPong, true, "unasked"), c.frame(ws.OpContinuation, true, "c"), c.frame(ws.OpPing, true, "")), "abc"},
		{
			"16-bit length", join(c.frame(ws.OpBinary, true, strings.Repeat("x", 126)), c.frame(ws.OpBinary, true, strings.Repeat("y", 65535))),
			strings.Repeat("x", 126) + strings.Repeat("y", 65535),
		},
		{"64-bit length", join(c.frame(ws.OpBinary, true, strings.Repeat("0123456789", 10_000))), strings.Repeat("0123456789", 10_000)},
	}
}

// [MQTT-6.0.0-2] A frame may hold several packets or part of one: the bytes
// arrive the same in any fragmentation of frames, segments and reads.
func TestWebsocketFragmentation(t *testing.T) {
	t.Parallel()
	for _, script := range wsScripts() {
		for _, chunk := range []int{1, 3, 1000, 1 << 20} {
			for _, read := range []int{1, 2, 7, 4096, 1 << 17} {
				if len(script.raw) > 1000 && chunk*read < 1000 {
					continue // slow and nothing new
				}
				t.Run(fmt.Sprintf("%s/%d bytes sent/%d read", script.name, chunk, read), func(t *testing.T) {
					t.Parallel()
					client, server := newPipe()
					conn := newWebsocketConn(server, nil)
					limited(t, client)
					limited(t, conn)
					go io.Copy(io.Discard, client) // the pongs
					go func() {
						for rest := []byte(script.raw); len(rest) > 0; {
							n := min(chunk, len(rest))
							client.Write(rest[:n])
							rest = rest[n:]
						}
					}()
					var got []byte
					for buf := make([]byte, read); len(got) < len(script.payload); {
						n, err := conn.Read(buf)
						if err != nil || n == 0 {
							t.Fatalf("read %d, %v", n, err)
						}
						got = append(got, buf[:n]...)
					}
					if string(got) != script.payload {
						t.Fatalf("read %.100q, want %.100q", got, script.payload)
					}
				})
			}
		}
	}
}

// [MQTT-6.0.0-1] Only binary frames: others close the connection. So does what
// breaks the WebSocket protocol.
func TestWebsocketBreaches(t *testing.T) {
	t.Parallel()
	var c wsClient
	raw := func(f ws.Frame) []byte { return ws.MustCompileFrame(f) }
	rsv := ws.MaskFrame(ws.NewBinaryFrame([]byte("x")))
	rsv.Header.Rsv = 4
	for _, tt := range []struct {
		name   string
		send   []byte
		status ws.StatusCode
		reason string
	}{
		{"text frame", c.frame(ws.OpText, true, "hello"), ws.StatusUnsupportedData, "binary"},
		{"empty text frame", c.frame(ws.OpText, true, ""), ws.StatusUnsupportedData, "binary"},
		{"first part of a text", c.frame(ws.OpText, false, "hello"), ws.StatusUnsupportedData, "binary"},
		{"no mask", raw(ws.NewBinaryFrame([]byte("x"))), ws.StatusProtocolError, "masked"},
		{"reserved bit", raw(rsv), ws.StatusProtocolError, "rsv"},
		{"reserved data frame", c.frame(3, true, ""), ws.StatusProtocolError, "op code"},
		{"reserved control frame", c.frame(11, true, ""), ws.StatusProtocolError, "op code"},
		{"long ping", c.frame(ws.OpPing, true, strings.Repeat("x", 126)), ws.StatusProtocolError, "limit"},
		{"ping in parts", c.frame(ws.OpPing, false, "x"), ws.StatusProtocolError, "final"},
		{"continuation of nothing", c.frame(ws.OpContinuation, true, "x"), ws.StatusProtocolError, "continuation"},
		{"continuation of a whole message", append(c.frame(ws.OpBinary, true, ""), c.frame(ws.OpContinuation, true, "")...), ws.StatusProtocolError, "continuation"},
		{"new message inside one", append(c.frame(ws.OpBinary, false, ""), c.frame(ws.OpBinary, true, "")...), ws.StatusProtocolError, "continuation"},
		{"negative length", []byte{0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, ws.StatusProtocolError, "significant bit"},
		{"close frame of one byte", c.frame(ws.OpClose, true, "x"), ws.StatusProtocolError, "one byte"},
		{"close with a reserved status", c.frame(ws.OpClose, true, "\x03\xed"), ws.StatusProtocolError, "status"},
		{"close with broken text", c.frame(ws.OpClose, true, "\x03\xe8\xff"), ws.StatusProtocolError, "utf8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			client, conn := wsPair(t, nil)
			mustWrite(t, client.Conn, tt.send)
			n, err := conn.Read(make([]byte, 100))
			if _, breach := errors.AsType[*wsError](err); n != 0 || !breach || !strings.Contains(strings.ToLower(err.Error()), tt.reason) {
				t.Errorf("read %d, %v, want %q", n, err, tt.reason)
			}
			if _, again := conn.Read(make([]byte, 100)); !errors.Is(again, err) {
				t.Errorf("second read: %v", again)
			}
			f, err := readFrame(client.r)
			if err != nil {
				t.Fatal(err)
			}
			if status, _ := ws.ParseCloseFrameData(f.Payload); f.Header.OpCode != ws.OpClose || status != tt.status {
				t.Errorf("op %d, status %d, want close, %d", f.Header.OpCode, status, tt.status)
			}
			mustEnd(t, client.r)
		})
	}
}

// Payload in front of a breach still arrives.
func TestWebsocketPayloadBeforeBreach(t *testing.T) {
	t.Parallel()
	client, conn := wsPair(t, nil)
	mustWrite(t, client.Conn, append(client.frame(ws.OpBinary, true, "good"), client.frame(ws.OpText, true, "bad")...))
	mustRead(t, conn, "good")
	if _, err := conn.Read(make([]byte, 10)); !errors.Is(err, errTextFrame) {
		t.Error(err)
	}
}

func TestWebsocketPing(t *testing.T) {
	t.Parallel()
	client, conn := wsPair(t, nil)
	read := make(chan string, 1)
	go func() {
		buf := make([]byte, 10)
		n, _ := conn.Read(buf)
		read <- string(buf[:n])
	}()
	for _, payload := range []string{"", "are you there", strings.Repeat("x", 125)} {
		mustWrite(t, client.Conn, client.frame(ws.OpPing, true, payload))
		f, err := readFrame(client.r)
		if err != nil || f.Header.OpCode != ws.OpPong || string(f.Payload) != payload || f.Header.Masked {
			t.Errorf("ping %q: %+v %q, %v", payload, f.Header, f.Payload, err)
		}
	}
	mustWrite(t, client, []byte("done"))
	if got := receive(t, read, "the payload"); got != "done" {
		t.Errorf("read %q", got)
	}
}

func TestWebsocketCloseByClient(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, payload string
		status        ws.StatusCode
	}{
		{"no status", "", ws.StatusNormalClosure},
		{"normal", "\x03\xe8bye", ws.StatusNormalClosure},
		{"going away", "\x03\xe9", ws.StatusGoingAway},
		{"private", "\x0f\xa0", 4000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			client, conn := wsPair(t, nil)
			mustWrite(t, client.Conn, append(client.frame(ws.OpBinary, true, "last"), client.frame(ws.OpClose, true, tt.payload)...))
			mustRead(t, conn, "last")
			if rest, err := io.ReadAll(conn); len(rest) != 0 || err != nil {
				t.Errorf("read %q, %v, want EOF", rest, err)
			}
			f, err := readFrame(client.r)
			if err != nil {
				t.Fatal(err)
			}
			if status, _ := ws.ParseCloseFrameData(f.Payload); f.Header.OpCode != ws.OpClose || status != tt.status {
				t.Errorf("op %d, status %d, want close, %d", f.Header.OpCode, status, tt.status)
			}
			if _, err := conn.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
				t.Errorf("write after close: %v", err)
			}
			conn.Close()
			mustEnd(t, client.r) // one close frame, not two
		})
	}
}
