// Package mqtt is an MQTT broker (3.1, 3.1.1 and 5.0) as a library.
//
//	server, err := mqtt.New(nil)
//	server.AddHook(new(auth.AllowHook), nil)
//	server.AddListener(listeners.NewTCP("t1", ":1883", nil))
//	server.Run(ctx)
//
// It knows packets and topics, and nothing of files, configuration formats,
// databases or HTTP: those attach from outside as hooks, listeners and stores.
//
// # The way of a PUBLISH
//
// A listener hands a connection to Server.establish, whose goroutine is the
// connection's only one while it is active. inbound.feed cuts the bytes into
// control packets (Maximum Packet Size is checked before memory is taken) and
// inbound.publish walks one PUBLISH through its steps: Topic Alias to Topic
// Name, QoS and Receive Maximum, packet identifier, access check, OnPublish
// hooks, retained message, match, fan-out, store, acknowledgement. router.route
// appends the encoded packet to the outbound queue of each receiver and notes
// whom it touched; when the batch of packets that was read together is done,
// each touched receiver gets one write that never blocks, by jointFlush if they
// are many.
//
// # Locks
//
// shard.mu (registry) -> session.mu -> leaf locks (outbound.mu, jointFlush.mu,
// shares.mu, retained.mu, deadlines.mu, topics.Index). Never two sessions at
// once; of the leaf locks only the index's is taken under another, retained.mu,
// when a subscription begins. No hook, store call, blocking write or channel
// send under a lock; the one exception are the functions OnDeliveryCheck
// returns, which must not block.
package mqtt
