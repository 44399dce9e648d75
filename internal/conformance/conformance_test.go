package conformance

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// openAllowed lets statements without a test pass while the broker is young.
// Set it to false once docs/conformance.md shows no OPEN line.
const openAllowed = false

const repository = "../.."

func check(t *testing.T) []Result {
	t.Helper()
	results, err := Check(os.DirFS(repository))
	if err != nil {
		t.Fatal(err)
	}
	return results
}

func TestPageIsUpToDate(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(repository + "/docs/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(page, Report(check(t))) {
		t.Error("docs/conformance.md is out of date: run make conformance and commit the result")
	}
}

func TestNoStatementIsOpen(t *testing.T) {
	t.Parallel()
	var open []string
	for _, r := range check(t) {
		if r.Open() {
			open = append(open, r.ID)
		}
	}
	if len(open) > 0 && !openAllowed {
		t.Errorf("%d statements have no test: %s", len(open), strings.Join(open, " "))
	}
	if len(open) == 0 && openAllowed {
		t.Error("every statement has a test: set openAllowed to false so that it stays so")
	}
}

func TestStatementsAreComplete(t *testing.T) {
	t.Parallel()
	statements, err := Statements()
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	last := map[string]int{}
	for _, s := range statements {
		count[s.Version]++
		if words := len(strings.Fields(s.Text)); words > 15 {
			t.Errorf("%s: %d words, want at most 15", s.ID, words)
		}
		dash := strings.LastIndexByte(s.ID, '-')
		section := s.ID[:dash]
		n, err := strconv.Atoi(s.ID[dash+1:])
		if err != nil {
			t.Fatal(err)
		}
		want := last[section] + 1
		if section == "MQTT-2.2.1" && want == 1 {
			want = 2 // the standard has no MQTT-2.2.1-1
		}
		if n != want {
			t.Errorf("%s stands where number %d is due in its section", s.ID, want)
		}
		last[section] = n
	}
	if count["5.0"] != 251 || count["3.1.1"] != 141 {
		t.Errorf("have %d statements of 5.0 and %d of 3.1.1, want 251 and 141", count["5.0"], count["3.1.1"])
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const good = "MQTT-1.1.1-1\t5.0\ttext\tserver\t-\t-"
	tests := []struct {
		name, body, want string
	}{
		{"a missing column", "MQTT-1.1.1-1\t5.0\ttext\tserver\t-", "6 columns"},
		{"an id of another form", "1.1.1-1\t5.0\ttext\tserver\t-\t-", "not the id"},
		{"an id listed twice", good + "\n" + good, "twice"},
		{"the wrong version", "MQTT311-1.1.1-1\t5.0\ttext\tserver\t-\t-", "belongs to version 3.1.1"},
		{"an unknown duty", "MQTT-1.1.1-1\t5.0\ttext\tbroker\t-\t-", "unknown duty"},
		{"a client's duty without reason", "MQTT-1.1.1-1\t5.0\ttext\tclient\t-\t-", "need one"},
		{"a twin that does not exist", "MQTT311-1.1.1-1\t3.1.1\ttext\tserver\t-\tMQTT-1.1.1-1", "no statement of MQTT 5.0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := parse(header + "\n" + tt.body + "\n")
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("parse: %v, want an error with %q", err, tt.want)
			}
		})
	}
	if _, err := parse("# note\nno header\n"); err == nil {
		t.Error("parse accepted a file without header")
	}
}

