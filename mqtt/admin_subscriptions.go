package mqtt

import (
	"fmt"
	"time"

	"github.com/linnetmq/linnet/packets"
	"github.com/linnetmq/linnet/topics"
)

// SubscriptionInfo describes a subscription at one moment.
type SubscriptionInfo struct {
	// ClientID is the subscriber's, "" for a subscription of this process.
	ClientID string
	// Subscription has the full filter, with $share, and the QoS granted.
	packets.Subscription
	// SubscriptionID is the Subscription Identifier, 0 if it has none.
	SubscriptionID uint32
	// ShareName is that of a shared subscription, "" for others.
	ShareName string
	// At is when it was made or last replaced.
	At time.Time
	// Connected tells that the subscriber has a connection.
	Connected bool
	// Inline tells that the subscriber is this process.
	Inline bool
}

// SubscriptionOrder says by what subscriptions are listed.
type SubscriptionOrder int

const (
	// SubscriptionsAnyOrder is stable while the server runs, and the cheapest.
	SubscriptionsAnyOrder SubscriptionOrder = iota
	// SubscriptionsByTime begins with the oldest; each page looks at all that
	// the query selects.
	SubscriptionsByTime
)

// SubscriptionQuery says which subscriptions to list. At most one of ClientID,
// Filter and Topic may be set; with none all subscriptions of sessions are
// listed, without those of this process.
type SubscriptionQuery struct {
	// After is the Next of the page before, "" for the first page.
	After string
	// Limit is the number of subscriptions wanted, at most 10,000; 0 means 100.
	Limit int
	// Offset skips subscriptions instead of After, in SubscriptionsByTime.
	Offset int
	Order  SubscriptionOrder
	// ClientID selects the subscriptions of one session.
	ClientID string
	// Filter selects the subscriptions with exactly this filter, $share included.
	Filter string
	// Topic selects the subscriptions that match this Topic Name: all that a
	// message on it could go to. Of a shared subscription all members are
	// listed, one of which gets a message.
	Topic string
}

// SubscriptionPage is a part of a listing.
type SubscriptionPage struct {
	Subscriptions []SubscriptionInfo
	// Next is the After of the next page, "" at the end.
	Next string
	// Total is how many subscriptions the query selects in all, -1 if that
	// would take a look at every session.
	Total int
}

// Subscriptions lists subscriptions page by page.
func (s *Server) Subscriptions(q SubscriptionQuery) (SubscriptionPage, error) {
	if err := q.validate(); err != nil {
		return SubscriptionPage{}, err
	}
	after, err := s.parseCursor(q.After, int(q.Order))
	if err != nil {
		return SubscriptionPage{}, err
	}
	limit, offset := pageSize(q.Limit), 0
	if q.Order == SubscriptionsByTime {
		offset = max(0, q.Offset)
	}
	list := subscriptionList{
		selection: selection[*subscription]{keep: offset + limit + 1, after: after}, order: q.Order,
	}
	switch {
	case q.ClientID != "":
		if sess := s.registry.find(q.ClientID); sess != nil {
			list.session(sess, 0)
		}
	case q.Filter != "":
		_, filter, _ := topics.SplitShare(q.Filter)
		s.index.Values(filter, func(_ uint64, sub *subscription) bool {
			if sub.filter == q.Filter {
				list.entry(sub)
			}
			return true
		})
	case q.Topic != "":
		for _, sub := range s.index.Match(q.Topic, nil) {
			list.entry(sub)
		}
	default:
		s.allSubscriptions(&list)
	}
	return list.page(s, &q, limit, offset), nil
}

func (q *SubscriptionQuery) validate() error {
	set := 0
	for _, text := range []string{q.ClientID, q.Filter, q.Topic} {
		if text != "" {
			set++
		}
	}
	if set > 1 {
		return fmt.Errorf("list subscriptions: select by one of client identifier, filter and topic")
	}
	if q.Topic != "" {
		if err := topics.ValidName(q.Topic); err != nil {
			return fmt.Errorf("list subscriptions: topic %q: %w", q.Topic, err)
		}
	}
	if q.Filter != "" {
		if err := topics.ValidFilter(q.Filter); err != nil {
			return fmt.Errorf("list subscriptions: filter %q: %w", q.Filter, err)
		}
	}
	return nil
}

// allSubscriptions offers the subscriptions of all sessions from the cursor on.
func (s *Server) allSubscriptions(list *subscriptionList) {
	ordered := list.order != SubscriptionsAnyOrder
	first := 0
	if !ordered && list.after != nil {
		first = int(min(max(list.after.N, 0), registryShards))
	}
	for i := first; i < registryShards; i++ {
		for _, sess := range s.registry.list(i) {
			list.session(sess, i)
		}
		if !ordered && list.full() {
			list.unknown = true
			return
		}
	}
	list.unknown = !ordered
}

// subscriptionList gathers subscriptions in their order.
type subscriptionList struct {
	selection[*subscription]
	order   SubscriptionOrder
	total   int
	unknown bool // total is not all
}

// session offers all subscriptions of a session.
func (x *subscriptionList) session(s *session, shard int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscriptions.all(func(sub *subscription) { x.add(sub, shard) })
}

// entry offers an entry of the topic index: for a shared subscription, its members.
func (x *subscriptionList) entry(sub *subscription) {
	if sub.group == nil {
		x.add(sub, 0)
		return
	}
	for _, m := range sub.group.members.all() {
		x.add(m, 0)
	}
}

func (x *subscriptionList) add(sub *subscription, shard int) {
	x.total++
	at := rank{N: int64(shard), Filter: sub.filter}
	if sub.session != nil {
		at.ID = sub.session.clientID
	} else if sub.inline != nil {
		at.N = -int64(sub.inline.key)
	}
	if x.order == SubscriptionsByTime {
		at.N = int64(sub.at)
	}
	x.offer(at, sub)
}

func (x *subscriptionList) page(s *Server, q *SubscriptionQuery, limit, offset int) SubscriptionPage {
	list := x.sorted()
	list = list[min(offset, len(list)):]
	page := SubscriptionPage{Total: x.total}
	if x.unknown {
		page.Total = -1
	}
	if len(list) > limit {
		list = list[:limit]
		page.Next = s.cursor(int(q.Order), list[limit-1].at)
	}
	page.Subscriptions = make([]SubscriptionInfo, len(list))
	for i := range list {
		page.Subscriptions[i] = list[i].value.info(s)
	}
	return page
}

// info describes the subscription, which is immutable once it is found anywhere.
func (sub *subscription) info(s *Server) SubscriptionInfo {
	share, _, _ := topics.SplitShare(sub.filter)
	info := SubscriptionInfo{
		Subscription: packets.Subscription{
			Filter: sub.filter, QoS: sub.qos, NoLocal: sub.noLocal,
			RetainAsPublished: sub.retainAsPublished, RetainHandling: sub.retainHandling,
		},
		SubscriptionID: sub.id, ShareName: share, At: s.clock.wall(sub.at),
	}
	if sub.session == nil {
		info.Inline = true
		return info
	}
	info.ClientID, info.Connected = sub.session.clientID, sub.session.current() != nil
	return info
}
