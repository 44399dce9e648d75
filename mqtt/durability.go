package mqtt

import (
	"fmt"

	"github.com/linnetmq/linnet/topics"
)

// Durability says what must have happened to what an acknowledgement promises
// to keep before it is sent: messages for sessions that outlive their
// connection, retained messages, sessions and their subscriptions. It means
// nothing without Options.Store.
type Durability byte

const (
	// DurabilityFsync: it is on the disk and survives a crash of the machine.
	DurabilityFsync Durability = iota
	// DurabilityOS: it is handed to the operating system and survives a crash
	// of the server.
	DurabilityOS
	// DurabilityNone: it is stored soon; the acknowledgement waits for nothing.
	DurabilityNone
)

// String returns "fsync", "os" or "none".
func (d Durability) String() string {
	if d > DurabilityNone {
		return fmt.Sprintf("Durability(%d)", byte(d))
	}
	return [...]string{"fsync", "os", "none"}[d]
}

func (d Durability) level() StoreLevel {
	return [...]StoreLevel{StoreSynced, StoreWritten, StoreLazy}[d]
}

// TopicDurability is the Durability of messages whose topic matches a filter.
type TopicDurability struct {
	Filter     string
	Durability Durability
}

func (o *Options) validateDurability() error {
	if o.Durability > DurabilityNone {
		return fmt.Errorf("options: Durability is %d, want DurabilityFsync, DurabilityOS or DurabilityNone", o.Durability)
	}
	for listener, d := range o.ListenerDurability {
		if d > DurabilityNone {
			return fmt.Errorf("options: ListenerDurability of %q is %d, want DurabilityFsync, DurabilityOS or DurabilityNone", listener, d)
		}
	}
	for _, rule := range o.TopicDurability {
		if err := topics.ValidFilter(rule.Filter); err != nil {
			return fmt.Errorf("options: TopicDurability: filter %q: %w", rule.Filter, err)
		}
		if rule.Durability > DurabilityNone {
			return fmt.Errorf("options: TopicDurability of %q is %d, want DurabilityFsync, DurabilityOS or DurabilityNone", rule.Filter, rule.Durability)
		}
	}
	return nil
}

// durability is what holds for a client's session: that of its listener, or the
// server's.
func (c *Client) durability() Durability {
	if d, ok := c.server.options.ListenerDurability[c.listener]; ok {
		return d
	}
	return c.server.options.Durability
}

// weakened is d, or DurabilityOS where the store itself promises no more: it may
// be in a server that does not sync what it is given.
func (s *Server) weakened(d Durability) Durability {
	store, says := s.options.Store.(interface{ Synced() bool })
	if d == DurabilityFsync && says && !store.Synced() {
		return DurabilityOS
	}
	return d
}

// durabilityOf is what holds for a message from a client: the first rule that
// matches the topic, or the client's.
func (s *Server) durabilityOf(c *Client, topic string) Durability {
	for i := range s.options.TopicDurability {
		if rule := &s.options.TopicDurability[i]; topics.Match(rule.Filter, topic) {
			return rule.Durability
		}
	}
	return c.durability()
}
