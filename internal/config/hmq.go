package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net"
)

// hmqKeys are the keys of hmq's configuration file that are understood.
var hmqKeys = []string{
	"workerNum", "port", "host", "wsPort", "wsPath", "wsTLS", "tlsPort", "tlsHost", "tlsInfo", "acl", "aclConf",
}

var hmqTLSKeys = []string{"verify", "caFile", "certFile", "keyFile"}

// hmqFile is what an hmq file says; ports are empty when they are off.
type hmqFile struct {
	workers      int
	port, host   string
	wsPort       string
	wsPath       string
	wsTLS        bool
	tlsPort      string
	tlsHost      string
	certificates Certificates
	acl          *bool
	aclConf      string
}

// importHMQ reads the text of an hmq file, in JSON, into c. It is strict: an
// unknown key, a key that comes twice and a value of the wrong type are errors
// that name file, line and key. The file decides about listeners altogether, as
// in hmq a port it does not name is off; but if it names none at all, c's stay.
func (c *Config) importHMQ(name string, text []byte) error {
	h, err := parseHMQ(name, text)
	if err != nil {
		return err
	}
	c.hmqAccess(&h)
	return c.hmqListeners(name, &h)
}

// parseHMQ reads an hmq file's text.
func parseHMQ(name string, text []byte) (h hmqFile, err error) {
	f := &jsonFile{name: name, text: bytes.TrimPrefix(text, []byte("\ufeff"))}
	members, err := f.object(0, f.text, "", hmqKeys)
	if err != nil {
		return h, err
	}
	for i := range members {
		if err := h.set(&members[i]); err != nil {
			return h, err
		}
	}
	return h, nil
}

// wantsACL reports whether the file's rules of access are switched on.
func (h *hmqFile) wantsACL() bool { return h.acl != nil && *h.acl || h.acl == nil && h.aclConf != "" }

// hmqAccess makes the ACL file decide about every client, as in hmq, if it is
// switched on. Otherwise the rule for anonymous clients stays.
func (c *Config) hmqAccess(h *hmqFile) {
	if h.wantsACL() {
		c.Access.ACLFile = cmp.Or(h.aclConf, "conf/acl.conf")
		c.Access.Anonymous = Everybody
	}
}

// hmqListeners makes c's settings those of the file.
func (c *Config) hmqListeners(name string, h *hmqFile) error {
	if err := h.apply(c); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	c.completeListeners()
	return nil
}

// set takes over one key of the file.
func (h *hmqFile) set(m *member) (err error) {
	switch m.key {
	case "workerNum":
		if json.Unmarshal(m.value, &h.workers) != nil || h.workers < 0 || string(m.value) == "null" {
			return m.wrong("a number of workers")
		}
	case "port":
		h.port, err = m.port()
	case "host":
		h.host, err = m.text()
	case "wsPort":
		h.wsPort, err = m.port()
	case "wsPath":
		if h.wsPath, err = m.text(); err == nil && h.wsPath != "" && validPath(h.wsPath) != nil {
			err = m.wrong(`a path like "/ws"`)
		}
	case "wsTLS":
		h.wsTLS, err = m.bool()
	case "tlsPort":
		h.tlsPort, err = m.port()
	case "tlsHost":
		h.tlsHost, err = m.text()
	case "tlsInfo":
		return h.setTLS(m)
	case "acl":
		var on bool
		on, err = m.bool()
		h.acl = &on
	case "aclConf":
		h.aclConf, err = m.text()
	}
	return err
}

func (h *hmqFile) setTLS(m *member) error {
	members, err := m.file.object(m.at-int64(len(m.value)), m.value, "tlsInfo.", hmqTLSKeys)
	if err != nil {
		return err
	}
	for i := range members {
		switch m := &members[i]; m.key {
		case "verify":
			var verify bool
			if verify, err = m.bool(); verify {
				h.certificates.VerifyClient = Required
			}
		case "caFile":
			h.certificates.CAFile, err = m.text()
		case "certFile":
			h.certificates.CertFile, err = m.text()
		case "keyFile":
			h.certificates.KeyFile, err = m.text()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// apply makes the settings c's.
func (h *hmqFile) apply(c *Config) error {
	if h.workers > 0 {
		c.Workers = h.workers
	}
	needsTLS := h.tlsPort != "" || h.wsPort != "" && h.wsTLS
	if needsTLS && (h.certificates.CertFile == "" || h.certificates.KeyFile == "") {
		return fmt.Errorf("tlsPort and wsTLS need tlsInfo with certFile and keyFile")
	}
	if needsTLS && h.certificates.VerifyClient != "" && h.certificates.CAFile == "" {
		return fmt.Errorf("tlsInfo.verify needs tlsInfo.caFile, the authorities of the clients' certificates")
	}
	host := cmp.Or(h.host, DefaultHost)
	if h.port == "" && h.wsPort == "" && h.tlsPort == "" {
		c.SetHost(h.host)
		return nil
	}
	c.Listeners = nil
	if h.port != "" {
		c.Put(NewListener("mqtt", TCP, net.JoinHostPort(host, h.port)))
	}
	if h.tlsPort != "" {
		c.Put(NewListener("mqtts", TLS, net.JoinHostPort(cmp.Or(h.tlsHost, DefaultHost), h.tlsPort))).TLS = h.usedCertificates()
	}
	if h.wsPort != "" {
		ws := c.Put(NewListener("websocket", WebSocket, net.JoinHostPort(host, h.wsPort)))
		ws.Path = cmp.Or(h.wsPath, DefaultWSPath)
		if h.wsTLS {
			ws.Protocol, ws.TLS = WebSockets, h.usedCertificates()
		}
	}
	return nil
}

// usedCertificates are the files that hmq looks at.
func (h *hmqFile) usedCertificates() Certificates {
	certificates := h.certificates
	certificates.MinimumVersion = "1.2"
	if certificates.VerifyClient == "" {
		certificates.CAFile = "" // only with verify
	}
	return certificates
}
