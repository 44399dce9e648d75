package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/linnetmq/linnet/internal/bench"
)

// sampled is a report of invented results.
func sampled() *report {
	r := &report{Date: "2026-01-02", Runs: 3, field: []contender{{broker: broker{Name: "one"}}, {broker: broker{Name: "two"}}, {broker: broker{Name: "three <&>"}}}}
	var err error
	if r.cases, err = selectCases(cases(time.Second, 0), "10 pairs QoS 0,latency,connect"); err != nil {
		panic(err)
	}
	for i := range 3 {
		for _, c := range r.cases {
			r.add("one", c.Name, &bench.Result{
				MessagesPerSecond: float64(1000 * (i + 1)), BrokerCPU: 1, Latency: &bench.Latency{P50: 10, P99: 20, P999: 30, Max: 40},
				Figures: []bench.Figure{{Name: "memory per connection", Value: 1000}},
			})
			r.add("two", c.Name, &bench.Result{
				MessagesPerSecond: 500, BrokerCPU: 4, Lost: 7, Latency: &bench.Latency{P50: 5, P99: 200, P999: 300, Max: 400},
				Figures: []bench.Figure{{Name: "memory per connection", Value: 250}},
			})
			r.add("three <&>", c.Name, &bench.Result{Error: "it ended\nat once"})
		}
	}
	return r
}

func (r *report) add(broker, name string, res *bench.Result) {
	r.Results = append(r.Results, measurement{Broker: broker, Case: name, Run: 1, Result: res})
}

func TestTable(t *testing.T) {
	t.Parallel()
	got := sampled().table(testCase{Name: "10 pairs QoS 0, 16 B", Config: bench.Config{Pattern: "p2p"}})
	want := [][]string{
		{"broker", "msg/s", "broker CPU us/msg", "p50 us", "p99 us", "memory MB", "faults"},
		{"one", "2000", "1.00", "10 (x2)", "20", "0.0", ""},
		{"two", "500 (x0.25)", "4.00 (x4)", "5", "200 (x10)", "0.0", "lost 7"},
		{"three <&>", "-", "-", "-", "-", "-", "it ended"},
	}
	if len(got) != len(want) {
		t.Fatalf("%d rows: %q", len(got), got)
	}
	for i := range want {
		if strings.Join(got[i], "|") != strings.Join(want[i], "|") {
			t.Errorf("row %d is %q, want %q", i, got[i], want[i])
		}
	}
}

func TestChartsAreXML(t *testing.T) {
	t.Parallel()
	charts := sampled().charts()
	if len(charts) != 4 {
		t.Fatalf("charts %v, want 4", sortedKeys(charts))
	}
	for name, c := range charts {
		d := xml.NewDecoder(bytes.NewReader(c.svg()))
		elements := 0
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if _, ok := token.(xml.StartElement); ok {
				elements++
			}
		}
		if elements < 10 || !strings.Contains(string(c.svg()), "three &lt;&amp;&gt;") {
			t.Errorf("%s has %d elements:\n%s", name, elements, c.svg())
		}
	}
}

func TestBarsKeepProportion(t *testing.T) {
	t.Parallel()
	c := chart{groups: []group{{values: []float64{0, 1, 2, 4}}}}
	if c.width(0) != 0 || c.width(4) != barWidth || c.width(1) != barWidth/4 {
		t.Errorf("widths %v, %v, %v", c.width(0), c.width(1), c.width(4))
	}
	c.log = true
	if uneven := (c.width(2) - c.width(1)) - (c.width(4) - c.width(2)); c.width(4) != barWidth || c.width(1) <= 0 || math.Abs(uneven) > 0.001 {
		t.Errorf("logarithmic widths %v, %v, %v", c.width(1), c.width(2), c.width(4))
	}
}

