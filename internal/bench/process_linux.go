package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// process is the broker's process, as /proc shows it.
type process struct{ dir string }

// newProcess returns nil for pid 0.
func newProcess(pid int) (*process, error) {
	if pid == 0 {
		return nil, nil //nolint:nilnil // no process is no error
	}
	p := &process{dir: "/proc/" + strconv.Itoa(pid)}
	if _, err := os.ReadFile(p.dir + "/stat"); err != nil {
		return nil, fmt.Errorf("broker process: %w", err)
	}
	return p, nil
}

// ticksPerSecond is USER_HZ, which is 100 on every system Go runs on.
const ticksPerSecond = 100

// time returns the CPU time spent, 0 once the process is gone.
func (p *process) time() time.Duration {
	b, err := os.ReadFile(p.dir + "/stat")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:]) // the name may hold spaces
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(string(fields[11]), 10, 64)   // the kernel writes numbers
	system, _ := strconv.ParseInt(string(fields[12]), 10, 64) // likewise
	return time.Duration(user+system) * time.Second / ticksPerSecond
}

// memory returns the resident bytes.
func (p *process) memory() int64 {
	b, err := os.ReadFile(p.dir + "/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(b)
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(string(fields[1]), 10, 64) // the kernel writes numbers
	return pages * int64(os.Getpagesize())
}
