package crash

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/linnetmq/linnet/packets"
)

// Broker is what Run ends without a warning and starts again.
type Broker interface {
	// Start starts the broker on what is left of its data and returns how to
	// reach it, when it can be reached.
	Start(ctx context.Context) (dial func(context.Context) (net.Conn, error), err error)
	// Kill ends the broker at once. What a client has received until then was
	// sent before the end.
	Kill() error
	// Log returns the last of what the broker has said, for people.
	Log() string
}

// interrupter is a Broker that can be killed while it starts.
type interrupter interface {
	// StartInterrupted starts the broker and kills it after d, ready or not.
	StartInterrupted(ctx context.Context, d time.Duration) error
}

// Config says what Run does. Zero fields mean the default.
type Config struct {
	// Seed fixes what clients decide and how long the rounds are; what happens
	// at the same time differs from run to run.
	Seed uint64
	// Kills is how often the broker is killed; 20.
	Kills int
	// Events bounds the length of a round in events; 1,500.
	Events int
	// Patience is how long nothing may come before messages that are due count
	// as lost; 5 s.
	Patience time.Duration
	// Trouble, if not nil, is called with true when clients begin to work, and
	// with false before it is looked at what they got: between, the broker's
	// disk may fail, and it may refuse what it cannot store.
	Trouble func(on bool)
	// GoOn carries a run to its end in spite of violations, to see which rules
	// a broker breaks.
	GoOn bool
	// Progress receives a line for each round; nil discards them.
	Progress io.Writer
	// Rerun is the command that repeats the run, for the report; %d is the seed.
	Rerun string
}

func (c *Config) withDefaults() Config {
	out := *c
	if out.Kills == 0 {
		out.Kills = 20
	}
	if out.Events == 0 {
		out.Events = 1500
	}
	if out.Patience == 0 {
		out.Patience = 5 * time.Second
	}
	if out.Progress == nil {
		out.Progress = io.Discard
	}
	return out
}

// Run drives a broker with clients, kills and restarts it, and returns what the
// Checker saw. It ends at the first violation, after it has looked for others,
// unless the Config says GoOn.
// The error is for a run that could not be carried out: the report tells what
// was seen until there.
func Run(ctx context.Context, broker Broker, cfg Config) (*Report, error) {
	r := &run{cfg: cfg.withDefaults(), broker: broker, world: newWorld(), random: rand.New(rand.NewPCG(cfg.Seed, 0))}
	r.world.refusals = r.cfg.Trouble != nil
	r.world.history.checker.Refusals = r.world.refusals
	if r.cfg.Trouble == nil {
		r.cfg.Trouble = func(bool) {}
	}
	r.addClients()
	var wg sync.WaitGroup
	for _, c := range r.clients {
		wg.Go(c.main)
	}
	err := r.rounds(ctx)
	r.world.enter(over)
	r.world.reach(nil)
	err = errors.Join(err, broker.Kill())
	wg.Wait()
	return r.report(), err
}

// run is one call of Run.
type run struct {
	cfg     Config
	broker  Broker
	world   *world
	random  *rand.Rand
	clients []*client
	kills   int
}

// addClients makes the clients: some publish, some subscribe, some do both, in
// both versions of the protocol.
func (r *run) addClients() {
	for i, p := range []profile{
		publisherProfile, publisherProfile, restlessProfile, restlessProfile, volatileProfile,
		stayingProfile, stayingProfile, movingProfile, movingProfile, forgetfulProfile, forgetfulProfile,
	} {
		v := packets.V5
		if i%2 == 1 {
			v = packets.V311
		}
		r.clients = append(r.clients, &client{
			world: r.world, id: fmt.Sprintf("c%d", i), version: v, profile: p,
			random: rand.New(rand.NewPCG(r.cfg.Seed, uint64(i)+1)),
		})
	}
}

