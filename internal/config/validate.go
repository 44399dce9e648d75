package config

import (
	"net"
	"slices"
)

// Validate names, as Problems, everything that cannot work together.
func (c *Config) Validate() error {
	v := &validation{c: c}
	c.keys().walk("", v.scalar)
	if !slices.ContainsFunc(c.Listeners, func(l Listener) bool { return l.ForClients() }) {
		v.add("listeners", "there is no listener for clients: give one with the protocol tcp, tls, ws, wss or unix, or give a port")
	}
	if c.DataDir == "" {
		v.add("data_dir", "the name is empty: name a directory")
	}
	if (c.Log.Output == "file" || c.Log.Output == "both") && c.Log.File == "" {
		v.add("log.output", "%s needs a file: name it in log.file", c.Log.Output)
	}
	if (c.Log.Output == "stderr" || c.Log.Output == "off") && c.Log.File != "" {
		v.add("log.file", "nothing is written to it with log.output %s: use file or both, or leave the file out", c.Log.Output)
	}
	if _, port, err := net.SplitHostPort(c.Admin.Address); c.Admin.Address != "" && (err != nil || ValidPort(port) != nil) {
		v.add("admin.address", "%q: write host:port, for example %s, or off", c.Admin.Address, DefaultAdmin)
	}
	v.store(&c.Store)
	v.limits(&c.Limits)
	if n := c.Notices; !n.Enabled && n != (Notices{}) {
		v.add("notices", "they have no effect without enabled: true")
	}
	ids := map[string]int{}
	for i := range c.Listeners {
		l := &c.Listeners[i]
		if first, twice := ids[l.ID]; twice {
			v.add(element("listeners", i)+".id", "%s is the name of %s already: give this one another", l.ID, element("listeners", first))
		}
		ids[l.ID] = i
		v.listener(element("listeners", i), l)
	}
	return v.problems.err()
}

// validation gathers problems of one configuration.
type validation struct {
	c        *Config
	problems Problems
}

// scalar looks whether a value may be what it is: flags and other brokers' files
// do not go through the decoder.
func (v *validation) scalar(path string, k *key) {
	if s, ok := k.value.(*scalar); ok && !s.hidden && s.read(s.write()) != nil {
		v.add(path, "%q is not allowed: use %s", s.write(), s.want)
	}
}

// add notes a problem at the place where the key was given, or the nearest one
// around it.
func (v *validation) add(path, format string, args ...any) {
	at, known := v.c.places[path]
	for up := path; !known && up != ""; {
		up = parent(up)
		at, known = v.c.places[up]
	}
	v.problems.add(at, path, format, args...)
}

func (v *validation) store(s *Store) {
	switch {
	case s.Engine == Redis && !s.RedisURL.Given():
		v.add("store.redis_url", "engine redis needs it: write redis://host:6379, or name a file in redis_url_file")
	case s.Engine != Redis && s.RedisURL.Given():
		v.add("store.redis_url", "it has no effect with engine %s, only with redis: leave it out", s.Engine)
	}
	for i, t := range s.Topics {
		if t.Filter == "" {
			v.add(element("store.topics", i)+".filter", "there is none: write a topic filter like sensors/#")
		}
	}
}

func (v *validation) limits(l *Limits) {
	for _, r := range []struct {
		key  string
		rate Rate
	}{{"connect_rate", l.Connects}, {"message_rate", l.Messages}, {"byte_rate", l.Bytes}} {
		if r.rate.PerSecond == 0 && r.rate.Burst != 0 {
			v.add("limits."+r.key+".burst", "it has no effect without per_second")
		}
	}
}

func (v *validation) listener(path string, l *Listener) {
	v.address(path+".address", l)
	v.certificates(path+".tls", l)
	if !l.isWebSocket() {
		v.useless(path+".path", l.Path != "", l, "ws and wss")
		v.useless(path+".origins", len(l.Origins) > 0, l, "ws and wss")
	}
	v.useless(path+".unix_mode", l.UnixMode != "" && l.Protocol != Unix, l, "unix")
	v.useless(path+".anonymous", l.Anonymous != "" && !l.ForClients(), l, "the protocols of clients")
	v.useless(path+".durability", l.Durability != "" && !l.ForClients(), l, "the protocols of clients")
	v.useless(path+".maximum_connections", l.Connections != 0 && !l.ForClients(), l, "the protocols of clients")
	v.useless(path+".pprof", l.PProf && l.Protocol != HTTP, l, "http")
	if l.PProf && l.Protocol == HTTP && !loopback(l.Address) {
		v.add(path+".pprof", "profiles are offered on a loopback address only: use an address like 127.0.0.1:8080")
	}
	if len(l.ProxyTrusted) > 0 && !l.ProxyProtocol {
		v.add(path+".proxy_trusted", "it has no effect without proxy_protocol: true")
	}
}

// useless refuses a key that has no effect with the listener's protocol.
func (v *validation) useless(path string, given bool, l *Listener, protocols string) {
	if given {
		v.add(path, "it has no effect with the protocol %s, only with %s: leave it out", l.Protocol, protocols)
	}
}

func (v *validation) address(path string, l *Listener) {
	if l.Protocol == Unix {
		if l.Address == "" {
			v.add(path, "there is none: name the socket's path")
		}
		return
	}
	_, port, err := net.SplitHostPort(l.Address)
	if err != nil {
		v.add(path, "%q is not allowed: use host:port, or :port for every address", l.Address)
		return
	}
	if err := ValidPort(port); err != nil {
		v.add(path, "%v", err)
	}
}

func (v *validation) certificates(path string, l *Listener) {
	c := &l.TLS
	switch {
	case !l.Secure() && c.Given():
		v.add(path, "certificates have no effect with the protocol %s: use tls or wss, or leave them out", l.Protocol)
	case !l.Secure():
	case c.CertFile == "":
		v.add(path+".cert_file", "TLS needs a certificate file: name it")
	case c.KeyFile == "":
		v.add(path+".key_file", "TLS needs the certificate's key file: name it")
	case c.VerifyClient != "" && c.CAFile == "":
		v.add(path+".client_ca_file", "verifying clients' certificates needs the file of their authorities: name it")
	case c.VerifyClient == "" && c.CRLFile != "":
		v.add(path+".crl_file", "it has no effect without verify_client")
	case c.VerifyClient == "" && c.CAFile != "":
		v.add(path+".client_ca_file", "it has no effect without verify_client")
	case c.VerifyClient == "" && c.Identity != "":
		v.add(path+".identity", "it has no effect without verify_client")
	}
	for i, pair := range c.Others {
		if pair.CertFile == "" || pair.KeyFile == "" {
			v.add(element(path+".certificates", i), "a certificate needs both cert_file and key_file: name them")
		}
	}
	v.useless(path+".identity", c.Identity != "" && !l.ForClients(), l, "the protocols of clients")
}
