package crash

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Report is what a run saw.
type Report struct {
	Seed       uint64
	Kills      int
	Events     int
	Published  int // application messages sent
	Stored     int // of these, QoS 1 and 2 that were acknowledged
	Received   int // deliveries, repeated ones included
	Violations []Violation

	history []Event
	log     string
	rerun   string
}

func (r *run) report() *Report {
	h := r.world.history
	out := &Report{
		Seed: r.cfg.Seed, Kills: r.kills, history: h.events(), Violations: h.violations(), log: r.broker.Log(), rerun: r.cfg.Rerun,
	}
	out.Events = len(out.history)
	h.mu.Lock()
	defer h.mu.Unlock()
	out.Published = len(h.checker.messages)
	for _, m := range h.checker.messages {
		if m.acked != 0 {
			out.Stored++
		}
	}
	for i := range out.history {
		if out.history[i].Kind == MessageReceived {
			out.Received++
		}
	}
	return out
}

// Rules returns the rules that were broken, each once.
func (r *Report) Rules() map[Rule]int {
	rules := make(map[Rule]int)
	for _, v := range r.Violations {
		rules[v.Rule]++
	}
	return rules
}

// String tells what was seen: one line if all is well, else the violations, the
// story of the first ones, and how to run the same again.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %d kills, %d events, %d messages published, %d acknowledged at QoS 1 and 2, %d deliveries, %d violations\n",
		r.Seed, r.Kills, r.Events, r.Published, r.Stored, r.Received, len(r.Violations))
	if len(r.Violations) == 0 {
		return b.String()
	}
	for i := range r.Violations {
		fmt.Fprintf(&b, "  %s\n", &r.Violations[i])
	}
	for i := range r.Violations[:min(3, len(r.Violations))] {
		r.story(&b, &r.Violations[i])
	}
	if r.log != "" {
		fmt.Fprintf(&b, "\nthe broker's last lines:\n%s\n", r.log)
	}
	if r.rerun != "" {
		fmt.Fprintf(&b, "\nagain with the same decisions (timing differs): "+r.rerun+"\n", r.Seed)
	}
	return b.String()
}

// WriteHistory writes all events, one in a line.
func (r *Report) WriteHistory(w io.Writer) error {
	b := bufio.NewWriter(w)
	for i := range r.history {
		_, _ = fmt.Fprintln(b, &r.history[i]) // Flush tells
	}
	return b.Flush()
}

// storyLength is how many events of a story are shown.
const storyLength = 60

// story writes the events that have to do with a violation: those of its
// messages, the connections and subscriptions of the client, the connections of
// the publisher, and the kills.
func (r *Report) story(b *strings.Builder, v *Violation) {
	fmt.Fprintf(b, "\nthe story of: %s\n", v)
	first, id := 0, uint16(0)
	if v.Message.Publisher != "" { // what came long before has little to tell
		first = slices.IndexFunc(r.history, func(e Event) bool { return e.Message == v.Message }) - storyBefore
		id = r.packetID(v.Message)
	}
	var lines []string
	for i := range r.history[:min(len(r.history), v.Seq)] {
		if e := &r.history[i]; v.concerns(e) && (i >= first || v.aboutSession(e)) || id != 0 && v.uses(e, id) {
			lines = append(lines, e.String())
		}
	}
	if n := len(lines) - storyLength; n > 0 {
		fmt.Fprintf(b, "  ... %d earlier events\n", n)
		lines = lines[n:]
	}
	for _, line := range lines {
		b.WriteString(line + "\n")
	}
}

// packetID returns the packet identifier under which a message was published.
func (r *Report) packetID(m Message) uint16 {
	i := slices.IndexFunc(r.history, func(e Event) bool { return e.Kind == PublishSent && e.Message == m })
	if i < 0 {
		return 0
	}
	return r.history[i].ID
}

// uses tells whether the event belongs to an earlier message of the same
// publisher with the same packet identifier: what is left of one may harm the
// next.
func (v *Violation) uses(e *Event, id uint16) bool {
	return e.Client == v.Message.Publisher && e.ID == id && e.Kind >= PublishSent && e.Kind <= PubcompReceived
}

// storyBefore is how many events before a message's first one are looked at.
const storyBefore = 500

// aboutSession tells whether the event is one of the client's own subscriptions.
func (v *Violation) aboutSession(e *Event) bool {
	switch e.Kind {
	case SubscribeSent, SubackReceived, UnsubscribeSent, UnsubackReceived:
		return e.Client == v.Client
	default:
		return false
	}
}

// concerns tells whether an event belongs to the violation's story.
func (v *Violation) concerns(e *Event) bool {
	named := e.Message.Publisher != ""
	if e.Client == "" || e.Seq == v.Seq || named && e.Message == v.Message || named && e.Message == v.Other {
		return e.Kind != MessageReceived || e.Client == v.Client
	}
	switch e.Kind {
	case ConnectSent, ConnackReceived, ConnectionEnded, EndSent:
		return e.Client == v.Client || e.Client == v.Message.Publisher
	case PublishSent, PubackReceived, PubrecReceived:
		return v.Rule == RetainedWrong && e.Retain && e.Topic == v.Topic
	case RetainedAsked, RetainedReceived, RetainedEnd:
		return v.Rule == RetainedWrong && (e.Topic == "" || e.Topic == v.Topic)
	default:
		return v.aboutSession(e)
	}
}
