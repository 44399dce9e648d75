package app

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/linnetmq/linnet/internal/config"
)

// openLog makes the logger, and tells whether its lines are text. The closer
// closes the file, if there is one.
func openLog(cfg *config.Log, stderr io.Writer) (log *slog.Logger, text bool, closer func() error, err error) {
	closer = func() error { return nil }
	if cfg.Off {
		return slog.New(slog.DiscardHandler), cfg.Format != "json" && isTerminal(stderr), closer, nil
	}
	out := stderr
	if cfg.File != "" {
		file, err := os.OpenFile(cfg.File, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
		if err != nil {
			return nil, false, nil, fmt.Errorf("open log file: %w", err)
		}
		out, closer = file, file.Close
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(strings.ToUpper(cfg.Level))); err != nil {
		return nil, false, nil, fmt.Errorf("log level: %w", err)
	}
	opts := &slog.HandlerOptions{Level: level}
	text = cfg.Format == "text" || cfg.Format == "" && isTerminal(out)
	if text {
		return slog.New(slog.NewTextHandler(out, opts)), true, closer, nil
	}
	return slog.New(slog.NewJSONHandler(out, opts)), false, closer, nil
}

// isTerminal reports whether somebody may be looking at w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
