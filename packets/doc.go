// Package packets is the MQTT wire format: it turns bytes into control packets
// and control packets into bytes, for MQTT 3.1, 3.1.1 and 5.0, and refuses
// whatever the specifications forbid inside one packet.
//
// It knows nothing of connections, sessions or of the order of packets: a rule
// that needs to know who is speaking, or what was said before, belongs to
// package mqtt. The syntax of Topic Filters belongs to package topics.
//
// Every packet decodes itself from a complete body and appends itself to a
// slice. A decoded [Publish] is a view of the body it was decoded from; all
// other packets own their memory. Brokers, clients and tests may use it.
package packets
