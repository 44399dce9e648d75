//go:build unix

package app

import (
	"os"
	"os/signal"
	"syscall"
)

// notifyReload makes SIGHUP ask for a reload.
func notifyReload(c chan<- os.Signal) { signal.Notify(c, syscall.SIGHUP) }
