package limits

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

// Hook keeps the limits of its Options. Make it with new, give the Options to
// AddHook, and add it before the hooks about access.
type Hook struct {
	options  Options
	log      *slog.Logger
	server   *mqtt.Server
	connects table[netip.Prefix]
	flapping table[banKey]

	mu    sync.Mutex
	taken map[place]int // established connections
}

// place is what connections are counted for: one field is set.
type place struct {
	user     string
	listener string
	address  netip.Prefix
}

// connection is what the hook keeps with a client. It belongs to the client's
// goroutine until the connection is established.
type connection struct {
	addr     netip.Addr
	places   [3]place
	takeover bool // it replaces a connection that was counted in the same places
	counted  bool

	mu              sync.Mutex
	messages, bytes bucket
}

// ID names the hook.
func (*Hook) ID() string { return "limits" }

// Init takes *Options.
func (h *Hook) Init(config any) error {
	o, ok := config.(*Options)
	if !ok || o == nil {
		return fmt.Errorf("it takes *limits.Options, not %T", config)
	}
	var err error
	if h.options, err = o.withDefaults(); err != nil {
		return err
	}
	h.log = h.options.Logger
	h.connects = table[netip.Prefix]{rate: h.options.Connects, most: h.options.Remember}
	if f := h.options.Flapping; f.Count > 0 {
		h.flapping = table[banKey]{
			rate: Rate{PerSecond: float64(f.Count) / f.Window.Seconds(), Burst: float64(f.Count)}, most: h.options.Remember,
		}
	}
	h.taken = make(map[place]int)
	return nil
}

// Attach gets the server, and adds hooks for those limits that are set and cost
// something for each message or batch.
func (h *Hook) Attach(s *mqtt.Server) {
	h.server = s
	h.options.Bans.onChange(s.RecheckAccess)
	o := &h.options
	var parts []any
	if o.TopicLevels > 0 || o.TopicBytes > 0 {
		parts = append(parts, &topicLimit{h})
	}
	if o.Messages.limited() || o.Bytes.limited() {
		if o.TooFast == Throttle {
			parts = append(parts, &throttle{h})
		} else {
			parts = append(parts, &rateLimit{h})
		}
	}
	for _, part := range parts {
		if err := s.AddHook(part, nil); err != nil && !errors.Is(err, mqtt.ErrServerClosed) {
			h.log.Error("a limit is not kept", "err", err)
		}
	}
}

// Bans returns the list of bans.
func (h *Hook) Bans() *Bans { return h.options.Bans }

