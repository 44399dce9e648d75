package storage

import (
	"bytes"
	"testing"
	"time"

	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

// seeds are records as they are written, without their seals.
func seeds() map[byte][][]byte {
	will := &packets.Will{Topic: "w", Payload: []byte("p"), QoS: 1, Retain: true}
	will.Properties.WillDelayInterval = 5
	session, _ := appendSession(nil, &mqtt.StoredSession{ClientID: "c", Username: "u", Version: 5, SessionExpiryInterval: 9, SentBefore: 3, DisconnectedAt: time.Unix(1, 2), Will: will})
	plain, _ := appendSession(nil, &mqtt.StoredSession{ClientID: "c"})
	totals, _ := appendTotals(nil, time.Unix(3, 4), &mqtt.Stats{Version: "x"})
	sub := &mqtt.StoredSubscription{SubscriptionID: 7}
	sub.Filter, sub.QoS, sub.NoLocal, sub.RetainHandling = "a/#", 2, true, 1
	body := &mqtt.StoredBody{Topic: "t", Payload: []byte("payload"), Properties: []byte("props"), Origin: "o", QoS: 2, Retain: true, ExpiresAt: 77}
	ref := &mqtt.StoredReference{Total: 300, QoS: 1, Retain: true, IDs: []uint32{1, 2}, Share: "$share/g/t"}
	return map[byte][][]byte{
		prefixSession:      {session, plain},
		prefixSubscription: {appendSubscription(nil, sub)},
		prefixRetained:     {appendBody([]byte{format}, body), appendBody([]byte{format}, &mqtt.StoredBody{})},
		prefixReference: {
			appendBody(appendReference(nil, kindInline, ref), body), appendSharedReference(nil, ref, 99),
			appendReference(nil, kindReleased, &mqtt.StoredReference{Total: 5}),
		},
		prefixReceivers: {appendReceivers(nil, []mqtt.StoredReference{{Session: 5, Place: 1}, {Session: 2, Place: 1 << 40}})},
		prefixTotals:    {totals},
		prefixVersion:   {versionRecord(formatVersion)},
		prefixSessions:  {appendMark(nil, 4096)},
	}
}

// decodeAgain decodes a record and returns what its contents are written as.
func decodeAgain(prefix byte, value []byte) ([]byte, error) {
	if prefix == prefixVersion {
		version, err := decodeVersion(value)
		return versionRecord(version), err
	}
	d, err := openRecord(value)
	if err != nil {
		return nil, err
	}
	switch prefix {
	case prefixSession:
		var s mqtt.StoredSession
		if err := d.session(&s); err != nil {
			return nil, err
		}
		return appendSession(nil, &s)
	case prefixSubscription:
		var s mqtt.StoredSubscription
		err := d.subscription(&s)
		return appendSubscription(nil, &s), err
	case prefixRetained:
		var b mqtt.StoredBody
		err := d.body(&b)
		return appendBody([]byte{format}, &b), err
	case prefixReference:
		return deliveryAgain(d)
	case prefixReceivers:
		var to []mqtt.StoredReference
		err := d.receivers(func(r receiver) bool {
			to = append(to, mqtt.StoredReference{Session: r.session, Place: r.place})
			return true
		})
		return appendReceivers(nil, to), err
	case prefixTotals:
		at, totals, err := d.totals()
		if err != nil {
			return nil, err
		}
		return appendTotals(nil, at, totals)
	default:
		mark, err := d.uvarint(), d.end()
		return appendMark(nil, mark), err
	}
}

func deliveryAgain(d decoder) ([]byte, error) {
	var got mqtt.StoredDelivery
	id, err := d.delivery(&got)
	switch {
	case err != nil:
		return nil, err
	case got.Released:
		return appendReference(nil, kindReleased, &got.Reference), nil
	case id != 0:
		return appendSharedReference(nil, &got.Reference, id), nil
	}
	return appendBody(appendReference(nil, kindInline, &got.Reference), &got.Body), nil
}

// Records that were written are read, and written the same again.
func TestRecordsAgain(t *testing.T) {
	t.Parallel()
	for prefix, records := range seeds() {
		for _, record := range records {
			again, err := decodeAgain(prefix, kv.Seal(nil, record))
			if err != nil || !bytes.Equal(again, record) {
				t.Errorf("%c: %x, %v; want %x", prefix, again, err, record)
			}
		}
	}
}

// Whatever bytes have a good seal are decoded or refused; what is decoded is the
// same when it was written and decoded again. No record takes more memory than
// its size allows.
func FuzzRecords(f *testing.F) {
	for prefix, records := range seeds() {
		for _, record := range records {
			f.Add(prefix, record)
			f.Add(prefix, record[:len(record)/2])
		}
	}
	f.Add(byte(prefixReceivers), []byte{format, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 1})
	f.Add(byte(prefixReference), []byte{format, referenceIDs, 1, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 1})
	f.Fuzz(func(t *testing.T, prefix byte, record []byte) {
		once, err := decodeAgain(prefix, kv.Seal(nil, record))
		if err != nil {
			return
		}
		twice, err := decodeAgain(prefix, kv.Seal(nil, once))
		if err != nil || !bytes.Equal(once, twice) {
			t.Errorf("%c %x becomes %x, then %x, %v", prefix, record, once, twice, err)
		}
	})
}

// Bytes without a good seal are refused.
func FuzzSealed(f *testing.F) {
	for prefix, records := range seeds() {
		for _, record := range records {
			f.Add(prefix, kv.Seal(nil, record), uint16(3))
		}
	}
	f.Fuzz(func(t *testing.T, prefix byte, value []byte, at uint16) {
		if _, err := decodeAgain(prefix, value); err != nil || len(value) == 0 {
			return
		}
		value = bytes.Clone(value)
		value[int(at)%len(value)] ^= 0x10
		if _, err := decodeAgain(prefix, value); err == nil {
			t.Errorf("%c %x is read although a bit has flipped", prefix, value)
		}
	})
}

// Keys sort as the numbers in them, and appendEnd lies behind all of a session
// and before the next.
func FuzzKeys(f *testing.F) {
	f.Add(uint64(0), uint64(1), uint64(0))
	f.Add(uint64(255), uint64(256), uint64(1))
	f.Add(^uint64(0), ^uint64(0), ^uint64(0))
	f.Fuzz(func(t *testing.T, session, other, place uint64) {
		key := appendReferenceKey(nil, session, place)
		from, to := appendNumberKey(nil, prefixReference, session), appendEnd(nil, prefixReference, session)
		if bytes.Compare(key, from) < 0 || bytes.Compare(key, to) >= 0 {
			t.Errorf("%x is not between %x and %x", key, from, to)
		}
		if numberIn(key) != session || placeIn(key) != place {
			t.Errorf("%x has %d and %d", key, numberIn(key), placeIn(key))
		}
		next := appendReferenceKey(nil, other, place)
		if (session < other) != (bytes.Compare(key, next) < 0) {
			t.Errorf("%d and %d sort as %x and %x", session, other, key, next)
		}
		if session < other && bytes.Compare(next, to) < 0 {
			t.Errorf("%d lies inside %d", other, session)
		}
	})
}

// What a tracker says is compared with a plain count.
func FuzzTracker(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9})
	f.Add([]byte("enqueue and dequeue in any order, with places that come again"))
	f.Fuzz(func(t *testing.T, steps []byte) {
		tr := tracker{limit: 20}
		type spot struct{ session, place uint64 }
		needed := map[spot]uint64{} // body
		left := map[uint64]int{}
		id := uint64(0)
		for i := 0; i+1 < len(steps); i += 2 {
			session, place := uint64(steps[i]&3), uint64(steps[i+1]&7)
			if steps[i]&4 == 0 {
				id++
				var to []mqtt.StoredReference
				for k := range uint64(steps[i]>>3&3) + 1 {
					to = append(to, mqtt.StoredReference{Session: session + k, Place: place})
					delete(left, needed[spot{session + k, place}]) // replaced: the sweep's
					needed[spot{session + k, place}] = id
				}
				left[id] = len(to)
				tr.add(id, to)
				continue
			}
			s := settlement{session, place, place + 1}
			if steps[i]&8 != 0 {
				s.from = 0
			}
			tr.mu.Lock()
			tr.settleLocked([]settlement{s}, func(gone uint64) {
				for at, body := range needed {
					taken := at.session == s.session && at.place >= s.from && at.place < s.to
					if body == gone && !taken {
						t.Errorf("body %d is gone, but %v needs it", gone, at)
					}
				}
			})
			tr.mu.Unlock()
			for at := range needed {
				if at.session == s.session && at.place >= s.from && at.place < s.to {
					delete(needed, at)
				}
			}
			held := 0
			for _, g := range []*generation{&tr.young, &tr.old} {
				for _, list := range g.sessions {
					held += len(list)
				}
			}
			if held > 2*tr.limit || int64(held) != tr.held.Load() {
				t.Errorf("%d claims are held, the count is %d", held, tr.held.Load())
			}
		}
	})
}
