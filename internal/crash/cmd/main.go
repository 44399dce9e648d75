// Command cmd is the long run of package crash: it kills a linnet as often as it
// is told and ends with 1 if the broker did not keep what it had acknowledged.
//
//	go run ./internal/crash/cmd -program bin/linnet -kills 200 -- --durability fsync
//
// What stands behind -- goes to linnet serve.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/linnetmq/linnet/internal/crash"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run returns the exit code: 0 fine, 1 a rule was broken or the run failed, 2
// wrong usage.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("crash", flag.ContinueOnError)
	fs.SetOutput(stderr)
	program := fs.String("program", "bin/linnet", "the broker")
	seed := fs.Uint64("seed", uint64(time.Now().UnixNano())%1_000_000, "fixes what clients decide")
	kills := fs.Int("kills", 200, "how often the broker is killed")
	events := fs.Int("events", 1500, "the most events between two kills")
	late := fs.Duration("patience", 5*time.Second, "how long nothing may come before messages count as lost")
	if fs.Parse(args) != nil {
		return 2
	}
	dir, err := os.MkdirTemp("", "linnet-crash-")
	if err != nil {
		return fail(stderr, err)
	}
	report, err := crash.Run(ctx, &crash.Process{Program: *program, Dir: dir, Args: fs.Args()}, crash.Config{
		Seed: *seed, Kills: *kills, Events: *events, Patience: *late, Progress: stderr,
		Rerun: fmt.Sprintf("go run ./internal/crash/cmd -program %s -kills %d -events %d -seed %%d", *program, *kills, *events),
	})
	_, _ = io.WriteString(stdout, report.String()) // the exit code tells, too
	if err != nil || len(report.Violations) > 0 {
		return fail(stderr, errors.Join(err, keepHistory(report, dir)))
	}
	if err := os.RemoveAll(dir); err != nil {
		return fail(stderr, err)
	}
	return 0
}

// keepHistory writes the history beside the data and returns an error that says
// where both are.
func keepHistory(r *crash.Report, dir string) error {
	name := filepath.Join(dir, "history.txt")
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := errors.Join(r.WriteHistory(f), f.Close()); err != nil {
		return err
	}
	return fmt.Errorf("the data is left in %s, the whole history in %s", dir, name)
}

// fail tells why and returns the exit code for it.
func fail(stderr io.Writer, err error) int {
	_, _ = fmt.Fprintln(stderr, err) // there is nowhere else to tell
	return 1
}
