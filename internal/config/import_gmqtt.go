package config

import (
	"math"
	"net"
	"time"
)

// gmqttFile is the configuration of gmqtt's built-in broker, 2018.
type gmqttFile struct {
	retry       int64 // seconds
	inflight    int64
	queueQoS0   bool
	queue       int64
	cpu, memory string
	logging     bool
	http        struct {
		addr  string
		users ignored
	}
	listeners []gmqttListener
}

type gmqttListener struct{ protocol, addr, cert, key string }

func (g *gmqttFile) keys() keys {
	return keys{
		{"delivery_retry_interval", 0, number(&g.retry, 20, 0, 86_400), ""},
		{"max_inflight_messages", 0, number(&g.inflight, 20, 0, math.MaxInt32), ""},
		{"queue_qos0_messages", 0, boolean(&g.queueQoS0, true), ""},
		{"max_msgqueue_messages", 0, number(&g.queue, 2048, 0, math.MaxInt32), ""},
		{"profile", 0, &group{keys{{"cpu", 0, file(&g.cpu, ""), ""}, {"mem", 0, file(&g.memory, ""), ""}}}, ""},
		{"logging", 0, boolean(&g.logging, false), ""},
		{"http_server", 0, &group{keys{{"addr", 0, anyText(&g.http.addr, "", "an address like :8080"), ""}, {"user", 0, &g.http.users, ""}}}, ""},
		{"listener", 0, listOf("listener", &g.listeners, (*gmqttListener).keys, func() []gmqttListener { return nil }), ""},
	}
}

func (l *gmqttListener) keys() keys {
	return keys{
		{"protocol", 0, choice(&l.protocol, "mqtt", "mqtt", "websocket", "websockets"), ""},
		{"addr", 0, anyText(&l.addr, "", "an address like :1883"), ""},
		{"certfile", 0, file(&l.cert, ""), ""},
		{"keyfile", 0, file(&l.key, ""), ""},
	}
}

// gmqtt reads a file of gmqtt.
func (im *Imported) gmqtt(text []byte) error {
	var g gmqttFile
	g.keys().reset()
	if _, err := im.decode(text, g.keys()); err != nil {
		return err
	}
	c := im.Config
	c.Access.Anonymous = Everybody
	im.note("access.anonymous", "gmqtt's built-in broker admits everybody. Linnet's default is loopback: clients of this machine only.")
	im.gmqttLimits(&g)
	c.Profile = Profile{CPUFile: g.cpu, MemoryFile: g.memory}
	if g.logging {
		c.Log.Level = "debug"
		im.note("log.level", "gmqtt's logging shows packets; debug shows what clients do, not every packet.")
	}
	im.gmqttListeners(&g)
	im.gmqttAPI(&g)
	return nil
}

// gmqttAPI makes the management API of http_server. It has no port in common
// with a listener.
func (im *Imported) gmqttAPI(g *gmqttFile) {
	if g.http.addr == "" {
		return
	}
	for i := range g.listeners {
		if l := &g.listeners[i]; l.addr == g.http.addr {
			im.miss("http_server.addr: %s, which is the %s listener's, too. The management API has a port of its own, admin.address, by default %s.", g.http.addr, l.protocol, DefaultAdmin)
			im.gmqttUsers(g)
			return
		}
	}
	if _, _, err := net.SplitHostPort(g.http.addr); err != nil {
		im.miss("http_server.addr: %s is no address like :9090; admin.address keeps its default.", g.http.addr)
		return
	}
	im.Config.Admin.Address = g.http.addr
	im.note("admin.address", "It has gmqtt's routes, and speaks HTTP without encryption. Linnet's default is %s, for programs of this machine only.", DefaultAdmin)
	im.gmqttUsers(g)
}

func (im *Imported) gmqttUsers(g *gmqttFile) {
	if g.http.users.given {
		im.miss("http_server.user: the management API has the user admin, whose secret the first start writes into data_dir, and API keys.")
	}
}

func (im *Imported) gmqttLimits(g *gmqttFile) {
	c := im.Config
	c.Sessions.RetryInterval = time.Duration(g.retry) * time.Second
	im.note("sessions.retry_interval", "It counts for clients of MQTT 3.x only: MQTT 5.0 forbids it.")
	c.Capabilities.MaximumInflight = uint16(g.inflight)
	if g.inflight == 0 || g.inflight > math.MaxUint16 {
		c.Capabilities.MaximumInflight = math.MaxUint16
	}
	c.Queues.MaximumMessages, c.Queues.DurableMaximumMessages = int(g.queue), int(g.queue)
	if g.queue == 0 {
		c.Queues.MaximumMessages, c.Queues.DurableMaximumMessages = math.MaxInt32, math.MaxInt32
		im.note("queues.maximum_messages", "gmqtt has no limit with 0; here the size of the queue is bounded too, by maximum_bytes and durable_maximum_bytes.")
	}
	c.Queues.Policy, c.Queues.QoS0 = "drop_oldest", g.queueQoS0
	im.note("queues.qos0_messages", "gmqtt 2018 ignores queue_qos0_messages and always queues them.")
}

func (im *Imported) gmqttListeners(g *gmqttFile) {
	im.Config.Listeners = nil
	if len(g.listeners) == 0 {
		g.listeners = []gmqttListener{{protocol: "mqtt", addr: ":1883"}}
	}
	for _, from := range g.listeners {
		web, secure := from.protocol != "mqtt", from.cert != ""
		protocol := map[[2]bool]string{{false, false}: TCP, {false, true}: TLS, {true, false}: WebSocket, {true, true}: WebSockets}[[2]bool{web, secure}]
		i := im.listen(NewListener("", protocol, from.addr))
		l := &im.Config.Listeners[i]
		l.TLS.CertFile, l.TLS.KeyFile = from.cert, from.key
		if web {
			im.openWebSocket(l, element("listeners", i))
		}
	}
}
