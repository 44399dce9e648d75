package storage_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/linnetmq/linnet/hooks/storage"
	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/mqtt"
)

// flip changes a bit in the middle of a record.
func flip(record []byte) []byte {
	record = bytes.Clone(record)
	record[len(record)/2] ^= 4
	return record
}

// fillAll writes two or three records of every kind.
func fillAll(t *testing.T, store mqtt.Store) {
	t.Helper()
	commit(t, store, func(tx mqtt.StoreTx) {
		for n := range uint64(3) {
			tx.PutSession(&mqtt.StoredSession{Session: n + 1, ClientID: fmt.Sprint("c", n+1)})
			sub := mqtt.StoredSubscription{}
			sub.Filter = "f"
			tx.PutSubscription(n+1, &sub)
			tx.PutReceived(n+1, 1)
			tx.Retain(&mqtt.StoredBody{Topic: fmt.Sprint("r", n+1), Payload: []byte("p")})
			tx.Enqueue(body(n), []mqtt.StoredReference{{Session: n + 1, Place: 1}})
		}
		tx.Enqueue(body(9), to(3, 2))
	})
}

// One damaged record: it is counted and named with what its loss means, and all
// others are served.
func TestDamagedRecord(t *testing.T) {
	t.Parallel()
	shown := func(t *testing.T, store mqtt.Store) string {
		state := mustLoad(t, store)
		return fmt.Sprint(len(state.Sessions), len(state.Subscriptions), len(state.Received), len(state.Retained),
			queued(t, store, 1), queued(t, store, 2), queued(t, store, 3))
	}
	for _, test := range []struct {
		prefix     string // the first key with it is damaged
		loss, want string
	}{
		{"s", "a session is lost", "2 2 2 3 [t0 t9] [t1 t9] [t2 t9]"},
		{"u", "must subscribe again", "3 2 3 3 [t0 t9] [t1 t9] [t2 t9]"},
		{"i", "may be delivered twice", "3 3 2 3 [t0 t9] [t1 t9] [t2 t9]"},
		{"r", "a retained message is lost", "3 3 3 2 [t0 t9] [t1 t9] [t2 t9]"},
		{"q", "a queued message is lost", "3 3 3 3 [t9] [t1 t9] [t2 t9]"},
		{"m", "queued for several sessions is lost", "3 3 3 3 [t0] [t1] [t2]"},
		{"n", "numbers of sessions", "3 3 3 3 [t0 t9] [t1 t9] [t2 t9]"},
		{"v", "if the records can be read", "3 3 3 3 [t0 t9] [t1 t9] [t2 t9]"},
	} {
		for name, harm := range map[string]func(*disk, string){
			"flipped bit": func(d *disk, key string) { d.overwrite(t, key, flip) },
			"cut short":   func(d *disk, key string) { d.overwrite(t, key, func(r []byte) []byte { return r[:len(r)-1] }) },
			"empty":       func(d *disk, key string) { d.overwrite(t, key, func([]byte) []byte { return nil }) },
			"bad block": func(d *disk, key string) {
				d.set(func(d *disk) { d.damaged = func(k []byte) bool { return string(k) == key } })
			},
		} {
			t.Run(test.prefix+" "+name, func(t *testing.T) {
				t.Parallel()
				d := newDisk()
				store := mustOpen(t, d.open, storage.Options{})
				fillAll(t, store)
				mustClose(t, store)
				key := d.keys(t, test.prefix)[0]
				harm(d, key)
				var said logbook
				store = mustOpen(t, d.open, storage.Options{Name: "engine in place", Logger: said.logger()})
				if got := shown(t, store); got != test.want {
					t.Errorf("served %s, want %s", got, test.want)
				}
				if n := store.Stats().Corruptions; n == 0 {
					t.Error("nothing was counted")
				}
				if s := said.String(); !strings.Contains(s, test.loss) || !strings.Contains(s, "engine in place") || !strings.Contains(s, "key=") {
					t.Errorf("said %s", s)
				}
				if state := mustLoad(t, store); state.NextSession <= 3 {
					t.Errorf("NextSession = %d", state.NextSession)
				}
				mustClose(t, store)
			})
		}
	}
}

// A store that is damaged all over says so, not a million times.
func TestDamageIsNotRepeated(t *testing.T) {
	t.Parallel()
	d := newDisk()
	store := mustOpen(t, d.open, storage.Options{})
	commit(t, store, func(tx mqtt.StoreTx) {
		for n := range uint64(1000) {
			tx.Retain(body(n))
		}
	})
	mustClose(t, store)
	for _, key := range d.keys(t, "r") {
		d.overwrite(t, key, flip)
	}
	var said logbook
	store = mustOpen(t, d.open, storage.Options{Logger: said.logger()})
	mustLoad(t, store)
	if n := store.Stats().Corruptions; n != 1000 {
		t.Errorf("%d counted, want 1000", n)
	}
	if n := strings.Count(said.String(), "\n"); n == 0 || n > 20 {
		t.Errorf("%d lines, want 1 to 20", n)
	}
	mustClose(t, store)
}

// A body that is missing although a reference names it is named; one that goes
// while a queue is read is nothing to speak of.
func TestMissingBody(t *testing.T) {
	t.Parallel()
	d := newDisk()
	store := mustOpen(t, d.open, storage.Options{})
	fillAll(t, store)
	var b kv.Batch
	b.Delete([]byte(d.keys(t, "m")[0]))
	if err := d.KV.Apply(&b, true); err != nil {
		t.Fatal(err)
	}
	if got := queued(t, store, 1); !slices.Equal(got, []string{"t0"}) {
		t.Errorf("queue %v", got)
	}
	if n := store.Stats().Corruptions; n != 1 {
		t.Errorf("%d counted, want 1", n)
	}
	if first, last, err := store.QueueEnds(1); err != nil || first.Place != 1 || last.Place != 2 {
		t.Errorf("QueueEnds = %v, %v, %v", first, last, err)
	}
	mustClose(t, store)
}

