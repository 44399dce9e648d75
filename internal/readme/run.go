package readme

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

const module = "github.com/linnetmq/linnet"

// runner compiles and runs blocks. The folders belong to the caller.
type runner struct {
	repository string   // root of the module, absolute
	work       string   // scratch folder
	broker     []string // command that serves at the address behind its flag -p
}

// do does with a block what its marker, or its being a program, asks for. The
// error holds the output of what failed.
func (r *runner) do(ctx context.Context, b block) error {
	switch {
	case b.lang == "go" && (b.mark != "" || b.program()):
		if !b.program() {
			return fmt.Errorf("%s: make it a whole program, beginning with package main", b)
		}
		return r.compile(ctx, b)
	case b.lang == "sh" && b.mark == markRun:
		return r.shell(ctx, b.text)
	case b.lang == "sh" && b.mark == markRunBroker:
		return r.shellWithBroker(ctx, b.text)
	case b.mark != "":
		return fmt.Errorf("%s: the marker %q does not fit a block of %q", b, b.mark, b.lang)
	}
	return nil
}

// compile vets the program in a module of its own, which requires ours as it
// stands, and runs it if marked so. It must end by itself.
func (r *runner) compile(ctx context.Context, b block) error {
	dir, err := os.MkdirTemp(r.work, "go")
	if err != nil {
		return err
	}
	gomod, err := os.ReadFile(filepath.Join(r.repository, "go.mod"))
	if err != nil {
		return err
	}
	files := map[string]string{
		"main.go": b.text,
		"go.mod": strings.Replace(string(gomod), "module "+module, "module example.test/snippet", 1) +
			fmt.Sprintf("\nrequire %s v0.0.0\n\nreplace %s => %s\n", module, module, r.repository),
	}
	if sum, err := os.ReadFile(filepath.Join(r.repository, "go.sum")); err == nil {
		files["go.sum"] = string(sum)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	if err := r.command(ctx, dir, nil, "go", "vet", "-mod=mod", "."); err != nil || b.mark != markRun {
		return err
	}
	return r.command(ctx, dir, nil, "go", "run", "-mod=mod", ".")
}

// mustFail is a line that expects a command to fail, which bash -e ignores.
var mustFail = regexp.MustCompile(`(?m)^! (.*)$`)

// shell runs the lines in an empty folder, where the programs in bin of the
// scratch folder can be called. Any failing line fails the block.
func (r *runner) shell(ctx context.Context, text string) error {
	dir, err := os.MkdirTemp(r.work, "sh")
	if err != nil {
		return err
	}
	env := []string{
		"PATH=" + filepath.Join(r.work, "bin") + string(os.PathListSeparator) + os.Getenv("PATH"),
		"LINNET_DATA_DIR=" + filepath.Join(r.work, "linnet-data"), // of the broker, which runs elsewhere
	}
	return r.command(ctx, dir, env, "bash", "-euo", "pipefail", "-c", mustFail.ReplaceAllString(text, "if $1\nthen echo 'it did not fail'; exit 1; fi"))
}

// shellWithBroker runs the lines while a broker listens. The pages say 1883;
// here every 1883 is the free port the broker was given.
func (r *runner) shellWithBroker(ctx context.Context, text string) error {
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var out strings.Builder
	args := append(slices.Clone(r.broker[1:]), "-p", "127.0.0.1:"+port, "-ws", "off")
	broker := exec.CommandContext(ctx, r.broker[0], args...) //nolint:gosec // the caller's own command
	broker.Dir, broker.Stdout, broker.Stderr = r.work, &out, &out
	broker.WaitDelay = 5 * time.Second
	if err := broker.Start(); err != nil {
		return fmt.Errorf("start the broker: %w", err)
	}
	var wg sync.WaitGroup
	exited := make(chan struct{})
	wg.Go(func() { // ends with the process, which cancel kills
		defer close(exited)
		_ = broker.Wait() // killed on purpose; out tells more
	})
	err = waitForPort(ctx, "127.0.0.1:"+port, exited)
	if err == nil {
		err = r.shell(ctx, strings.ReplaceAll(text, "1883", port))
	}
	cancel()
	wg.Wait()
	if err != nil {
		return fmt.Errorf("%w\nthe broker said:\n%s", err, out.String())
	}
	return nil
}

func freePort(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// waitForPort returns once the address takes connections, or with an error
// when the broker has exited or ctx is done.
func waitForPort(ctx context.Context, address string, exited <-chan struct{}) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if conn, err := new(net.Dialer).DialContext(ctx, "tcp", address); err == nil {
			conn.Close()
			return nil
		}
		select {
		case <-exited:
			return errors.New("the broker ended before it listened")
		case <-ctx.Done():
			return fmt.Errorf("wait for the broker: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

func (r *runner) command(ctx context.Context, dir string, env []string, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // commands of our own pages
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	cmd.WaitDelay = 5 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, args[0], err, out)
	}
	return nil
}
