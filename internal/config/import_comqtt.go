package config

import (
	"cmp"
	"math"
	"net/url"
	"strconv"
	"time"
)

// comqtt reads a file of comqtt's single or cluster program.
func (im *Imported) comqtt(text []byte) error {
	var q comqttFile
	q.keys().reset()
	given, err := im.decode(text, q.keys())
	if err != nil {
		return err
	}
	im.comqttListeners(&q)
	im.comqttAccess(&q)
	im.comqttStore(&q)
	im.comqttCapabilities(&q.options)
	im.comqttLog(&q.log, given)
	im.comqttMisses(&q, given)
	return nil
}

func (im *Imported) comqttListeners(q *comqttFile) {
	im.Config.Listeners = nil
	secure := q.tls.cert != "" || q.tls.key != ""
	add := func(protocol, safe, address string) {
		if secure {
			protocol = safe
		}
		path := element("listeners", len(im.Config.Listeners))
		if address == "" {
			im.note(path+".address", "comqtt takes a random port where none is named.")
		}
		l := &im.Config.Listeners[im.listen(NewListener("", protocol, cmp.Or(address, ":0")))]
		if secure && protocol != HTTP {
			l.TLS = Certificates{CertFile: q.tls.cert, KeyFile: q.tls.key, CAFile: q.tls.ca, MinimumVersion: "1.2"}
			if q.tls.ca != "" {
				l.TLS.VerifyClient = Required
			}
		}
		if protocol == WebSocket || protocol == WebSockets {
			im.openWebSocket(l, path)
		}
	}
	add(TCP, TLS, q.tcp)
	add(WebSocket, WebSockets, q.ws)
	if q.http != "" {
		add(HTTP, HTTP, q.http)
		im.note(element("listeners", 2)+".address", "Only statistics in JSON are offered here, without a login as in comqtt: let nobody else reach the address, or use 127.0.0.1.")
	}
	if q.pprof {
		l := NewListener("pprof", HTTP, "127.0.0.1:6060")
		l.PProf = true
		im.note(element("listeners", im.listen(l))+".pprof", "comqtt offers profiles at every address, Linnet to this machine only.")
	}
}

func (im *Imported) comqttAccess(q *comqttFile) {
	a := &im.Config.Access.Anonymous
	switch {
	case q.authWay == 0:
		*a = Everybody
		im.note("access.anonymous", "comqtt with auth.way 0 admits everybody. Linnet's default is loopback: clients of this machine only.")
	case q.authData == 0:
		*a = Nobody
		im.note("access.anonymous", "comqtt with auth.way %d and auth.datasource 0 admits nobody.", q.authWay)
	default:
		im.miss("auth: users and rules from Redis, MySQL, PostgreSQL and HTTP are not offered yet in this version. Until they are, this file admits clients of this machine, without a password, and nobody else.")
	}
	if q.blacklist != "" {
		im.miss("auth.blacklist-path: the file is not read. Bans are in data_dir and are made while the broker runs: linnet bans add --client ID.")
	}
}

func (im *Imported) comqttStore(q *comqttFile) {
	s := &im.Config.Store
	s.Engine = []string{None, Bolt, Badger, Redis}[q.storage]
	switch s.Engine {
	case None:
		im.note("store.engine", "comqtt with storage-way 0 keeps nothing. Linnet's default is pebble, which does, in data_dir.")
		return
	case Redis:
		u := url.URL{Scheme: "redis", Host: q.redis.addr, Path: "/" + strconv.FormatInt(q.redis.db, 10)}
		if q.redis.password != "" {
			u.User = url.UserPassword(q.redis.username, q.redis.password)
			im.note("store.redis_url", "There is a password in it: let only its owner read this file, or put the URL into a file of its own and name that in redis_url_file.")
		}
		s.RedisURL.text, s.RedisName = u.String(), q.redis.prefix
	default:
		im.note("store.engine", "Its files are in data_dir. Linnet's default, pebble, is faster.")
	}
	im.miss("What comqtt has stored is not read: its records are others.")
}

