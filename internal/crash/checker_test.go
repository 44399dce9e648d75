package crash

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/linnetmq/linnet/packets"
)

// The parts of which histories are made by hand: client s subscribes, client p
// publishes.

func connected(client string, clean, durable, present bool) []Event {
	return []Event{
		{Kind: ConnectSent, Client: client, Conn: 1, Clean: clean, Durable: durable},
		{Kind: ConnackReceived, Client: client, Conn: 1, Present: present},
	}
}

func ended(client string) []Event { return []Event{{Kind: ConnectionEnded, Client: client, Conn: 1}} }

func subscribed(filter string, qos byte) []Event {
	return []Event{
		{Kind: SubscribeSent, Client: "s", Conn: 1, ID: 1, Topic: filter, QoS: qos},
		{Kind: SubackReceived, Client: "s", Conn: 1, ID: 1, Topic: filter, Code: packets.Code(qos)},
	}
}

func unsubscribed(filter string) []Event {
	return []Event{
		{Kind: UnsubscribeSent, Client: "s", Conn: 1, ID: 2, Topic: filter},
		{Kind: UnsubackReceived, Client: "s", Conn: 1, ID: 2, Topic: filter},
	}
}

// sent is PUBLISH number n of QoS qos to a/x.
func sent(n int, qos byte) []Event {
	return []Event{{Kind: PublishSent, Client: "p", Conn: 2, ID: uint16(n), Message: Message{"p", n}, Topic: "a/x", QoS: qos}}
}

func sentAgain(n int, qos byte) []Event {
	again := sent(n, qos)
	again[0].Dup, again[0].Conn = true, 3
	return again
}

func acked(n int, qos byte) []Event {
	k := PubackReceived
	if qos == 2 {
		k = PubrecReceived
	}
	return []Event{{Kind: k, Client: "p", Conn: 2, ID: uint16(n), Message: Message{"p", n}}}
}

func published(n int, qos byte) []Event { return slices.Concat(sent(n, qos), acked(n, qos)) }

func got(n int, qos byte) []Event {
	return []Event{{Kind: MessageReceived, Client: "s", Conn: 1, ID: uint16(n), Message: Message{"p", n}, Topic: "a/x", QoS: qos}}
}

func gotAgain(n int, qos byte) []Event {
	again := got(n, qos)
	again[0].Dup = true
	return again
}

func released(n int) []Event {
	return []Event{{Kind: PubrelReceived, Client: "s", Conn: 1, ID: uint16(n)}}
}

func drained() []Event { return []Event{{Kind: Drained, Client: "s"}} }

func restarted() []Event { return []Event{{Kind: BrokerKilled}, {Kind: BrokerStarted}} }

// back is s connecting again.
func back(present bool) []Event { return connected("s", false, true, present) }

// kept is message n, retained in r/p/0 and published like any other; 0 clears.
func kept(n int, clears, acknowledged bool) []Event {
	all := published(n, 1)
	for i := range all {
		all[i].Topic, all[i].Retain, all[i].Empty = "r/p/0", true, clears
	}
	if !acknowledged {
		return all[:1]
	}
	return all
}

func reads(n ...int) []Event {
	all := []Event{{Kind: RetainedAsked, Client: "reader"}}
	for _, n := range n {
		all = append(all, Event{Kind: RetainedReceived, Client: "reader", Message: Message{"p", n}, Topic: "r/p/0", Retain: true})
	}
	return append(all, Event{Kind: RetainedEnd, Client: "reader"})
}

func with(change func(*Event), events []Event) []Event {
	change(&events[len(events)-1])
	return events
}

