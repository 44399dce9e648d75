package app

import (
	"log/slog"
	"time"

	"github.com/linnetmq/linnet/internal/config"
	"github.com/linnetmq/linnet/mqtt"
)

// options are the broker's options for a configuration.
func options(cfg *config.Config, log *slog.Logger) *mqtt.Options {
	l := &cfg.Limits
	return &mqtt.Options{
		Logger:                   log,
		Version:                  version(),
		Capabilities:             capabilities(cfg),
		SysTopicResendInterval:   sysSeconds(cfg.Sys.Interval),
		ClientNetReadBufferSize:  l.ReadBufferSize,
		ClientNetWriteBufferSize: l.WriteBufferSize,
		ConnectTimeout:           l.ConnectTimeout,
		MaximumConnectPacketSize: l.MaximumConnectPacketSize,
		MemoryBudget:             l.MemoryBudget,
		RetryInterval:            cfg.Sessions.RetryInterval,
		SharedStrategy:           strategies[cfg.Sessions.SharedStrategy],
		SessionsOpenToAnyUser:    cfg.Sessions.OpenToAnyUser,
		ServerKeepAlive:          uint16(cfg.Capabilities.ServerKeepAlive / time.Second),
		ResponseInformation:      cfg.Capabilities.ResponseInformation,
		ServerReference:          cfg.Capabilities.ServerReference,
		Durability:               durabilities[cfg.Store.Durability],
		ListenerDurability:       listenerDurabilities(cfg),
		TopicDurability:          topicDurabilities(&cfg.Store),
		AnnounceDurability:       cfg.Store.Announce,
	}
}

func capabilities(cfg *config.Config) mqtt.Capabilities {
	c, q := &cfg.Capabilities, &cfg.Queues
	out := mqtt.Capabilities{
		MaximumSessionExpiryInterval:  uint32(c.MaximumSessionExpiryInterval / time.Second),
		MaximumMessageExpiryInterval:  int64(c.MaximumMessageExpiryInterval / time.Second),
		ReceiveMaximum:                c.ReceiveMaximum,
		MaximumInflight:               c.MaximumInflight,
		MaximumQos:                    c.MaximumQoS,
		MaximumPacketSize:             c.MaximumPacketSize,
		TopicAliasMaximum:             c.TopicAliasMaximum,
		NoTopicAliases:                c.TopicAliasMaximum == 0,
		RetainAvailable:               available(c.RetainAvailable),
		WildcardSubAvailable:          available(c.WildcardSubscriptionAvailable),
		SubIDAvailable:                available(c.SubscriptionIdentifierAvailable),
		SharedSubAvailable:            available(c.SharedSubscriptionAvailable),
		MinimumProtocolVersion:        protocolVersions[c.MinimumProtocolVersion],
		MaximumClients:                cfg.Limits.MaximumClients,
		MaximumSubscriptionsPerClient: cfg.Limits.MaximumSubscriptions,
		MaximumClientWritesPending:    cfg.Limits.MaximumClientWritesPending,
		MaximumQueueMessages:          q.MaximumMessages,
		MaximumQueueBytes:             q.MaximumBytes,
		MaximumDurableQueueMessages:   q.DurableMaximumMessages,
		MaximumDurableQueueBytes:      q.DurableMaximumBytes,
		QueuePolicy:                   queuePolicies[q.Policy],
		QueueQoS0Messages:             q.QoS0,
		Compatibilities: mqtt.Compatibilities{
			ObscureNotAuthorized:     c.Compatibilities.ObscureNotAuthorized,
			PassiveClientDisconnect:  c.Compatibilities.PassiveClientDisconnect,
			AlwaysReturnResponseInfo: c.Compatibilities.AlwaysReturnResponseInfo,
			RestoreSysInfoOnRestart:  c.Compatibilities.RestoreSysInfo,
		},
	}
	if c.MaximumQoS == 0 {
		out.MaximumQos = mqtt.QoS0Only
	}
	return out
}

// The words of the configuration.
var (
	strategies = map[string]mqtt.ShareStrategy{
		"round_robin": mqtt.RoundRobin, "random": mqtt.Random, "sticky": mqtt.Sticky, "hash_client": mqtt.HashClient, "hash_topic": mqtt.HashTopic,
	}
	queuePolicies = map[string]mqtt.QueuePolicy{
		"drop_newest": mqtt.DropNewest, "drop_oldest": mqtt.DropOldest, "disconnect": mqtt.DisconnectSlow, "reject_publish": mqtt.RejectPublish,
	}
	protocolVersions = map[string]byte{"3.1": 3, "3.1.1": 4, "5.0": 5}
)

func available(yes bool) mqtt.Availability {
	if yes {
		return mqtt.Available
	}
	return mqtt.Unavailable
}

// sysSeconds is the period of $SYS for the broker, for which 0 is its default.
func sysSeconds(d time.Duration) int64 {
	if d == 0 {
		return -1
	}
	return int64(d / time.Second)
}
