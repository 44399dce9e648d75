// Package mqtttest helps to test programs that use package mqtt, or MQTT at
// all, against a real broker in the same process: NewServer starts one on an
// in-memory listener, Dial connects a small client that speaks single control
// packets. Both work inside testing/synctest, where an hour of Keep Alive
// passes in a moment.
package mqtttest

import (
	"context"
	"net"
	"testing"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
)

// Server is a broker that serves an in-memory listener until its test ends.
type Server struct {
	*mqtt.Server
	memory *listeners.Memory
}

// Prepare, if a TestMain sets it, changes the options of every server before it
// is made, for instance to run all tests with a store.
var Prepare func(t testing.TB, opts *mqtt.Options)

// NewServer starts a broker with default options and the given hooks. What they
// leave undecided about access is allowed.
func NewServer(t testing.TB, hooks ...any) *Server {
	t.Helper()
	return NewServerWith(t, nil, hooks...)
}

// NewServerWith is NewServer with options.
func NewServerWith(t testing.TB, opts *mqtt.Options, hooks ...any) *Server {
	t.Helper()
	return NewBareServer(t, opts, append(hooks, new(auth.AllowHook))...)
}

// NewBareServer is NewServerWith where the given hooks alone decide about
// access: what they leave undecided is refused.
func NewBareServer(t testing.TB, opts *mqtt.Options, hooks ...any) *Server {
	t.Helper()
	if Prepare != nil {
		var prepared mqtt.Options
		if opts != nil {
			prepared = *opts
		}
		Prepare(t, &prepared)
		opts = &prepared
	}
	s := &Server{Server: mqtt.New(opts), memory: listeners.NewMemory("memory")}
	for _, hook := range hooks {
		if err := s.AddHook(hook, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.AddListener(s.memory); err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the server: %v", err)
		}
	})
	return s
}

// Conn opens a connection to the server without a word of MQTT.
func (s *Server) Conn(t testing.TB) net.Conn {
	t.Helper()
	conn, err := s.memory.Dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // closed already by most tests
	return conn
}
