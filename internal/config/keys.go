package config

import (
	"math"
	"time"
)

// keys is the table of the whole file.
func (c *Config) keys() keys {
	return keys{
		{
			"data_dir", restart, file(&c.DataDir, DefaultData),
			"Directory for what the broker keeps, made when missing, readable by its owner only. One process owns it.",
		},
		{
			"shutdown_timeout", reload, duration(&c.ShutdownTimeout, 10*time.Second, 0, day, 1),
			"How long clients may take their last messages when the broker ends.",
		},
		{
			"listeners", restart, listOf("listener", &c.Listeners, (*Listener).keys, defaultListeners),
			"Where clients are accepted. A list in the file replaces the default one as a whole.",
		},
		{"access", restart, &group{c.Access.keys()}, "Who may come in, and what they may do."},
		{"admin", restart, &group{keys{
			{
				"address", restart, orOff(&c.Admin.Address, anyText(&c.Admin.Address, DefaultAdmin, "host:port")),
				"Address of this machine and port of the management API, for \"linnet clients\", \"linnet stats\" and the like; off for none. See docs/operating.md.",
			},
		}}, "The management API."},
		{"capabilities", restart, &group{c.Capabilities.keys()}, "What clients may do, in the words of the MQTT specification; they are told."},
		{"limits", restart, &group{c.Limits.keys()}, "Limits that protect the broker."},
		{"sessions", restart, &group{c.Sessions.keys()}, "How sessions and shared subscriptions work."},
		{"queues", restart, &group{c.Queues.keys()}, "Bounds of what waits for a client that is slow or away."},
		{"store", restart, &group{c.Store.keys()}, "What outlives the process: sessions that outlive their connection, what is queued for them, and retained messages."},
		{"notices", restart, &group{c.Notices.keys()}, "Messages to $SYS/broker/connection/clients/ and a client identifier, when a client has come or gone."},
		{"sys", restart, &group{keys{
			{
				"interval", restart, or(duration(&c.Sys.Interval, 10*time.Second, time.Second, day, time.Second), &c.Sys.Interval, "off"),
				"How often the broker's figures are published below $SYS/broker.",
			},
		}}, "The $SYS topics."},
		{"log", reload, &group{c.Log.keys()}, "What is logged, and where."},
		{"profile", restart, &group{keys{
			{"cpu_file", restart, file(&c.Profile.CPUFile, ""), "File for a CPU profile of the whole run, for go tool pprof, complete when the broker ends."},
			{"memory_file", restart, file(&c.Profile.MemoryFile, ""), "File for a heap profile, written when the broker ends."},
		}}, "Profiles of the broker itself."},
	}
}

func (a *Access) keys() keys {
	return keys{
		{
			"anonymous", reload, choice(&a.Anonymous, "", Everybody, Loopback, Nobody),
			"Who is admitted without credentials: everybody, from everywhere; loopback, clients of this machine only; or nobody. " +
				"Not given: loopback as long as there is neither password_file nor ledger_file nor an identity by certificate, else nobody. Without " +
				"these a user name is no credential. A listener may have its own rule. It counts for clients that connect after a change.",
		},
		{"password_file", restart, file(&a.PasswordFile, ""), "File of users and the hashes of their passwords, Linnet's or Mosquitto's. Whoever gives a user name must give its password. " + followed},
		{"acl_file", restart, file(&a.ACLFile, ""), "File of access rules with five columns, as hmq has it. What no rule allows is refused. " + followed},
		{"ledger_file", restart, file(&a.LedgerFile, ""), "File of users and rules in YAML or JSON, as the ledger of comqtt and mochi. It is asked after the other two files. " + followed},
	}
}

// followed is said of files that are read again.
const followed = "Changes of the file count within seconds, and at a reload; another name needs a restart."

func (n *Notices) keys() keys {
	return keys{
		{"enabled", restart, boolean(&n.Enabled, false), "Whether they are sent."},
		{"qos", restart, number(&n.QoS, 0, 0, 2), "Their QoS."},
		{"retain", restart, boolean(&n.Retain, false), "Whether the last one of each client is retained."},
		{"username", restart, boolean(&n.Username, false), "Whether they name the user."},
		{"remote", restart, boolean(&n.Remote, false), "Whether they name the address."},
		{"reason", restart, boolean(&n.Reason, false), "Whether they say why the connection ended."},
	}
}

