package auth

import (
	"errors"
	"time"
)

// Prepare reads all sources again and puts nothing in force. It returns nil if
// nothing has changed, and an error if any is not valid. The function it
// returns puts all in force, disconnects clients that are no longer admitted,
// and stops deliveries that are no longer allowed.
func (h *Hook) Prepare() (apply func(), err error) {
	var all []func()
	var wrong []error
	for _, s := range h.chain.sources {
		r, ok := s.(Reloader)
		if !ok {
			continue
		}
		one, err := r.Prepare()
		if err != nil {
			wrong = append(wrong, err)
		} else if one != nil {
			all = append(all, one)
		}
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	if len(all) == 0 {
		return nil, nil
	}
	return func() {
		for _, one := range all {
			one()
		}
		h.Changed()
	}, nil
}

// Reload reads all sources again. If any is not valid, nothing changes and the
// error says which.
func (h *Hook) Reload() error {
	h.reloading.Lock()
	defer h.reloading.Unlock()
	apply, err := h.Prepare()
	if err != nil {
		h.log.Error("access rules are not valid; the old ones stay in force", "err", err)
		return err
	}
	if apply != nil {
		apply()
		h.log.Info("access rules reloaded")
		h.warnWithoutRules()
	}
	return nil
}

// Changed forgets all decisions and asks again about all clients. It is called
// by Reload, and by whoever changes a Source that is not a Reloader.
func (h *Hook) Changed() {
	h.generation.Add(1)
	if s := h.server.Load(); s != nil {
		s.RecheckAccess()
	}
}

// watch looks at files from time to time.
func (h *Hook) watch() {
	if h.options.ReloadInterval <= 0 {
		return
	}
	h.stop = make(chan struct{})
	h.watcher.Go(func() { h.poll(h.stop) })
}

// poll is started by watch and ends with stop.
func (h *Hook) poll(stop <-chan struct{}) {
	ticker := time.NewTicker(h.options.ReloadInterval)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		if h.anyChanged() {
			_ = h.Reload() // it has told the log
		}
	}
}

func (h *Hook) anyChanged() (yes bool) {
	for _, s := range h.chain.sources {
		if r, ok := s.(Reloader); ok && r.Changed() {
			yes = true // all are looked at
		}
	}
	return yes
}
