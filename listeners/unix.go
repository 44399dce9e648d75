package listeners

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// staleTest is how long a socket file that is already there may take to answer.
const staleTest = time.Second

// UnixSock listens on a Unix socket. Connections are handed over as the
// *net.UnixConn itself.
type UnixSock struct{ acceptor }

// NewUnixSock returns a listener for the socket file path; on Linux "@name" is an
// abstract socket without a file. A socket left behind by a dead program is
// removed by Listen; a live one, or a file of another kind, is not touched and
// makes Listen fail. Close removes the file. cfg may be left out.
func NewUnixSock(id, path string, cfg ...*Config) *UnixSock {
	var first *Config
	if len(cfg) > 0 {
		first = cfg[0]
	}
	l := &UnixSock{newAcceptor(id, "unix", path, first)}
	l.bind = func() (net.Listener, error) { return bindUnix(path, l.cfg.UnixMode) }
	return l
}

// bindUnix clears a stale file away, listens and sets the file's permissions.
func bindUnix(path string, mode os.FileMode) (net.Listener, error) {
	abstract := strings.HasPrefix(path, "@")
	if !abstract {
		if err := removeStale(path); err != nil {
			return nil, err
		}
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(context.Background(), "unix", path)
	if errors.Is(err, syscall.EINVAL) {
		return nil, fmt.Errorf("%w: the path may be too long, most systems allow about 100 bytes", cause(err))
	}
	if err != nil || abstract {
		return ln, err
	}
	if mode != 0 {
		if err := os.Chmod(path, mode); err != nil {
			ln.Close() // the error that matters is the one before
			return nil, fmt.Errorf("set permissions: %w", err)
		}
	}
	return newOwnedSocket(ln, path)
}

// removeStale removes path if it is a socket on which nobody listens.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at what is there: %w", err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errors.New("a file that is no socket is in the way; remove it or choose another path")
	}
	dialer := net.Dialer{Timeout: staleTest}
	conn, err := dialer.DialContext(context.Background(), "unix", path)
	if err == nil {
		conn.Close() // it was only a test
		return syscall.EADDRINUSE
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("the socket that is there is neither alive nor dead (%w); remove it or choose another path", cause(err))
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove stale socket: %w", err)
	}
	return nil
}

// ownedSocket removes its file on Close, unless the file is another one by now.
type ownedSocket struct {
	net.Listener
	path string
	made os.FileInfo
}

func newOwnedSocket(ln net.Listener, path string) (net.Listener, error) {
	made, err := os.Lstat(path)
	if err != nil {
		ln.Close() // the error that matters is the one before
		return nil, fmt.Errorf("look at the new socket: %w", err)
	}
	if unix, ok := ln.(*net.UnixListener); ok {
		unix.SetUnlinkOnClose(false)
	}
	return &ownedSocket{Listener: ln, path: path, made: made}, nil
}

// Close removes the file and stops listening.
func (s *ownedSocket) Close() error {
	if now, err := os.Lstat(s.path); err == nil && os.SameFile(now, s.made) {
		if err := os.Remove(s.path); err != nil {
			return errors.Join(err, s.Listener.Close())
		}
	}
	return s.Listener.Close()
}
