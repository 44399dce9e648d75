package client

import (
	"errors"
	"fmt"
	"io"

	"github.com/linnetmq/linnet/packets"
)

// read receives until the connection ends. Started by Connect.
func (c *Client) read() {
	for {
		pk, err := c.reader.ReadPacket()
		c.unanswered.Store(false)
		if err == nil {
			err = c.handle(pk)
		}
		if err != nil {
			c.finish(ended(err))
			return
		}
	}
}

// ended puts the end of the stream into words.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the server closed the connection")
	}
	return err
}

func (c *Client) handle(pk packets.Packet) error {
	switch pk := pk.(type) {
	case *packets.Publish:
		return c.receive(pk)
	case *packets.Pubrel:
		return c.release(pk)
	case *packets.Puback:
		return c.complete(pk.PacketID, packets.TypePuback, result{codes: []packets.Code{pk.Code}, reason: pk.Properties.ReasonString})
	case *packets.Pubrec:
		return c.received(pk)
	case *packets.Pubcomp:
		return c.complete(pk.PacketID, packets.TypePubcomp, result{codes: []packets.Code{pk.Code}, reason: pk.Properties.ReasonString})
	case *packets.Suback:
		return c.complete(pk.PacketID, packets.TypeSuback, result{codes: pk.Codes, reason: pk.Properties.ReasonString})
	case *packets.Unsuback:
		return c.complete(pk.PacketID, packets.TypeUnsuback, result{codes: pk.Codes, reason: pk.Properties.ReasonString})
	case *packets.Pingresp:
		return nil
	case *packets.Disconnect:
		return &DisconnectedError{Code: pk.Code, Reason: pk.Properties.ReasonString}
	}
	return fmt.Errorf("the server sent %s, which clients do not expect", pk.Type())
}

// receive hands a message over and acknowledges it: a QoS 2 message once, how
// often it may come again before it is released [MQTT-4.3.3-10].
func (c *Client) receive(pk *packets.Publish) error {
	if err := c.resolveAlias(pk); err != nil {
		return err
	}
	_, again := c.inbound[pk.PacketID]
	if pk.QoS < 2 || !again {
		c.deliver(pk)
	}
	switch pk.QoS {
	case 1:
		return c.write(&packets.Puback{PacketID: pk.PacketID}) // [MQTT-4.3.2-4]
	case 2:
		c.inbound[pk.PacketID] = struct{}{}
		return c.write(&packets.Pubrec{PacketID: pk.PacketID}) // [MQTT-4.3.3-8]
	}
	return nil
}

func (c *Client) deliver(pk *packets.Publish) {
	if c.onMessage == nil {
		return
	}
	c.busy.Store(true)
	c.onMessage(pk)
	c.busy.Store(false)
}

// resolveAlias gives the message its Topic Name.
func (c *Client) resolveAlias(pk *packets.Publish) error {
	alias := pk.Properties.TopicAlias
	switch {
	case alias == 0:
	case pk.Topic != "":
		c.aliases[alias] = pk.Topic
	case c.aliases[alias] == "":
		return fmt.Errorf("the server used Topic Alias %d without having set it", alias)
	default:
		pk.Topic = c.aliases[alias]
	}
	return nil
}

// release ends the flow of a QoS 2 message that was received [MQTT-4.3.3-11].
func (c *Client) release(pk *packets.Pubrel) error {
	ack := &packets.Pubcomp{PacketID: pk.PacketID}
	if _, known := c.inbound[pk.PacketID]; !known {
		ack.Code = packets.ErrPacketIDNotFound
	}
	delete(c.inbound, pk.PacketID)
	return c.write(ack)
}