func TestScanFindsTags(t *testing.T) {
	t.Parallel()
	const body = `package p
// [MQTT-1.1.1-1]
func TestAbove(t *T) {}
func TestInside(t *T) {
	t.Run("bad string [MQTT-1.1.1-2]", nil) // [MQTT311-1.1.1-3]
} // [MQTT-1.1.1-9]
func TestNamed_MQTT_1_1_1_4(t *T) {}
var table = []string{"[MQTT-1.1.1-5]"}
func TestTable(t *T) { useTable(t) }
func FuzzTable(f *F) { useTable(f) }
func useTable(t TB) { _ = table }
`
	tags, err := Scan(fstest.MapFS{
		"q/p_test.go":                     {Data: []byte(body)},
		"q/other_test.go":                 {Data: []byte("package p\nfunc TestOther(t *T) {\n// [MQTT-1.1.1-1]\n}\n")},
		"q/p.go":                          {Data: []byte("package p // [MQTT-7.7.7-7]\n")},
		"q/testdata/x_test.go":            {Data: []byte("not go")},
		"internal/conformance/tm_test.go": {Data: []byte("not go")},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"MQTT-1.1.1-1":    "TestOther TestAbove",
		"MQTT-1.1.1-2":    "TestInside",
		"MQTT311-1.1.1-3": "TestInside",
		"MQTT-1.1.1-4":    "TestNamed_MQTT_1_1_1_4",
		"MQTT-1.1.1-5":    "FuzzTable TestTable",
		"MQTT-1.1.1-9":    "TestInside",
	}
	for id, names := range want {
		var got []string
		for _, test := range tags[id] {
			got = append(got, test.Name)
		}
		if strings.Join(got, " ") != names {
			t.Errorf("%s: have %q, want %q", id, got, names)
		}
	}
	if len(tags) != len(want) {
		t.Errorf("have %d tags, want %d: %v", len(tags), len(want), tags)
	}
}

func TestScanRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body, want string
	}{
		{"a tag outside of declarations", "package p\n\n// [MQTT-1.1.1-1]\n\nfunc TestA() {}\n", "p_test.go:3: [MQTT-1.1.1-1] stands outside"},
		{"a tag in a helper nobody uses", "package p\nfunc help() {\n// [MQTT-1.1.1-1]\n}\nfunc TestA() {}\n", "p_test.go:3: [MQTT-1.1.1-1] stands in help"},
		{"a tag in a benchmark", "package p\n// [MQTT-1.1.1-1]\nfunc BenchmarkA() {}\n", "no test uses"},
		{"two numbers in one tag", "package p\n// [MQTT-1.1.1-1, -2]\nfunc TestA() {}\n", "is no tag"},
		{"a file that is not Go", "package", "read tags"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Scan(fstest.MapFS{"p_test.go": {Data: []byte(tt.body)}})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Scan: %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestJoinCoversTwins(t *testing.T) {
	t.Parallel()
	statements := []Statement{
		{ID: "MQTT-1.1.1-1", Version: "5.0", Duty: Server},
		{ID: "MQTT-1.1.1-2", Version: "5.0", Duty: Server},
		{ID: "MQTT-1.1.1-3", Version: "5.0", Duty: Client, Reason: "theirs"},
		{ID: "MQTT311-1.1.1-1", Version: "3.1.1", Duty: Server, SameAs: []string{"MQTT-1.1.1-1"}},
		{ID: "MQTT311-1.1.1-2", Version: "3.1.1", Duty: Server, SameAs: []string{"MQTT-1.1.1-1", "MQTT-1.1.1-2"}},
	}
	results, err := join(statements, Tags{"MQTT-1.1.1-1": {{File: "p/p_test.go", Name: "TestA"}}})
	if err != nil {
		t.Fatal(err)
	}
	var open []string
	for _, r := range results {
		if r.Open() {
			open = append(open, r.ID)
		}
	}
	if got, want := strings.Join(open, " "), "MQTT-1.1.1-2 MQTT311-1.1.1-2"; got != want {
		t.Errorf("open: %s, want %s", got, want)
	}
	page := string(Report(results))
	for _, want := range []string{
		"| MQTT311-1.1.1-1 |  | [p.TestA](../p/p_test.go) |",
		"| MQTT-1.1.1-2 |  | **OPEN** |",
		"| MQTT-1.1.1-3 |  | client's duty: theirs |",
		"| 5.0 | 3 | 1 | 1 | 1 | 0 |",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	if _, err := join(statements, Tags{"MQTT-9.9.9-9": {{File: "p/p_test.go", Name: "TestA"}}}); err == nil {
		t.Error("a tag of no statement was accepted")
	}
}
