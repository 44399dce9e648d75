package clients

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
	v3 "github.com/eclipse/paho.mqtt.golang"
)

const (
	crowdSize = 200
	crowdEach = 100
)

// seen collects payloads, which may come more than once.
type seen struct {
	mu   sync.Mutex
	all  map[string]bool
	want int
	full chan struct{}
}

func (s *seen) add(payload []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[string(payload)] {
		return
	}
	s.all[string(payload)] = true
	if len(s.all) == s.want {
		close(s.full)
	}
}

// TestCrowd has 200 clients of two libraries publish at once, and subscribe to
// each other, while the connection of the one who must get everything is cut
// again and again: what was acknowledged arrives.
func TestCrowd(t *testing.T) {
	t.Parallel()
	b := newBroker(t, nil)
	s := &seen{all: make(map[string]bool), want: crowdSize * crowdEach, full: make(chan struct{})}
	o := v3Options(b, "tcp", "watch", 4).SetCleanSession(false).SetAutoReconnect(true).SetMaxReconnectInterval(20 * time.Millisecond)
	o.SetDefaultPublishHandler(func(_ v3.Client, m v3.Message) { s.add(m.Payload()) })
	watch := v3Client(t, o)
	done(t, "subscribe", watch.Subscribe("crowd/#", 1, nil))

	var wg sync.WaitGroup
	published := make(chan struct{})
	for i := range crowdSize {
		if i%2 == 0 {
			c := v3Client(t, v3Options(b, protocols[i/2%4], fmt.Sprint("crowd", i), 4))
			collect(t, c, fmt.Sprintf("crowd/%d", i+1), 1)
			wg.Go(func() {
				for n := range crowdEach {
					token := c.Publish(fmt.Sprintf("crowd/%d", i), 1, false, fmt.Sprintf("%d-%d", i, n))
					if !token.WaitTimeout(patience) || token.Error() != nil {
						t.Errorf("client %d: message %d: %v", i, n, token.Error())
					}
				}
			})
			continue
		}
		c, _, _ := v5Client(t, b, "tcp", clean(fmt.Sprint("crowd", i)))
		subscribe5(t, c, paho.SubscribeOptions{Topic: fmt.Sprintf("crowd/%d", i-1), QoS: 1})
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			for n := range crowdEach {
				p := &paho.Publish{Topic: fmt.Sprintf("crowd/%d", i), QoS: 1, Payload: fmt.Appendf(nil, "%d-%d", i, n)}
				if _, err := c.Publish(ctx, p); err != nil {
					t.Errorf("client %d: message %d: %v", i, n, err)
				}
			}
		})
	}
	var cuts int
	var cutter sync.WaitGroup
	cutter.Go(func() {
		for {
			select {
			case <-published:
				return
			case <-time.After(10 * time.Millisecond):
			}
			if cl, ok := b.Client("watch"); ok {
				cl.Close()
				cuts++
			}
		}
	})
	wg.Wait()
	close(published)
	cutter.Wait()
	await(t, "everything", s.full)
	t.Logf("cut %d times", cuts)
}
