//go:build !linux

package bench

import (
	"errors"
	"time"
)

// process is the broker's process, which only Linux shows.
type process struct{}

func newProcess(pid int) (*process, error) {
	if pid != 0 {
		return nil, errors.New("broker process: its time and memory can be read on Linux only")
	}
	return nil, nil //nolint:nilnil // no process is no error
}

func (*process) time() time.Duration { return 0 }
func (*process) memory() int64       { return 0 }
