package app

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/linnetmq/linnet/internal/bench"
)

// exitCode is the exit code of a command that has told its story already.
type exitCode int

// Error is for whoever does not know the type.
func (exitCode) Error() string { return "the command has failed" }

// newBench mounts the benchmark, which reads its own flags.
func newBench(std streams) *cobra.Command {
	return &cobra.Command{
		Use:                "bench <pattern> [flags]",
		Short:              "Measure a broker: rates, latency, loss, memory",
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			if code := bench.Main(ctx, args, std.out, std.err); code != exitFine {
				return exitCode(code)
			}
			return nil
		},
	}
}