// OnConnect refuses banned clients, those that come too often, and those for
// whom there is no place.
func (h *Hook) OnConnect(cl *mqtt.Client, pk *packets.Connect) error {
	c := h.connection(cl)
	c.places[0].user = pk.Username // a hook before may have named the client
	if ban, banned := h.options.Bans.Find(cl.ID(), pk.Username, c.addr); banned {
		return &packets.Error{Code: packets.ErrBanned, Detail: ban.words()}
	}
	if key, ok := addressKey(c.addr); ok && !h.connects.take(key, time.Now()) {
		return &packets.Error{Code: packets.ErrConnectionRateExceeded, Detail: "too many connects from this address"}
	}
	if old, ok := h.server.Client(cl.ID()); ok {
		if before, ok := old.Value(h).(*connection); ok {
			c.takeover = before.places == c.places
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range c.places {
		if limit := h.limit(p); limit > 0 && !c.takeover && h.taken[p] >= limit {
			return &packets.Error{Code: packets.ErrQuotaExceeded, Detail: p.words(limit)}
		}
	}
	return nil
}

// words tell the operator which ban it is.
func (b *Ban) words() string {
	words := []string{"banned"}
	for _, w := range [][2]string{{"client ID", b.ClientID}, {"user name", b.Username}, {"network", b.Network}} {
		if w[1] != "" {
			words = append(words, w[0]+" "+w[1])
		}
	}
	if !b.Until.IsZero() {
		words = append(words, "until "+b.Until.UTC().Format(time.RFC3339))
	}
	return strings.Join(words, ", ")
}

// words tell which limit it is. The client may read them.
func (p place) words(limit int) string {
	switch {
	case p.user != "":
		return fmt.Sprintf("%d connections of this user name, no more are allowed", limit)
	case p.listener != "":
		return fmt.Sprintf("%d connections on this listener, no more are allowed", limit)
	}
	return fmt.Sprintf("%d connections from this address, no more are allowed", limit)
}

// limit is how many connections a place may have, 0 any number.
func (h *Hook) limit(p place) int {
	switch {
	case p.user != "":
		return h.options.ConnectionsPerUser
	case p.listener != "":
		if n, ok := h.options.ListenerConnections[p.listener]; ok {
			return n
		}
		return h.options.ConnectionsPerListener
	case p.address.IsValid():
		return h.options.ConnectionsPerAddress
	}
	return 0
}

// connection returns what is kept with a client.
func (h *Hook) connection(cl *mqtt.Client) *connection {
	if c, ok := cl.Value(h).(*connection); ok {
		return c
	}
	c := &connection{addr: addressOf(cl)}
	c.places = [3]place{{user: cl.Username()}, {listener: cl.Listener()}}
	c.places[2].address, _ = addressKey(c.addr)
	cl.SetValue(h, c)
	return c
}

func addressOf(cl *mqtt.Client) netip.Addr {
	ap, err := netip.ParseAddrPort(cl.RemoteAddr())
	if err != nil {
		return netip.Addr{} // no address, such as of a Unix socket
	}
	return ap.Addr().Unmap().WithZone("")
}

// OnSessionEstablished counts the connection. Connections that were asked about
// at the same moment may be too many, which shows now.
func (h *Hook) OnSessionEstablished(cl *mqtt.Client, _ *packets.Connect) {
	c := h.connection(cl)
	over := 0
	h.mu.Lock()
	c.counted = true
	for _, p := range c.places {
		limit := h.limit(p)
		if limit == 0 {
			continue
		}
		h.taken[p]++
		if h.taken[p] > limit && !c.takeover {
			over = limit
		}
	}
	h.mu.Unlock()
	if over > 0 {
		_ = h.server.DisconnectClient(cl, packets.ErrQuotaExceeded) // it is connected
	}
	h.countConnect(cl, c)
}

// OnDisconnect gives the places back.
func (h *Hook) OnDisconnect(cl *mqtt.Client, _ error, _ bool) {
	c := h.connection(cl)
	h.mu.Lock()
	defer h.mu.Unlock()
	if !c.counted {
		return
	}
	c.counted = false
	for _, p := range c.places {
		if h.limit(p) == 0 {
			continue
		}
		if h.taken[p]--; h.taken[p] <= 0 {
			delete(h.taken, p)
		}
	}
}

// countConnect bans a client that connects too often.
func (h *Hook) countConnect(cl *mqtt.Client, c *connection) {
	f := &h.options.Flapping
	if f.Count == 0 {
		return
	}
	ban := Ban{ClientID: cl.ID(), Username: cl.Username(), Automatic: true, Reason: "it connected too often"}
	if c.addr.IsValid() {
		ban.Network = c.addr.String()
	}
	now := time.Now()
	key, err := ban.key()
	if err != nil || h.flapping.take(key, now) {
		return
	}
	ban.Until = now.Add(f.Ban)
	if err := h.options.Bans.Add(ban); err != nil {
		h.log.Warn("a client that connects too often is not banned", "client_id", cl.ID(), "err", err)
		return
	}
	h.log.Warn("a client that connects too often is banned for a while", "client_id", cl.ID(), "remote", cl.RemoteAddr(), "until", ban.Until)
	_ = h.server.DisconnectClient(cl, packets.ErrConnectionRateExceeded) // it is connected
}

// OnReadmit refuses clients that have been banned meanwhile.
func (h *Hook) OnReadmit(cl *mqtt.Client) error {
	if ban, banned := h.options.Bans.Find(cl.ID(), cl.Username(), h.connection(cl).addr); banned {
		return fmt.Errorf("%w: %s", packets.ErrAdministrativeAction, ban.words())
	}
	return nil
}

var (
	_ mqtt.OnConnect            = (*Hook)(nil)
	_ mqtt.OnSessionEstablished = (*Hook)(nil)
	_ mqtt.OnDisconnect         = (*Hook)(nil)
	_ mqtt.OnReadmit            = (*Hook)(nil)
)
