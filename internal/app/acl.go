package app

import (
	"io"
	"log/slog"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/internal/config"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/rest"
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
	configFile                   string
	aclFiles, ledgers            []string
	client, username, ip, action string
	topic, listener              string
}

func newACLExplain(std streams) *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use:   "explain",
		Short: "Say which access rule decides, and why those before it do not",
		Long: `Ask the rules of a configuration, or of ACL files and ledgers in this order, what a
client may do, and show every rule asked. The exit code is 0 if it may, 1 if it may
not, or if the password decides. Whether a client is banned, or has a certificate,
does not count.

  linnet acl explain --config linnet.yaml --username joe --action connect
  linnet acl explain --acl-file acl.conf --client dev1 --username joe \
    --ip 192.0.2.7 --action publish --topic toCloud/dev1`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return f.run(std.out) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&f.configFile, "config", "c", "", "configuration `file` whose access files are asked, as the broker does")
	flags.StringArrayVar(&f.aclFiles, "acl-file", nil, "ACL `file` of five columns; may be given several times")
	flags.StringArrayVar(&f.ledgers, "ledger", nil, "ledger `file` in JSON or YAML; may be given several times")
	flags.StringVar(&f.client, "client", "", "client `ID`")
	flags.StringVar(&f.username, "username", "", "user `name`")
	flags.StringVar(&f.ip, "ip", "", "`address` of the client, with or without port")
	flags.StringVar(&f.listener, "listener", "", "`ID` of the listener it comes by (default with --config: its first)")
	flags.StringVar(&f.action, "action", "", "`action`: connect, publish, subscribe or receive")
	flags.StringVar(&f.topic, "topic", "", "`topic` to publish or receive, or filter to subscribe")
	return cmd
}

func (f *explainFlags) run(out io.Writer) error {
	r, err := f.request()
	if err != nil {
		return usageError{err}
	}
	hook, err := f.hook(r)
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
	return accessRequest(&rest.AccessQuestion{
		Action: f.action, Topic: f.topic, ClientID: f.client, Username: f.username, Remote: f.ip, Listener: f.listener,
	})
}

// hook reads the files.
func (f *explainFlags) hook(r *auth.Request) (*auth.Hook, error) {
	var sources []auth.Source
	if f.configFile != "" {
		if len(f.aclFiles)+len(f.ledgers) > 0 {
			return nil, usagef("flag --config: the configuration names the files; leave out --acl-file and --ledger")
		}
		return configuredRules(f.configFile, r)
	}
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
		return nil, usagef("acl explain: name the rules with --config, or with --acl-file or --ledger")
	}
	hook := new(auth.Hook)
	return hook, hook.Init(&auth.Options{Sources: sources})
}

// configuredRules are those of a configuration; r gets what it leaves open, the
// listener.
func configuredRules(file string, r *auth.Request) (*auth.Hook, error) {
	cfg, err := config.Load(file, os.Environ())
	if err == nil {
		err = cfg.Validate()
	}
	if err != nil {
		return nil, err
	}
	if err := completeListener(cfg, r); err != nil {
		return nil, err
	}
	log := slog.New(slog.DiscardHandler)
	sources, err := (&access{anonymous: newAnonymous(cfg, log)}).chain(cfg, log)
	if err != nil {
		return nil, err
	}
	hook := new(auth.Hook)
	return hook, hook.Init(&auth.Options{Sources: sources})
}

// completeListener fills in the listener, and that clients of a Unix socket are
// of this machine.
func completeListener(cfg *config.Config, r *auth.Request) error {
	var ids []string
	for i := range cfg.Listeners {
		l := &cfg.Listeners[i]
		if !l.ForClients() {
			continue
		}
		ids = append(ids, l.ID)
		r.Listener = first(r.Listener, l.ID)
		if l.ID == r.Listener {
			r.Remote.Local = r.Remote.Local || l.Protocol == config.Unix && !r.Remote.IsValid()
			return nil
		}
	}
	return usagef("flag --listener: there is no listener %q for clients: use %s", r.Listener, strings.Join(ids, " or "))
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
