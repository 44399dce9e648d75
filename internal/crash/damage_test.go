package crash

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/linnetmq/linnet/hooks/storage"
	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/hooks/storage/pebble"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// The store that is damaged: so many messages queued for one durable session,
// and so many retained ones.
const (
	damageQueued   = 300
	damageRetained = 40
)

// logged is the log of a broker.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// openStored opens the store in files, and says so if that is refused.
func openStored(files vfs.FS, log io.Writer) (*storage.Store, error) {
	logger := slog.New(slog.NewTextHandler(log, nil))
	return pebble.NewStore(pebble.Options{Dir: storeDir, FS: files, MemTableSize: 64 << 10, Logger: logger}, storage.Options{Logger: logger})
}

func lasting() *packets.Connect {
	return &packets.Connect{Version: packets.V5, ClientID: "s", Properties: packets.Properties{SessionExpiryInterval: 0xFFFFFFFF}}
}

// storedWork is a disk with a store on it: as a power cut leaves it, with its
// newest records in the log, or as a broker leaves it that is started and
// stopped once more, with all of them in tables.
func storedWork(t *testing.T, tables bool) *vfs.MemFS {
	t.Helper()
	disk := vfs.NewCrashableMem()
	var left *vfs.MemFS
	t.Run("work", func(t *testing.T) {
		store, err := openStored(disk, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		s := mqtttest.NewServerWith(t, &mqtt.Options{Store: store})
		c := mqtttest.Dial(t, s, lasting())
		c.Subscribe("q/#", 2)
		c.Disconnect(0)
		p := mqtttest.Dial(t, s, mqtttest.Connect("p"))
		for n := 1; n <= damageQueued; n++ {
			p.Publish(fmt.Sprint("q/", n%7), string(Message{"p", n}.payload(500)), byte(1+n%2), false)
		}
		for n := 1; n <= damageRetained; n++ {
			p.Publish(fmt.Sprint("r/", n), string(Message{"r", n}.payload(500)), 1, true)
		}
		left = disk.CrashClone(vfs.CrashCloneCfg{})
	})
	for range 2 {
		if !tables {
			break
		}
		store, err := openStored(left, io.Discard) // the log becomes tables
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return left
}

// found is what clients get from a store.
type found struct {
	session          bool
	queued, retained int
	altered          int
}

// serve starts a broker on the store and reads everything.
func (f *found) serve(t *testing.T, store *storage.Store) {
	s := mqtttest.NewServerWith(t, &mqtt.Options{Store: store})
	queued, retained := make(map[Message]bool), make(map[Message]bool)
	c := newLink(s.Conn(t), 1, packets.V5)
	defer c.close()
	if err := c.send(lasting()); err != nil {
		t.Fatal(err)
	}
	f.receive(t, c, func(m Message) bool {
		queued[m] = true
		return len(queued) == damageQueued
	})
	r := newLink(s.Conn(t), 2, packets.V5)
	defer r.close()
	err := r.send(mqtttest.Connect("r"), &packets.Subscribe{PacketID: 1, Subscriptions: []packets.Subscription{{Filter: "r/#"}}})
	if err != nil {
		t.Fatal(err)
	}
	f.receive(t, r, func(m Message) bool {
		retained[m] = true
		return len(retained) == damageRetained
	})
	f.queued, f.retained = len(queued), len(retained)
}

// damageSilence is how long nothing comes from a broker that has no more.
const damageSilence = 1000 * time.Millisecond

// receive takes what comes until it is complete, or nothing comes any more.
func (f *found) receive(t *testing.T, l *link, complete func(Message) bool) {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return
		case pk, ok := <-l.in:
			if !ok {
				t.Error("the broker ended a connection")
				return
			}
			if f.take(t, l, pk, complete) {
				return
			}
			timer.Reset(damageSilence)
		}
	}
}

// take handles one packet and tells whether it was the last that is due.
func (f *found) take(t *testing.T, l *link, pk packets.Packet, complete func(Message) bool) bool {
	t.Helper()
	var answer packets.Packet
	last := false
	switch pk := pk.(type) {
	case *packets.Connack:
		f.session = f.session || pk.SessionPresent
	case *packets.Publish:
		if m, ok := readPayload(pk.Payload); ok {
			last = complete(m)
		} else {
			f.altered++
		}
		switch pk.QoS {
		case 1:
			answer = &packets.Puback{PacketID: pk.PacketID}
		case 2:
			answer = &packets.Pubrec{PacketID: pk.PacketID}
		}
	case *packets.Pubrel:
		answer = &packets.Pubcomp{PacketID: pk.PacketID}
	}
	if answer != nil {
		if err := l.send(answer); err != nil {
			t.Error(err)
		}
	}
	return last
}

