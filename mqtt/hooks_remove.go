package mqtt

import (
	"errors"
	"slices"
)

// ErrNoSuchHook is returned by RemoveHook for a hook that was not added.
var ErrNoSuchHook = errors.New("mqtt: this hook was not added")

// RemoveHook takes a hook out, so that events cost again what they cost before
// it was added, and calls its Stop. Calls that are under way go on: the hook may
// still be called a moment after. The hook must be the value that was added and
// comparable, such as a pointer. To remove a hook that decides about access may
// leave what it refused to hooks that allow it.
func (s *Server) RemoveHook(hook any) error {
	if err := s.takeHook(hook); err != nil {
		return err
	}
	s.stopHook(hook)
	return nil
}

// takeHook publishes the set of hooks without one.
func (s *Server) takeHook(hook any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.hookList, func(h any) bool { return same(h, hook) })
	if i < 0 || s.state == stateClosed {
		return ErrNoSuchHook
	}
	rest := slices.Delete(slices.Clone(s.hookList), i, i+1)
	var next hookSet
	for _, h := range rest {
		if err := joinEvents(&next, h, hookName(h)); err != nil {
			return err // it joined once, so it does again
		}
	}
	s.hooks.set.Store(&next)
	s.hookList = rest
	return nil
}

// same compares two hooks; values that cannot be compared are never the same.
func same(a, b any) (equal bool) {
	defer func() {
		if recover() != nil {
			equal = false
		}
	}()
	return a == b
}
