package crash

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
)

// InProcess is a broker of package mqtt in this process over a disk in memory.
// Kill is a power cut: the broker's connections fall silent in one moment, and
// of what it wrote only what was synced until then is surely there at the next
// Start. The zero value is a broker that stores nothing.
type InProcess struct {
	// Options returns the options of each start; their Store, which the server
	// closes, keeps its data in files. nil: the defaults, which store nothing.
	Options func(files vfs.FS) (*mqtt.Options, error)
	// Hooks are added to each server.
	Hooks []any
	// Unsynced is the share, in percent, of the blocks that were written but
	// not synced and survive all the same, as real disks keep some.
	Unsynced int
	// Seed decides which ones.
	Seed uint64
	// CutOnly makes Kill cut the connections and leave the broker alone, so that
	// it forgets nothing: the clients and the Checker must then find no fault.
	CutOnly bool

	disk   *vfs.MemFS
	server *mqtt.Server
	gate   *gate
	kills  uint64
}

var _ Broker = (*InProcess)(nil)

// Start implements [Broker].
func (b *InProcess) Start(context.Context) (func(context.Context) (net.Conn, error), error) {
	if b.disk == nil {
		b.disk = vfs.NewCrashableMem()
	}
	if b.server == nil {
		if err := b.serve(); err != nil {
			return nil, err
		}
	}
	b.gate.open()
	address := b.gate.Addr().String()
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", address)
	}, nil
}

// serve makes a server and has it serve.
func (b *InProcess) serve() (err error) {
	var opts *mqtt.Options
	if b.Options != nil {
		if opts, err = b.Options(b.disk); err != nil {
			return fmt.Errorf("open the store: %w", err)
		}
	}
	s := mqtt.New(opts)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	for _, hook := range append([]any{new(auth.AllowHook)}, b.Hooks...) {
		if err := s.AddHook(hook, nil); err != nil {
			return err
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // does not wait
	if err != nil {
		return err
	}
	b.gate = newGate(l)
	if err := s.AddListener(listeners.NewNet("crash", b.gate)); err != nil {
		return err
	}
	if err := s.Serve(); err != nil {
		return err
	}
	b.server = s
	return nil
}

// Kill implements [Broker].
func (b *InProcess) Kill() error {
	if b.server == nil {
		return nil
	}
	b.kills++
	b.gate.shut(func() {
		if !b.CutOnly {
			b.disk = b.disk.CrashClone(vfs.CrashCloneCfg{
				UnsyncedDataPercent: b.Unsynced, RNG: rand.New(rand.NewPCG(b.Seed, b.kills)),
			})
		}
	})
	if b.CutOnly {
		return nil
	}
	// What the server still does goes to the disk that was, and to nobody.
	err := b.server.Close()
	b.server = nil
	return err
}

// End closes a broker that CutOnly has left running.
func (b *InProcess) End() error {
	if b.server == nil {
		return nil
	}
	err := b.server.Close()
	b.server = nil
	return err
}

// Disk returns what the last Kill has left.
func (b *InProcess) Disk() vfs.FS { return b.disk }

// Log implements [Broker].
func (*InProcess) Log() string { return "" }
