package app

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/linnetmq/linnet/internal/config"
)

func newConfig(std streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Explain, check, print and import configuration files",
		Args:  noCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usagef("name what to do: %s", strings.Join(subcommands(cmd), ", "))
		},
	}
	cmd.AddCommand(newConfigDoc(std), newConfigDefault(std), newConfigCheck(std), newConfigSchema(std), newConfigImport(std))
	return cmd
}

func subcommands(cmd *cobra.Command) (names []string) {
	for _, sub := range cmd.Commands() {
		names = append(names, sub.Name())
	}
	return names
}

func newConfigDefault(std streams) *cobra.Command {
	return &cobra.Command{
		Use:   "default",
		Short: "Print a file with every key, its default and what it means",
		Args:  noArgs,
		RunE:  func(*cobra.Command, []string) error { return std.print(config.DefaultFile()) },
	}
}

func newConfigSchema(std streams) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the file, for editors",
		Args:  noArgs,
		RunE:  func(*cobra.Command, []string) error { return std.print(config.Schema()) },
	}
}

// print writes to standard output.
func (s streams) print(text string) error {
	_, err := fmt.Fprint(s.out, text)
	return err
}

func newConfigDoc(std streams) *cobra.Command {
	return &cobra.Command{
		Use:     "doc [key]",
		Short:   "Explain every key, or one and those below it",
		Example: "  linnet config doc log\n  linnet config doc listeners.tls.cert_file",
		Args:    atMostOne,
		RunE: func(_ *cobra.Command, args []string) error {
			key := ""
			if len(args) > 0 {
				key = args[0]
			}
			text, err := explainKeys(key)
			if err != nil {
				return usageError{err}
			}
			return std.print(text)
		},
	}
}

// explainKeys is what there is to say about a key and those below it.
func explainKeys(key string) (string, error) {
	entries, err := config.Lookup(key)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for i, e := range entries {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s\n", e.Key)
		for _, line := range e.Lines() {
			b.WriteString("    " + line + "\n")
		}
	}
	return b.String(), nil
}

func newConfigImport(std streams) *cobra.Command {
	return &cobra.Command{
		Use:   "import " + strings.Join(config.Importers(), "|") + " file",
		Short: "Print another broker's configuration in Linnet's words",
		Long: `Print the file that is equivalent to another broker's, with comments where
something has no equivalent or another meaning.`,
		ValidArgs: config.Importers(),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usagef("name the broker (%s) and its file", strings.Join(config.Importers(), ", "))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			text, err := os.ReadFile(args[1])
			if err != nil {
				return fmt.Errorf("read configuration: %w", err)
			}
			imported, err := config.Import(args[0], args[1], text)
			if err != nil {
				return err
			}
			return std.print(imported.File())
		},
	}
}

func newConfigCheck(std streams) *cobra.Command {
	return &cobra.Command{
		Use:   "check [file]",
		Short: "Examine a configuration and everything it refers to",
		Long: `Examine a configuration, with the environment variables that count, and
everything it refers to: files that must exist and be valid, certificates that
expire, directories that must be writable, addresses that must be free (those of
a running broker with the same data directory are). Without a file it examines
the one that LINNET_CONFIG names, or the defaults.`,
		Args: atMostOne,
		RunE: func(_ *cobra.Command, args []string) error {
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			return checkConfig(std, name, os.Environ())
		},
	}
}
