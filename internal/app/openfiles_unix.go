//go:build unix

package app

import "syscall"

// openFiles raises the soft limit of open files, and so of connections, to the
// hard limit and returns it; ok is false if the system does not tell. Go itself
// stops one below the hard limit.
func openFiles() (limit uint64, ok bool) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0, false
	}
	if raised := (syscall.Rlimit{Cur: l.Max, Max: l.Max}); l.Cur < l.Max && syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised) == nil {
		l = raised
	}
	return uint64(l.Cur), true //nolint:unconvert // the field is signed on some systems
}