func (c *Capabilities) keys() keys {
	return keys{
		{
			"maximum_session_expiry_interval", restart,
			or(duration(&c.MaximumSessionExpiryInterval, 0, time.Second, math.MaxUint32*time.Second, time.Second), &c.MaximumSessionExpiryInterval, "never").defaulting("never"),
			"How long a session may outlive its connection at most, and the life of persistent sessions of 3.x clients.",
		},
		{
			"maximum_message_expiry_interval", restart,
			or(duration(&c.MaximumMessageExpiryInterval, 0, time.Second, math.MaxUint32*time.Second, time.Second), &c.MaximumMessageExpiryInterval, "never").defaulting("never"),
			"How long a message may wait at most, retained messages too.",
		},
		{"receive_maximum", restart, number(&c.ReceiveMaximum, 1024, 1, math.MaxUint16), "Unacknowledged QoS 1 and 2 messages a client may have sent."},
		{"maximum_inflight", restart, number(&c.MaximumInflight, 1024, 1, math.MaxUint16), "Unacknowledged QoS 1 and 2 messages sent to a client, if it does not allow less itself."},
		{"maximum_qos", restart, number(&c.MaximumQoS, 2, 0, 2), "The highest QoS a client may publish with."},
		{"maximum_packet_size", restart, size(&c.MaximumPacketSize, 1<<20, 16, largestPacket), "The largest packet a client may send."},
		{"topic_alias_maximum", restart, number(&c.TopicAliasMaximum, 32, 0, math.MaxUint16), "Topic aliases a client may use; 0 for none."},
		{"retain_available", restart, boolean(&c.RetainAvailable, true), "Whether messages are retained."},
		{"wildcard_subscription_available", restart, boolean(&c.WildcardSubscriptionAvailable, true), "Whether filters may contain + and #."},
		{"subscription_identifiers_available", restart, boolean(&c.SubscriptionIdentifierAvailable, true), "Whether subscriptions may have identifiers."},
		{"shared_subscription_available", restart, boolean(&c.SharedSubscriptionAvailable, true), "Whether $share subscriptions are possible."},
		{
			"minimum_protocol_version", restart, choice(&c.MinimumProtocolVersion, "3.1", "3.1", "3.1.1", "5.0"),
			"The oldest version of MQTT that is accepted.",
		},
		{
			"server_keep_alive", restart,
			or(duration(&c.ServerKeepAlive, 0, time.Second, math.MaxUint16*time.Second, time.Second), &c.ServerKeepAlive, "none").defaulting("none"),
			"The longest Keep Alive of MQTT 5.0 clients. Longer or absent ones are replaced, and the client is told; none accepts what they ask for.",
		},
		{"response_information", restart, anyText(&c.ResponseInformation, "", "a text"), "What MQTT 5.0 clients get that ask for Response Information: the basis of their response topics."},
		{"server_reference", restart, anyText(&c.ServerReference, "", "a text like broker2.example.com:1883"), "Another server, named in refusals with 0x9C and 0x9D."},
		{"compatibilities", restart, &group{c.Compatibilities.keys()}, "Deviations some clients need."},
	}
}

func (c *Compatibilities) keys() keys {
	return keys{
		{"obscure_not_authorized", restart, boolean(&c.ObscureNotAuthorized, false), "Refused SUBSCRIBEs are answered with 0x80 instead of 0x87."},
		{"passive_client_disconnect", restart, boolean(&c.PassiveClientDisconnect, false), "After the server's DISCONNECT it is left to the client, for two seconds, to close the connection."},
		{"restore_sys_info", restart, boolean(&c.RestoreSysInfo, false), "The totals of $SYS continue after a restart; else they begin anew."},
		{"always_return_response_info", restart, boolean(&c.AlwaysReturnResponseInfo, false), "Response Information goes to clients that did not ask for it."},
	}
}

