package listeners

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// scripted is a net.Listener that gives back what it is told to.
type scripted struct {
	steps chan any // error or net.Conn
	once  sync.Once
	done  chan struct{}
	calls int
	when  []time.Time // of each Accept
}

func newScripted(steps ...any) *scripted {
	s := &scripted{steps: make(chan any, len(steps)), done: make(chan struct{})}
	for _, step := range steps {
		s.steps <- step
	}
	return s
}

func (s *scripted) Accept() (net.Conn, error) {
	s.calls++
	s.when = append(s.when, time.Now())
	select {
	case step := <-s.steps:
		if err, ok := step.(error); ok {
			return nil, err
		}
		return step.(net.Conn), nil
	default:
	}
	<-s.done
	return nil, net.ErrClosed
}

func (s *scripted) Close() error {
	s.once.Do(func() { close(s.done) })
	return nil
}

func (s *scripted) Addr() net.Addr { return memoryAddr{} }

func acceptError(errno syscall.Errno) error {
	return &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", errno)}
}

func TestAcceptErrorsAreWaitedOut(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
	}{
		{"too many files in the process", acceptError(syscall.EMFILE)},
		{"too many files in the system", acceptError(syscall.ENFILE)},
		{"peer left", acceptError(syscall.ECONNABORTED)},
		{"no memory", acceptError(syscall.ENOMEM)},
		{"unknown", errors.New("something odd")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var steps []any
				for range 10 {
					steps = append(steps, tt.err)
				}
				client, server := newPipe()
				ln := newScripted(append(steps, server)...)
				book := newLogBook()
				l := NewNet("x", ln)
				start(t, l, book.logger(), echo)
				mustWrite(t, client, []byte("at last"))
				mustRead(t, client, "at last")
				client.Close()
				synctest.Wait() // Serve is in Accept again

				want := []time.Duration{5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000}
				for i, pause := range want {
					if got := ln.when[i+1].Sub(ln.when[i]); got != pause*time.Millisecond {
						t.Errorf("pause %d was %v, want %v", i, got, pause*time.Millisecond)
					}
				}
				text := book.String()
				if strings.Count(text, "accept fails") != 1 || strings.Count(text, "failures=10") != 1 ||
					!strings.Contains(text, tt.err.Error()) {
					t.Errorf("want one line at the beginning and one at the end, got\n%s", text)
				}
			})
		})
	}
}

func TestCloseEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var steps []any
		for range 1000 {
			steps = append(steps, acceptError(syscall.EMFILE))
		}
		l := NewNet("x", newScripted(steps...))
		if err := l.Listen(nil); err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- l.Serve(echo) }()
		synctest.Wait() // the first pause has begun
		begin := time.Now()
		l.Close(t.Context())
		if err := <-served; err != nil {
			t.Error(err)
		}
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("Serve went on for %v", waited)
		}
	})
}

func TestBrokenSocketEndsServe(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
	}{
		{"closed by somebody else", net.ErrClosed},
		{"end", io.EOF},
		{"bad descriptor", acceptError(syscall.EBADF)},
		{"bad descriptor after trouble", acceptError(syscall.EINVAL)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := NewNet("x", newScripted(acceptError(syscall.EMFILE), tt.err))
				book := newLogBook()
				if err := l.Listen(book.logger()); err != nil {
					t.Fatal(err)
				}
				if err := l.Serve(echo); !errors.Is(err, tt.err) || !strings.Contains(err.Error(), "listener x: accept on memory") {
					t.Errorf("Serve returned %v", err)
				}
				if !strings.Contains(book.String(), "level=ERROR") {
					t.Errorf("log: %s", book)
				}
			})
		})
	}
}

func TestQuieter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q quieter
		if n, ok := q.allow(); n != 0 || !ok {
			t.Errorf("first: %d, %v", n, ok)
		}
		for range 3 {
			if _, ok := q.allow(); ok {
				t.Error("a second line within the period")
			}
		}
		<-time.After(quietFor)
		if n, ok := q.allow(); n != 3 || !ok {
			t.Errorf("after the period: %d, %v, want 3, true", n, ok)
		}
	})
}
