package mqtt

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/linnetmq/linnet/packets"
)

// ErrRejectPacket, returned by OnPacketRead or OnPublish, drops the packet.
var ErrRejectPacket = errors.New("packet rejected")

// ErrIgnorePacket, returned by OnPublish, acknowledges the packet as usual and
// delivers it to nobody.
var ErrIgnorePacket = errors.New("packet ignored")

// AddHook adds a hook: any value with methods named in this package's On... and
// Stored... interfaces, and optionally Init(config any) error, which gets config
// now, and Stop() error, which Shutdown calls in reverse order of adding. A
// method On... or Stored... that no event has, or with another signature, is an
// error: a slip of the pen must not open the gate. A hook that Init refuses is
// not added and not stopped.
func (s *Server) AddHook(hook, config any) error {
	if s.isClosed() {
		return ErrServerClosed
	}
	name := hookName(hook)
	var alone hookSet
	if err := joinEvents(&alone, hook, name); err != nil {
		return err
	}
	if h, ok := hook.(interface{ Init(config any) error }); ok {
		if err := h.Init(config); err != nil {
			return fmt.Errorf("init hook %s: %w", name, err)
		}
	} else if config != nil {
		return fmt.Errorf("add hook %s: it takes no configuration (it has no Init method)", name)
	}
	if h, ok := hook.(interface{ Attach(s *Server) }); ok {
		h.Attach(s)
	}
	if err := s.joinHook(hook, name); err != nil {
		s.stopHook(hook)
		return err
	}
	return nil
}

// joinHook publishes the set of hooks with one more.
func (s *Server) joinHook(hook any, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == stateClosed {
		return ErrServerClosed
	}
	next := *s.hooks.load()
	if err := joinEvents(&next, hook, name); err != nil {
		return err
	}
	s.hooks.set.Store(&next)
	s.hookList = append(s.hookList, hook)
	return nil
}

func (s *Server) stopHook(hook any) {
	if h, ok := hook.(interface{ Stop() error }); ok {
		if err := h.Stop(); err != nil {
			s.log.Warn("stop hook", "hook", hookName(hook), "err", err)
		}
	}
}

func hookName(hook any) string {
	if h, ok := hook.(interface{ ID() string }); ok {
		return h.ID()
	}
	return fmt.Sprintf("%T", hook)
}

// joinEvents adds the hook's methods to the set, or names the method that fits
// no event.
func joinEvents(set *hookSet, hook any, name string) error {
	if hook == nil {
		return errors.New("add hook: it is nil")
	}
	if f, ok := hook.(HookFuncs); ok {
		hook = &f
	}
	if f, ok := hook.(*HookFuncs); ok {
		f.join(set)
		return nil
	}
	found := false
	for m := range reflect.TypeOf(hook).Methods() {
		method := m.Name
		if !strings.HasPrefix(method, "On") && !strings.HasPrefix(method, "Stored") {
			continue
		}
		if err := joinMethod(set, hook, name, method); err != nil {
			return err
		}
		found = true
	}
	if !found {
		return fmt.Errorf("add hook %s: it has none of the On... and Stored... methods of package mqtt", name)
	}
	return nil
}

func joinMethod(set *hookSet, hook any, name, method string) error {
	var want []string
	for _, e := range events {
		if e.name != method {
			continue
		}
		if e.join(set, hook) {
			return nil
		}
		want = append(want, e.want)
	}
	if want != nil {
		return fmt.Errorf("add hook %s: %s has the wrong signature, want %s", name, method, strings.Join(want, " or "))
	}
	for _, e := range events {
		if strings.EqualFold(e.name, method) {
			return fmt.Errorf("add hook %s: there is no event %s; it is written %s %s", name, method, e.name, e.want)
		}
	}
	return fmt.Errorf("add hook %s: there is no event %s; events: %s", name, method, eventNames())
}

func eventNames() string {
	var names []string
	for i, e := range events {
		if i == 0 || names[len(names)-1] != e.name {
			names = append(names, e.name)
		}
	}
	return strings.Join(names, " ")
}

// signature writes the one method of interface I, without its name.
func signature[I any]() string { return reflect.TypeFor[I]().Method(0).Type.String() }

// hooks publishes the current set to everybody without a lock.
type hooks struct{ set atomic.Pointer[hookSet] }

var noHooks hookSet

func (h *hooks) load() *hookSet {
	if set := h.set.Load(); set != nil {
		return set
	}
	return &noHooks
}

// authenticate asks the authenticators in order: the first Allow or Deny wins,
// an error denies, and so does nobody answering.
func (set *hookSet) authenticate(cl *Client, pk *packets.Connect) error {
	for _, ask := range set.authenticators {
		decision, err := ask(cl, pk)
		switch {
		case err != nil:
			return err
		case decision == Allow:
			return nil
		case decision == Deny:
			return packets.ErrBadUsernameOrPassword
		}
	}
	if len(set.authenticators) == 0 {
		return &packets.Error{Code: packets.ErrNotAuthorized, Detail: "no access hook is installed, so everybody is refused"}
	}
	return packets.ErrBadUsernameOrPassword
}

func (set *hookSet) encodePacket(cl *Client, pk packets.Packet) packets.Packet {
	for _, change := range set.onPacketEncode {
		if changed := change(cl, pk); changed != nil {
			pk = changed
		}
	}
	return pk
}

func (set *hookSet) packetSent(cl *Client, pk packets.Packet, b []byte) {
	for _, tell := range set.onPacketSent {
		tell(cl, pk, b)
	}
}

func (set *hookSet) readPacket(cl *Client, pk packets.Packet) (packets.Packet, error) {
	for _, change := range set.onPacketRead {
		changed, err := change(cl, pk)
		if err != nil {
			return pk, err
		}
		if changed != nil {
			pk = changed
		}
	}
	return pk, nil
}

func (set *hookSet) publish(cl *Client, pk *packets.Publish) (*packets.Publish, error) {
	for _, change := range set.onPublish {
		changed, err := change(cl, pk)
		if err != nil {
			return pk, err
		}
		if changed != nil {
			pk = changed
		}
	}
	return pk, nil
}

// changeSubscribe lets hooks change a SUBSCRIBE. A change that leaves another
// number of filters does not count: each of the client's gets its answer.
func (set *hookSet) changeSubscribe(cl *Client, pk *packets.Subscribe) *packets.Subscribe {
	for _, change := range set.onSubscribe {
		given := *pk
		given.Subscriptions = slices.Clone(pk.Subscriptions)
		if changed := change(cl, &given); changed != nil && len(changed.Subscriptions) == len(pk.Subscriptions) {
			changed.PacketID = pk.PacketID
			pk = changed
		}
	}
	return pk
}

// changeUnsubscribe is changeSubscribe for UNSUBSCRIBE.
func (set *hookSet) changeUnsubscribe(cl *Client, pk *packets.Unsubscribe) *packets.Unsubscribe {
	for _, change := range set.onUnsubscribe {
		given := *pk
		given.Filters = slices.Clone(pk.Filters)
		if changed := change(cl, &given); changed != nil && len(changed.Filters) == len(pk.Filters) {
			changed.PacketID = pk.PacketID
			pk = changed
		}
	}
	return pk
}

// wantsSent tells that somebody looks at every packet that leaves.
func (set *hookSet) wantsSent() bool {
	return set.onPacketEncode != nil || set.onPacketSent != nil
}
