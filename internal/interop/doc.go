// Package interop shows that clients written by others get along with the
// broker. It holds the scenarios of the Eclipse Paho interoperability suite as
// tests of our own, and what a broker needs for them beyond its defaults; the
// suite itself runs against the program in pahobroker. Package clients, a
// module of its own, drives real client libraries and programs.
package interop