// rounds is: start, look, work, kill, and so on. Some rounds, and the last one,
// wait until all is received that is due.
func (r *run) rounds(ctx context.Context) error {
	for {
		if err := r.start(ctx); err != nil {
			return err
		}
		last := r.kills == r.cfg.Kills
		if last || r.violated() || r.kills > 0 && r.random.IntN(3) == 0 {
			if err := r.settle(ctx); err != nil {
				return err
			}
		}
		if last || r.violated() {
			return nil
		}
		if err := r.work(ctx); err != nil {
			return err
		}
		if r.violated() {
			return r.settle(ctx) // that may find more
		}
		if err := r.kill(); err != nil {
			return err
		}
	}
}

// violated tells whether the run is to end early.
func (r *run) violated() bool { return !r.cfg.GoOn && len(r.world.history.violations()) > 0 }

// start starts the broker, at times after killing it in the middle of that.
func (r *run) start(ctx context.Context) error {
	if b, ok := r.broker.(interrupter); ok && r.kills > 0 && r.random.IntN(5) == 0 {
		if err := b.StartInterrupted(ctx, time.Duration(r.random.IntN(150))*time.Millisecond); err != nil {
			return err
		}
	}
	dial, err := r.broker.Start(ctx)
	if err != nil {
		return fmt.Errorf("start the broker after %d kills: %w", r.kills, err)
	}
	r.world.history.add(Event{Kind: BrokerStarted, Note: fmt.Sprintf("round %d", r.kills)})
	if r.kills > 0 {
		if err := r.readRetained(dial); err != nil {
			return err
		}
	}
	r.world.reach(dial)
	return nil
}

// work lets clients do as they like until the moment of the kill, which is a
// number of events away, or until the first violation.
func (r *run) work(ctx context.Context) error {
	r.world.enter(working)
	r.cfg.Trouble(true)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	failed := r.world.history.failed
	if r.cfg.GoOn {
		failed = nil
	}
	select {
	case <-r.world.history.after(1 + r.random.IntN(r.cfg.Events)):
	case <-failed:
	case <-timer.C: // a round may be quiet
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

func (r *run) kill() error {
	r.world.reach(nil)
	r.world.history.add(Event{Kind: BrokerKilled})
	r.kills++
	defer r.cfg.Trouble(false)
	_, _ = fmt.Fprintf(r.cfg.Progress, "kill %d of %d, %d events\n", r.kills, r.cfg.Kills, len(r.world.history.events()))
	return r.broker.Kill()
}

// settle waits until every client is back, has nothing unfinished, and got what
// is due, or nothing comes any more; then whatever did not come is lost.
func (r *run) settle(ctx context.Context) error {
	r.cfg.Trouble(false)
	r.world.enter(settling)
	if err := r.awaitQuiet(ctx); err != nil {
		return err
	}
	for _, c := range r.clients {
		r.world.history.add(Event{Kind: Drained, Client: c.id, Note: c.waitsFor()})
	}
	_, dial, _ := r.world.now()
	return r.readRetained(dial)
}

// awaitQuiet waits until all is settled and nothing comes for a moment, or
// nothing comes for as long as patience goes.
func (r *run) awaitQuiet(ctx context.Context) error {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	quiet, seen, since := 0, 0, time.Now()
	for quiet < quietTicks && time.Since(since) < r.cfg.Patience {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		n := len(r.world.history.events())
		if n != seen {
			quiet, seen, since = 0, n, time.Now()
		} else if r.settled() {
			quiet++
		}
	}
	return nil
}

// quietTicks is how long, after all is settled, something may still come that
// should not.
const quietTicks = 5

func (r *run) settled() bool {
	for _, c := range r.clients {
		if c.waitsFor() != "" || r.world.history.due(c.id) > 0 {
			return false
		}
	}
	return true
}

// readRetained fails only if the broker does.
func (r *run) readRetained(dial dialer) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := dial(ctx)
	if err == nil {
		err = r.world.readRetained(conn)
	}
	if err != nil {
		return fmt.Errorf("read the retained messages after %d kills: %w", r.kills, err)
	}
	return nil
}
