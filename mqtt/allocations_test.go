//go:build !race

package mqtt_test

import "testing"

// The race detector has pools forget buffers at random, so ceilings of
// allocations are tested without it.

// TestAllocationsPerMessage holds the ceiling: none for a QoS 0 message and for
// QoS 1 to sessions that end with their connection; the one that keeps it, for
// all others together.
func TestAllocationsPerMessage(t *testing.T) {
	for _, tc := range []struct {
		name        string
		subscribers int
		cleanStart  bool
		qos         byte
		most        float64 // allocations per message published
	}{
		{"QoS 0 to one", 1, true, 0, 0.02},
		{"QoS 0 to ten", 10, true, 0, 0.02},
		{"QoS 1 to one", 1, true, 1, 0.02},
		{"QoS 1 to ten", 10, true, 1, 0.02},
		{"QoS 1 to one session that survives", 1, false, 1, 1.1},
		{"QoS 1 to ten sessions that survive", 10, false, 1, 1.1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFlowOf(t, "bench/topic", tc.subscribers, tc.cleanStart, tc.qos, 64)
			for range 20 {
				f.run(t)
			}
			got := testing.AllocsPerRun(20, func() { f.run(t) }) / float64(f.count)
			if got > tc.most {
				t.Errorf("%.3f allocations per message, want at most %.2f", got, tc.most)
			}
		})
	}
}