func (l *Limits) keys() keys {
	return keys{
		{"maximum_clients", reload, or(number(&l.MaximumClients, 0, 1, math.MaxInt64), &l.MaximumClients, "none").defaulting("none"), "Clients that may be connected at a time. A lower limit disconnects nobody."},
		{"maximum_subscriptions_per_client", restart, number(&l.MaximumSubscriptions, 1_000_000, 1, math.MaxInt32), "Subscriptions a client may have."},
		{
			"memory_budget", restart, or(size(&l.MemoryBudget, 0, 1<<20, math.MaxInt64), &l.MemoryBudget, "none").defaulting("none"),
			"What queues and buffers of all clients may hold together. Near it new connections are refused and publishers slowed down, at it queues no longer grow.",
		},
		{"connect_timeout", restart, duration(&l.ConnectTimeout, 10*time.Second, time.Millisecond, time.Hour, 1), "Time for a client from being accepted to the end of its CONNECT."},
		{"maximum_connect_packet_size", restart, size(&l.MaximumConnectPacketSize, 64<<10, 16, largestPacket), "The largest packet before a client is admitted."},
		{
			"maximum_client_writes_pending", restart, size(&l.MaximumClientWritesPending, 4<<20, 1<<10, math.MaxInt32),
			"Bytes that may wait for a slow connection. Beyond half of them QoS 1 and 2 wait in the queue, beyond all of them QoS 0 is dropped.",
		},
		{"connections_per_user", restart, noneOr(&l.ConnectionsPerUser), "Connections that a user name may have at a time. More are refused with 0x97, of 3.x with return code 3."},
		{"connections_per_address", restart, noneOr(&l.ConnectionsPerAddress), "Connections from an address at a time; of IPv6 from a network /64. Refused in the same way."},
		{"connections_per_listener", restart, noneOr(&l.ConnectionsPerListener), "Connections of a listener at a time, unless its maximum_connections says otherwise. Refused in the same way."},
		{"connect_rate", restart, &group{l.Connects.keys("CONNECTs")}, "CONNECTs from an address. More are refused with 0x9F, of 3.x with return code 3."},
		{"message_rate", restart, &group{l.Messages.keys("Messages")}, "Messages that a client publishes."},
		{"byte_rate", restart, &group{l.Bytes.sizes()}, "Bytes that a client sends, with publish_too_fast throttle; else the topics and payloads that it publishes."},
		{
			"publish_too_fast", restart, choice(&l.TooFast, Throttle, Throttle, Reject, Disconnect),
			"What happens to a client beyond message_rate or byte_rate: it is read less, so that nothing is lost; its messages are refused with 0x97, " +
				"where QoS 0 is dropped and 3.x clients are disconnected for others; or it is disconnected with 0x96.",
		},
		{"topic_levels", restart, noneOr(&l.TopicLevels), "Levels that a topic or filter may have. Refused with 0x90 or 0x8F."},
		{"topic_bytes", restart, noneOr(&l.TopicBytes), "Bytes that a topic or filter may have. Refused with 0x90 or 0x8F."},
		{"flapping", restart, &group{l.Flapping.keys()}, "A ban for a while for clients that connect too often: for client identifier, user name and address together."},
		{"read_buffer_size", restart, size(&l.ReadBufferSize, 64<<10, 512, 1<<30), "Size of the buffers that connections borrow for reading."},
		{"write_buffer_size", restart, size(&l.WriteBufferSize, 64<<10, 512, 1<<30), "Bytes gathered for a client before they are written within a batch."},
	}
}

// noneOr holds a positive number, or none.
func noneOr(p *int) *scalar {
	return or(number(p, 0, 1, math.MaxInt32), p, "none").defaulting("none")
}

func (r *Rate) keys(what string) keys {
	return keys{
		{"per_second", restart, or(number(&r.PerSecond, 0, 1, math.MaxInt32), &r.PerSecond, "none").defaulting("none"), what + " per second, on average."},
		{"burst", restart, or(number(&r.Burst, 0, 1, math.MaxInt32), &r.Burst, "second").defaulting("second"), "How many may come at once after a silence; second: as many as in a second."},
	}
}

func (r *Rate) sizes() keys {
	return keys{
		{"per_second", restart, or(size(&r.PerSecond, 0, 1, math.MaxInt64), &r.PerSecond, "none").defaulting("none"), "Bytes per second, on average."},
		{"burst", restart, or(size(&r.Burst, 0, 1, math.MaxInt64), &r.Burst, "second").defaulting("second"), "How many may come at once after a silence; second: as many as in a second."},
	}
}

func (f *Flapping) keys() keys {
	return keys{
		{"count", restart, or(number(&f.Count, 0, 1, math.MaxInt32), &f.Count, "off").defaulting("off"), "How often a client may connect within the window."},
		{"window", restart, duration(&f.Window, time.Minute, time.Second, day, 1), "The window."},
		{"ban", restart, duration(&f.Ban, 5*time.Minute, time.Second, 365*day, 1), "How long the ban lasts. It ends with the broker, too."},
	}
}

func (s *Sessions) keys() keys {
	return keys{
		{"open_to_any_user", restart, boolean(&s.OpenToAnyUser, false), "Whether a client may resume a session that another user name created."},
		{
			"shared_strategy", restart, choice(&s.SharedStrategy, "round_robin", "round_robin", "random", "sticky", "hash_client", "hash_topic"),
			"How the member of a shared subscription is picked for a message.",
		},
		{
			"retry_interval", restart, or(duration(&s.RetryInterval, 0, time.Second, day, 1), &s.RetryInterval, "never").defaulting("never"),
			"After which time a message is sent again to a connected 3.x client that has not acknowledged it. MQTT 5.0 forbids it.",
		},
	}
}

