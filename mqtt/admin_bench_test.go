package mqtt_test

import (
	"fmt"
	"testing"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
)

// A page of 100 out of many sessions: linnet's own listing stays cheap, those
// that sort look at every session.
func BenchmarkSessions(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		s := mqtttest.NewServerWith(b, &mqtt.Options{SysTopicResendInterval: -1}, manySessions(n))
		for name, q := range map[string]mqtt.SessionQuery{
			"any order":    {},
			"by client ID": {Order: mqtt.SessionsByClientID},
			"by queue":     {Order: mqtt.SessionsByQueued},
			"search":       {Search: "nobody"},
		} {
			b.Run(fmt.Sprintf("%d %s", n, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := s.Sessions(q); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
