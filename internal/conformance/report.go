package conformance

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Result is a statement together with the tests that show it.
type Result struct {
	Statement
	Tests []Test
}

// Open reports whether the statement needs a test and has none.
func (r Result) Open() bool { return r.Duty == Server && len(r.Tests) == 0 }

// Check joins the statements with the tests found below root. A tag that
// names no statement is an error.
func Check(root fs.FS) ([]Result, error) {
	statements, err := Statements()
	if err != nil {
		return nil, err
	}
	tags, err := Scan(root)
	if err != nil {
		return nil, err
	}
	return join(statements, tags)
}

func join(statements []Statement, tags Tags) ([]Result, error) {
	known := map[string]bool{}
	results := make([]Result, 0, len(statements))
	for _, s := range statements {
		known[s.ID] = true
		results = append(results, Result{Statement: s, Tests: testsOf(s, tags)})
	}
	for _, id := range sortedKeys(tags) {
		if !known[id] {
			t := tags[id][0]
			return nil, fmt.Errorf("%s: %s carries [%s], which is no statement of statements.tsv", t.File, t.Name, id)
		}
	}
	return results, nil
}

// testsOf returns the statement's own tests, else those of its twins if every
// twin has one.
func testsOf(s Statement, tags Tags) []Test {
	if own := tags[s.ID]; len(own) > 0 {
		return own
	}
	var twins []Test
	for _, same := range s.SameAs {
		if len(tags[same]) == 0 {
			return nil
		}
		twins = append(twins, tags[same]...)
	}
	return twins
}

// shownTests bounds how many tests a line of the table names.
const shownTests = 3

// Report writes the results as the Markdown page docs/conformance.md. Equal
// results give equal bytes.
func Report(results []Result) []byte {
	var b strings.Builder
	b.WriteString(`<!-- Written by "make conformance". Do not edit: change the tests or internal/conformance/statements.tsv. -->

# Conformance

Every numbered normative statement of MQTT 5.0 and MQTT 3.1.1, in our own words, and what shows that Linnet keeps it.
The numbers are those of the OASIS standards. A statement of 3.1.1 that says the same as one of 5.0 is shown by the
same tests, which run for both versions. **OPEN** means: the server's duty, and no test carries the number yet. For some
that were drawn at random the rule was taken out of the code and a test seen to fail:
[conformance-mutations.md](conformance-mutations.md).

`)
	writeSummary(&b, results)
	for _, version := range []string{"5.0", "3.1.1"} {
		fmt.Fprintf(&b, "\n## MQTT %s\n\n| Statement | Meaning | Shown by |\n| --- | --- | --- |\n", version)
		for _, r := range results {
			if r.Version == version {
				fmt.Fprintf(&b, "| %s | %s | %s |\n", r.ID, cell(r.Text), state(r))
			}
		}
	}
	return []byte(b.String())
}

func writeSummary(b *strings.Builder, results []Result) {
	b.WriteString("| Version | Statements | Server, shown | Server, open | Client's duty | Not testable |\n")
	b.WriteString("| --- | --: | --: | --: | --: | --: |\n")
	for _, version := range []string{"5.0", "3.1.1"} {
		var all, shown, open, client, untestable int
		for _, r := range results {
			if r.Version != version {
				continue
			}
			all++
			switch {
			case r.Duty == Client:
				client++
			case r.Duty == Untestable:
				untestable++
			case r.Open():
				open++
			default:
				shown++
			}
		}
		fmt.Fprintf(b, "| %s | %d | %d | %d | %d | %d |\n", version, all, shown, open, client, untestable)
	}
}

func state(r Result) string {
	var parts []string
	switch {
	case r.Duty == Client:
		parts = append(parts, "client's duty: "+cell(r.Reason))
	case r.Duty == Untestable:
		parts = append(parts, "not testable: "+cell(r.Reason))
	case r.Open():
		parts = append(parts, "**OPEN**")
	}
	if names := testList(r.Tests); names != "" {
		parts = append(parts, names)
	}
	return strings.Join(parts, "; ")
}

func testList(tests []Test) string {
	var names []string
	for i, t := range tests {
		if i == shownTests {
			names = append(names, fmt.Sprintf("%d more", len(tests)-shownTests))
			break
		}
		names = append(names, fmt.Sprintf("[%s.%s](../%s)", path.Base(path.Dir(t.File)), t.Name, t.File))
	}
	return strings.Join(names, ", ")
}

// cell keeps text from breaking out of a table cell.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
