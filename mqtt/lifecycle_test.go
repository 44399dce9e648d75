package mqtt_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

func TestNilOptionsDenyEverybody(t *testing.T) {
	t.Parallel()
	s := mqtt.New(nil)
	m := listeners.NewMemory("m")
	start(t, s, m)
	for _, v := range versions {
		c := dialMemory(t, m, v)
		c.Send(&packets.Connect{Version: v, ClientID: "c", CleanStart: true})
		if ack := mqtttest.Expect[*packets.Connack](c); ack.Code != packets.ErrNotAuthorized {
			t.Errorf("%v: CONNACK %v", v, ack.Code)
		}
		c.ExpectClosed()
	}
}

func TestServeTwice(t *testing.T) {
	t.Parallel()
	s := mqtt.New(quiet())
	if err := s.Serve(); err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(); err == nil || errors.Is(err, mqtt.ErrServerClosed) {
		t.Errorf("the second Serve: %v", err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := s.Serve(); !errors.Is(err, mqtt.ErrServerClosed) {
		t.Errorf("Serve after Close: %v", err)
	}
	if err := s.AddListener(listeners.NewMemory("m")); !errors.Is(err, mqtt.ErrServerClosed) {
		t.Errorf("AddListener after Close: %v", err)
	}
	if err := s.InjectPacket(s.NewClient(nil, "local", "c", true), &packets.Pingreq{}); !errors.Is(err, mqtt.ErrServerClosed) {
		t.Errorf("InjectPacket after Close: %v", err)
	}
}

func TestRunUntilContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mqtt.New(quiet())
		m := listeners.NewMemory("m")
		if err := errors.Join(s.AddHook(new(auth.AllowHook), nil), s.AddListener(m)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1) // the one result
		go func() { done <- s.Run(ctx) }()
		c := dialMemory(t, m, packets.V5)
		c.Send(mqtttest.Connect("c"))
		mqtttest.Expect[*packets.Connack](c)
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("Run returned %v", err)
		default:
		}
		cancel()
		c.ExpectDisconnect(packets.ErrServerShuttingDown)
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestRunEndsWithClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mqtt.New(quiet())
		done := make(chan error, 1) // the one result
		go func() { done <- s.Run(context.Background()) }()
		synctest.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestShutdownTellsClients(t *testing.T) {
	t.Parallel()
	for _, v := range versions {
		t.Run(v.String(), func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			waiting := mqtttest.NewClient(t, s.Conn(t), v) // no CONNECT yet
			c := mqtttest.Dial(t, s, &packets.Connect{Version: v, ClientID: "c", CleanStart: true})
			done := make(chan error, 1) // the one result
			go func() { done <- s.Shutdown(t.Context()) }()
			if v == packets.V5 {
				c.ExpectDisconnect(packets.ErrServerShuttingDown)
			} else {
				c.ExpectClosed()
			}
			waiting.ExpectClosed()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

// backlog makes a client that has much to read and does not.
func backlog(t *testing.T) (s *mqtttest.Server, slow *mqtttest.Client, messages int) {
	t.Helper()
	s = newServer(t)
	slow = mqtttest.Dial(t, s, mqtttest.Connect("slow"))
	slow.Subscribe("a", 0)
	payload := bytes.Repeat([]byte("x"), 10_000)
	for range 200 {
		if err := s.Publish("a", payload, false, 0); err != nil {
			t.Fatal(err)
		}
	}
	return s, slow, 200
}

func TestShutdownDrainsSlowReaders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, slow, messages := backlog(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		done := make(chan error, 1) // the one result
		go func() { done <- s.Shutdown(ctx) }()
		for range messages {
			advance(10 * time.Second)
			mqtttest.Expect[*packets.Publish](slow)
		}
		slow.ExpectDisconnect(packets.ErrServerShuttingDown)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestShutdownLosesPatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _, _ := backlog(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begin := time.Now()
		if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown: %v", err)
		}
		if took := time.Since(begin); took != time.Minute {
			t.Errorf("it took %v, want a minute", took)
		}
	})
}

// Close hurries a Shutdown that waits; a Shutdown beside it waits for the end.
func TestCloseDuringShutdown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _, _ := backlog(t)
		begin := time.Now()
		results := make(chan error, 2) // one each
		for range 2 {
			go func() { results <- s.Shutdown(context.Background()) }()
		}
		synctest.Wait()
		select {
		case err := <-results:
			t.Fatalf("Shutdown returned %v while a client was still reading", err)
		default:
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		for range 2 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("it took %v, want no time", took)
		}
	})
}

func TestCloseAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, slow, _ := backlog(t)
		begin := time.Now()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("it took %v, want no time", took)
		}
		slow.ReceiveUntilClosed()
	})
}

