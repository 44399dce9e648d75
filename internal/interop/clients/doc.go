// Package clients has tests that drive the broker with client libraries and
// programs of others: Eclipse Paho in Go and JavaScript, MQTT.js, and
// mosquitto_pub and mosquitto_sub. It is a module of its own, so that whoever
// builds on Linnet does not find these libraries among its requirements.
package clients
