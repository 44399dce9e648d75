// Package app is the program linnet: its commands, its flags, and how a
// configuration becomes a running broker with listeners, logs, a locked data
// directory and signals. It is the one package that may know all the others,
// and the only one that knows cobra. cmd/linnet calls Main; nobody else does.
package app
