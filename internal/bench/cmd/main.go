// Command cmd runs package bench by itself, for those who work on it. Users
// have it as "linnet bench".
package main

import (
	"context"
	"os"
	"os/signal"

	"github.com/linnetmq/linnet/internal/bench"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := bench.Main(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
