package crash

import "fmt"

// reading is a look at all retained messages under way.
type reading struct {
	asked int
	found map[string]Message // by topic
}

func (c *Checker) readRetained(e *Event) {
	switch r := c.reading[e.Client]; e.Kind {
	case RetainedAsked:
		c.reading[e.Client] = &reading{asked: e.Seq, found: make(map[string]Message)}
	case RetainedReceived:
		r.found[e.Topic] = e.Message
		if e.Empty { // it was cleared meanwhile
			delete(r.found, e.Topic)
		}
		if e.Note != "" || c.retained[e.Topic] == nil {
			c.violate(Corrupted, e, "retained message of %q is %s, not what was published %s", e.Topic, e.Message, e.Note)
		}
	default:
		for topic, all := range c.retained {
			if why := wrongRetained(all, r, topic); why != "" {
				wrong := *e
				wrong.Topic, wrong.Message = topic, r.found[topic]
				c.violate(RetainedWrong, &wrong, "%q: %s", topic, why)
			}
		}
		delete(c.reading, e.Client)
	}
}

// wrongRetained says what is wrong with the message found for a topic, "" if it
// is right. Each topic has one publisher and one QoS, so that its messages have
// an order.
func wrongRetained(all []*message, r *reading, topic string) string {
	var last *message // acknowledged before the reader asked
	for _, m := range all {
		if m.acked != 0 && m.acked < r.asked {
			last = m
		}
	}
	name, found := r.found[topic]
	if !found && last == nil {
		return ""
	}
	for _, m := range all {
		if (last == nil || m.name.Number >= last.name.Number) && (found && m.name == name && !m.empty || !found && m.empty) {
			return ""
		}
	}
	have := "nothing"
	if found {
		have = name.String()
	}
	if last == nil {
		return "found " + have + ", which was never published"
	}
	what := last.name.String()
	if last.empty {
		what += ", which clears it,"
	}
	return fmt.Sprintf("found %s; %s was acknowledged at %d, the reader asked at %d", have, what, last.acked, r.asked)
}
