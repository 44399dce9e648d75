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
	servers int // only the newest one writes: those before it have crashed
	failure error
	unsure  bool          // writes fail, but are done all the same
	stopped chan struct{} // not nil: writes wait
}

func newDisk() *disk { return &disk{memory: memory.New()} }

func (d *disk) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failure, d.unsure = err, false
}

// failUnsure lets writes be done, and fail nevertheless.
func (d *disk) failUnsure(err error) {
	d.fail(err)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unsure = true
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

func (d *disk) open(server int) (kv.KV, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if server != d.servers {
		return nil, errCrashed
	}
	if d.failure != nil && !kv.Refused(d.failure) {
		return nil, d.failure
	}
	return &handle{disk: d, server: server, KV: d.memory}, nil
}

// store is for one server.
func (d *disk) store(t *testing.T) mqtt.Store {
	t.Helper()
	d.mu.Lock()
	d.servers++
	server := d.servers
	d.mu.Unlock()
	s, err := storage.New(func() (kv.KV, error) { return d.open(server) }, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// handle is a disk as one server sees it.
type handle struct {
	kv.KV
	disk   *disk
	server int
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
	failure, newest, unsure := h.disk.failure, h.disk.servers, h.disk.unsure
	h.disk.mu.Unlock()
	switch {
	case newest != h.server:
		return errCrashed
	case unsure:
		if err := h.KV.Apply(b, durable); err != nil {
			return err
		}
		return failure
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
