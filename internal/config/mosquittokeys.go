package config

import (
	"math"
	"strings"
	"time"
)

// mosquittoMisses are settings that are left out, and why.
var mosquittoMisses = map[string]string{
	"persistence":             "sessions and retained messages are always kept, in data_dir; what Mosquitto has stored is not read",
	"persistence_location":    "data_dir names the directory for everything",
	"persistence_file":        "data_dir names the directory for everything",
	"autosave_interval":       "nothing is saved at intervals",
	"autosave_on_changes":     "nothing is saved at intervals",
	"pid_file":                "the data directory holds the process number, in the file lock",
	"user":                    "start it as the user it is to run as",
	"per_listener_settings":   "every listener has its own keys here",
	"connection":              "there are no bridges yet in this version",
	"address":                 "there are no bridges yet in this version",
	"topic":                   "there are no bridges yet in this version",
	"include_dir":             "there is one file; copy the others into it",
	"set_tcp_nodelay":         "it is always on",
	"capath":                  "use a file with all authorities and tls.client_ca_file",
	"ciphers":                 "Go's choice of ciphers is used",
	"ciphers_tls1.3":          "Go's choice of ciphers is used",
	"dhparamfile":             "Go's choice of ciphers is used",
	"use_subject_as_username": "a whole subject is no user name here; tls.identity has the common name or an alternative name",
	"psk_file":                "pre-shared keys are not offered",
	"psk_hint":                "pre-shared keys are not offered",
	"http_dir":                "files are not served",
}

