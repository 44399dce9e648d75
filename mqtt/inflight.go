package mqtt

import "slices"

// delivery is one message on its way to one session: first in its queue, then
// in its window.
type delivery struct {
	msg      *Message
	ids      []uint32    // Subscription Identifiers; shared, not changed
	group    *shareGroup // the shared subscription it came by, nil if none
	seq      uint64      // order of sending within the session, or its place in the backlog
	sent     instant     // last time it was sent
	packetID uint16
	qos      byte // granted
	retain   bool // RETAIN flag to send
	stored   bool // it is a retained message sent for a new subscription
	waits    bool // it must be in the store before it is sent
	resends  uint8
	state    inflightState
}

// inflightState is where a QoS 1 or 2 PUBLISH to a client stands.
type inflightState byte

const (
	unused     inflightState = iota
	unsent                   // taken over from an earlier connection, to be sent again
	awaitAck                 // PUBLISH sent: PUBACK or PUBREC must come
	awaitRel                 // PUBREC came on an earlier connection: PUBREL to be sent again
	awaitCmp                 // PUBREL sent: PUBCOMP must come
	awaitStore               // PUBREC came and is being stored: PUBREL to be sent then
)

// window holds the deliveries in flight to one session, found by packet
// identifier. The client's own packet identifiers are another space
// [MQTT-2.2.1-5] and are not here.
type window struct {
	slots  []delivery // by packetID modulo their number, a power of two
	used   int
	nextID uint16
	seq    uint64
}

const (
	firstSlots  = 4
	allSlots    = 1 << 16
	stuckSlots  = 1 << 10   // as many at least for identifiers around one that is stuck
	identifiers = 1<<16 - 1 // packet identifiers there are
)

// add stores d under a free packet identifier and returns its place, valid
// until the next add; nil if all 65,535 are in use.
func (w *window) add(d delivery) *delivery {
	if w.slots == nil {
		w.slots = make([]delivery, firstSlots)
	}
	if w.used*4 >= len(w.slots)*3 && len(w.slots) < allSlots {
		w.grow()
	}
	for range allSlots {
		w.nextID++
		if w.nextID == 0 {
			w.nextID = 1
		}
		if w.slot(w.nextID).state == unused {
			return w.put(d, w.nextID)
		}
	}
	return nil
}

// put stores d under the identifier, whose slot is free.
func (w *window) put(d delivery, id uint16) *delivery {
	w.seq++
	d.packetID, d.seq = id, w.seq
	slot := w.slot(id)
	*slot = d
	w.used++
	return slot
}

// hasFree tells whether keep finds a place for an identifier now. It grows the
// window for that, but not beyond measure for one identifier that is stuck.
func (w *window) hasFree(id uint16) bool {
	if w.slots == nil {
		w.slots = make([]delivery, firstSlots)
	}
	if w.used*4 >= len(w.slots)*3 && len(w.slots) < allSlots {
		w.grow()
	}
	for w.slot(id).state != unused {
		if len(w.slots) >= max(stuckSlots, min(8*w.used, allSlots)) {
			return false
		}
		w.grow()
	}
	return true
}

// keep stores d under the identifier of its place in the backlog, for which
// hasFree has found a slot.
func (w *window) keep(d delivery) *delivery {
	d.packetID = identifier(d.seq)
	slot := w.slot(d.packetID)
	*slot = d
	w.used++
	return slot
}

// makeFree makes the slot of an identifier free that is not in use.
func (w *window) makeFree(id uint16) {
	if w.slots == nil {
		w.slots = make([]delivery, firstSlots)
	}
	for w.slot(id).state != unused && len(w.slots) < allSlots {
		w.grow()
	}
}

// restore stores d under an identifier that an earlier run gave it.
func (w *window) restore(d delivery, id uint16) {
	w.makeFree(id)
	w.put(d, id)
	w.nextID = id
}

func (w *window) slot(id uint16) *delivery { return &w.slots[int(id)&(len(w.slots)-1)] }

func (w *window) grow() {
	old := w.slots
	w.slots = make([]delivery, 2*len(old))
	for i := range old {
		if old[i].state != unused {
			*w.slot(old[i].packetID) = old[i]
		}
	}
}

// find returns the delivery with the identifier, nil if there is none.
func (w *window) find(id uint16) *delivery {
	if w.used == 0 {
		return nil
	}
	if d := w.slot(id); d.state != unused && d.packetID == id {
		return d
	}
	return nil
}

// remove frees the identifier of d.
func (w *window) remove(d *delivery) {
	*d = delivery{}
	w.used--
}

// ordered returns what is in flight in the order of first sending.
func (w *window) ordered() []*delivery {
	if w.used == 0 {
		return nil
	}
	list := make([]*delivery, 0, w.used)
	for i := range w.slots {
		if w.slots[i].state != unused {
			list = append(list, &w.slots[i])
		}
	}
	slices.SortFunc(list, func(a, b *delivery) int {
		if a.seq < b.seq {
			return -1
		}
		return 1
	})
	return list
}
