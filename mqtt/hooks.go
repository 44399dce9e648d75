package mqtt

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"

	"github.com/linnetmq/linnet/packets"
)

// ErrRejectPacket, returned by OnPacketRead or OnPublish, drops the packet.
var ErrRejectPacket = errors.New("packet rejected")

// ErrIgnorePacket, returned by OnPublish, acknowledges the packet as usual and
// delivers it to nobody.
var ErrIgnorePacket = errors.New("packet ignored")

// AddHook adds a hook: any value with methods named in this package's
// On... interfaces, and optionally Init(config any) error, which gets config
// now, and Stop() error, which Close calls in reverse order of adding. A method
// On... that no event has, or with another signature, is an error: a slip of
// the pen must not open the gate.
func (s *Server) AddHook(hook, config any) error {
	name := hookName(hook)
	var joined hookSet
	if err := joinEvents(&joined, hook, name); err != nil {
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
	methods := reflect.TypeOf(hook)
	found := false
	for i := range methods.NumMethod() {
		method := methods.Method(i).Name
		if !strings.HasPrefix(method, "On") {
			continue
		}
		if err := joinMethod(set, hook, name, method); err != nil {
			return err
		}
		found = true
	}
	if !found {
		return fmt.Errorf("add hook %s: it has none of the On... methods of package mqtt", name)
	}
	return nil
}

func joinMethod(set *hookSet, hook any, name, method string) error {
	want := ""
	for _, e := range events {
		if e.name != method {
			continue
		}
		if e.join(set, hook) {
			return nil
		}
		want = e.want
	}
	if want != "" {
		return fmt.Errorf("add hook %s: %s has the wrong signature, want %s", name, method, want)
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

func signature[F any]() string { return reflect.TypeFor[F]().String() }

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

// allowed asks the ACL checkers in order; with none of them nothing is allowed.
func (set *hookSet) allowed(cl *Client, topic string, write bool) bool {
	for _, ask := range set.aclCheckers {
		decision, err := ask(cl, topic, write)
		if err != nil {
			cl.server.log.Warn("access check", "client_id", cl.clientID, "topic", topic, "err", err)
			return false
		}
		if decision != Pass {
			return decision == Allow
		}
	}
	return false
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

// wantsSent tells that somebody looks at every packet that leaves.
func (set *hookSet) wantsSent() bool {
	return set.onPacketEncode != nil || set.onPacketSent != nil
}
