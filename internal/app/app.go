package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// The exit codes of every command.
const (
	exitFine   = 0
	exitFailed = 1
	exitUsage  = 2
)

// streams are the process's standard streams.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// usageError is a mistake on the command line: exit code 2.
type usageError struct{ error }

// Unwrap returns what is wrong.
func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// Main runs the program with the arguments behind its name and returns its exit
// code: 0 fine, 1 failed, 2 wrong usage.
func Main(args []string, in io.Reader, out, err io.Writer) int {
	std := streams{in, out, err}
	root := newRoot(std)
	args, mistake := prepareArgs(root, args)
	if mistake == nil {
		root.SetArgs(args)
		mistake = root.ExecuteContext(context.Background())
	}
	return std.report(mistake)
}

// report tells the user about an error and chooses the exit code.
func (s streams) report(err error) int {
	if err == nil {
		return exitFine
	}
	if code, told := errors.AsType[exitCode](err); told {
		return int(code)
	}
	tell(s.err, "linnet: %s\n", strings.TrimPrefix(err.Error(), "linnet: "))
	if _, wrong := errors.AsType[usageError](err); wrong {
		tell(s.err, "Run \"linnet --help\" or \"linnet <command> --help\" for usage.\n")
		return exitUsage
	}
	return exitFailed
}

// tell writes to standard error. When that fails there is nobody else to tell.
func tell(stderr io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(stderr, format, args...) }

func newRoot(std streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "linnet",
		Short: "An MQTT broker for MQTT 3.1, 3.1.1 and 5.0",
		Long: `Linnet is an MQTT broker for MQTT 3.1, 3.1.1 and 5.0, over TCP, TLS, WebSocket
and Unix sockets. Without a command it serves, on port 1883, and over WebSocket
on port 8083. "linnet <command> --help" tells more about a command.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noCommand,
		RunE:          func(*cobra.Command, []string) error { return usagef("name a command") }, // see prepareArgs
	}
	root.SetIn(std.in)
	root.SetOut(std.out)
	root.SetErr(std.err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	serve := newServe(std)
	root.AddCommand(
		serve, newPub(std), newSub(std), newBench(std), newPasswd(std), newACL(std), newConfig(std), newCerts(std),
		newStore(std), newHealthcheck(), newVersion(std),
	)
	root.AddCommand(apiCommands(std)...)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	usual := root.UsageFunc()
	root.SetUsageFunc(func(cmd *cobra.Command) error {
		if cmd != root {
			return usual(cmd)
		}
		_, err := fmt.Fprint(cmd.OutOrStdout(), rootUsage(root, serve))
		return err
	})
	return root
}

// rootUsage lists the commands, and the flags that stand behind linnet alone.
func rootUsage(root, serve *cobra.Command) string {
	var b strings.Builder
	b.WriteString("Usage:\n  linnet [flags]\n  linnet <command> [flags]\n\nCommands:\n")
	for _, cmd := range root.Commands() {
		if cmd.IsAvailableCommand() {
			fmt.Fprintf(&b, "  %-13s %s\n", cmd.Name(), cmd.Short)
		}
	}
	return b.String() + groupedUsage(serve)
}

// noCommand names the word that is no command, and the one it may have meant.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
		return usagef("there is no command %q; did you mean %s?", args[0], strings.Join(like, " or "))
	}
	return usagef("there is no command %q", args[0])
}

// noArgs refuses words that belong to no flag.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes no arguments, but got %q", cmd.CommandPath(), args[0])
	}
	return nil
}

// atMostOne refuses a second argument.
func atMostOne(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usagef("%s takes one argument, but got %q too", cmd.CommandPath(), args[1])
	}
	return nil
}

// prepareArgs makes what users write into what cobra reads: "serve" where no
// command is named, and the other spellings that each command accepts.
func prepareArgs(root *cobra.Command, args []string) ([]string, error) {
	switch {
	case len(args) == 0:
		return []string{"serve"}, nil
	case isHelp(args[0]):
		return []string{"help"}, nil
	case args[0] == "--version" || args[0] == "-version":
		return []string{"version"}, nil
	case strings.HasPrefix(args[0], "-"):
		args = append([]string{"serve"}, args...)
	}
	cmd, _, err := root.Find(args[:1])
	if err != nil {
		return args, nil // cobra tells
	}
	rest, err := args[1:], error(nil)
	switch cmd.Name() {
	case "serve":
		rest, err = normaliseServe(cmd.Flags(), rest)
	case "pub", "sub":
		rest, err = joinProperties(cmd.Flags(), rest)
	}
	return append([]string{args[0]}, rest...), err
}

func isHelp(arg string) bool { return arg == "-h" || arg == "--help" || arg == "-help" }
