package config

import "math"

// comqttFile is the configuration file of comqtt, with comqtt's defaults.
type comqttFile struct {
	storage, bridge   int64
	pprof, dashboard  bool
	authWay, authData int64
	blacklist         string
	tcp, ws, http     string
	quic              string
	tls               struct{ ca, cert, key string }
	redis             struct {
		addr, username, password, prefix string
		db                               int64
	}
	options comqttOptions
	log     comqttLog
}

type comqttOptions struct {
	sysInterval int64
	inline      bool

	sessionExpiry, messageExpiry             int64
	receiveMaximum, maximumQoS, retain       int64
	packetSize, aliases, wildcard, ids       int64
	shared, minimumVersion, writes           int64
	obscure, passive, alwaysReturn, sysInfos bool
}

type comqttLog struct {
	enable                bool
	format, output, level int64
	file                  string
	size, age, backups    int64
	compress              bool
}

func (q *comqttFile) keys() keys {
	path := func(name string) key { return key{name, 0, file(new(string), ""), ""} }
	return keys{
		{"storage-way", 0, number(&q.storage, 0, 0, 3), ""},
		path("storage-path"),
		{"bridge-way", 0, number(&q.bridge, 0, 0, 1), ""},
		path("bridge-path"),
		{"pprof-enable", 0, boolean(&q.pprof, false), ""},
		{"dashboard-enable", 0, boolean(&q.dashboard, false), ""},
		{"dashboard", 0, &ignored{}, ""},
		{"auth", 0, &group{keys{
			{"way", 0, number(&q.authWay, 0, 0, 2), ""},
			{"datasource", 0, number(&q.authData, 0, 0, 4), ""},
			path("conf-path"),
			{"blacklist-path", 0, file(&q.blacklist, ""), ""},
		}}, ""},
		{"mqtt", 0, &group{keys{
			{"tcp", 0, anyText(&q.tcp, "", "an address like :1883"), ""},
			{"ws", 0, anyText(&q.ws, "", "an address like :1882"), ""},
			{"http", 0, anyText(&q.http, "", "an address like :8080"), ""},
			{"quic", 0, anyText(&q.quic, "", "an address like :2000"), ""},
			{"tls", 0, &group{keys{
				{"ca-cert", 0, file(&q.tls.ca, ""), ""},
				{"server-cert", 0, file(&q.tls.cert, ""), ""},
				{"server-key", 0, file(&q.tls.key, ""), ""},
				{"zero-rtt", 0, &ignored{}, ""},
			}}, ""},
			{"options", 0, &group{q.options.keys()}, ""},
		}}, ""},
		{"cluster", 0, &ignored{}, ""},
		{"redis", 0, &group{keys{
			{"options", 0, &group{keys{
				{"addr", 0, anyText(&q.redis.addr, "localhost:6379", "an address like localhost:6379"), ""},
				{"username", 0, anyText(&q.redis.username, "", "a text"), ""},
				{"password", 0, anyText(&q.redis.password, "", "a text"), ""},
				{"db", 0, number(&q.redis.db, 0, 0, math.MaxInt32), ""},
			}}, ""},
			{"prefix", 0, anyText(&q.redis.prefix, "comqtt", "a text"), ""},
		}}, ""},
		{"log", 0, &group{q.log.keys()}, ""},
	}
}

func (o *comqttOptions) keys() keys {
	flag := func(name string, p *int64) key { return key{name, 0, number(p, 1, 0, 1), ""} }
	return keys{
		{"client-write-buffer-size", 0, &ignored{}, ""},
		{"client-read-buffer-size", 0, &ignored{}, ""},
		{"sys-topic-resend-interval", 0, number(&o.sysInterval, 1, 0, 86_400), ""},
		{"inline-client", 0, boolean(&o.inline, false), ""},
		{"capabilities", 0, &group{keys{
			{"maximum-session-expiry-interval", 0, number(&o.sessionExpiry, math.MaxUint32, 0, math.MaxUint32), ""},
			{"maximum-message-expiry-interval", 0, number(&o.messageExpiry, 86_400, 0, math.MaxUint32), ""},
			{"receive-maximum", 0, number(&o.receiveMaximum, 1024, 0, math.MaxUint16), ""},
			{"maximum-qos", 0, number(&o.maximumQoS, 2, 0, 2), ""},
			flag("retain-available", &o.retain),
			{"maximum-packet-size", 0, number(&o.packetSize, 0, 0, math.MaxUint32), ""},
			{"topic-alias-maximum", 0, number(&o.aliases, math.MaxUint16, 0, math.MaxUint16), ""},
			flag("wildcard-sub-available", &o.wildcard),
			flag("sub-id-available", &o.ids),
			flag("shared-sub-available", &o.shared),
			{"minimum-protocol-version", 0, number(&o.minimumVersion, 3, 0, 5), ""},
			{"maximum-client-writes-pending", 0, number(&o.writes, 8192, 0, math.MaxInt32), ""},
			{"compatibilities", 0, &group{keys{
				{"obscure-not-authorized", 0, boolean(&o.obscure, false), ""},
				{"passive-client-disconnect", 0, boolean(&o.passive, false), ""},
				{"always-return-response", 0, boolean(&o.alwaysReturn, false), ""},
				{"restore-sys-info-restart", 0, boolean(&o.sysInfos, false), ""},
				{"noinheritedpropertiesonack", 0, &ignored{}, ""},
			}}, ""},
		}}, ""},
	}
}

func (l *comqttLog) keys() keys {
	return keys{
		{"enable", 0, boolean(&l.enable, false), ""},
		{"format", 0, number(&l.format, 0, 0, 1), ""},
		{"output", 0, number(&l.output, 0, 0, 2), ""},
		{"level", 0, number(&l.level, 0, -100, 100), ""},
		{"filename", 0, file(&l.file, ""), ""},
		{"maxsize", 0, number(&l.size, 0, 0, math.MaxInt32), ""},
		{"maxage", 0, number(&l.age, 0, 0, math.MaxInt32), ""},
		{"maxbackups", 0, number(&l.backups, 0, 0, math.MaxInt32), ""},
		{"max-age", 0, number(new(int64), 0, 0, math.MaxInt32), ""},
		{"max-backups", 0, number(new(int64), 0, 0, math.MaxInt32), ""},
		{"compress", 0, boolean(&l.compress, false), ""},
	}
}
