package main

import (
	"bytes"
	"context"
	_ "embed" // for brokers.json
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"
)

// broker says how one broker is started. Command and Config are templates of a
// place.
type broker struct {
	Name string `json:"name"`
	// Build is a package of this module to build the binary from; else Binary
	// is looked up in PATH.
	Build   string   `json:"build,omitempty"`
	Binary  string   `json:"binary,omitempty"`
	Command []string `json:"command"`
	Config  []string `json:"config,omitempty"`
}

// place is what a broker's command and configuration may refer to.
type place struct {
	Bin, Dir, Config   string
	Port, Port2, Port3 int
}

//go:embed brokers.json
var builtIn []byte

// readBrokers returns the built-in brokers and those of a file, which replace
// built-in ones of the same name.
func readBrokers(file string) ([]broker, error) {
	all, err := parseBrokers("brokers.json", builtIn)
	if err != nil || file == "" {
		return all, err
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	more, err := parseBrokers(file, b)
	for _, m := range more {
		all = append(slices.DeleteFunc(all, func(a broker) bool { return a.Name == m.Name }), m)
	}
	return all, err
}

func parseBrokers(file string, b []byte) ([]broker, error) {
	var all []broker
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&all); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for _, b := range all {
		if b.Name == "" || len(b.Command) == 0 {
			return nil, fmt.Errorf("%s: a broker needs a name and a command: %+v", file, b)
		}
	}
	return all, nil
}

// find returns the path of the broker's binary: the given one, a built one in
// dir, or what PATH has. Debian keeps servers in /usr/sbin, which not every
// PATH lists.
func (b *broker) find(ctx context.Context, given, dir string) (string, error) {
	if given != "" {
		return filepath.Abs(given)
	}
	if b.Build != "" {
		bin := filepath.Join(dir, b.Name)
		out, err := exec.CommandContext(ctx, "go", "build", "-o", bin, b.Build).CombinedOutput() //nolint:gosec // what the user configured
		if err != nil {
			return "", fmt.Errorf("build %s: %w\n%s", b.Build, err, out)
		}
		return bin, nil
	}
	path, err := exec.LookPath(b.Binary)
	if err != nil {
		return exec.LookPath(filepath.Join("/usr/sbin", b.Binary))
	}
	return path, nil
}

// instance is a running broker.
type instance struct {
	url  string
	cmd  *exec.Cmd
	dir  string
	log  *os.File
	done chan struct{} // closed when the process has ended
	err  error         // how it ended; read it when done is closed
}

// startTimeout is how long a broker may take until it accepts connections.
const startTimeout = 15 * time.Second

// start starts the broker on free ports of the loopback and waits until it
// accepts connections.
func (b *broker) start(ctx context.Context, bin string) (*instance, error) {
	dir, err := os.MkdirTemp("", "compare-"+b.Name+"-")
	if err != nil {
		return nil, err
	}
	i := &instance{dir: dir, done: make(chan struct{})}
	if err := b.launch(ctx, i, bin); err != nil {
		i.stop()
		return nil, fmt.Errorf("start %s: %w", b.Name, err)
	}
	return i, nil
}

func (b *broker) launch(ctx context.Context, i *instance, bin string) error {
	ports, err := freePorts(3)
	if err != nil {
		return err
	}
	p := place{Bin: bin, Dir: i.dir, Config: filepath.Join(i.dir, "broker.conf"), Port: ports[0], Port2: ports[1], Port3: ports[2]}
	config, err := p.expand(strings.Join(b.Config, "\n") + "\n")
	if err != nil {
		return err
	}
	if err := os.WriteFile(p.Config, []byte(config), 0o600); err != nil {
		return err
	}
	args := make([]string, len(b.Command))
	for k, arg := range b.Command {
		if args[k], err = p.expand(arg); err != nil {
			return err
		}
	}
	if i.log, err = os.Create(filepath.Join(i.dir, "broker.log")); err != nil {
		return err
	}
	i.cmd = exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // what the user configured
	i.cmd.Dir, i.cmd.Stdout, i.cmd.Stderr = i.dir, i.log, i.log
	if err := i.cmd.Start(); err != nil {
		i.cmd = nil
		return err
	}
	go func() { i.err = i.cmd.Wait(); close(i.done) }() //arch:ok stop waits for it
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Port))
	i.url = "tcp://" + address
	return i.ready(ctx, address)
}

// ready waits until the address accepts connections.
func (i *instance) ready(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ticker.C:
		case <-i.done:
			return fmt.Errorf("it ended: %v; it said: %s", i.err, i.said()) //nolint:errorlint // nil is a way to end, too
		case <-ctx.Done():
			return fmt.Errorf("nothing listens on %s: %w; it said: %s", address, err, i.said())
		}
	}
}

// said returns the end of the broker's output.
func (i *instance) said() string {
	b, err := os.ReadFile(i.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-1000):])
}

// stopTimeout is how long a broker may take to end before it is killed.
const stopTimeout = 5 * time.Second

// stop ends the broker and removes its files.
func (i *instance) stop() {
	if i.cmd != nil {
		if i.cmd.Process.Signal(os.Interrupt) != nil {
			_ = i.cmd.Process.Kill() // it may have ended
		}
		timer := time.NewTimer(stopTimeout)
		defer timer.Stop()
		select {
		case <-i.done:
		case <-timer.C:
			_ = i.cmd.Process.Kill() // it may have ended
			<-i.done
		}
	}
	if i.log != nil {
		_ = i.log.Close() // the broker wrote to it, not we
	}
	_ = os.RemoveAll(i.dir) // it is in the temporary directory
}

func (p place) expand(text string) (string, error) {
	t, err := template.New("broker").Option("missingkey=error").Parse(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.Execute(&b, p)
	return b.String(), err
}

// freePorts returns n ports that nobody listens on.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it binds at once
		if err != nil {
			return nil, err
		}
		defer l.Close()
		addr, ok := l.Addr().(*net.TCPAddr)
		if !ok {
			return nil, errors.New("a TCP listener without TCP address")
		}
		ports = append(ports, addr.Port)
	}
	return ports, nil
}
