package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/linnetmq/linnet/internal/bench"
)

// report is everything that was measured, and where.
type report struct {
	Date     string        `json:"date"`
	Machine  string        `json:"machine"`
	Go       string        `json:"go"`
	Commit   string        `json:"commit,omitempty"`
	Runs     int           `json:"runs"`
	Duration string        `json:"duration"`
	Results  []measurement `json:"results"`

	cases []testCase
	field []contender
}

// measurement is the result of one run.
type measurement struct {
	Broker string        `json:"broker"`
	Case   string        `json:"case"`
	Run    int           `json:"run"`
	Result *bench.Result `json:"result"`
}

func newReport(o options, all []testCase, field []contender) *report {
	return &report{
		Date: time.Now().UTC().Format(time.DateOnly), Machine: machine(), Go: runtime.Version(), Commit: commit(),
		Runs: o.runs, Duration: o.duration.String(), cases: all, field: field,
	}
}

// machine describes the processor and the system.
func machine() string {
	model := runtime.GOARCH
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	kernel := runtime.GOOS
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		kernel += " " + strings.TrimSpace(string(b))
	}
	return fmt.Sprintf("%s, %d CPUs, %s; brokers and load generator share it", model, runtime.NumCPU(), kernel)
}

// commit returns the checked-out commit, "" outside a repository.
func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty").Output() //nolint:noctx // it is local and short
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// column is one figure of a result. Of some more is better, of some less.
type column struct {
	name   string
	value  func(*bench.Result) float64
	less   bool
	format string
}

func latency(f func(*bench.Latency) float64) func(*bench.Result) float64 {
	return func(r *bench.Result) float64 {
		if r.Latency == nil {
			return 0
		}
		return f(r.Latency)
	}
}

func figure(name string) func(*bench.Result) float64 {
	return func(r *bench.Result) float64 { return r.Figure(name) }
}

// columns returns the figures worth a column for a pattern.
func columns(pattern string) []column {
	rate := column{"msg/s", func(r *bench.Result) float64 { return r.MessagesPerSecond }, false, "%.0f"}
	cpu := column{"broker CPU us/msg", func(r *bench.Result) float64 { return r.BrokerCPU }, true, "%.2f"}
	p50 := column{"p50 us", latency(func(l *bench.Latency) float64 { return l.P50 }), true, "%.0f"}
	p99 := column{"p99 us", latency(func(l *bench.Latency) float64 { return l.P99 }), true, "%.0f"}
	p999 := column{"p99.9 us", latency(func(l *bench.Latency) float64 { return l.P999 }), true, "%.0f"}
	longest := column{"max us", latency(func(l *bench.Latency) float64 { return l.Max }), true, "%.0f"}
	memory := column{"memory MB", func(r *bench.Result) float64 { return float64(r.BrokerMemory) / 1e6 }, true, "%.1f"}
	switch pattern {
	case "connect":
		rate.name = "connections/s"
		return []column{rate, {"bytes/connection", figure("memory per connection"), true, "%.0f"}, p50, p99}
	case "sub":
		rate.name = "subscriptions/s"
		return []column{rate, cpu, p50, p99}
	case "latency":
		return []column{p50, p99, p999, longest, cpu}
	case "wildcard":
		return []column{rate, cpu, {"subscriptions/s", figure("subscribe rate"), false, "%.0f"}, memory}
	case "retained":
		return []column{rate, cpu, {"stored/s", figure("store rate"), false, "%.0f"}, memory}
	case "offline":
		return []column{rate, cpu, {"queued/s", figure("queue rate"), false, "%.0f"}, memory}
	case "stress":
		return []column{
			{"publish fastest", figure("publish fastest"), false, "%.0f"},
			{"median", figure("publish median"), false, "%.0f"},
			{"slowest", figure("publish slowest"), false, "%.0f"},
			{"receive fastest", figure("receive fastest"), false, "%.0f"},
			{"median ", figure("receive median"), false, "%.0f"},
			{"slowest ", figure("receive slowest"), false, "%.0f"},
			rate,
		}
	}
	return []column{rate, cpu, p50, p99, memory}
}

// median returns the median of a figure over the runs of a broker that came to
// their end, and whether there was one.
func (r *report) median(broker, name string, c column) (float64, bool) {
	var values []float64
	for _, m := range r.Results {
		if m.Broker == broker && m.Case == name && m.Result.Error == "" {
			values = append(values, c.value(m.Result))
		}
	}
	if len(values) == 0 {
		return 0, false
	}
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2, true
}

