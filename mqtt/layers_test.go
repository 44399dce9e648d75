package mqtt_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// layered are the transports with layers above a socket.
var layered = []string{"tls", "ws", "wss"}

var certificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

// serveLayered starts a broker that is reached by a function.
func serveLayered(t *testing.T, transport string, opts *mqtt.Options) (*mqtttest.Server, func() net.Conn) {
	t.Helper()
	s := mqtttest.NewServerWith(t, opts)
	cfg := &listeners.Config{}
	if strings.HasSuffix(transport, "s") && transport != "ws" {
		cfg.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate()}, MinVersion: tls.VersionTLS12}
	}
	var l mqtt.Listener = listeners.NewTCP("l", "127.0.0.1:0", cfg)
	if strings.HasPrefix(transport, "ws") {
		l = listeners.NewWebsocket("l", "127.0.0.1:0", cfg)
	}
	if err := s.AddListener(l); err != nil {
		t.Fatal(err)
	}
	return s, func() net.Conn {
		t.Helper()
		conn, err := net.Dial("tcp", l.Address())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() }) // the server may have closed it
		if cfg.TLSConfig != nil {
			conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
		}
		if strings.HasPrefix(transport, "ws") {
			conn = upgrade(t, conn)
		}
		return conn
	}
}

// wsPeer is a WebSocket by hand: what is written goes in one binary frame.
type wsPeer struct {
	net.Conn
	r    *bufio.Reader
	left int // of the frame being read
}

func upgrade(t *testing.T, conn net.Conn) *wsPeer {
	t.Helper()
	request := "GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	answer, err := http.ReadResponse(r, nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("upgrade: %v, %v", answer, err)
	}
	_ = answer.Body.Close() // it has none
	return &wsPeer{Conn: conn, r: r}
}

func (p *wsPeer) Write(b []byte) (int, error) { return len(b), p.frame(2, b) }

// frame sends a masked frame; the mask is zero.
func (p *wsPeer) frame(opcode byte, payload []byte) error {
	head := binary.BigEndian.AppendUint64([]byte{0x80 | opcode, 0x80 | 127}, uint64(len(payload)))
	if len(payload) < 126 {
		head = []byte{0x80 | opcode, 0x80 | byte(len(payload))}
	}
	_, err := p.Conn.Write(append(append(head, 0, 0, 0, 0), payload...))
	return err
}

func (p *wsPeer) Read(b []byte) (int, error) {
	for p.left == 0 {
		opcode, length, err := p.header()
		if err != nil {
			return 0, err
		}
		if opcode != 2 {
			return 0, errors.New("not a binary frame")
		}
		p.left = length
	}
	n, err := p.r.Read(b[:min(len(b), p.left)])
	p.left -= n
	return n, err
}

func (p *wsPeer) header() (opcode byte, length int, err error) {
	var head [10]byte
	if _, err = io.ReadFull(p.r, head[:2]); err != nil {
		return 0, 0, err
	}
	switch length = int(head[1]); length {
	case 126:
		_, err = io.ReadFull(p.r, head[2:4])
		length = int(binary.BigEndian.Uint16(head[2:]))
	case 127:
		_, err = io.ReadFull(p.r, head[2:10])
		length = int(binary.BigEndian.Uint64(head[2:]))
	}
	return head[0] & 15, length, err
}

// Nothing is lost or changes places above TLS and WebSocket, in either
// direction, however much waits for the socket.
//
// [MQTT-4.2.0-1] [MQTT-6.0.0-2]
func TestLayers(t *testing.T) {
	t.Parallel()
	for _, transport := range layered {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			const messages, size = 150, 64 << 10 // more than sockets hold
			s, dial := serveLayered(t, transport, &mqtt.Options{SysTopicResendInterval: -1, Capabilities: mqtt.Capabilities{
				MaximumClientWritesPending: 2 * messages * size,
			}})
			for _, v := range []packets.Version{packets.V311, packets.V5} {
				c := mqtttest.NewClient(t, dial(), v)
				c.Send(passing(v, "c"))
				mqtttest.Expect[*packets.Connack](c)
				c.Subscribe("t", 1)
				for i := range messages {
					if err := s.Publish("t", numbered(i, size), false, byte(i)&1); err != nil {
						t.Fatal(err)
					}
				}
				got := make(map[string]bool)
				for range messages { // QoS 0 and 1 have an order each
					got[string(c.Message().Payload)] = true
				}
				for i := range messages {
					if !got[string(numbered(i, size))] {
						t.Fatalf("message %d did not come", i)
					}
				}
				for i := range 60 {
					payload := string(rune('a'+i%26)) + strings.Repeat("x", i*i*i)
					c.Publish("t", payload, 0, false)
					expectPublish(t, c, payload)
				}
				c.Disconnect(packets.CodeSuccess)
				c.ExpectClosed()
			}
			if got := s.Stats().MessagesDropped; got != 0 {
				t.Errorf("%d messages were dropped", got)
			}
		})
	}
}

// The last packet arrives, and then the layers say goodbye.
//
// [MQTT-4.13.1-1]
func TestLayersEnd(t *testing.T) {
	t.Parallel()
	for _, transport := range layered {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			s, dial := serveLayered(t, transport, nil)
			conn := dial()
			c := mqtttest.NewClient(t, conn, packets.V5)
			c.Send(passing(packets.V5, "c"))
			mqtttest.Expect[*packets.Connack](c)
			client, _ := s.Client("c")
			client.Close()
			c.ExpectDisconnect(packets.ErrAdministrativeAction)
			if _, secure := conn.(*tls.Conn); secure {
				if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) { // not without close_notify
					t.Errorf("TLS ends with %v", err)
				}
			}
		})
	}
}

// What WebSocket answers by itself leaves although nobody writes.
//
// [MQTT-6.0.0-1]
func TestWebSocketAnswers(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"ws", "wss"} {
		for _, tt := range []struct {
			name    string
			opcode  byte
			payload string
			answer  byte
			closes  bool
		}{
			{name: "ping", opcode: 9, payload: "hello", answer: 10},
			{name: "text frame", opcode: 1, payload: "hello", answer: 8, closes: true},
			{name: "close frame", opcode: 8, payload: "\x03\xe8", answer: 8, closes: true},
		} {
			t.Run(transport+", "+tt.name, func(t *testing.T) {
				t.Parallel()
				_, dial := serveLayered(t, transport, nil)
				p := dial().(*wsPeer)
				c := mqtttest.NewClient(t, p, packets.V311)
				c.Send(passing(packets.V311, "c"))
				mqtttest.Expect[*packets.Connack](c)
				if err := p.frame(tt.opcode, []byte(tt.payload)); err != nil {
					t.Fatal(err)
				}
				opcode, length, err := p.header()
				if err != nil || opcode != tt.answer {
					t.Fatalf("got %d, %v", opcode, err)
				}
				answer := make([]byte, length)
				if _, err := io.ReadFull(p.r, answer); err != nil || tt.opcode == 9 && string(answer) != tt.payload {
					t.Fatalf("got %q, %v", answer, err)
				}
				if tt.closes {
					c.ExpectClosed()
				} else {
					c.Ping()
				}
			})
		}
	}
}
