// Package client is a small MQTT client for the commands linnet pub, sub and
// healthcheck, for benchmarks and for tests. It dials by URL (TCP, TLS,
// WebSocket, Unix socket), speaks MQTT 3.1, 3.1.1 and 5.0, carries the flows of
// QoS 0 to 2 in both directions to their end and keeps the connection alive.
//
// It refuses to know command lines and configuration, does not reconnect and
// stores nothing: when its connection ends, so does the Client.
package client
