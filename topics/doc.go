// Package topics knows the syntax and the matching rules of MQTT Topic Names
// and Topic Filters (sections 4.7 and 4.8.2), and nothing else of MQTT: no
// clients, no packets, no sessions. It is the only place that splits on '/'.
//
// ValidName and ValidFilter judge strings from outside. All other functions
// expect what these have accepted; given anything else they do not panic, but
// their answer has no meaning.
//
// Index finds the filters that match a topic among millions, with readers
// that take no lock. Whoever routes, authorises or retains may use this
// package; it imports the standard library only.
package topics