func (f *found) complete() bool {
	return f.session && f.queued == damageQueued && f.retained == damageRetained
}

// damage is one way to spoil a file of size bytes; at is 0 to 1.
type damage struct {
	name  string
	spoil func(data []byte, at float64) []byte
}

var damages = []damage{
	{"flipped bit", func(data []byte, at float64) []byte {
		if len(data) > 0 {
			data[int(at*float64(len(data)-1))] ^= 0x10
		}
		return data
	}},
	{"block of zeros", func(data []byte, at float64) []byte {
		from := int(at * float64(len(data)))
		clear(data[from:min(from+4096, len(data))])
		return data
	}},
	{"cut off", func(data []byte, at float64) []byte { return data[:int(at*float64(len(data)))] }},
}

// TestDamagedFiles spoils every file of a stopped broker's store, at several
// places. Nobody may ever receive what was not published, and nothing may be
// missing in silence: either the broker refuses to start and names the file, or
// it says what it cannot read and serves the rest. Only the end of the newest
// log may go without a word: that is what a write looks like which a power cut
// has interrupted.
func TestDamagedFiles(t *testing.T) {
	t.Parallel()
	for _, state := range []struct {
		name   string
		tables bool
	}{{"log", false}, {"tables", true}} {
		t.Run(state.name, func(t *testing.T) {
			t.Parallel()
			disk := storedWork(t, state.tables)
			names, err := disk.List(storeDir)
			if err != nil {
				t.Fatal(err)
			}
			outcomes := make(map[string]int)
			for _, name := range names {
				for _, d := range damages {
					for _, at := range []float64{0, 0.3, 0.77, 0.999} {
						copied := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})
						if !spoil(t, copied, path.Join(storeDir, name), d, at) {
							continue
						}
						outcome := judge(t, copied, name, fmt.Sprintf("%s of %s at %g", d.name, name, at))
						outcomes[kindOf(name)+" "+d.name+": "+outcome]++
					}
				}
			}
			t.Log(outcomes)
		})
	}
}

// kindOf is a file name without its number.
func kindOf(name string) string {
	return strings.Trim(strings.TrimLeft(name, "0123456789"), "-.0123456789")
}

// spoil damages a file; false if it is as it was.
func spoil(t *testing.T, disk vfs.FS, name string, d damage, at float64) bool {
	t.Helper()
	f, err := disk.Open(name)
	if err != nil {
		return false // a directory
	}
	data, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return false
	}
	spoiled := d.spoil(bytes.Clone(data), at)
	if bytes.Equal(spoiled, data) {
		return false
	}
	w, err := disk.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(spoiled)
	if err := errors.Join(err, w.Sync(), w.Close()); err != nil {
		t.Fatal(err)
	}
	return true
}

// judge starts a broker on damaged files and returns what became of it.
func judge(t *testing.T, disk vfs.FS, name, what string) string {
	t.Helper()
	log := new(logged)
	store, err := openStored(disk, log)
	if err != nil {
		_, ok := errors.AsType[*kv.CorruptError](err)
		if !strings.Contains(err.Error(), name) && (ok || !strings.Contains(err.Error(), "damaged")) {
			t.Errorf("%s: refused without the file's name: %v", what, err)
		}
		return "refused"
	}
	var f found
	if !t.Run("serve", func(t *testing.T) { f.serve(t, store) }) {
		t.Errorf("%s: not served", what)
		return "not served"
	}
	said := strings.Contains(log.String(), "level=ERROR") || strings.Contains(log.String(), "level=WARN")
	switch {
	case f.altered > 0:
		t.Errorf("%s: %d messages came that nobody published", what, f.altered)
	case f.complete():
		return "complete"
	case said:
		return "said"
	case strings.HasSuffix(name, ".log"):
		return "tail lost"
	}
	t.Errorf("%s: %+v, and not a word about it: %s", what, f, log)
	return "silent"
}
