// Package bench measures MQTT brokers: it is "linnet bench", and the library
// below the comparison in bench/compare. Run carries out one pattern (one pair,
// fan-out, retained messages, ...) against a broker at a URL and returns what it
// saw; Main is the command line around it.
//
// It speaks MQTT with a client of its own that reads and writes many packets
// per system call, verifies every message (a stamp in the payload says who sent
// it, its number and when it was due), and loses nothing by itself: what is on
// its way is bounded by a window, so a message that does not come was lost by
// the broker. Every run ends: by time, by count, or because nothing comes any
// more. It knows nothing of the broker's code and may be used by internal/app
// and by bench/compare only.
package bench
