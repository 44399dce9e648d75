// Package redis is the kv engine over a Redis server (6.2 or later; Valkey too):
// for brokers without a disk of their own. Acknowledged means what the server's
// settings say, see Store.Durability; a failover to a replica may lose what was
// acknowledged. Only internal/app and users of the library import it.
//
// Under one prefix there are four keys, on one slot of a Redis Cluster: {p}:k, a
// sorted set of all keys; {p}:v, a hash of the values; {p}:fence, the number of
// times the store was opened; {p}:owner, who has it open, with a time to live.
package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/linnetmq/linnet/hooks/storage/internal/gate"
	"github.com/linnetmq/linnet/hooks/storage/internal/health"
	"github.com/linnetmq/linnet/hooks/storage/kv"
)

// Options of a Store. Zero fields mean the default.
type Options struct {
	URL    string // needed: redis://user:password@host:6379/0, rediss://, unix://
	Prefix string // "linnet"

	// Owner is this broker's name, the same each time it opens the store anew and
	// different from every other broker's, also from its own of an earlier
	// process. Needed.
	Owner string

	// Lease is how long a store stays taken when its owner has died; 10 s. The
	// owner renews it three times in that time.
	Lease   time.Duration
	Timeout time.Duration // for one command; 5 s
}

const defaultPrefix = "linnet"

func (o Options) fill() (Options, *redis.Options, error) {
	if o.Owner == "" {
		return o, nil, errors.New("redis options: Owner is empty")
	}
	if strings.ContainsAny(o.Prefix, "{}") {
		return o, nil, errors.New("redis options: Prefix contains a brace")
	}
	if o.Prefix == "" {
		o.Prefix = defaultPrefix
	}
	if o.Lease <= 0 {
		o.Lease = 10 * time.Second
	}
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	client, err := redis.ParseURL(o.URL)
	if err != nil {
		return o, nil, errors.New("redis options: URL is not valid") // the cause would show the password
	}
	// A command that is sent twice, or that an old connection delivers late,
	// could undo a newer one. Whoever fails opens anew, under another number.
	client.MaxRetries = -1
	client.DialTimeout, client.ReadTimeout, client.WriteTimeout = o.Timeout, o.Timeout, o.Timeout
	client.ContextTimeoutEnabled = true
	return o, client, nil
}

// Store is a kv.KV in a Redis server. Two brokers on one prefix are kept apart:
// each opening gets a higher number, and the server refuses the batches of every
// lower one (kv.ErrFenced).
type Store struct {
	opts   Options
	client *redis.Client
	names  []string // {p}:k, {p}:v, {p}:fence, {p}:owner
	token  string   // the number of this opening
	gate   gate.Gate
	health health.Health

	mu        sync.Mutex // one Apply at a time; guards writer and buf
	writer    *redis.Conn
	buf       []byte
	waitAOF   atomic.Bool
	synced    atomic.Bool
	lastError atomic.Pointer[error]

	stop context.CancelFunc
	wg   sync.WaitGroup
}

// Open takes the store over. The error matches kv.ErrLocked while another owner's
// lease runs; then try again later.
func Open(o Options) (*Store, error) {
	o, clientOptions, err := o.fill()
	if err != nil {
		return nil, err
	}
	s := &Store{opts: o, client: redis.NewClient(clientOptions)}
	for _, name := range []string{"k", "v", "fence", "owner"} {
		s.names = append(s.names, "{"+o.Prefix+"}:"+name)
	}
	s.writer = s.client.Conn()
	if err := s.acquire(); err != nil {
		return nil, errors.Join(fmt.Errorf("open store %s: %w", s.name(), err), s.disconnect())
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.wg.Go(func() { s.heartbeat(ctx) })
	return s, nil
}

func (s *Store) name() string { return s.client.Options().Addr + " prefix " + s.opts.Prefix }

func (s *Store) disconnect() error { return errors.Join(s.writer.Close(), s.client.Close()) }

func (s *Store) timeout() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), s.opts.Timeout)
}

// acquire takes the lease and a number.
func (s *Store) acquire() error {
	ctx, cancel := s.timeout()
	defer cancel()
	n, err := acquireScript.Run(ctx, s.writer, s.names, s.opts.Owner, s.opts.Lease.Milliseconds()).Int64()
	if err != nil {
		return replyError(err)
	}
	s.token = fmt.Sprint(n)
	return s.askDurability(ctx)
}

// heartbeat is started by Open and ends at Close. It renews the lease and looks
// whether the server's settings are still the same.
func (s *Store) heartbeat(ctx context.Context) {
	ticker := time.NewTicker(s.opts.Lease / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := s.renew(ctx)
		if errors.Is(err, kv.ErrFenced) {
			err = s.health.Fail(err)
			s.lastError.Store(&err)
			return
		}
		// Other errors are Apply's to find: without another owner the number
		// stays good when the lease has run out.
		s.lastError.Store(&err)
	}
}

