package app

import (
	"bufio"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/linnetmq/linnet/packets"
	"github.com/linnetmq/linnet/topics"
)

// printer prints messages as they come, on the client's goroutine.
type printer struct {
	flags   *subFlags
	form    format
	out     *bufio.Writer
	printed atomic.Int64
	enough  chan struct{} // closed when no more is wanted, or printing has failed
	over    bool
	failed  error // set before enough is closed
}

// print prints one message, unless it is filtered out or enough were printed.
func (p *printer) print(pk *packets.Publish) {
	f := p.flags
	if p.over || f.noRetained && pk.Retain || f.retainedOnly && !pk.Retain {
		return
	}
	for _, filter := range f.exclude {
		if topics.Match(filter, pk.Topic) {
			return
		}
	}
	p.form.write(p.out, pk, time.Now())
	if !f.noNewline {
		_ = p.out.WriteByte('\n') // Flush tells about the error
	}
	err := p.out.Flush()
	if err != nil {
		err = fmt.Errorf("print message: %w", err)
	}
	if n := p.printed.Add(1); err != nil || f.count > 0 && n >= int64(f.count) {
		p.over, p.failed = true, err
		close(p.enough)
	}
}

// err is why printing ended; it may be asked when enough is closed.
func (p *printer) err() error { return p.failed }
