package bench

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Print writes the result as a table for people.
func (r *Result) Print(w io.Writer) error {
	var t strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&t, "%-28s "+format+"\n", append([]any{name}, args...)...)
	}
	line("pattern", "%s, QoS %d, %d bytes, %d publishers, %d subscribers, MQTT version %d", r.Pattern, r.QoS, r.Size, r.Publishers, r.Subscribers, r.Version)
	if r.Messages > 0 {
		line("messages measured", "%d in %.2f s", r.Messages, r.Seconds)
		line("rate", "%s msg/s, %.1f MB/s", grouped(r.MessagesPerSecond), r.MegabytesPerSecond)
	}
	if l := r.Latency; l != nil {
		line("latency (us)", "p50 %.0f, p90 %.0f, p99 %.0f, p99.9 %.0f, max %.0f", l.P50, l.P90, l.P99, l.P999, l.Max)
	}
	for _, f := range r.Figures {
		line(f.Name, "%s %s", number(f.Value), f.Unit)
	}
	if r.BrokerMemory > 0 {
		line("broker", "%.3f us CPU per message, %.1f MB resident", r.BrokerCPU, float64(r.BrokerMemory)/1e6)
	}
	line("client", "%.3f us CPU per message", r.ClientCPU)
	line("verified", "published %d, expected %d, received %d", r.Published, r.Expected, r.Received)
	line("faults", "lost %d, repeated %d, disordered %d, corrupt %d, unacknowledged %d", r.Lost, r.Duplicates, r.Disordered, r.Corrupt, r.Unacknowledged)
	if r.Error != "" {
		line("error", "%s", r.Error)
	}
	_, err := io.WriteString(w, t.String())
	return err
}

// number prints large values grouped and small ones with three digits.
func number(v float64) string {
	if v >= 1000 {
		return grouped(v)
	}
	return fmt.Sprintf("%.4g", v)
}

// grouped prints an integer with spaces between thousands.
func grouped(v float64) string {
	s := fmt.Sprintf("%.0f", v)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

// startProgress writes a line a second until the returned function is called,
// which waits for its end.
func (b *bench) startProgress() (stop func()) {
	if b.cfg.Progress == nil {
		return func() {}
	}
	done := make(chan struct{})
	finished := make(chan struct{})
	b.readers.Go(func() {
		defer close(finished)
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		last := b.sample()
		for {
			select {
			case <-ticker.C:
				s := b.sample()
				d := s.since(last).Seconds()
				tell(b.cfg.Progress, "\r%3.0f s  sent %s/s  received %s/s   ", time.Duration(s.at).Seconds(),
					grouped(float64(s.sent-last.sent)/d), grouped(float64(s.received-last.received)/d))
				last = s
			case <-done:
				tell(b.cfg.Progress, "\r%50s\r", "")
				return
			}
		}
	})
	return func() {
		close(done)
		<-finished
	}
}
