package bench

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

// Exit codes of Main.
const (
	exitOK     = 0
	exitFailed = 1 // also: something was lost or out of order
	exitUsage  = 2
)

// Main is the command line "linnet bench", without these two words. It returns
// the exit code: 0 if all went well, 1 if the run failed or the broker lost or
// disordered anything, 2 for wrong usage.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" || args[0] == "-help" {
		usage(stderr)
		if len(args) == 0 {
			return exitUsage
		}
		return exitOK
	}
	if g := gmqttOf(args[0]); g != nil {
		return g.main(ctx, args[1:], stdout, stderr)
	}
	s := shapeOf(args[0])
	if s == nil {
		tell(stderr, "linnet bench: no pattern is called %q\n\n", args[0])
		usage(stderr)
		return exitUsage
	}
	return s.main(ctx, args[1:], stdout, stderr)
}

func usage(stderr io.Writer) {
	tell(stderr, "usage: linnet bench <pattern> [flags] [url]\n\npatterns:\n")
	for i := range shapes {
		tell(stderr, "  %-14s %s\n", shapes[i].name, shapes[i].about)
	}
	for _, g := range gmqttPrograms {
		tell(stderr, "  %-14s %s\n", g.name, g.about)
	}
	tell(stderr, "\nflags of a pattern: linnet bench <pattern> -help\n")
}

// main runs one pattern.
func (s *shape) main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c, o := Config{Pattern: s.name}, options{}
	fs := newFlags(s, &c, &o, stderr)
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		return exitUsage // the flag set has told
	}
	if fs.NArg() > 0 {
		c.URL = fs.Arg(0)
		if fs.Parse(fs.Args()[1:]) != nil { // flags may stand behind the URL
			return exitUsage
		}
	}
	if fs.NArg() > 0 {
		return complain(stderr, fmt.Errorf("too many arguments: %q", fs.Args()))
	}
	if err := o.apply(s, &c); err != nil {
		return complain(stderr, err)
	}
	if isTerminal(stderr) {
		c.Progress = stderr
	}
	res, err := Run(ctx, c)
	if res == nil {
		return complain(stderr, err)
	}
	if err := o.print(res, stdout); err != nil {
		tell(stderr, "linnet bench: %v\n", err)
		return exitFailed
	}
	if !res.OK() {
		return exitFailed
	}
	return exitOK
}

// complain tells what is wrong with the command.
func complain(stderr io.Writer, err error) int {
	tell(stderr, "linnet bench: %v\n", err)
	return exitUsage
}

// tell writes to standard error. When that fails there is nobody else to tell.
func tell(stderr io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(stderr, format, args...) }

func (o *options) print(res *Result, w io.Writer) error {
	if !o.json {
		return res.Print(w)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(res)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
