// Package passwd reads and writes password files: a user name, a colon and the
// hash of a password on each line. It reads what Linnet, Mosquitto, htpasswd
// (bcrypt) and passlib write, verifies passwords against it, and follows
// changes of the file while the broker runs. It hashes on the caller's
// goroutine and limits nothing: package guard stands before it for that. It
// knows neither the broker nor other hooks.
//
// The kinds of hashes, by how they begin:
//
//	$argon2id$   argon2id in the PHC form; what Hash makes by default
//	$2a$ $2b$ $2y$   bcrypt; passwords of more than 72 bytes are refused
//	$pbkdf2-sha512$   PBKDF2 in the PHC form and in passlib's
//	$7$   PBKDF2 with SHA-512, Mosquitto's form
//	$6$   one round of SHA-512, the form of Mosquitto before 2.0: weak, read only
package passwd
