package listeners

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"
)

const (
	minAcceptPause = 5 * time.Millisecond
	maxAcceptPause = time.Second
	quietFor       = 10 * time.Second
)

// patience accepts from a net.Listener and waits out errors that pass: no more
// file descriptors, no memory, a peer that left before it was accepted. It
// belongs to one goroutine.
type patience struct {
	ln   net.Listener
	log  *slog.Logger
	id   string
	done <-chan struct{} // closed by the listener's Close
}

// accept returns the next connection, or an error that will not pass. The first
// error of an episode is logged when it happens, the others when it is over.
func (p *patience) accept() (net.Conn, error) {
	conn, err := p.ln.Accept()
	if err == nil || permanent(err) || p.closed() {
		return conn, err
	}
	p.log.Warn("accept fails, trying again until it works", "listener", p.id, "err", err)
	start, failures := time.Now(), 1
	for pause := minAcceptPause; ; pause = min(2*pause, maxAcceptPause) {
		if !p.wait(pause) {
			return nil, net.ErrClosed
		}
		if conn, err = p.ln.Accept(); err == nil || permanent(err) || p.closed() {
			break
		}
		failures++
	}
	if err == nil {
		p.log.Info("accept works again", "listener", p.id, "failures", failures, "after", time.Since(start))
	}
	return conn, err
}

// wait pauses and returns false when the listener was closed meanwhile.
func (p *patience) wait(pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.done:
		return false
	}
}

func (p *patience) closed() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// permanent reports whether the socket itself is gone, so that no patience helps.
func permanent(err error) bool {
	for _, gone := range []error{net.ErrClosed, io.EOF, syscall.EBADF, syscall.EINVAL, syscall.ENOTSOCK} {
		if errors.Is(err, gone) {
			return true
		}
	}
	return false
}

// quieter lets one log line through per period and counts the others, so that a
// port scanner cannot fill the disk.
type quieter struct {
	mu         sync.Mutex
	next       time.Time
	suppressed int
}

// allow reports whether to log now and how many lines were held back since.
func (q *quieter) allow() (suppressed int, ok bool) {
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	if now.Before(q.next) {
		q.suppressed++
		return 0, false
	}
	suppressed, q.suppressed = q.suppressed, 0
	q.next = now.Add(quietFor)
	return suppressed, true
}
