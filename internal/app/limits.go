package app

import (
	"log/slog"
	"path/filepath"

	"github.com/linnetmq/linnet/hooks/limits"
	"github.com/linnetmq/linnet/internal/config"
	"github.com/linnetmq/linnet/mqtt"
)

// bansFile is the list of bans in the data directory.
const bansFile = "bans.json"

// addLimits reads the bans and adds the hook that keeps the limits, to a server
// that has no hooks about access yet.
func addLimits(srv *mqtt.Server, cfg *config.Config, log *slog.Logger) (*limits.Bans, error) {
	bans, err := limits.OpenBans(filepath.Join(cfg.DataDir, bansFile))
	if err != nil {
		return nil, err
	}
	o := limitOptions(cfg)
	o.Bans, o.Logger = bans, log
	return bans, srv.AddHook(new(limits.Hook), o)
}

// limitOptions are the hook's options for a configuration.
func limitOptions(cfg *config.Config) *limits.Options {
	l := &cfg.Limits
	o := &limits.Options{
		ConnectionsPerUser:     l.ConnectionsPerUser,
		ConnectionsPerAddress:  l.ConnectionsPerAddress,
		ConnectionsPerListener: l.ConnectionsPerListener,
		ListenerConnections:    map[string]int{},
		Connects:               limitRate(l.Connects),
		Messages:               limitRate(l.Messages),
		Bytes:                  limitRate(l.Bytes),
		TooFast:                tooFast[l.TooFast],
		TopicLevels:            l.TopicLevels,
		TopicBytes:             l.TopicBytes,
		Flapping:               limits.Flapping{Count: l.Flapping.Count, Window: l.Flapping.Window, Ban: l.Flapping.Ban},
	}
	for i := range cfg.Listeners {
		if n := cfg.Listeners[i].Connections; n > 0 {
			o.ListenerConnections[cfg.Listeners[i].ID] = n
		}
	}
	return o
}

func limitRate(r config.Rate) limits.Rate {
	return limits.Rate{PerSecond: float64(r.PerSecond), Burst: float64(r.Burst)}
}

var tooFast = map[string]limits.TooFast{
	config.Throttle: limits.Throttle, config.Reject: limits.Reject, config.Disconnect: limits.Disconnect,
}
