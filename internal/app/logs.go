package app

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/linnetmq/linnet/internal/config"
	"github.com/linnetmq/linnet/internal/logfile"
)

// logs are where the log goes, and what a reload may change about it.
type logs struct {
	*slog.Logger
	text  bool // its lines are text, not JSON
	level slog.LevelVar
	file  *logfile.File // nil if there is none
}

// openLogs makes the logger. The caller closes it.
func openLogs(cfg *config.Log, stderr io.Writer) (*logs, error) {
	l := &logs{Logger: slog.New(slog.DiscardHandler)}
	if err := l.setLevel(cfg.Level); err != nil {
		return nil, err
	}
	out := stderr
	if cfg.File != "" && cfg.Output != "off" && cfg.Output != "stderr" {
		var err error
		if l.file, err = logfile.Open(cfg.File, logfile.Options{
			MaximumSize: cfg.MaximumSize, MaximumAge: cfg.MaximumAge, MaximumBackups: cfg.MaximumBackups, Compress: cfg.Compress,
		}); err != nil {
			return nil, err
		}
		out = l.file
	}
	if cfg.Output == "both" {
		out = io.MultiWriter(l.file, stderr)
	}
	l.text = cfg.Format == "text" || cfg.Format == "" && isTerminal(out)
	opts := &slog.HandlerOptions{Level: &l.level}
	switch {
	case cfg.Output == "off":
		l.text = cfg.Format != "json" && isTerminal(stderr)
	case l.text:
		l.Logger = slog.New(slog.NewTextHandler(out, opts))
	default:
		l.Logger = slog.New(slog.NewJSONHandler(out, opts))
	}
	return l, nil
}

// setLevel sets the least level that is logged.
func (l *logs) setLevel(word string) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(strings.ToUpper(word))); err != nil {
		return errors.New("log level " + word + ": use debug, info, warn or error")
	}
	l.level.Set(level)
	return nil
}

// reopen opens the log file anew, if there is one.
func (l *logs) reopen() error {
	if l.file == nil {
		return nil
	}
	return l.file.Reopen()
}

// Close closes the file, if there is one.
func (l *logs) Close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
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
