// Command compare measures brokers against one another with package bench: each
// run has a fresh process on the loopback, brokers take turns, and medians count.
// It prints tables, and writes the results as JSON and as a Markdown page with
// plots. It is run in the module's directory: go run ./bench/compare
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/linnetmq/linnet/internal/bench"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// binaries are the -bin flags: name=path.
type binaries map[string]string

func (b binaries) String() string { return "" }

func (b binaries) Set(s string) error {
	name, path, ok := strings.Cut(s, "=")
	if !ok {
		return errors.New("want name=path")
	}
	b[name] = path
	return nil
}

// options are the flags.
type options struct {
	brokers, file, cases, out string
	runs                      int
	duration, idle            time.Duration
	bins                      binaries
}

func parse(args []string, stderr io.Writer) (options, error) {
	o := options{bins: binaries{}}
	fs := flag.NewFlagSet("compare", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.brokers, "brokers", "", "names of brokers, comma-separated; default: all whose binary is found")
	fs.StringVar(&o.file, "file", "", "JSON file with more brokers, in the form of bench/compare/brokers.json")
	fs.Var(o.bins, "bin", "binary of a broker, as name=path; may be repeated")
	fs.StringVar(&o.cases, "cases", "", "patterns or beginnings of case names, comma-separated; default: all")
	fs.StringVar(&o.out, "out", "docs/benchmarks", "folder for the page, its plots and the results")
	fs.IntVar(&o.runs, "runs", 3, "runs of each case with each broker")
	fs.DurationVar(&o.duration, "duration", 5*time.Second, "time of one measurement")
	fs.DurationVar(&o.idle, "idle", 30*time.Second, "rest of idle connections before their memory is measured")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 || o.runs < 1 || o.duration <= 0 {
		return o, fmt.Errorf("want no arguments, at least one run and a duration above 0")
	}
	return o, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	all, err := selectCases(cases(o.duration, o.idle), o.cases)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "compare-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // it is in the temporary directory
	field, err := o.field(ctx, dir, stderr)
	if err != nil {
		return err
	}
	report := newReport(o, all, field)
	if err := report.measure(ctx, stderr); err != nil {
		return err
	}
	if err := report.printTables(stdout); err != nil {
		return err
	}
	return report.write(o.out)
}

// contender is a broker and where its binary is.
type contender struct {
	broker
	bin string
}

// field returns the brokers to compare. One that was named must be found.
func (o *options) field(ctx context.Context, dir string, stderr io.Writer) ([]contender, error) {
	brokers, err := readBrokers(o.file)
	if err != nil {
		return nil, err
	}
	var named []string
	if o.brokers != "" {
		named = strings.Split(o.brokers, ",")
	}
	var field []contender
	for _, b := range brokers {
		if named != nil && !slices.Contains(named, b.Name) {
			continue
		}
		bin, err := b.find(ctx, o.bins[b.Name], dir)
		if err != nil {
			if named != nil || b.Build != "" {
				return nil, fmt.Errorf("broker %s: %w", b.Name, err)
			}
			tell(stderr, "without %s: %v\n", b.Name, err)
			continue
		}
		field = append(field, contender{b, bin})
	}
	for _, name := range named {
		if !slices.ContainsFunc(field, func(c contender) bool { return c.Name == name }) {
			return nil, fmt.Errorf("no broker is called %q", name)
		}
	}
	return field, nil
}

// measure makes all runs, brokers in turn, so that what changes on the machine
// with time falls on all of them.
func (r *report) measure(ctx context.Context, progress io.Writer) error {
	for n := range r.Runs {
		for _, c := range r.cases {
			for _, b := range r.field {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				res := measureOne(ctx, b, c)
				r.Results = append(r.Results, measurement{Broker: b.Name, Case: c.Name, Run: n + 1, Result: res})
				tell(progress, "%d/%d  %-26s %-12s %12.0f msg/s  %s\n", n+1, r.Runs, c.Name, b.Name, res.MessagesPerSecond, faults(res))
			}
		}
	}
	return nil
}

// tell writes to standard error. When that fails there is nobody else to tell.
func tell(stderr io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(stderr, format, args...) }

// measureOne makes one run with a fresh process. What fails is part of the result.
func measureOne(ctx context.Context, b contender, c testCase) *bench.Result {
	i, err := b.start(ctx, b.bin)
	if err != nil {
		return &bench.Result{Pattern: c.Config.Pattern, Error: err.Error()}
	}
	defer i.stop()
	cfg := c.Config
	cfg.URL, cfg.PID = i.url, i.cmd.Process.Pid
	res, err := bench.Run(ctx, cfg)
	if res == nil {
		return &bench.Result{Pattern: c.Config.Pattern, Error: err.Error()}
	}
	return res
}

// write writes the results, the plots and the page.
func (r *report) write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // documentation for everybody
		return err
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	files := map[string][]byte{"results.json": append(b, '\n')}
	for name, c := range r.charts() {
		files[name] = c.svg()
	}
	files["README.md"] = r.page()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil { //nolint:gosec // documentation for everybody
			return err
		}
	}
	return nil
}
