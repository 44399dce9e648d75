package mqtt

import (
	"context"
	"errors"
	"slices"

	"github.com/linnetmq/linnet/packets"
)

// Shutdown stops accepting, tells v5 clients that the server shuts down (0x8B),
// waits until every connection has taken what is queued for it or ctx ends,
// and closes. The error is ctx's if connections had to be cut.
//
// A call while another is under way waits for that one; if its own ctx ends
// first, it cuts the connections that are left. A call after the end returns
// nil at once. A hook must not wait for a shutdown that waits for the hook: it
// may call Shutdown or Close on a goroutine of its own.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	if s.state >= stateStopping {
		s.mu.Unlock()
		return s.awaitStopped(ctx)
	}
	s.state = stateStopping
	drained := make(chan struct{})
	if len(s.clients) == 0 {
		close(drained)
	} else {
		s.drained = drained
	}
	listeners := slices.Clone(s.listeners)
	s.mu.Unlock()
	for _, l := range listeners {
		if err := l.Close(ctx); err != nil {
			s.log.Warn("close listener", "listener", l.ID(), "err", err)
		}
	}
	for _, c := range s.connections() {
		c.stop(packets.ErrServerShuttingDown)
	}
	err := wait(ctx, drained)
	s.finishClose()
	close(s.stopped)
	return err
}

// awaitStopped waits for a Shutdown under way, and hurries it when ctx ends.
func (s *Server) awaitStopped(ctx context.Context) error {
	err := wait(ctx, s.stopped)
	if err != nil {
		s.cut()
		<-s.stopped
	}
	return err
}

// wait waits for done or the end of ctx, whose error it returns.
func wait(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	default:
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// cut ends all connections that are left, without a word.
func (s *Server) cut() {
	for _, c := range s.connections() {
		c.kill(ErrServerClosed)
	}
}

// Close ends all connections at once and closes, also if a Shutdown is waiting
// for them. A second call is harmless.
func (s *Server) Close() error {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Shutdown(ended); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// finishClose cuts what is left, waits for every goroutine and stops the hooks.
func (s *Server) finishClose() {
	s.cut()
	close(s.done)
	s.spawnMu.Lock()
	s.noSpawn = true
	s.spawnMu.Unlock()
	s.goroutines.Wait()
	s.mu.Lock()
	s.state = stateClosed
	hookList := slices.Clone(s.hookList)
	s.mu.Unlock()
	for _, tell := range s.hooks.load().onStopped {
		tell()
	}
	for _, hook := range slices.Backward(hookList) {
		s.stopHook(hook)
	}
	s.closeStore()
}
