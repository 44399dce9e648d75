package app

import (
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/mqtt"
)

func newACL(std streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "acl",
		Short: "Look at access rules",
		Args:  noCommand,
		RunE:  func(*cobra.Command, []string) error { return usagef("acl: name a command: explain") },
	}
	cmd.AddCommand(newACLExplain(std))
	return cmd
}

// explainFlags are the flags of acl explain as they were given.
type explainFlags struct {
	aclFiles, ledgers            []string
	client, username, ip, action string
	topic, listener              string
}

func newACLExplain(std streams) *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use:   "explain",
		Short: "Say which access rule decides, and why those before it do not",
		Long: `Ask the rules of ACL files and ledgers, in this order, what a client may do, and
show every rule asked. The exit code is 0 if it may, 1 if it may not.

  linnet acl explain --acl-file acl.conf --client dev1 --username joe \
    --ip 192.0.2.7 --action publish --topic toCloud/dev1`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return f.run(std.out) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringArrayVar(&f.aclFiles, "acl-file", nil, "ACL `file` of five columns; may be given several times")
	flags.StringArrayVar(&f.ledgers, "ledger", nil, "ledger `file` in JSON or YAML; may be given several times")
	flags.StringVar(&f.client, "client", "", "client `ID`")
	flags.StringVar(&f.username, "username", "", "user `name`")
	flags.StringVar(&f.ip, "ip", "", "`address` of the client, with or without port")
	flags.StringVar(&f.listener, "listener", "", "`ID` of the listener it comes by")
	flags.StringVar(&f.action, "action", "", "`action`: connect, publish, subscribe or receive")
	flags.StringVar(&f.topic, "topic", "", "`topic` to publish or receive, or filter to subscribe")
	return cmd
}

func (f *explainFlags) run(out io.Writer) error {
	r, err := f.request()
	if err != nil {
		return usageError{err}
	}
	hook, err := f.hook()
	if err != nil {
		return err
	}
	e, err := hook.Explain(r)
	if err != nil {
		return usageError{err}
	}
	if err := printExplanation(out, &e); err != nil {
		return err
	}
	if e.Decision != mqtt.Allow {
		return exitCode(exitFailed)
	}
	return nil
}

// request is the question that the flags ask.
func (f *explainFlags) request() (*auth.Request, error) {
	action, ok := auth.ParseAction(f.action)
	if !ok {
		return nil, usagef("flag --action: %q: use connect, publish, subscribe or receive", f.action)
	}
	if (f.topic == "") != (action == auth.Connect) {
		return nil, usagef("flag --topic belongs to publish, subscribe and receive, and they need it")
	}
	remote, ok := auth.ParseRemote(f.ip)
	if !ok {
		return nil, usagef("flag --ip: %q: write an address such as 192.0.2.7 or ::1", f.ip)
	}
	return &auth.Request{
		ClientID: f.client, Username: f.username, Remote: remote, Listener: f.listener, Action: action, Topic: f.topic,
	}, nil
}

// hook reads the files.
func (f *explainFlags) hook() (*auth.Hook, error) {
	var sources []auth.Source
	for _, path := range f.aclFiles {
		s, err := auth.OpenACLFile(path)
		if err != nil {
			return nil, err
		}
		sources = append(sources, s)
	}
	for _, path := range f.ledgers {
		s, err := auth.OpenLedger(path)
		if err != nil {
			return nil, err
		}
		sources = append(sources, s)
	}
	if len(sources) == 0 {
		return nil, usagef("acl explain: name the rules with --acl-file or --ledger")
	}
	hook := new(auth.Hook)
	return hook, hook.Init(&auth.Options{Sources: sources})
}

// printExplanation writes the decision, then a line for every rule asked.
func printExplanation(out io.Writer, e *auth.Explanation) error {
	var b strings.Builder
	b.WriteString(e.Decision.String() + ": " + e.Rule + "\n")
	if e.Narrower {
		b.WriteString("A rule denies a part of what the filter matches: those messages are not delivered.\n")
	}
	for _, s := range e.Steps {
		b.WriteString("  " + strings.Join([]string{s.Rule, s.Decision.String(), s.Text, s.Why}, "\t") + "\n")
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	return w.Flush()
}
