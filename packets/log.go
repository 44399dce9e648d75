package packets

import "log/slog"

// LogValue tells of the CONNECT what may stand in a log: no password, no
// authentication data, no payload.
func (p *Connect) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("type", TypeConnect.String()),
		slog.String("version", p.Version.String()),
		slog.String("client_id", p.ClientID),
		slog.Bool("clean_start", p.CleanStart),
		slog.Int("keep_alive", int(p.KeepAlive)),
		slog.Bool("username", p.hasUsername()),
		slog.Bool("password", p.hasPassword()),
		slog.Bool("will", p.WillFlag),
	)
}

// LogValue tells of the PUBLISH what may stand in a log: no payload.
func (p *Publish) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("type", TypePublish.String()),
		slog.String("topic", p.Topic),
		slog.Int("qos", int(p.QoS)),
		slog.Bool("retain", p.Retain),
		slog.Bool("dup", p.Dup),
		slog.Int("packet_id", int(p.PacketID)),
		slog.Int("payload_bytes", len(p.Payload)),
	)
}

// LogValue tells of the AUTH what may stand in a log: no authentication data.
func (p *Auth) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("type", TypeAuth.String()),
		slog.String("reason_code", p.Code.Error()),
		slog.String("method", p.Properties.AuthenticationMethod),
	)
}