func TestBrokers(t *testing.T) {
	t.Parallel()
	all, err := readBrokers("")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range all {
		p := place{Bin: "/bin/b", Dir: "/d", Config: "/d/c", Port: 1001, Port2: 1002, Port3: 1003}
		text, err := p.expand(strings.Join(append(b.Command, b.Config...), "\n"))
		if err != nil || !strings.Contains(text, "1001") || strings.Contains(text, "{{.") {
			t.Errorf("%s: %v\n%s", b.Name, err, text)
		}
	}
	file := filepath.Join(t.TempDir(), "more.json")
	write := func(s string) {
		if err := os.WriteFile(file, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`[{"name": "mosquitto", "command": ["x"]}, {"name": "new", "command": ["y"]}]`)
	more, err := readBrokers(file)
	if err != nil || len(more) != len(all)+1 || more[len(more)-2].Command[0] != "x" {
		t.Errorf("error %v, brokers %+v", err, more)
	}
	for _, bad := range []string{"", `[{"name": "a"}]`, `[{"name": "a", "command": ["b"], "port": 1}]`} {
		write(bad)
		if _, err := readBrokers(file); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestWrongUsage(t *testing.T) {
	t.Parallel()
	for args, says := range map[string]string{
		"-runs 0":             "at least one run",
		"x":                   "no arguments",
		"-bin x":              "name=path",
		"-cases nothing":      "no pattern or case",
		"-brokers nobody":     `no broker is called "nobody"`,
		"-file /nonexistent":  "no such file",
		"-brokers nanomq-not": "no broker",
	} {
		err := run(t.Context(), strings.Fields(args), io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", args, err, says)
		}
	}
}

func TestBrokerThatDoesNotStart(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		command []string
		says    string
	}{
		{"missing", []string{"/nonexistent"}, "no such file"},
		{"ends", []string{"sh", "-c", "echo sorry"}, "sorry"},
		{"bad template", []string{"{{.Nothing}}"}, "Nothing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := contender{broker: broker{Name: "b", Command: tt.command}}
			res := measureOne(t.Context(), b, testCase{Config: bench.Config{Pattern: "p2p"}})
			if !strings.Contains(res.Error, tt.says) {
				t.Errorf("error %q, want %q", res.Error, tt.says)
			}
		})
	}
}

// A real comparison, of the test broker with itself.
func TestCompare(t *testing.T) {
	t.Chdir("../..") // as the command is run
	dir := t.TempDir()
	file := filepath.Join(dir, "brokers.json")
	twin := `[{"name": "twin", "build": "./internal/bench/testbroker", "command": ["{{.Bin}}", "-listen", "127.0.0.1:{{.Port}}"]}]`
	if err := os.WriteFile(file, []byte(twin), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	var out, progress bytes.Buffer
	args := []string{"-file", file, "-brokers", "linnet,twin", "-cases", "10 pairs QoS 0,sub", "-runs", "2", "-duration", "20ms", "-out", filepath.Join(dir, "out")}
	if err := run(ctx, args, &out, &progress); err != nil {
		t.Fatal(err, progress.String())
	}
	b, err := os.ReadFile(filepath.Join(dir, "out", "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(b, &r); err != nil || len(r.Results) != 16 {
		t.Fatalf("%d results, error %v\n%s", len(r.Results), err, progress.String())
	}
	for i, m := range r.Results {
		if !m.Result.OK() || m.Result.Received == 0 || m.Broker != []string{"linnet", "twin"}[i%2] {
			t.Errorf("result %d: %s %+v", i, m.Broker, m.Result)
		}
	}
	page, err := os.ReadFile(filepath.Join(dir, "out", "README.md"))
	if err != nil || !strings.Contains(string(page), "| twin | ") || !strings.Contains(string(page), "(throughput.svg)") {
		t.Errorf("error %v, page:\n%s", err, page)
	}
	if !strings.Contains(out.String(), "10 pairs QoS 0, 16 B") {
		t.Errorf("tables:\n%s", out.String())
	}
}
