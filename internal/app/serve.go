package app

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/linnetmq/linnet/internal/config"
)

// flagGroups are the headings of the usage text and the flags below each.
var flagGroups = []struct {
	title string
	names []string
}{
	{"Broker Options", []string{
		"worker", "port", "host", "wsport", "wspath", "tls-port", "cert", "key", "ca", "unix", "http", "admin",
		"allow-anonymous", "data", "durability", "shutdown-timeout", "config",
	}},
	{"Logging Options", []string{"debug", "log-level", "log-format", "log-file", "log-enable"}},
	{"Common Options", []string{"help"}},
}

func newServe(std streams) *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the broker (what linnet does without a command)",
		Long: `Run the broker until it gets SIGINT or SIGTERM.

Without configuration it serves MQTT on port 1883 and MQTT over WebSocket on
port 8083, path /mqtt. Flags win over environment variables (LINNET_...), those
over the file, the file over the defaults. "linnet config" tells about files.
Long flags may have one dash or two: -ws 8083, -config file.

SIGHUP makes it read the configuration again.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			load := func() (*config.Config, error) { return f.config(cmd.Flags(), os.Environ()) }
			return runBroker(cmd.Context(), load, std)
		},
	}
	f.register(cmd.Flags())
	cmd.Flags().BoolP("help", "h", false, "print this help")
	cmd.SetUsageFunc(func(cmd *cobra.Command) error {
		_, err := fmt.Fprint(cmd.OutOrStdout(), "Usage:\n  linnet [serve] [flags]\n", groupedUsage(cmd))
		return err
	})
	return cmd
}

// groupedUsage lists the flags in their groups.
func groupedUsage(cmd *cobra.Command) string {
	var b strings.Builder
	for _, group := range flagGroups {
		set := pflag.NewFlagSet(group.title, pflag.ContinueOnError)
		set.SortFlags = false
		for _, name := range group.names {
			set.AddFlag(cmd.Flags().Lookup(name))
		}
		fmt.Fprintf(&b, "\n%s:\n%s", group.title, set.FlagUsages())
	}
	return b.String()
}
