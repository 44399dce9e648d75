package client

import (
	"errors"
	"time"

	"github.com/linnetmq/linnet/packets"
)

var errSilent = errors.New("the server has not answered PINGREQ within the keep alive")

// ping keeps the connection alive [MQTT-3.1.2-20]: it sends PINGREQ when nothing was sent
// for three quarters of the Keep Alive, and ends a connection on which nothing
// came back for as long. Started by Connect, ends with the connection.
func (c *Client) ping() {
	period := c.keepAlive * 3 / 4
	timer := time.NewTimer(period)
	defer timer.Stop()
	for {
		select {
		case <-c.done:
			return
		case <-timer.C:
		}
		if c.unanswered.Load() && !c.busy.Load() {
			c.finish(errSilent)
			return
		}
		idle := time.Since(time.Unix(0, c.lastWrite.Load()))
		if idle < period {
			timer.Reset(period - idle)
			continue
		}
		c.unanswered.Store(true)
		if c.write(&packets.Pingreq{}) != nil {
			return // the connection is over
		}
		timer.Reset(period)
	}
}
