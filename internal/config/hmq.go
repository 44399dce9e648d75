package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net"
	"os"
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

// LoadHMQ reads a configuration file of hmq, in JSON, into c. It is strict: an
// unknown key, a key that comes twice and a value of the wrong type are errors
// that name file, line and key. The file decides about listeners altogether, as
// in hmq a port it does not name is off; but if it names none at all, c's stay.
func (c *Config) LoadHMQ(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	return c.importHMQ(name, text)
}

func (c *Config) importHMQ(name string, text []byte) error {
	f := &jsonFile{name: name, text: bytes.TrimPrefix(text, []byte("\ufeff"))}
	var h hmqFile
	members, err := f.object(0, f.text, "", hmqKeys)
	if err != nil {
		return err
	}
	for i := range members {
		if err := h.set(&members[i]); err != nil {
			return err
		}
	}
	if h.acl != nil && *h.acl || h.acl == nil && h.aclConf != "" {
		return fmt.Errorf("%s: acl and aclConf: access control files are not supported yet in this version, and to ignore the rules would open the broker; set \"acl\" to false to run without them", name)
	}
	if err := h.apply(c); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
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
		h.wsPath, err = m.text()
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
			h.certificates.VerifyClient, err = m.bool()
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
	if needsTLS && h.certificates.VerifyClient && h.certificates.CAFile == "" {
		return fmt.Errorf("tlsInfo.verify needs tlsInfo.caFile, the authorities of the clients' certificates")
	}
	host := cmp.Or(h.host, DefaultHost)
	if h.port == "" && h.wsPort == "" && h.tlsPort == "" {
		c.SetHost(h.host)
		return nil
	}
	c.Listeners = nil
	if h.port != "" {
		c.Put(Listener{ID: "mqtt", Protocol: TCP, Address: net.JoinHostPort(host, h.port)})
	}
	if h.tlsPort != "" {
		c.Put(Listener{ID: "mqtts", Protocol: TLS, Address: net.JoinHostPort(cmp.Or(h.tlsHost, DefaultHost), h.tlsPort), TLS: h.copyOfCertificates()})
	}
	if h.wsPort != "" {
		ws := c.Put(Listener{ID: "websocket", Protocol: WebSocket, Address: net.JoinHostPort(host, h.wsPort), Path: cmp.Or(h.wsPath, DefaultWSPath)})
		if h.wsTLS {
			ws.Protocol, ws.TLS = WebSockets, h.copyOfCertificates()
		}
	}
	return nil
}

func (h *hmqFile) copyOfCertificates() *Certificates {
	certificates := h.certificates
	if !certificates.VerifyClient {
		certificates.CAFile = "" // hmq looks at it only with verify
	}
	return &certificates
}