func (s *Store) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	err := renewScript.Run(ctx, s.client, s.names, s.token, s.opts.Owner, s.opts.Lease.Milliseconds()).Err()
	if err != nil {
		return replyError(err)
	}
	return s.askDurability(ctx)
}

// Apply does as kv.KV says: one script, and so all or nothing.
func (s *Store) Apply(b *kv.Batch, durable bool) error {
	if err := b.Err(); err != nil {
		return err
	}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	if b.Len() == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.health.Err(); err != nil {
		return err
	}
	ctx, cancel := s.timeout()
	defer cancel()
	s.buf = encode(s.buf[:0], b)
	err := applyScript.Run(ctx, s.writer, s.names, s.token, s.buf).Err()
	if cap(s.buf) > 4<<20 {
		s.buf = nil
	}
	if err == nil && durable && s.waitAOF.Load() {
		err = s.wait(ctx)
	}
	if err == nil {
		return nil
	}
	err = fmt.Errorf("commit to store %s: %w", s.name(), replyError(err))
	if kv.Refused(err) {
		return err
	}
	return s.health.Fail(err)
}

// wait asks the server to sync its log, which must be the connection's that wrote.
func (s *Store) wait(ctx context.Context) error {
	counts, err := s.writer.Do(ctx, "WAITAOF", 1, 0, s.opts.Timeout.Milliseconds()).Int64Slice()
	if err != nil {
		return err
	}
	if len(counts) == 0 || counts[0] < 1 {
		return errors.New("the server did not sync in time")
	}
	return nil
}

// Get does as kv.KV says.
func (s *Store) Get(key, dst []byte) ([]byte, error) {
	if err := s.enter(); err != nil {
		return dst, err
	}
	defer s.gate.Leave()
	ctx, cancel := s.timeout()
	defer cancel()
	v, err := s.client.HGet(ctx, s.names[1], string(key)).Bytes()
	if errors.Is(err, redis.Nil) {
		return dst, kv.ErrNotFound
	}
	if err != nil {
		return dst, fmt.Errorf("read store %s: %w", s.name(), err)
	}
	return append(dst, v...), nil
}

// rangePage is how many pairs Range asks for at once.
const rangePage = 256

// Range does as kv.KV says, in pages: what is applied between two of them is
// seen from there on.
func (s *Store) Range(from, to []byte, reverse bool, fn func(k, v []byte) bool) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	low, high := "-", "+"
	if len(from) > 0 {
		low = "[" + string(from)
	}
	if len(to) > 0 {
		high = "(" + string(to)
	}
	for {
		keys, values, err := s.page(low, high, reverse)
		if err != nil {
			return fmt.Errorf("read store %s: %w", s.name(), err)
		}
		for i, k := range keys {
			v, ok := values[i].(string)
			if ok && !fn([]byte(k), []byte(v)) { // not ok: deleted since the page was listed
				return nil
			}
		}
		if len(keys) < rangePage {
			return nil
		}
		if last := "(" + keys[len(keys)-1]; reverse {
			high = last
		} else {
			low = last
		}
	}
}

// page returns the first keys between low and high, the last ones in reverse,
// and their values.
func (s *Store) page(low, high string, reverse bool) (keys []string, values []any, err error) {
	ctx, cancel := s.timeout()
	defer cancel()
	if reverse {
		low, high = high, low
	}
	keys, err = s.client.ZRangeArgs(ctx, redis.ZRangeArgs{
		Key: s.names[0], Start: low, Stop: high, ByLex: true, Rev: reverse, Count: rangePage,
	}).Result()
	if err != nil || len(keys) == 0 {
		return nil, nil, err
	}
	values, err = s.client.HMGet(ctx, s.names[1], keys...).Result()
	return keys, values, err
}

func (s *Store) enter() error {
	if !s.gate.Enter() {
		return kv.ErrClosed
	}
	if err := s.health.Err(); err != nil {
		s.gate.Leave()
		return err
	}
	return nil
}

// Close gives the lease back, so that the next owner need not wait, unless the
// store has failed.
func (s *Store) Close() error {
	if !s.gate.Close() {
		return nil
	}
	s.stop()
	s.wg.Wait()
	var err error
	if s.health.Err() == nil {
		ctx, cancel := s.timeout()
		defer cancel()
		if err = releaseScript.Run(ctx, s.client, s.names, s.token).Err(); err != nil {
			err = fmt.Errorf("close store %s: %w", s.name(), replyError(err))
		}
	}
	return errors.Join(err, s.disconnect())
}

// Stats does as kv.Stater says; a heartbeat that failed is a background error.
func (s *Store) Stats() kv.Stats {
	var stats kv.Stats
	if err := s.lastError.Load(); err != nil && *err != nil {
		stats.BackgroundErrors = 1
	}
	return stats
}

var (
	_ kv.KV     = (*Store)(nil)
	_ kv.Stater = (*Store)(nil)
)