func TestConcurrentCloseAndShutdown(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, id := range []string{"a", "b", "c"} {
		mqtttest.Dial(t, s, mqtttest.Connect(id))
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() { _ = s.Close() }) // that it ends is the test
		group.Go(func() { _ = s.Shutdown(context.Background()) })
		group.Go(func() { _ = s.Publish("a", nil, false, 0) })
	}
	group.Wait()
	if n := s.Stats().ClientsConnected; n != 0 {
		t.Errorf("%d clients are connected", n)
	}
}

// A shutdown is no DISCONNECT of the client: its Will Message is published
// [MQTT-3.1.2-8].
func TestWillsAtShutdown(t *testing.T) {
	t.Parallel()
	var log diary
	s := newServer(t, fnWillSent(func(c *mqtt.Client, p *packets.Publish) { log.add("%s %s", c.ID(), p.Topic) }))
	connect := mqtttest.Connect("c")
	connect.WillFlag, connect.Will = true, packets.Will{Topic: "w"}
	mqtttest.Dial(t, s, connect)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	log.expect(t, "c w")
}

func TestListeners(t *testing.T) {
	t.Parallel()
	s := mqtt.New(quiet())
	first := listeners.NewTCP("t", "127.0.0.1:0", nil)
	start(t, s, first)
	if err := s.AddListener(listeners.NewMemory("t")); !errors.Is(err, mqtt.ErrListenerIDExists) || !strings.Contains(err.Error(), `"t"`) {
		t.Errorf("the same ID: %v", err)
	}
	if err := s.AddListener(listeners.NewTCP("u", first.Address(), nil)); err == nil || !strings.Contains(err.Error(), first.Address()) {
		t.Errorf("the same address: %v", err)
	}
	late := listeners.NewMemory("late")
	if err := errors.Join(s.AddHook(new(auth.AllowHook), nil), s.AddListener(late)); err != nil {
		t.Fatal(err)
	}
	c := dialMemory(t, late, packets.V5)
	c.Send(mqtttest.Connect("c"))
	mqtttest.Expect[*packets.Connack](c)
	if got := s.Listeners(); len(got) != 2 || got[0].ID() != "t" || got[1].ID() != "late" {
		t.Errorf("%d listeners", len(got))
	}
}

func TestInvalidOptionsAreNamed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		field string
		opts  mqtt.Options
	}{
		{"MaximumQos", mqtt.Options{Capabilities: mqtt.Capabilities{MaximumQos: 3}}},
		{"MinimumProtocolVersion", mqtt.Options{Capabilities: mqtt.Capabilities{MinimumProtocolVersion: 6}}},
		{"MaximumPacketSize", mqtt.Options{Capabilities: mqtt.Capabilities{MaximumPacketSize: 15}}},
		{"QueuePolicy", mqtt.Options{Capabilities: mqtt.Capabilities{QueuePolicy: 99}}},
		{"MaximumMessageExpiryInterval", mqtt.Options{Capabilities: mqtt.Capabilities{MaximumMessageExpiryInterval: 1 << 32}}},
		{"SharedStrategy", mqtt.Options{SharedStrategy: 99}},
		{"ClientNetReadBufferSize", mqtt.Options{ClientNetReadBufferSize: 10}},
		{"ConnectTimeout", mqtt.Options{ConnectTimeout: -1}},
	}
	for _, tt := range tests {
		s := mqtt.New(&tt.opts)
		if err := s.Serve(); err == nil || !strings.Contains(err.Error(), tt.field) {
			t.Errorf("Serve: %v, want an error that names %s", err, tt.field)
		}
		if err := s.AddListener(listeners.NewMemory("m")); err == nil || !strings.Contains(err.Error(), tt.field) {
			t.Errorf("AddListener: %v, want an error that names %s", err, tt.field)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Real sockets do not live in a bubble: count goroutines before and after.
// Not parallel, so that nobody else's count.
func TestNoGoroutineIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	var out bytes.Buffer
	s := mqtt.New(&mqtt.Options{Logger: slog.New(slog.NewTextHandler(&out, nil)), RetryInterval: time.Second, MemoryBudget: 1 << 30})
	l := listeners.NewTCP("t", "127.0.0.1:0", nil)
	if err := errors.Join(s.AddHook(new(auth.AllowHook), nil), s.AddListener(l), s.Serve()); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a", "b", "c"} {
		conn, err := net.Dial("tcp", l.Address())
		if err != nil {
			t.Fatal(err)
		}
		c := mqtttest.NewClient(t, conn, packets.V5)
		c.Send(durable(id))
		mqtttest.Expect[*packets.Connack](c)
		c.Subscribe("#", 2)
		if id == "b" {
			c.Close()
			continue
		}
		defer c.Close()
	}
	if runtime.NumGoroutine() <= before {
		t.Error("the test counts nothing")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	until(t, func() bool { return runtime.NumGoroutine() <= before })
}