func (q *Queues) keys() keys {
	return keys{
		{"maximum_messages", restart, number(&q.MaximumMessages, 1000, 1, math.MaxInt32), "Messages that may wait for a session that ends with its connection."},
		{"maximum_bytes", restart, size(&q.MaximumBytes, 64<<20, 1<<10, math.MaxInt64), "Their size."},
		{"durable_maximum_messages", restart, number(&q.DurableMaximumMessages, 100_000, 1, math.MaxInt32), "Messages that may wait for a session that outlives its connection."},
		{"durable_maximum_bytes", restart, size(&q.DurableMaximumBytes, 256<<20, 1<<10, math.MaxInt64), "Their size."},
		{
			"policy", restart, choice(&q.Policy, "drop_newest", "drop_newest", "drop_oldest", "disconnect", "reject_publish"),
			"What happens when a queue is full and holds no QoS 0 message to drop: the new message is dropped; the oldest is; " +
				"the client is disconnected; or the publisher is refused before anybody gets the message.",
		},
		{"qos0_messages", restart, boolean(&q.QoS0, false), "Whether QoS 0 messages wait for durable sessions that are offline."},
	}
}

func (s *Store) keys() keys {
	ks := keys{
		{
			"engine", restart, choice(&s.Engine, Pebble, Pebble, Bolt, Badger, Redis, None),
			"Where it is kept: in the directory store of the data directory by pebble, bolt or badger, in a Redis server, or nowhere but in memory, which ends with the process. What one engine has written another does not read.",
		},
		{
			"durability", restart, choice(&s.Durability, Fsync, Fsync, OS, None),
			"What acknowledgements wait for that promise to keep something: fsync, that it is on the disk and survives a crash of the machine; " +
				"os, that the operating system has it and it survives a crash of the broker; none, nothing.",
		},
		{"announce_durability", restart, boolean(&s.Announce, false), "Whether MQTT 5.0 clients are told what holds for them, in the user property durability of CONNACK."},
		{
			"maximum_bytes", restart, or(size(&s.Maximum, 0, 64<<20, math.MaxInt64), &s.Maximum, "none").defaulting("none"),
			"Of engine pebble: how large its files may be. Beyond that what needs space is refused as if the disk were full: 0x97 for MQTT 5.0, the end of the connection for 3.x.",
		},
		{
			"topics", restart, listOf("rule", &s.Topics, (*TopicDurability).keys, func() []TopicDurability { return nil }),
			"Other durabilities for messages of some topics. The first rule that matches counts, also against a listener's.",
		},
	}
	ks = append(ks, secret("redis_url", restart, &s.RedisURL, "Of engine redis: where it is, like redis://user:password@localhost:6379/0, rediss:// or unix://.")...)
	return append(ks, key{
		"redis_prefix", restart, anyText(&s.RedisName, "linnet", "a text"),
		"Of engine redis: what the names of the keys begin with. Two brokers on one prefix are kept apart.",
	})
}

func (t *TopicDurability) keys() keys {
	return keys{
		{"filter", restart, anyText(&t.Filter, "", "a topic filter like sensors/#"), "Which topics."},
		{"durability", restart, choice(&t.Durability, Fsync, Fsync, OS, None), "What acknowledgements of their messages wait for."},
	}
}

func (l *Log) keys() keys {
	return keys{
		{"level", reload, choice(&l.Level, "info", "debug", "info", "warn", "error"), "The least important lines that are written."},
		{"format", restart, choice(&l.Format, "", "text", "json"), "Text for people or JSON for machines. Not given: text on a terminal, else JSON."},
		{
			"output", restart, choice(&l.Output, "", "stderr", "file", "both", "off"),
			"Where the lines go: standard error, the file, both, or nowhere. Not given: the file if there is one, else standard error.",
		},
		{"file", restart, file(&l.File, ""), "File that the lines are appended to. It is opened anew at a reload, so that other programs may rotate it too."},
		{"maximum_size", restart, or(size(&l.MaximumSize, 100<<20, 1<<10, math.MaxInt64), &l.MaximumSize, "none"), "Size at which the file is put away, with the time in its name, and a new one begun; none never does."},
		{"maximum_age", restart, or(duration(&l.MaximumAge, 0, time.Hour, 100*365*day, 1), &l.MaximumAge, "none").defaulting("none"), "Age at which files that were put away are removed."},
		{"maximum_backups", restart, or(number(&l.MaximumBackups, 0, 1, math.MaxInt32), &l.MaximumBackups, "none").defaulting("none"), "How many files that were put away are kept, at most; none keeps them all."},
		{"compress", restart, boolean(&l.Compress, false), "Whether files that were put away are compressed with gzip."},
	}
}
