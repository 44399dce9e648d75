package listeners

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
)

// explain turns the system's answer to a bind into an error that names the
// address, keeps the cause for errors.Is, and tells the cure where one is known.
func explain(address string, err error) error {
	if cure := cureFor(err); cure != "" {
		return fmt.Errorf("listen on %s: %w: %s", address, cause(err), cure)
	}
	return fmt.Errorf("listen on %s: %w", address, cause(err))
}

// cause strips the layers of the net package that only repeat operation and address.
func cause(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Err != nil {
		err = op.Err
	}
	if addr, ok := errors.AsType[*net.AddrError](err); ok {
		return errors.New(addr.Err)
	}
	if call, ok := errors.AsType[*os.SyscallError](err); ok {
		return call.Err
	}
	return err
}

func cureFor(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "another program listens there; stop it or choose another address"
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return "ports below 1024 need root or CAP_NET_BIND_SERVICE, a socket file needs a writable directory"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "this machine has no such address; use one of its own, or only :port for all of them"
	}
	if _, ok := errors.AsType[*net.AddrError](err); ok {
		return "write host:port, for example :1883 or 127.0.0.1:1883"
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return "no such host or service; write an IP address and a port number"
	}
	return ""
}
