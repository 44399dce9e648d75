package crash

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os/exec"
	"sync"
	"time"
)

// Process is the program linnet on a data directory, killed with SIGKILL. That
// proves what the broker stores before it acknowledges, and how it starts again;
// it does not prove that anything reached the disk, for the system keeps what
// was written.
type Process struct {
	// Program and Env, added to the environment, name the program; Args follow
	// "serve" and its address.
	Program string
	Env     []string
	Args    []string
	// Dir is the data directory. The process belongs to it alone.
	Dir string

	cmd *exec.Cmd
	out *output
	end chan ending // gets the process's end; room for it, so that nobody must wait
}

// ending is how a process ended.
type ending struct{ err error }

var (
	_ Broker      = (*Process)(nil)
	_ interrupter = (*Process)(nil)
)

// launch starts the process.
func (p *Process) launch() error {
	args := append([]string{"serve", "-p", "127.0.0.1:0", "--wsport", "off", "--data", p.Dir, "--log-format", "json"}, p.Args...)
	cmd := exec.Command(p.Program, args...) //nolint:gosec,noctx // the program under test, which is killed by Kill
	cmd.Env = append(cmd.Environ(), p.Env...)
	p.out = &output{ready: make(chan string, 1)} // it is told once
	cmd.Stderr = p.out
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.Program, err)
	}
	end := make(chan ending, 1)
	p.cmd, p.end = cmd, end
	go func() { end <- ending{cmd.Wait()} }() //arch:ok ends with the process, which Kill ends
	return nil
}

// startPatience is how long the start may take; a large store has much to read.
const startPatience = 30 * time.Second

// Start implements [Broker].
func (p *Process) Start(ctx context.Context) (func(context.Context) (net.Conn, error), error) {
	if err := p.launch(); err != nil {
		return nil, err
	}
	timer := time.NewTimer(startPatience)
	defer timer.Stop()
	select {
	case address := <-p.out.ready:
		return func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", address)
		}, nil
	case end := <-p.end:
		p.cmd = nil
		return nil, fmt.Errorf("%s ended at its start: %w\n%s", p.Program, end.err, p.out)
	case <-timer.C:
		return nil, fmt.Errorf("%s is not ready after %s\n%s", p.Program, startPatience, p.out)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// StartInterrupted implements interrupter.
func (p *Process) StartInterrupted(ctx context.Context, d time.Duration) error {
	if err := p.launch(); err != nil {
		return err
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.out.ready:
	case <-ctx.Done():
	}
	return p.Kill()
}

// Kill implements [Broker]. A process that has ended by itself is an error.
func (p *Process) Kill() error {
	if p.cmd == nil {
		return nil
	}
	select {
	case end := <-p.end:
		p.cmd = nil
		return fmt.Errorf("%s ended by itself: %w\n%s", p.Program, end.err, p.out)
	default:
	}
	err := p.cmd.Process.Kill()
	<-p.end // it was killed, and says so
	p.cmd = nil
	return err
}

// Log implements [Broker].
func (p *Process) Log() string {
	if p.out == nil {
		return ""
	}
	return p.out.String()
}

// output keeps the last of what a process says, and finds its address.
type output struct {
	mu    sync.Mutex
	text  []byte
	line  []byte
	ready chan string
}

// keptOutput is how many bytes of output are kept.
const keptOutput = 8 << 10

// Write implements io.Writer.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, b...)
	o.text = o.text[max(0, len(o.text)-keptOutput):]
	o.line = append(o.line, b...)
	for {
		line, rest, ok := bytes.Cut(o.line, []byte("\n"))
		if !ok {
			return len(b), nil
		}
		o.look(line)
		o.line = rest
	}
}

// look finds the address in the line that says ready.
func (o *output) look(line []byte) {
	var ready struct {
		Msg  string   `json:"msg"`
		URLs []string `json:"urls"`
	}
	if json.Unmarshal(line, &ready) != nil || ready.Msg != "ready" {
		return
	}
	for _, raw := range ready.URLs {
		if u, err := url.Parse(raw); err == nil && u.Scheme == "mqtt" {
			o.ready <- u.Host
			return
		}
	}
}

// String returns the last of the output.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text)
}
