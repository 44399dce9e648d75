package mqtt

import (
	"fmt"
	"strings"
	"testing"

	"github.com/linnetmq/linnet/packets"
)

// The routes that a connection remembers are bounded in bytes: neither long
// topics nor many receivers of many topics make them large.
func TestRoutesAreBounded(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name        string
		topic       string
		subscribers int
		most        int // routes
	}{
		{"long topics", strings.Repeat("x", 60_000), 0, 20},
		{"many receivers", "t", 1000, 20},
		{"short topics", "t", 1, maximumRoutes},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := New(nil)
			defer s.Close()
			for i := range tc.subscribers {
				sub := newSubscription(packets.Subscription{Filter: "#"}, 0, nil)
				s.subscribe(s.newSession(fmt.Sprint(i), ""), sub, nil)
			}
			r := router{server: s}
			for i := range 700 {
				topic := fmt.Sprint(tc.topic, i%500)
				if rt := r.lookup(topic); rt.topic != topic || len(rt.targets) != tc.subscribers {
					t.Fatalf("route of %.10q to %d", rt.topic, len(rt.targets))
				}
				if len(r.routes) > tc.most {
					t.Fatalf("%d routes are remembered", len(r.routes))
				}
			}
			if tc.most == maximumRoutes && len(r.routes) != 500 {
				t.Errorf("only %d routes are remembered", len(r.routes))
			}
			r.lookup(tc.topic + "0")
			before := r.held
			for range 50 { // a route found stale again and again is counted once
				s.index.Put("+", 0, &subscription{})
				s.index.Delete("+", 0)
				r.lookup(tc.topic + "0")
			}
			if r.held != before {
				t.Errorf("%d bytes are held after a change, %d before", r.held, before)
			}
		})
	}
}
