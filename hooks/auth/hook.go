package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

// Options say which sources a Hook asks, in this order: Sources, Ledger, Data.
type Options struct {
	// Sources are asked first, in their order.
	Sources []Source
	// Ledger is a list of users and rules, which is copied.
	Ledger *Ledger
	// Data is a ledger in JSON or YAML.
	Data []byte

	// PassUndecided leaves clients and requests that no source decides about
	// to the hooks added later; by default they are refused.
	PassUndecided bool
	// Timeout bounds the time a source may take; default 10 s.
	Timeout time.Duration
	// ReloadInterval is how often sources of files are looked at for changes.
	// A change is taken over when the file looks the same twice, so that one
	// being written is let be. 0 means that only Reload reads them again.
	ReloadInterval time.Duration
	// Logger is told of reloads; nil discards.
	Logger *slog.Logger
}

// Hook decides who may connect, publish and subscribe, by the sources in its
// Options. Make it with new and give the Options to AddHook.
type Hook struct {
	options    Options
	chain      *chain
	log        *slog.Logger
	server     atomic.Pointer[mqtt.Server]
	generation atomic.Uint64 // of the rules; decisions of an older one are void

	reloading sync.Mutex
	stop      chan struct{}
	watcher   sync.WaitGroup
}

// ID names the hook.
func (*Hook) ID() string { return "auth" }

// Init takes the *Options, reads ledgers, and fails if any is not valid.
func (h *Hook) Init(config any) error {
	options, ok := config.(*Options)
	if !ok || options == nil {
		return fmt.Errorf("it takes *auth.Options, not %T", config)
	}
	h.options = *options
	if h.options.Timeout == 0 {
		h.options.Timeout = 10 * time.Second
	}
	h.log = h.options.Logger
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	sources := append([]Source(nil), options.Sources...)
	if options.Ledger != nil {
		l, err := NewLedger("ledger", options.Ledger)
		if err != nil {
			return err
		}
		sources = append(sources, l)
	}
	if options.Data != nil {
		var ledger Ledger
		if err := ledger.Unmarshal(options.Data); err != nil {
			return err
		}
		l, err := NewLedger("ledger", &ledger)
		if err != nil {
			return err
		}
		sources = append(sources, l)
	}
	if len(sources) == 0 {
		return errors.New("the options name no source: set Sources, Ledger or Data, or use AllowHook to allow everything")
	}
	chain, err := newChain(sources)
	if err != nil {
		return err
	}
	h.chain = chain
	h.generation.Add(1)
	h.warnWithoutRules()
	h.watch()
	return nil
}

// Attach gets the server, whose clients a reload is applied to.
func (h *Hook) Attach(s *mqtt.Server) {
	h.server.Store(s)
	for _, source := range h.chain.sources {
		if a, ok := source.(interface{ Attach(s *mqtt.Server) }); ok {
			a.Attach(s)
		}
	}
}

// Stop ends the watching of files, and stops sources that can be stopped.
func (h *Hook) Stop() error {
	if h.stop != nil {
		close(h.stop)
		h.watcher.Wait()
		h.stop = nil
	}
	var wrong []error
	for _, source := range h.chain.sources {
		if s, ok := source.(interface{ Stop() error }); ok {
			wrong = append(wrong, s.Stop())
		}
	}
	return errors.Join(wrong...)
}

// warnWithoutRules says so when whoever is admitted may do everything.
func (h *Hook) warnWithoutRules() {
	v, err := h.chain.authorize(context.Background(), &Request{Action: Publish, Topic: "a"})
	if err == nil && v.NoRules {
		h.log.Warn("there are no ACL rules: admitted clients may publish and subscribe everything")
	}
}

// context bounds the time of sources that wait for others.
func (h *Hook) context() (context.Context, context.CancelFunc) {
	if !h.chain.waits {
		return context.Background(), func() {}
	}
	return context.WithTimeout(context.Background(), h.options.Timeout)
}