// mosquittoSettings are the settings that have an equivalent.
var mosquittoSettings = map[string]mosquittoSetting{
	"listener": func(m *mosquittoFile, _ *mosquittoListener, value string) {
		m.explicit = true
		port, host, _ := strings.Cut(value, " ")
		l := mosquittoListener{port: port, host: strings.TrimSpace(host)}
		if strings.HasPrefix(l.host, "/") && port == "0" {
			l = mosquittoListener{socket: l.host}
		} else {
			m.number("listener", port, 65535)
		}
		m.listeners = append(m.listeners, l)
	},
	"port": func(m *mosquittoFile, _ *mosquittoListener, value string) {
		m.number("port", value, 65535)
		m.listeners[0].port = value
	},
	"bind_address": func(m *mosquittoFile, _ *mosquittoListener, value string) { m.listeners[0].host = value },
	"protocol": func(m *mosquittoFile, l *mosquittoListener, value string) {
		if value != "mqtt" && value != "websockets" {
			m.problems.add(m.at, "protocol", "%q is not allowed: use mqtt or websockets", value)
		}
		l.protocol = value
	},
	"certfile": func(_ *mosquittoFile, l *mosquittoListener, value string) { l.tls.CertFile = value },
	"keyfile":  func(_ *mosquittoFile, l *mosquittoListener, value string) { l.tls.KeyFile = value },
	"crlfile":  func(_ *mosquittoFile, l *mosquittoListener, value string) { l.tls.CRLFile = value },
	"cafile":   func(_ *mosquittoFile, l *mosquittoListener, value string) { l.tls.CAFile = value },
	"require_certificate": func(m *mosquittoFile, l *mosquittoListener, value string) {
		if l.tls.VerifyClient = ""; m.bool("require_certificate", value) {
			l.tls.VerifyClient = Required
		}
	},
	"use_identity_as_username": func(m *mosquittoFile, l *mosquittoListener, value string) {
		if l.tls.Identity = ""; m.bool("use_identity_as_username", value) {
			l.tls.Identity = CommonName
		}
	},
	"tls_version": func(m *mosquittoFile, l *mosquittoListener, value string) {
		l.tls.MinimumVersion = map[string]string{"tlsv1.3": "1.3"}[value]
		if value != "tlsv1.3" && value != "tlsv1.2" {
			m.im.miss("line %d, tls_version %s: the oldest version offered is 1.2.", m.at.line, value)
		}
	},
	"allow_anonymous": func(m *mosquittoFile, l *mosquittoListener, value string) {
		rule := map[bool]string{true: Everybody, false: Nobody}[m.bool("allow_anonymous", value)]
		if len(m.listeners) > 1 {
			l.anonymous = rule
		}
		m.anonymous = value
	},
	"password_file": func(m *mosquittoFile, _ *mosquittoListener, value string) {
		m.im.Config.Access.PasswordFile = value
	},
	"acl_file": lockedBy, "plugin": lockedBy, "auth_plugin": lockedBy, "global_plugin": lockedBy,
	"log_dest": func(m *mosquittoFile, _ *mosquittoListener, value string) { m.log = append(m.log, value) },
	"log_type": func(m *mosquittoFile, _ *mosquittoListener, value string) { m.levels = append(m.levels, value) },
	"sys_interval": func(m *mosquittoFile, _ *mosquittoListener, value string) {
		m.im.Config.Sys.Interval = time.Duration(m.number("sys_interval", value, 86_400)) * time.Second
	},
	"max_inflight_messages": func(m *mosquittoFile, _ *mosquittoListener, value string) {
		n := m.number("max_inflight_messages", value, math.MaxUint16)
		if n == 0 {
			n = math.MaxUint16
		}
		m.im.Config.Capabilities.MaximumInflight = uint16(n)
	},
	"max_queued_messages": func(m *mosquittoFile, _ *mosquittoListener, value string) {
		m.queue(&m.im.Config.Queues.DurableMaximumMessages, "max_queued_messages", value)
	},
	"max_queued_bytes": func(m *mosquittoFile, _ *mosquittoListener, value string) {
		if n := m.number("max_queued_bytes", value, math.MaxInt64); n > 0 {
			m.im.Config.Queues.DurableMaximumBytes = max(n, 1<<10)
		}
	},
	"queue_qos0_messages": func(m *mosquittoFile, _ *mosquittoListener, value string) {
		m.im.Config.Queues.QoS0 = m.bool("queue_qos0_messages", value)
	},
	"max_packet_size": func(m *mosquittoFile, _ *mosquittoListener, value string) {
		if n := m.number("max_packet_size", value, largestPacket); n > 0 {
			m.im.Config.Capabilities.MaximumPacketSize = uint32(max(n, 16))
		}
	},
	"message_size_limit": func(m *mosquittoFile, _ *mosquittoListener, value string) {
		if n := m.number("message_size_limit", value, largestPacket-5); n > 0 {
			m.im.Config.Capabilities.MaximumPacketSize = uint32(min(n+65_536, largestPacket))
			m.im.note("capabilities.maximum_packet_size", "Mosquitto's message_size_limit counts the payload; this counts the whole packet, with room for topic and properties.")
		}
	},
	"max_keepalive": func(m *mosquittoFile, _ *mosquittoListener, value string) {
		m.im.Config.Capabilities.ServerKeepAlive = time.Duration(m.number("max_keepalive", value, math.MaxUint16)) * time.Second
	},
	"max_topic_alias": func(m *mosquittoFile, _ *mosquittoListener, value string) {
		m.im.Config.Capabilities.TopicAliasMaximum = uint16(m.number("max_topic_alias", value, math.MaxUint16))
	},
	"retain_available": func(m *mosquittoFile, _ *mosquittoListener, value string) {
		m.im.Config.Capabilities.RetainAvailable = m.bool("retain_available", value)
	},
	"max_qos": func(m *mosquittoFile, _ *mosquittoListener, value string) {
		m.im.Config.Capabilities.MaximumQoS = byte(m.number("max_qos", value, 2))
	},
	"max_connections": func(m *mosquittoFile, l *mosquittoListener, value string) {
		if value != "-1" {
			l.connections = int(m.number("max_connections", value, math.MaxInt32))
		}
	},
	"persistent_client_expiration": func(m *mosquittoFile, _ *mosquittoListener, value string) {
		m.im.Config.Capabilities.MaximumSessionExpiryInterval = m.expiry(value)
	},
	"global_max_connections": func(m *mosquittoFile, _ *mosquittoListener, value string) {
		m.im.Config.Limits.MaximumClients = m.number("global_max_connections", value, math.MaxInt64)
	},
}

// lockedBy notes that the file has rules of access which cannot be kept.
func lockedBy(m *mosquittoFile, _ *mosquittoListener, _ string) {
	m.locked = "acl_file, plugin"
}
