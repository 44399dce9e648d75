// Package tlsconf makes the tls.Config of a listener from files: certificates
// picked by the name a client asks for, authorities for clients' certificates,
// a revocation list. Changed files count for new connections without a restart;
// files that became invalid leave the old ones in force. It does not know what
// is spoken inside of TLS.
//
// TLS 1.2 is the oldest version. Of its cipher suites only those with forward
// secrecy and authenticated encryption are offered; those of TLS 1.3 are Go's.
package tlsconf