// Engines lose whole blocks: what lies outside is served, whatever the shape of
// the keys, and the search for the end of the damage ends.
func TestDamagedBlocks(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		topic func(n int) string
		bad   [][2]int
	}{
		{"one block", func(n int) string { return fmt.Sprintf("t/%04d", n) }, [][2]int{{300, 340}}},
		{"the first", func(n int) string { return fmt.Sprintf("t/%04d", n) }, [][2]int{{0, 10}}},
		{"the last", func(n int) string { return fmt.Sprintf("t/%04d", n) }, [][2]int{{990, 1000}}},
		{"all", func(n int) string { return fmt.Sprintf("t/%04d", n) }, [][2]int{{0, 1000}}},
		{"two", func(n int) string { return fmt.Sprintf("t/%04d", n) }, [][2]int{{100, 105}, {700, 720}}},
		{"long common prefix", func(n int) string { return strings.Repeat("x", 200) + fmt.Sprintf("%04d", n) }, [][2]int{{300, 310}}},
		{"different lengths", func(n int) string { return fmt.Sprintf("%04d", n) + strings.Repeat("y", n%50) }, [][2]int{{500, 520}}},
		{"single keys", func(n int) string { return fmt.Sprintf("t/%04d", n) }, [][2]int{{10, 11}, {12, 13}, {14, 15}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := newDisk()
			store := mustOpen(t, d.open, storage.Options{})
			commit(t, store, func(tx mqtt.StoreTx) {
				for n := range 1000 {
					tx.Retain(&mqtt.StoredBody{Topic: test.topic(n)})
				}
			})
			lost := map[string]bool{}
			for _, b := range test.bad {
				for n := b[0]; n < b[1]; n++ {
					lost["r"+test.topic(n)] = true
				}
			}
			d.set(func(d *disk) { d.damaged = func(k []byte) bool { return lost[string(k)] } })
			got := map[string]bool{}
			for _, body := range mustLoad(t, store).Retained {
				got["r"+body.Topic] = true
			}
			for n := range 1000 {
				if k := "r" + test.topic(n); got[k] == lost[k] {
					t.Errorf("%s: served %v, damaged %v", k, got[k], lost[k])
				}
			}
			d.set(func(d *disk) { d.damaged = nil })
			mustClose(t, store)
		})
	}
}

// The ends of a queue are found although the blocks around them are damaged.
func TestQueueEndsInDamage(t *testing.T) {
	t.Parallel()
	d := newDisk()
	store := mustOpen(t, d.open, storage.Options{})
	commit(t, store, func(tx mqtt.StoreTx) {
		for place := range uint64(100) {
			tx.Enqueue(body(place), []mqtt.StoredReference{{Session: 1, Place: place + 1}})
		}
	})
	d.set(func(d *disk) {
		d.damaged = func(k []byte) bool {
			place := binary.BigEndian.Uint64(k[len(k)-8:])
			return k[0] == 'q' && (place <= 10 || place > 90)
		}
	})
	first, last, err := store.QueueEnds(1)
	if err != nil || first.Place != 11 || last.Place != 90 {
		t.Errorf("QueueEnds = %v, %v, %v; want 11 and 90", first, last, err)
	}
	if got := queued(t, store, 1); len(got) != 80 {
		t.Errorf("%d deliveries, want 80", len(got))
	}
	mustClose(t, store)
}

// A store of another format is refused and left as it is.
func TestFormats(t *testing.T) {
	t.Parallel()
	seal := func(record ...byte) func([]byte) []byte {
		return func([]byte) []byte { return kv.Seal(nil, record) }
	}
	for _, test := range []struct {
		name, key string
		change    func([]byte) []byte
		want      []string
	}{
		{"newer store", "v", seal(1, 2), []string{"version 2", "versions 1 to 1", "newer", "the place"}},
		{"older store", "v", seal(1, 0), []string{"version 0", "versions 1 to 1", "older release", "the place"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := newDisk()
			mustClose(t, mustOpen(t, d.open, storage.Options{}))
			d.overwrite(t, test.key, test.change)
			_, err := storage.New(d.open, storage.Options{Name: "the place"})
			if !errors.Is(err, kv.ErrFormat) {
				t.Fatalf("New = %v, want ErrFormat", err)
			}
			for _, word := range test.want {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q does not say %q", err, word)
				}
			}
		})
	}
	t.Run("newer record", func(t *testing.T) {
		t.Parallel()
		d := newDisk()
		store := mustOpen(t, d.open, storage.Options{})
		fillAll(t, store)
		d.overwrite(t, d.keys(t, "u")[1], seal(2, 0, 0))
		if _, err := store.Load(); !errors.Is(err, kv.ErrFormat) {
			t.Errorf("Load = %v, want ErrFormat", err)
		}
		mustClose(t, store)
	})
	t.Run("foreign keys", func(t *testing.T) {
		t.Parallel()
		d := newDisk()
		var b kv.Batch
		b.Put([]byte("somebody's"), []byte("data"))
		if err := d.KV.Apply(&b, true); err != nil {
			t.Fatal(err)
		}
		if _, err := storage.New(d.open, storage.Options{}); !errors.Is(err, kv.ErrFormat) || !strings.Contains(err.Error(), "somebody's") {
			t.Errorf("New = %v, want ErrFormat", err)
		}
	})
}
