package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/linnetmq/linnet/packets"
)

// Flow is a packet that was sent and waits for its acknowledgement.
type Flow struct {
	client *Client
	ends   packets.Type // the packet that ends it
	window bool         // it takes a place of the inflight window
	result chan result  // takes the one result without anybody waiting
}

// result is what an acknowledgement says.
type result struct {
	codes  []packets.Code
	reason string
}

// RejectedError is an acknowledgement that refuses a message.
type RejectedError struct {
	Code   packets.Code
	Reason string // the server's words, if it gave any
}

// Error returns the code's words, and the server's.
func (e *RejectedError) Error() string {
	return "the server rejected the message: " + words(e.Code, e.Reason)
}

// Unwrap returns the code.
func (e *RejectedError) Unwrap() error { return e.Code }

// Publish sends a message and returns when its flow is over: at once for QoS 0,
// with PUBACK for QoS 1, with PUBCOMP for QoS 2. A message the server refused
// is a *RejectedError.
func (c *Client) Publish(ctx context.Context, pk *packets.Publish) error {
	f, err := c.Start(ctx, pk)
	if err != nil {
		return err
	}
	return f.Wait(ctx)
}

// Start sends a message and returns as soon as it is written, which waits while
// the inflight window is full. Messages started one after another arrive in
// that order. pk may be used again afterwards; its PacketID is set.
func (c *Client) Start(ctx context.Context, pk *packets.Publish) (*Flow, error) {
	switch pk.QoS {
	case 0:
		f := &Flow{client: c, result: make(chan result, 1)}
		f.result <- result{codes: []packets.Code{packets.CodeSuccess}}
		return f, c.write(pk)
	case 1:
		return c.start(ctx, packets.TypePuback, true, func(id uint16) packets.Packet { pk.PacketID = id; return pk })
	case 2:
		return c.start(ctx, packets.TypePubcomp, true, func(id uint16) packets.Packet { pk.PacketID = id; return pk })
	}
	return nil, fmt.Errorf("publish with QoS %d: use 0, 1 or 2", pk.QoS)
}

// Wait returns when the flow is over, ctx ends or the connection does.
func (f *Flow) Wait(ctx context.Context) error {
	r, err := f.wait(ctx)
	if err != nil {
		return err
	}
	if len(r.codes) > 0 && r.codes[0].Failed() {
		return &RejectedError{Code: r.codes[0], Reason: r.reason}
	}
	return nil
}

func (f *Flow) wait(ctx context.Context) (result, error) {
	select {
	case r := <-f.result:
		return r, nil
	default:
	}
	select {
	case r := <-f.result:
		return r, nil
	case <-ctx.Done():
		return result{}, context.Cause(ctx)
	case <-f.client.done:
		select {
		case r := <-f.result: // it came before the end
			return r, nil
		default:
			return result{}, f.client.Err()
		}
	}
}

// Subscribe subscribes and returns the server's codes, one per subscription in
// their order; those that have failed are no error.
func (c *Client) Subscribe(ctx context.Context, props packets.Properties, subs ...packets.Subscription) ([]packets.Code, error) {
	f, err := c.start(ctx, packets.TypeSuback, false, func(id uint16) packets.Packet {
		return &packets.Subscribe{PacketID: id, Subscriptions: subs, Properties: props}
	})
	if err != nil {
		return nil, err
	}
	r, err := f.wait(ctx)
	if err == nil && len(r.codes) != len(subs) {
		err = fmt.Errorf("SUBACK with %d codes for %d subscriptions", len(r.codes), len(subs))
	}
	return r.codes, err
}

// Unsubscribe ends subscriptions and returns the server's codes, which only v5
// servers send.
func (c *Client) Unsubscribe(ctx context.Context, props packets.Properties, filters ...string) ([]packets.Code, error) {
	f, err := c.start(ctx, packets.TypeUnsuback, false, func(id uint16) packets.Packet {
		return &packets.Unsubscribe{PacketID: id, Filters: filters, Properties: props}
	})
	if err != nil {
		return nil, err
	}
	r, err := f.wait(ctx)
	return r.codes, err
}

// start gives a packet its identifier and sends it.
func (c *Client) start(ctx context.Context, ends packets.Type, window bool, packet func(id uint16) packets.Packet) (*Flow, error) {
	f := &Flow{client: c, ends: ends, window: window, result: make(chan result, 1)}
	if window {
		select {
		case c.window <- struct{}{}:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-c.done:
			return nil, c.Err()
		}
	}
	id, err := c.register(f)
	if err == nil {
		err = c.write(packet(id))
	}
	if err != nil {
		c.forget(id, f)
		return nil, err
	}
	return f, nil
}

// register finds an identifier that is free [MQTT-2.2.1-3].
func (c *Client) register(f *Flow) (uint16, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range 1 << 16 {
		c.nextID++
		if _, taken := c.flows[c.nextID]; !taken && c.nextID != 0 {
			c.flows[c.nextID] = f
			return c.nextID, nil
		}
	}
	return 0, errors.New("all 65,535 packet identifiers are in use")
}

// forget removes a flow and gives its place in the window back.
func (c *Client) forget(id uint16, f *Flow) {
	c.mu.Lock()
	known := c.flows[id] == f
	if known {
		delete(c.flows, id)
	}
	c.mu.Unlock()
	if f.window && (known || id == 0) {
		<-c.window
	}
}

// complete ends the flow that waits for this acknowledgement.
func (c *Client) complete(id uint16, by packets.Type, r result) error {
	c.mu.Lock()
	f := c.flows[id]
	c.mu.Unlock()
	if f == nil {
		return nil // of a flow that an earlier connection began
	}
	if f.ends != by {
		return fmt.Errorf("the server answered %s to packet identifier %d, which waits for %s", by, id, f.ends)
	}
	c.forget(id, f)
	f.result <- r
	return nil
}

// received moves the flow of a QoS 2 message on [MQTT-4.3.3-4], or ends it if
// the server refuses.
func (c *Client) received(pk *packets.Pubrec) error {
	if pk.Code.Failed() {
		return c.complete(pk.PacketID, packets.TypePubcomp, result{codes: []packets.Code{pk.Code}, reason: pk.Properties.ReasonString})
	}
	return c.write(&packets.Pubrel{PacketID: pk.PacketID})
}
