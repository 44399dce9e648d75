package app

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// table prints rows in columns, or as JSON, one row on each line.
type table struct {
	out    io.Writer
	json   bool
	tabs   *tabwriter.Writer
	header []string
}

func newTable(out io.Writer, asJSON bool, header ...string) *table {
	return &table{out: out, json: asJSON, header: header}
}

// row prints one row: v in JSON, or the cells.
func (t *table) row(v any, cells ...string) error {
	if t.json {
		return printJSON(t.out, v)
	}
	if t.tabs == nil {
		t.tabs = tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
		if _, err := fmt.Fprintln(t.tabs, strings.Join(t.header, "\t")); err != nil {
			return err
		}
	}
	for i := range cells {
		cells[i] = printable(cells[i])
	}
	_, err := fmt.Fprintln(t.tabs, strings.Join(cells, "\t"))
	return err
}

// flush prints what was gathered.
func (t *table) flush() error {
	if t.tabs == nil {
		return nil
	}
	return t.tabs.Flush()
}

func printJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// printable keeps what clients choose from steering the terminal.
func printable(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	if s == "" {
		return "-"
	}
	return s
}

// ago is the time since t in words that fit a column.
func ago(t *time.Time) string {
	if t == nil {
		return "-"
	}
	switch d := time.Since(*t); {
	case d < 2*time.Minute:
		return strconv.Itoa(int(d.Seconds())) + "s"
	case d < 2*time.Hour:
		return strconv.Itoa(int(d.Minutes())) + "m"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d.Hours())) + "h"
	default:
		return strconv.Itoa(int(d.Hours()/24)) + "d"
	}
}

// bytesText is a size with a unit.
func bytesText(n int64) string {
	f, units := float64(n), []string{"B", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for f >= 1024 && i < len(units)-1 {
		f /= 1024
		i++
	}
	if i == 0 {
		return strconv.FormatInt(n, 10) + " B"
	}
	return strconv.FormatFloat(f, 'f', 1, 64) + " " + units[i]
}

func digits[N int | int64 | byte](n N) string { return strconv.FormatInt(int64(n), 10) }
