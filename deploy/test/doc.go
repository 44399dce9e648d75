// Package deploytest tests the files of deploy: that the manifests are what
// Kubernetes understands, without a key too many, and that systemd accepts the
// unit. It is a module of its own, so that the library does not depend on the
// types of Kubernetes.
package deploytest
