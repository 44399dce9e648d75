//go:build !linux

package app

// monotonicMicroseconds is for systemd, which is Linux's.
func monotonicMicroseconds() (int64, bool) { return 0, false }