// best returns the best median of all brokers, 0 if there is none above 0.
func (r *report) best(name string, c column) (best float64) {
	for _, b := range r.field {
		v, ok := r.median(b.Name, name, c)
		if ok && v > 0 && (best == 0 || (v < best) == c.less) {
			best = v
		}
	}
	return best
}

// table returns a case as rows: head first, then one a broker. A figure that is
// not the best has its ratio to the best behind it.
func (r *report) table(t testCase) [][]string {
	cols := columns(t.Config.Pattern)
	head := []string{"broker"}
	for _, c := range cols {
		head = append(head, c.name)
	}
	rows := [][]string{append(head, "faults")}
	for _, b := range r.field {
		row := []string{b.Name}
		for _, c := range cols {
			row = append(row, r.cell(b.Name, t.Name, c))
		}
		rows = append(rows, append(row, r.faultsOf(b.Name, t.Name)))
	}
	return rows
}

func (r *report) cell(broker, name string, c column) string {
	v, ok := r.median(broker, name, c)
	if !ok {
		return "-"
	}
	s := fmt.Sprintf(c.format, v)
	if best := r.best(name, c); best > 0 && v != best && v > 0 {
		s += fmt.Sprintf(" (x%.2g)", v/best)
	}
	return s
}

// faults says what went wrong in a run, "" if nothing did.
func faults(res *bench.Result) string {
	var all []string
	for _, f := range []struct {
		name string
		n    int64
	}{{"lost", res.Lost}, {"disordered", res.Disordered}, {"repeated", res.Duplicates}, {"corrupt", res.Corrupt}, {"unacknowledged", res.Unacknowledged}} {
		if f.n > 0 {
			all = append(all, fmt.Sprintf("%s %d", f.name, f.n))
		}
	}
	if res.Error != "" {
		first, _, _ := strings.Cut(res.Error, "\n")
		all = append(all, first)
	}
	return strings.Join(all, ", ")
}

// faultsOf joins the faults of all runs of a broker.
func (r *report) faultsOf(broker, name string) string {
	var all []string
	for _, m := range r.Results {
		if m.Broker != broker || m.Case != name {
			continue
		}
		if f := faults(m.Result); f != "" && !slices.Contains(all, f) {
			all = append(all, f)
		}
	}
	return strings.Join(all, "; ")
}

// printTables writes the tables for a terminal.
func (r *report) printTables(w io.Writer) error {
	for _, c := range r.cases {
		if _, err := fmt.Fprintf(w, "\n%s\n", c.Name); err != nil {
			return err
		}
		tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, row := range r.table(c) {
			if _, err := fmt.Fprintln(tw, strings.Join(row, "\t")); err != nil {
				return err
			}
		}
		if err := tw.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// page is the Markdown page.
func (r *report) page() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `# Benchmarks

<!-- Written by "go run ./bench/compare"; do not edit. -->

%s, %s. Machine: %s. Linnet %s. Medians of %d runs of %s each; every run has a
fresh broker, brokers take turns, logging is off, TCP_NODELAY is on and limits of
queues are high. Behind a figure that is not the best stands its ratio to the
best. Every message is verified: what was lost, repeated or out of order stands
under faults. A machine with few CPUs measures the load generator, too: CPU time
per message is the fairer figure there. All runs: [results.json](results.json).

To repeat: `+"`go run ./bench/compare`"+` (`+"`-help`"+` lists the flags; the brokers and their
configurations are in `+"`bench/compare/brokers.json`"+`).

`, r.Date, r.Go, r.Machine, r.Commit, r.Runs, r.Duration)
	for _, name := range sortedKeys(r.charts()) {
		fmt.Fprintf(&b, "![%s](%s)\n\n", r.charts()[name].title, name)
	}
	for _, c := range r.cases {
		fmt.Fprintf(&b, "## %s\n\n", c.Name)
		for i, row := range r.table(c) {
			fmt.Fprintf(&b, "| %s |\n", strings.ReplaceAll(strings.Join(row, "\x00"), "\x00", " | "))
			if i == 0 {
				fmt.Fprintf(&b, "|%s\n", strings.Repeat("---|", len(row)))
			}
		}
		b.WriteByte('\n')
	}
	return append(bytes.TrimRight(b.Bytes(), "\n"), '\n')
}