func (im *Imported) comqttCapabilities(o *comqttOptions) {
	c := &im.Config.Capabilities
	im.Config.Sys.Interval = time.Duration(o.sysInterval) * time.Second
	if o.sessionExpiry < math.MaxUint32 {
		c.MaximumSessionExpiryInterval = max(time.Duration(o.sessionExpiry), 1) * time.Second
	}
	c.MaximumMessageExpiryInterval = time.Duration(o.messageExpiry) * time.Second
	if o.messageExpiry > 0 {
		im.note("capabilities.maximum_message_expiry_interval", "It counts for retained messages too, as in comqtt. Linnet's default is never.")
	}
	c.ReceiveMaximum = uint16(max(o.receiveMaximum, 1))
	c.MaximumQoS = byte(o.maximumQoS)
	c.MaximumPacketSize = uint32(o.packetSize)
	if o.packetSize == 0 || o.packetSize > largestPacket {
		c.MaximumPacketSize = largestPacket
		im.note("capabilities.maximum_packet_size", "comqtt has no limit, so this is the largest that MQTT knows. Linnet's default is 1MiB.")
	}
	c.TopicAliasMaximum = uint16(o.aliases)
	c.RetainAvailable, c.WildcardSubscriptionAvailable = o.retain == 1, o.wildcard == 1
	c.SubscriptionIdentifierAvailable, c.SharedSubscriptionAvailable = o.ids == 1, o.shared == 1
	for name, available := range map[string]int64{"wildcard_subscription": o.wildcard, "subscription_identifiers": o.ids, "shared_subscription": o.shared} {
		if available == 0 {
			im.note("capabilities."+name+"_available", "comqtt announces and enforces nothing of this; Linnet does.")
		}
	}
	c.MinimumProtocolVersion = map[int64]string{4: "3.1.1", 5: "5.0"}[o.minimumVersion]
	c.MinimumProtocolVersion = cmp.Or(c.MinimumProtocolVersion, "3.1")
	c.Compatibilities = Compatibilities{
		ObscureNotAuthorized: o.obscure, PassiveClientDisconnect: o.passive, AlwaysReturnResponseInfo: o.alwaysReturn, RestoreSysInfo: o.sysInfos,
	}
}

func (im *Imported) comqttLog(from *comqttLog, given func(string) bool) {
	l := &im.Config.Log
	if !from.enable {
		l.Output = "off"
		im.note("log.output", "comqtt logs nothing without log.enable.")
		return
	}
	l.Format = []string{"text", "json"}[from.format]
	l.Level = levelWord(from.level)
	if from.output > 0 && from.file != "" {
		l.Output, l.File = []string{"file", "both"}[from.output-1], from.file
		l.MaximumSize = cmp.Or(from.size, 100) << 20
		l.MaximumAge, l.MaximumBackups, l.Compress = time.Duration(from.age)*day, int(from.backups), from.compress
	}
	for _, theirs := range []string{"age", "backups"} {
		if given("log.max-" + theirs) {
			im.miss("log.max-%s: comqtt does not read this key, but log.max%s. Here it is log.maximum_%s.", theirs, theirs, theirs)
		}
	}
}

// levelWord is the word for a level of slog.
func levelWord(level int64) string {
	switch {
	case level < 0:
		return "debug"
	case level < 4:
		return "info"
	case level < 8:
		return "warn"
	}
	return "error"
}

func (im *Imported) comqttMisses(q *comqttFile, given func(string) bool) {
	o := &q.options
	for _, m := range []struct {
		when bool
		text string
	}{
		{given("storage-path") && (q.storage == 1 || q.storage == 2), "storage-path: the store is in the directory store of data_dir."},
		{q.bridge != 0, "bridge-way, bridge-path: there is no bridge to Kafka yet in this version."},
		{q.quic != "", "mqtt.quic: MQTT over QUIC is not offered."},
		{q.dashboard, "dashboard-enable: there is no dashboard yet in this version."},
		{given("cluster"), "cluster: there is no cluster yet in this version."},
		{given("mqtt.options.client-write-buffer-size") || given("mqtt.options.client-read-buffer-size"), "mqtt.options.client-write-buffer-size, client-read-buffer-size: buffers are not a client's own but borrowed while there is something to read or write; limits.read_buffer_size and write_buffer_size have their sizes."},
		{given("mqtt.options.capabilities.maximum-client-writes-pending"), "mqtt.options.capabilities.maximum-client-writes-pending: comqtt counts messages and drops those beyond it, also of QoS 1 and 2. Here limits.maximum_client_writes_pending counts bytes, and QoS 1 and 2 wait in the queue."},
		{o.inline, "mqtt.options.inline-client: publishing from Go is always possible."},
	} {
		if m.when {
			im.miss("%s", m.text)
		}
	}
}

// largestPacket is the largest packet of MQTT, with its header.
const largestPacket = 268_435_455 + 5
