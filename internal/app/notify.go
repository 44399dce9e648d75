package app

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/linnetmq/linnet/mqtt"
)

// notifier tells systemd how the service is (sd_notify). Without systemd, whose
// socket NOTIFY_SOCKET names, it does nothing. It is not for children: it takes
// the variables out of the environment.
type notifier struct {
	socket *net.UnixAddr
	every  time.Duration // between signs of life, 0 for none

	stop context.CancelFunc
	beat sync.WaitGroup // the goroutine of watch
}

// newNotifier reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
func newNotifier() *notifier {
	n := new(notifier)
	name := os.Getenv("NOTIFY_SOCKET")
	usec, pid := os.Getenv("WATCHDOG_USEC"), os.Getenv("WATCHDOG_PID")
	for _, v := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		_ = os.Unsetenv(v) // the names are valid
	}
	if name == "" || name[0] != '/' && name[0] != '@' {
		return n
	}
	n.socket = &net.UnixAddr{Name: name, Net: "unixgram"}
	if pid == "" || pid == strconv.Itoa(os.Getpid()) {
		if limit, err := strconv.ParseInt(usec, 10, 64); err == nil && limit > 0 {
			n.every = time.Duration(limit) * time.Microsecond / 3
		}
	}
	return n
}

// service tells systemd about a running broker.
type service struct {
	*notifier
	log *slog.Logger
}

// notifyStart tells systemd that a broker serves, and from now on that it is
// alive as long as its figures can be had. The caller calls end before it shuts
// the broker down.
func notifyStart(srv *mqtt.Server, log *slog.Logger) *service {
	s := &service{newNotifier(), log}
	s.check(s.ready("serving clients"))
	s.watch(func(context.Context) error { _ = srv.Stats(); return nil }) // it takes the server's locks
	return s
}

// aroundReload tells of a reload, which tells the log about mistakes itself.
func (s *service) aroundReload(reload func() error) {
	s.check(s.reloading())
	status := "serving clients"
	if reload() != nil {
		status = "serving clients; the configuration was not reloaded"
	}
	s.check(s.ready(status))
}

// end tells that the broker is ending.
func (s *service) end() { s.check(s.stopping()) }

func (s *service) check(err error) {
	if err != nil {
		s.log.Warn("systemd cannot be told", "err", err)
	}
}

// ready tells that the service is up, or up again after reloading.
func (n *notifier) ready(status string) error { return n.send("READY=1\nSTATUS=" + status) }

// reloading tells that a reload has begun; ready ends it.
func (n *notifier) reloading() error {
	state := "RELOADING=1"
	if usec, ok := monotonicMicroseconds(); ok {
		state += "\nMONOTONIC_USEC=" + strconv.FormatInt(usec, 10)
	}
	return n.send(state)
}

// stopping tells that the service is ending, and stops the signs of life: an end
// that hangs is systemd's to see by its own time-out.
func (n *notifier) stopping() error {
	defer n.close()
	return n.send("STOPPING=1")
}

// watch sends signs of life, if systemd asks for them, each time alive returns
// nil. It may block: then there is none. close ends it.
func (n *notifier) watch(alive func(ctx context.Context) error) {
	if n.every == 0 {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	n.stop = stop
	n.beat.Go(func() { // ends with close
		tick := time.NewTicker(n.every)
		defer tick.Stop()
		for {
			if alive(ctx) == nil {
				_ = n.send("WATCHDOG=1") // systemd notices what is missing
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
}

// close ends watch.
func (n *notifier) close() {
	if n.stop != nil {
		n.stop()
		n.beat.Wait()
	}
}

// send writes one datagram.
func (n *notifier) send(state string) error {
	if n.socket == nil {
		return nil
	}
	conn, err := net.DialUnix(n.socket.Net, nil, n.socket)
	if err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	defer func() { _ = conn.Close() }() // a datagram is sent or not
	if _, err := conn.Write([]byte(state)); err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	return nil
}
