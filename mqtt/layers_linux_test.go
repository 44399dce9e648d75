package mqtt_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// A connection with layers parks and wakes as often as one likes, also in the
// middle of its traffic.
func TestLayersPark(t *testing.T) {
	t.Parallel()
	for _, transport := range layered {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			s, dial := serveLayered(t, transport, nil)
			clients := make([]*mqtttest.Client, 8)
			for i := range clients {
				id := fmt.Sprint("c", i)
				clients[i] = mqtttest.NewClient(t, dial(), packets.V5)
				clients[i].Send(passing(packets.V5, id))
				mqtttest.Expect[*packets.Connack](clients[i])
				clients[i].Subscribe(id, 1)
				for range 2 {
					mqtt.Park(t, s.Server, id)
					if err := s.Publish(id, []byte("to a parked one"), false, 1); err != nil {
						t.Fatal(err)
					}
					expectPublish(t, clients[i], "to a parked one")
					clients[i].Ping()
				}
			}
			done := make(chan struct{})
			var sweeper, wg sync.WaitGroup
			sweeper.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
						mqtt.AskToPark(s.Server)
					}
				}
			})
			for i, c := range clients {
				wg.Go(func() {
					for n := range 30 {
						payload := string(numbered(n, 1+n*n*n))
						c.Send(&packets.Publish{Topic: fmt.Sprint("c", i), Payload: []byte(payload)})
						expectPublish(t, c, payload)
					}
				})
			}
			wg.Wait()
			close(done)
			sweeper.Wait()
		})
	}
}
