package mqtt_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/linnetmq/linnet/hooks/storage"
	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/hooks/storage/memory"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// disk outlives the servers that store on it. It can be stopped, fail and be full.
type disk struct {
	memory *memory.Store

	mu      sync.Mutex
	handles int // only the newest writes: those before it have crashed
	failure error
	stopped chan struct{} // not nil: writes wait
}

func newDisk() *disk { return &disk{memory: memory.New()} }

func (d *disk) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failure = err
}

// stop lets writes wait until the returned function is called.
func (d *disk) stop() (resume func()) {
	stopped := make(chan struct{})
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopped = stopped
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.stopped = nil
		close(stopped)
	}
}

func (d *disk) open() (kv.KV, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failure != nil && !kv.Refused(d.failure) {
		return nil, d.failure
	}
	d.handles++
	return &handle{disk: d, number: d.handles, KV: d.memory}, nil
}

// store is for one server.
func (d *disk) store(t *testing.T) mqtt.Store {
	t.Helper()
	s, err := storage.New(d.open, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// handle is a disk as one server sees it.
type handle struct {
	kv.KV
	disk   *disk
	number int
}

var errCrashed = errors.New("this server has crashed")

func (h *handle) Apply(b *kv.Batch, durable bool) error {
	h.disk.mu.Lock()
	stopped := h.disk.stopped
	h.disk.mu.Unlock()
	if stopped != nil {
		<-stopped
	}
	h.disk.mu.Lock()
	failure, number := h.disk.failure, h.disk.handles
	h.disk.mu.Unlock()
	switch {
	case number != h.number:
		return errCrashed
	case failure != nil && (!kv.Refused(failure) || b.Grows()):
		return failure
	}
	return h.KV.Apply(b, durable)
}

func (h *handle) Close() error { return nil }

// on starts a server that stores on the disk. One that did before has crashed
// at this moment.
func (d *disk) serve(t *testing.T, opts *mqtt.Options, hooks ...any) *mqtttest.Server {
	t.Helper()
	var o mqtt.Options
	if opts != nil {
		o = *opts
	}
	o.Store = d.store(t)
	return mqtttest.NewServerWith(t, &o, hooks...)
}

// dial connects a client whose session outlives its connection.
func dial(t *testing.T, s *mqtttest.Server, v packets.Version, clientID string) *mqtttest.Client {
	t.Helper()
	return mqtttest.Dial(t, s, lasting(v, clientID))
}

func expectPresent(t *testing.T, c *mqtttest.Client, want bool) {
	t.Helper()
	if c.Connack.SessionPresent != want {
		t.Errorf("session present %v, want %v", c.Connack.SessionPresent, want)
	}
}

func isPublish(t *testing.T, pk *packets.Publish, payload string, id uint16, dup bool) {
	t.Helper()
	if string(pk.Payload) != payload || pk.PacketID != id || pk.Dup != dup {
		t.Errorf("got %q, packet identifier %d, DUP %v; want %q, %d, %v", pk.Payload, pk.PacketID, pk.Dup, payload, id, dup)
	}
}
