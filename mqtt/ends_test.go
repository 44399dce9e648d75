package mqtt

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/packets"
)

// The deadline for the CONNECT may be due when the client was just admitted: no
// Keep Alive means no end, not one after no time.
func TestConnectDeadlineDueTooLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := New(nil)
		defer s.Close()
		c := s.newClient(nil, "l")
		c.session.Store(s.newSession("c", ""))
		c.expire(s.clock.now() + instant(time.Hour))
		synctest.Wait()
		if reason := c.endingReason(); reason != nil {
			t.Errorf("ended: %v", reason)
		}
	})
}

// A session whose time was over may have had another connection before the
// goroutine that ends it comes: then its time begins anew.
func TestSessionExpiryOvertaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := New(nil)
		defer s.Close()
		c := s.newClient(nil, "l")
		c.clientID, c.version = "c", packets.V5
		a, err := s.registry.attach(s, c, false, 10)
		if err != nil {
			t.Fatal(err)
		}
		a.session.detach(c, nil)
		<-time.After(5 * time.Second)
		s.sessionExpired(a.session)
		if s.registry.find("c") != a.session {
			t.Error("the session ended after 5 of its 10 seconds")
		}
		<-time.After(5 * time.Second)
		s.sessionExpired(a.session)
		if s.registry.find("c") != nil {
			t.Error("the session did not end")
		}
	})
}
