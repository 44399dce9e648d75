package limits

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// TooFast says what happens to a client that publishes faster than its rate.
type TooFast byte

const (
	// Throttle reads less from the client, so that nothing is lost.
	Throttle TooFast = iota
	// Reject refuses the message: PUBACK or PUBREC 0x97. QoS 0 is dropped, and
	// 3.x clients are disconnected for QoS 1 and 2, since they cannot be told.
	Reject
	// Disconnect ends the connection with 0x96.
	Disconnect
)

// Options of a Hook. Zero values are no limits.
type Options struct {
	// ConnectionsPerUser, PerAddress and PerListener bound connections. An
	// IPv6 address counts with its /64. Clients without a user name or without
	// an address are not counted there. Refused with 0x97; 3.x: return code 3.
	ConnectionsPerUser, ConnectionsPerAddress, ConnectionsPerListener int
	// ListenerConnections is ConnectionsPerListener for single listeners, by ID.
	ListenerConnections map[string]int
	// Connects bounds CONNECTs per address. Refused with 0x9F; 3.x: return code 3.
	Connects Rate

	// Messages and Bytes bound what a client publishes: PUBLISHes, and bytes of
	// whatever it sends (Throttle) or of topics and payloads (others).
	Messages, Bytes Rate
	// TooFast says what happens beyond; default Throttle.
	TooFast TooFast

	// TopicLevels and TopicBytes bound topics and filters, without $share.
	// Refused with 0x90 and 0x8F.
	TopicLevels, TopicBytes int

	// Flapping bans clients that connect too often.
	Flapping Flapping

	// Bans is the list of bans; nil means an empty one in memory. Refused with
	// 0x8A; 3.x: return code 5.
	Bans *Bans

	// Remember bounds each of the tables of addresses and of clients that
	// connect often; default 65536.
	Remember int
	// Logger is told of bans; nil discards.
	Logger *slog.Logger
}

// Flapping bans a client for a while that connects more than Count times within
// Window: its ClientID together with its user name and its address, as far as it
// has them, so that nobody can have another banned. Such bans are not kept over a
// restart.
type Flapping struct {
	Count  int
	Window time.Duration // default 1 minute
	Ban    time.Duration // default 5 minutes
}

func (o *Options) withDefaults() (Options, error) {
	out := *o
	if out.Bans == nil {
		out.Bans = new(Bans)
	}
	if out.Logger == nil {
		out.Logger = slog.New(slog.DiscardHandler)
	}
	if out.Remember == 0 {
		out.Remember = 1 << 16
	}
	if out.Flapping.Window == 0 {
		out.Flapping.Window = time.Minute
	}
	if out.Flapping.Ban == 0 {
		out.Flapping.Ban = 5 * time.Minute
	}
	if out.ConnectionsPerUser < 0 || out.ConnectionsPerAddress < 0 || out.ConnectionsPerListener < 0 ||
		out.TopicLevels < 0 || out.TopicBytes < 0 || out.Remember < 0 ||
		out.Flapping.Count < 0 || out.Flapping.Window < 0 || out.Flapping.Ban < 0 {
		return out, errors.New("limits: numbers must not be negative; 0 is no limit")
	}
	if out.TooFast > Disconnect {
		return out, fmt.Errorf("limits: TooFast is %d, want Throttle, Reject or Disconnect", out.TooFast)
	}
	return out, errors.Join(out.Connects.validate("Connects"), out.Messages.validate("Messages"), out.Bytes.validate("Bytes"))
}
