package mqtt

import (
	"math/rand/v2"
	"testing"
)

// TestWindowAgainstMap plays a seeded random history on the window and on a map.
func TestWindowAgainstMap(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 7))
	var w window
	model := map[uint16]uint64{} // packet identifier to order of adding
	var order uint64
	limit := 300
	for step := range 200_000 {
		if step%20_000 == 0 {
			limit = 1 + rng.IntN(2000)
		}
		if len(model) < limit && rng.IntN(2) == 0 {
			d := w.add(delivery{qos: 1, state: awaitAck})
			if d == nil || d.packetID == 0 {
				t.Fatalf("step %d: add gave %+v with %d in use", step, d, len(model))
			}
			if _, used := model[d.packetID]; used {
				t.Fatalf("step %d: identifier %d given twice [MQTT-2.2.1-4]", step, d.packetID)
			}
			order++
			model[d.packetID] = order
			continue
		}
		id := uint16(rng.IntN(1 << 16))
		if rng.IntN(10) > 0 {
			for id = range model {
				break
			}
		}
		d := w.find(id)
		if _, used := model[id]; used != (d != nil) {
			t.Fatalf("step %d: find %d gave %v, in use is %v", step, id, d, used)
		}
		if d != nil {
			w.remove(d)
			delete(model, id)
		}
		if w.used != len(model) {
			t.Fatalf("step %d: %d in use, want %d", step, w.used, len(model))
		}
		if step%1000 == 0 {
			var last uint64
			for _, d := range w.ordered() {
				if model[d.packetID] <= last {
					t.Fatalf("step %d: not in the order of adding", step)
				}
				last = model[d.packetID]
			}
		}
	}
}

func TestWindowGivesAllIdentifiers(t *testing.T) {
	t.Parallel()
	var w window
	seen := make(map[uint16]bool)
	for range 65535 {
		d := w.add(delivery{qos: 1, state: awaitAck})
		if d == nil || d.packetID == 0 || seen[d.packetID] {
			t.Fatalf("after %d identifiers: %+v", len(seen), d)
		}
		seen[d.packetID] = true
	}
	if d := w.add(delivery{qos: 1, state: awaitAck}); d != nil {
		t.Errorf("identifier %d although all are in use", d.packetID)
	}
	w.remove(w.find(4711))
	if d := w.add(delivery{qos: 1, state: awaitAck}); d == nil || d.packetID != 4711 {
		t.Errorf("got %+v, want the only free identifier 4711", d)
	}
}
