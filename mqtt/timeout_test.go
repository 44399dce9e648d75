package mqtt_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// The time for the CONNECT may be over while it is being authenticated.
func TestConnectTimeoutDuringAuthentication(t *testing.T) {
	t.Parallel()
	overVersions(t, func(t *testing.T, v packets.Version) {
		synctest.Test(t, func(t *testing.T) {
			s := mqtttest.NewServerWith(t, &mqtt.Options{ConnectTimeout: time.Second}, slowAuthenticator(2*time.Second))
			c := mqtttest.NewClient(t, s.Conn(t), v)
			c.Send(passing(v, "c"))
			for _, pk := range c.ReceiveUntilClosed() {
				if ack, ok := pk.(*packets.Connack); !ok || !ack.Code.Failed() {
					t.Errorf("got %+v", pk)
				}
			}
		})
	})
}

type slowAuthenticator time.Duration

func (d slowAuthenticator) OnConnectAuthenticate(*mqtt.Client, *packets.Connect) (mqtt.Decision, error) {
	<-time.After(time.Duration(d))
	return mqtt.Allow, nil
}
