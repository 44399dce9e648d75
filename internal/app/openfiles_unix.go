//go:build unix

package app

import "syscall"

// openFiles returns how many files and connections this process may have open;
// ok is false if the system does not tell. Go has raised the soft limit to one
// below the hard one when the process started.
func openFiles() (limit uint64, ok bool) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0, false
	}
	return uint64(l.Cur), true //nolint:unconvert // the field is signed on some systems
}