// TestChecker shows for each rule a history that keeps it and one that breaks
// it. Nearly all begin with a durable session that subscribes to a/+.
func TestChecker(t *testing.T) {
	t.Parallel()
	begin := slices.Concat([]Event{{Kind: BrokerStarted}}, connected("s", true, true, false), subscribed("a/+", 2))
	leave := ended("s")
	tests := []struct {
		name   string
		events [][]Event
		want   Rule // empty: nothing is wrong
	}{
		{"all arrives", [][]Event{begin, published(1, 1), got(1, 1), drained()}, ""},
		{"arrives before its acknowledgement", [][]Event{begin, sent(1, 1), got(1, 1), acked(1, 1), drained()}, ""},
		{"arrives after a restart", [][]Event{begin, published(1, 2), restarted(), leave, back(true), got(1, 2), drained()}, ""},
		{"QoS 1 lost", [][]Event{begin, published(1, 1), drained()}, MessageLost},
		{"QoS 2 lost", [][]Event{begin, published(1, 2), drained()}, MessageLost},
		{"QoS 2 lost at QoS 1", [][]Event{begin, subscribed("a/+", 1), published(1, 2), drained()}, MessageLost},
		{"lost in a restart", [][]Event{begin, published(1, 1), restarted(), leave, back(true), drained()}, MessageLost},
		{"one of two lost", [][]Event{begin, published(1, 1), published(2, 1), got(2, 1), drained()}, MessageLost},
		{"lost while offline", [][]Event{begin, leave, published(1, 1), back(true), drained()}, MessageLost},
		{"lost with an UNSUBSCRIBE after the acknowledgement", [][]Event{begin, published(1, 1), unsubscribed("a/+"), drained()}, MessageLost},
		{"lost with another subscription still there", [][]Event{begin, subscribed("#", 1), unsubscribed("a/+"), published(1, 1), drained()}, MessageLost},
		{"acknowledged when sent again, and lost", [][]Event{begin, sent(1, 1), sentAgain(1, 1), acked(1, 1), drained()}, MessageLost},
		{"not acknowledged", [][]Event{begin, sent(1, 1), drained()}, ""},
		{"QoS 0", [][]Event{begin, sent(1, 0), drained()}, ""},
		{"subscribed at QoS 0", [][]Event{begin, subscribed("a/+", 0), published(1, 1), drained()}, ""},
		{"another topic", [][]Event{begin, unsubscribed("a/+"), subscribed("b/#", 1), published(1, 1), drained()}, ""},
		{"SUBACK after the PUBLISH", [][]Event{begin, unsubscribed("a/+"), subscribed("a/x", 1)[:1], sent(1, 1), subscribed("a/x", 1)[1:], acked(1, 1), drained()}, ""},
		{"UNSUBSCRIBE before the acknowledgement", [][]Event{begin, sent(1, 1), unsubscribed("a/+"), acked(1, 1), drained()}, ""},
		{"UNSUBSCRIBE without answer", [][]Event{begin, unsubscribed("a/+")[:1], restarted(), leave, back(true), published(1, 1), drained()}, ""},
		{"session discarded", [][]Event{begin, published(1, 1), leave, connected("s", true, true, false), drained()}, ""},
		{"perhaps discarded", [][]Event{begin, published(1, 1), leave, connected("s", true, true, false)[:1], restarted(), leave, back(true), drained()}, ""},
		{"session of one connection", [][]Event{connected("s", true, false, false), subscribed("a/+", 1), published(1, 1), drained()}, ""},

		{"SUBACK on a session told to end", [][]Event{begin, {{Kind: EndSent, Client: "s"}}, subscribed("a/x", 1), leave, back(true), published(1, 1), drained()}, ""},
		{"session of a connection taken over without answer", [][]Event{connected("s", true, false, false), subscribed("a/+", 1), back(true)[:1], restarted(), leave, back(true), published(1, 1), drained()}, ""},

		{"subscription lost", [][]Event{begin, restarted(), leave, back(true), published(1, 1), drained()}, SubscriptionLost},
		{"subscription kept, message lost", [][]Event{begin, restarted(), leave, back(true), published(1, 1), published(2, 1), got(2, 1), drained()}, MessageLost},

		{"QoS 2 again before PUBREL", [][]Event{begin, published(1, 2), got(1, 2), restarted(), gotAgain(1, 2), released(1), drained()}, ""},
		{"QoS 2 again after PUBREL", [][]Event{begin, published(1, 2), got(1, 2), released(1), restarted(), gotAgain(1, 2)}, DeliveredTwice},
		{"QoS 2 again under another identifier", [][]Event{begin, published(1, 2), got(1, 2), with(func(e *Event) { e.ID = 9 }, got(1, 2))}, DeliveredTwice},
		{"QoS 2 of a resending publisher routed twice", [][]Event{begin, sent(1, 2), got(1, 2), released(1), sentAgain(1, 2), got(1, 2)}, DeliveredTwice},
		{"the same at QoS 1", [][]Event{begin, sent(1, 2), got(1, 1), sentAgain(1, 2), got(1, 1)}, DeliveredTwice},
		{"the same at QoS 1 in a crash", [][]Event{begin, sent(1, 2), got(1, 1), restarted(), sentAgain(1, 2), got(1, 1)}, ""},
		{"the same at QoS 2 in a crash", [][]Event{begin, sent(1, 2), got(1, 2), released(1), restarted(), sentAgain(1, 2), got(1, 2)}, DeliveredTwice},
		{"at QoS 0, then 2, in a crash", [][]Event{begin, sent(1, 2), got(1, 0), restarted(), sentAgain(1, 2), got(1, 2)}, ""},
		{"at QoS 1, then 2, without a crash", [][]Event{begin, sent(1, 2), got(1, 1), sentAgain(1, 2), got(1, 2)}, DeliveredTwice},
		{"at QoS 1 late after another crash", [][]Event{begin, sent(1, 2), got(1, 1), restarted(), sentAgain(1, 2), acked(1, 2), restarted(), got(1, 1), drained()}, ""},
		{"acknowledged before the crash", [][]Event{begin, sent(1, 2), got(1, 1), acked(1, 2), restarted(), sentAgain(1, 2), got(1, 1)}, DeliveredTwice},
		{"QoS 2 resent at QoS 1", [][]Event{begin, published(1, 2), got(1, 1), gotAgain(1, 1), drained()}, ""},
		{"QoS 1 resent", [][]Event{begin, published(1, 1), got(1, 1), gotAgain(1, 1), drained()}, ""},
		{"QoS 1 published twice", [][]Event{begin, sent(1, 1), got(1, 1), sentAgain(1, 1), got(1, 1), acked(1, 1), drained()}, ""},
		{"QoS 0 twice", [][]Event{begin, sent(1, 0), got(1, 0), got(1, 0)}, DeliveredTwice},
		{"QoS 2 again in a new session", [][]Event{begin, sent(1, 2), got(1, 2), leave, connected("s", true, true, false), subscribed("a/+", 2), sentAgain(1, 2), got(1, 2), acked(1, 2)}, ""},

		{"QoS 1 resent without DUP", [][]Event{begin, published(1, 1), got(1, 1), got(1, 1)}, ResentAsNew},
		{"QoS 2 resent without DUP", [][]Event{begin, published(1, 2), got(1, 2), got(1, 2)}, ResentAsNew},

		{"identifier used again after PUBREL", [][]Event{begin, published(1, 2), published(2, 2), got(1, 2), released(1), with(func(e *Event) { e.ID = 1 }, got(2, 2)), drained()}, ""},
		{"identifier used again before PUBREL", [][]Event{begin, published(1, 2), published(2, 2), got(1, 2), with(func(e *Event) { e.ID = 1 }, got(2, 2))}, PacketIDReused},

		{"out of order", [][]Event{begin, published(1, 1), published(2, 1), got(2, 1), got(1, 1)}, OutOfOrder},
		{"out of order at QoS 2", [][]Event{begin, published(1, 2), published(2, 2), got(2, 2), got(1, 2)}, OutOfOrder},
		{"out of order, sent again", [][]Event{begin, sent(1, 1), sent(2, 1), got(2, 1), sentAgain(1, 1), got(1, 1)}, OutOfOrder},
		{"repetition is no disorder", [][]Event{begin, published(1, 1), published(2, 1), got(1, 1), got(2, 1), gotAgain(1, 1)}, ""},
		{"two QoS have no order", [][]Event{begin, published(1, 2), published(2, 1), got(2, 1), got(1, 2)}, ""},
		{"out of order, sent again, at QoS 0", [][]Event{begin, sent(1, 1), sent(2, 1), got(2, 0), sentAgain(1, 1), got(1, 0)}, ""},
		{"met the subscription only when sent again", [][]Event{begin, unsubscribed("a/+"), sent(1, 1), subscribed("a/+", 1), sent(2, 1), got(2, 1), sentAgain(1, 1), got(1, 1)}, ""},

		{"retained as acknowledged", [][]Event{kept(1, false, true), reads(1)}, ""},
		{"retained as published later", [][]Event{kept(1, false, true), kept(2, false, false), reads(2)}, ""},
		{"retained as before the unacknowledged", [][]Event{kept(1, false, true), kept(2, false, false), reads(1)}, ""},
		{"retained is missing", [][]Event{kept(1, false, true), reads()}, RetainedWrong},
		{"retained is an older one", [][]Event{kept(1, false, true), kept(2, false, true), reads(1)}, RetainedWrong},
		{"retained though cleared", [][]Event{kept(1, false, true), kept(2, true, true), reads(1)}, RetainedWrong},
		{"cleared", [][]Event{kept(1, false, true), kept(2, true, true), reads()}, ""},
		{"perhaps cleared", [][]Event{kept(1, false, true), kept(2, true, false), reads()}, ""},
		{"not acknowledged at all", [][]Event{kept(1, false, false), reads()}, ""},
		{"acknowledged while being read", [][]Event{kept(1, false, false), reads()[:1], with(func(*Event) {}, kept(1, false, true)[1:]), reads()[1:]}, ""},
		{"retained by nobody", [][]Event{kept(1, false, true), reads(7)}, RetainedWrong},
		{"retained and altered", [][]Event{kept(1, false, true), reads(1)[:1], with(func(e *Event) { e.Note = "altered" }, reads(1)[1:2])}, Corrupted},

		{"published before the UNSUBACK", [][]Event{begin, published(1, 1), unsubscribed("a/+"), got(1, 1)}, ""},
		{"published while unsubscribing", [][]Event{begin, unsubscribed("a/+")[:1], published(1, 1), unsubscribed("a/+")[1:], got(1, 1)}, ""},
		{"published after the UNSUBACK", [][]Event{begin, unsubscribed("a/+"), published(1, 1), got(1, 1)}, AfterUnsuback},
		{"the same after a restart", [][]Event{begin, unsubscribed("a/+"), restarted(), leave, back(true), published(1, 1), got(1, 1)}, AfterUnsuback},
		{"published without any subscription", [][]Event{connected("s", true, true, false), published(1, 1), got(1, 1)}, AfterUnsuback},
		{"acknowledged before the SUBSCRIBE", [][]Event{connected("s", true, true, false), published(1, 1), subscribed("a/+", 1), got(1, 1)}, AfterUnsuback},

		{"discarded session present", [][]Event{begin, leave, connected("s", true, false, false), leave, back(true)}, DiscardedReturned},
		{"discarded session present after a restart", [][]Event{begin, leave, connected("s", true, false, false), restarted(), leave, back(true)}, DiscardedReturned},
		{"clean start with a session", [][]Event{begin, leave, connected("s", true, true, true)}, DiscardedReturned},
		{"session that never was", [][]Event{back(true)}, DiscardedReturned},
		{"message of the discarded session", [][]Event{begin, published(1, 1), leave, connected("s", true, true, false), subscribed("a/+", 1), got(1, 1)}, DiscardedReturned},
		{"clean start without answer, old session", [][]Event{begin, leave, connected("s", true, true, false)[:1], restarted(), back(true)}, ""},
		{"clean start without answer, none", [][]Event{begin, leave, connected("s", true, true, false)[:1], restarted(), back(false)}, ""},
		{"ended by DISCONNECT", [][]Event{begin, {{Kind: EndSent, Client: "s"}}, leave, back(false)}, ""},
		{"perhaps ended by DISCONNECT", [][]Event{begin, published(1, 1), {{Kind: EndSent, Client: "s"}}, leave, back(true), drained()}, ""},

		{"session present", [][]Event{begin, leave, restarted(), back(true)}, ""},
		{"session lost", [][]Event{begin, leave, restarted(), back(false)}, SessionLost},
		{"session lost with messages", [][]Event{begin, leave, published(1, 1), restarted(), back(false)}, MessageLost},
		{"session lost after an unanswered CONNECT", [][]Event{begin, leave, back(true)[:1], restarted(), leave, back(false)}, SessionLost},

		{"acknowledged out of order", [][]Event{sent(1, 1), sent(2, 1), acked(2, 1)}, AckOutOfOrder},
		{"PUBRECs out of order", [][]Event{sent(1, 2), sent(2, 2), acked(2, 2)}, AckOutOfOrder},
		{"two QoS acknowledged as they like", [][]Event{sent(1, 2), sent(2, 1), acked(2, 1), acked(1, 2)}, ""},

		{"payload altered", [][]Event{begin, published(1, 1), with(func(e *Event) { e.Note = "altered" }, got(1, 1))}, Corrupted},
		{"topic altered", [][]Event{begin, published(1, 1), with(func(e *Event) { e.Topic = "a/y" }, got(1, 1))}, Corrupted},
		{"message from nowhere", [][]Event{begin, got(1, 1)}, Corrupted},

		{"publish refused", [][]Event{sent(1, 1), with(func(e *Event) { e.Code = packets.ErrQuotaExceeded }, acked(1, 1))}, Protocol},
		{"subscribe refused", [][]Event{connected("s", true, true, false), with(func(e *Event) { e.Code = packets.ErrUnspecified }, subscribed("a", 1))}, Protocol},
		{"unsubscribe refused", [][]Event{begin, with(func(e *Event) { e.Code = packets.ErrUnspecified }, unsubscribed("a/+"))}, Protocol},
		{"connect refused", [][]Event{with(func(e *Event) { e.Code = packets.ErrServerBusy }, back(false))}, Protocol},
		{"unexpected packet", [][]Event{{{Kind: BadPacket, Client: "s", Note: "PINGREQ"}}}, Protocol},
		{"acknowledgement for nothing", [][]Event{acked(1, 1)}, Protocol},
		{"never settled", [][]Event{begin, with(func(e *Event) { e.Note = "unfinished" }, drained())}, Protocol},
	}
	broken := make(map[Rule]bool)
	for _, tt := range tests {
		broken[tt.want] = true
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			events := slices.Concat(tt.events...)
			found := Check(events)
			rules := make(map[Rule]bool)
			for i := range found {
				rules[found[i].Rule] = true
			}
			if tt.want == "" && len(found) > 0 || tt.want != "" && !rules[tt.want] || len(rules) > 2 {
				var lines []string
				for i := range events {
					events[i].Seq = i + 1
					lines = append(lines, events[i].String())
				}
				t.Errorf("found %v, want %q in\n%s", found, tt.want, strings.Join(lines, "\n"))
			}
		})
	}
	for _, r := range []Rule{
		MessageLost, SubscriptionLost, DeliveredTwice, ResentAsNew, PacketIDReused, OutOfOrder, RetainedWrong, AfterUnsuback,
		DiscardedReturned, SessionLost, AckOutOfOrder, Corrupted, Protocol,
	} {
		if !broken[r] {
			t.Errorf("no history breaks %q; those broken are %v", r, slices.Sorted(maps.Keys(broken)))
		}
	}
}