// OnConnectAuthenticate asks the sources. The error of a refusal names the rule
// for the log; the client learns its Reason Code alone.
func (h *Hook) OnConnectAuthenticate(cl *mqtt.Client, pk *packets.Connect) (mqtt.Decision, error) {
	id := &identity{request: newRequest(cl)}
	r := id.request
	r.Password, r.Packet = passwordOf(pk), pk
	if pk.PasswordFlag {
		id.request.Secret = NewSecret(r.Password)
		r.Secret = id.request.Secret
	}
	ctx, cancel := h.context()
	defer cancel()
	a, err := h.chain.authenticate(ctx, &r)
	switch {
	case err != nil:
		if _, ok := errors.AsType[packets.Code](err); !ok {
			err = fmt.Errorf("%w: %w", packets.ErrServerUnavailable, err)
		}
		return mqtt.Deny, err
	case a.decision == mqtt.Allow:
		id.by = a.by
		cl.SetValue(h, id)
		return mqtt.Allow, nil
	case a.decision == mqtt.Deny:
		return mqtt.Deny, fmt.Errorf("%w: %s refuses it", packets.ErrBadUsernameOrPassword, a.rule)
	case h.options.PassUndecided:
		return mqtt.Pass, nil
	}
	return mqtt.Deny, fmt.Errorf("%w: no access source knows the client", packets.ErrBadUsernameOrPassword)
}

// OnACLCheck asks the sources, or remembers what they said.
func (h *Hook) OnACLCheck(cl *mqtt.Client, topic string, write bool) (mqtt.Decision, error) {
	q := question{topic, Subscribe}
	if write {
		q.action = Publish
	}
	v, err := h.decide(h.identity(cl), q)
	if err != nil {
		return mqtt.Deny, err
	}
	if v.Decision == mqtt.Pass && !h.options.PassUndecided {
		return mqtt.Deny, nil
	}
	return v.Decision, nil
}

// identity returns what the hook keeps with the client, made now if another
// hook has admitted it.
func (h *Hook) identity(cl *mqtt.Client) *identity {
	if id, ok := cl.Value(h).(*identity); ok {
		return id
	}
	id := &identity{request: newRequest(cl)}
	cl.SetValue(h, id)
	return id
}

func (h *Hook) decide(id *identity, q question) (Verdict, error) {
	generation := h.generation.Load() // first: what is decided by newer rules may count as older, not the other way round
	if v, ok := id.find(q, generation); ok {
		return v, nil
	}
	r := id.request
	r.Action, r.Topic = q.action, q.topic
	ctx, cancel := h.context()
	defer cancel()
	v, err := h.chain.authorize(ctx, &r)
	if err == nil {
		id.remember(q, v, generation)
	}
	return v, err
}

// OnDeliveryCheck has deliveries asked about one by one if the subscription is
// not allowed in full, as after a reload, or a rule denies a part of it.
func (h *Hook) OnDeliveryCheck(cl *mqtt.Client, filter string) func(topic string) bool {
	id := h.identity(cl)
	v, err := h.decide(id, question{filter, Subscribe})
	if err == nil && (v.Decision == mqtt.Allow && !v.Narrower || v.Decision == mqtt.Pass && h.options.PassUndecided) {
		return nil
	}
	return func(topic string) bool {
		v, err := h.decide(id, question{topic, Receive})
		return err == nil && (v.Decision == mqtt.Allow || v.Decision == mqtt.Pass && h.options.PassUndecided)
	}
}

// OnReadmit refuses clients that would not be admitted any more.
func (h *Hook) OnReadmit(cl *mqtt.Client) error {
	id, ok := cl.Value(h).(*identity)
	if !ok || id.by == nil {
		return nil // another hook admitted it
	}
	a, err := h.chain.recheck(&id.request, id.by)
	switch {
	case err != nil:
		h.log.Warn("a client cannot be asked about again; it stays", "client_id", cl.ID(), "err", err)
		return nil
	case a.decision == mqtt.Deny:
		return fmt.Errorf("%w: %s refuses it", packets.ErrNotAuthorized, a.rule)
	case a.decision == mqtt.Pass:
		return fmt.Errorf("%w: no access source knows the client any more", packets.ErrNotAuthorized)
	}
	return nil
}

var (
	_ mqtt.ConnectAuthenticator = (*Hook)(nil)
	_ mqtt.ACLChecker           = (*Hook)(nil)
	_ mqtt.DeliveryChecker      = (*Hook)(nil)
	_ mqtt.OnReadmit            = (*Hook)(nil)
)
