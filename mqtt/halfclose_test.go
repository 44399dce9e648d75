package mqtt_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"testing"

	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// A client that closes its side after its last packet still gets the answers,
// over TLS as over TCP.
func TestAnswersAfterHalfClose(t *testing.T) {
	t.Parallel()
	const n = 5000
	page := httptest.NewUnstartedServer(nil)
	page.StartTLS()
	defer page.Close()
	tests := []struct {
		name string
		tls  bool
	}{{"tcp", false}, {"tls", true}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := mqtttest.NewServerWith(t, quiet())
			plain, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			dial := func() (net.Conn, error) { return net.Dial("tcp", plain.Addr().String()) }
			serve := plain
			if tt.tls {
				serve = tls.NewListener(plain, page.TLS)
				dial = func() (net.Conn, error) {
					return tls.Dial("tcp", plain.Addr().String(), &tls.Config{InsecureSkipVerify: true})
				}
			}
			if err := s.AddListener(listeners.NewNet("net", serve)); err != nil {
				t.Fatal(err)
			}
			conn, err := dial()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			b, err := passing(packets.V5, "c").Append(nil, packets.V5)
			for i := range n {
				if err == nil {
					b, err = (&packets.Publish{Topic: "t", QoS: 1, PacketID: uint16(i + 1)}).Append(b, packets.V5)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			_, err = conn.Write(b)
			err = errors.Join(err, conn.(interface{ CloseWrite() error }).CloseWrite())
			if err != nil {
				t.Fatal(err)
			}
			r := packets.NewReader(conn, 0)
			r.SetVersion(packets.V5)
			acks := 0
			for {
				pk, err := r.ReadPacket()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatalf("after %d PUBACKs: %v", acks, err)
				}
				if pk.Type() == packets.TypePuback {
					acks++
				}
			}
			if acks != n {
				t.Errorf("%d PUBACKs, want %d", acks, n)
			}
		})
	}
}