func TestViolationsAreBounded(t *testing.T) {
	t.Parallel()
	c := NewChecker()
	for range 10 * maxViolations {
		c.Add(Event{Kind: BadPacket})
	}
	if n := len(c.Violations()); n != maxViolations {
		t.Errorf("%d violations are kept, want %d", n, maxViolations)
	}
}

func TestTimeline(t *testing.T) {
	t.Parallel()
	var line timeline
	for _, step := range []span{{10, grantedQoS1}, {20, grantedQoS1 | absent}, {20, grantedQoS1 | absent}, {30, absent}} {
		line = line.set(step.from, step.states)
	}
	for _, tt := range []struct {
		from, to int
		want     states
	}{
		{1, 9, absent},
		{1, 10, absent | grantedQoS1},
		{10, 19, grantedQoS1},
		{12, 13, grantedQoS1},
		{19, 20, absent | grantedQoS1},
		{25, 28, absent | grantedQoS1},
		{30, 40, absent},
		{1, 100, absent | grantedQoS1},
	} {
		if have := line.during(tt.from, tt.to); have != tt.want {
			t.Errorf("from %d to %d: %b, want %b", tt.from, tt.to, have, tt.want)
		}
	}
	if len(line) != 3 {
		t.Errorf("%d spans, want 3", len(line))
	}
}

func TestPayload(t *testing.T) {
	t.Parallel()
	m := Message{"c12", 345}
	for _, size := range []int{1, 20, 1000} {
		if have, ok := readPayload(m.payload(size)); !ok || have != m {
			t.Errorf("%d bytes: %v, %t", size, have, ok)
		}
	}
	for _, bad := range []string{"", "c12#345", "c12#345 c12#346", "c12#x ", "#1 ", "c12#0345 ", "c12#345 c12#34"} {
		if have, ok := readPayload([]byte(bad)); ok {
			t.Errorf("%q is taken for %v", bad, have)
		}
	}
}

// FuzzReadPayload: what is read as a message is exactly what would be written.
func FuzzReadPayload(f *testing.F) {
	for _, seed := range []string{"c1#1 c1#1", "c1#1 ", "", "#", "c1#99999999999999999999 "} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, ok := readPayload(b); ok && string(m.payload(len(b))) != string(b) {
			t.Errorf("%q was read as %v", b, m)
		}
	})
}
