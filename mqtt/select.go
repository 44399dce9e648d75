package mqtt

import (
	"slices"

	"github.com/linnetmq/linnet/packets"
)

// Subscribers are the receivers of one message, as OnSelectSubscribers sees and
// may change them.
type Subscribers struct {
	// Subscriptions are the receiving clients by ClientID, with what they were
	// granted. Deleting one takes the message from it.
	Subscriptions map[string]packets.Subscription
	// Shared are the shared subscriptions that match, by full filter, with the
	// ClientIDs of their members. Deleting one takes the message from it.
	Shared map[string][]string
	// SharedSelected says which member of a shared subscription gets the
	// message; a filter that is not in it is left to the server's strategy.
	SharedSelected map[string]string
}

// selectSubscribers lets hooks change the receivers of a message.
func (in *inbound) selectSubscribers(set *hookSet, rt *route, pk *packets.Publish) *route {
	subs := &Subscribers{
		Subscriptions:  make(map[string]packets.Subscription),
		Shared:         make(map[string][]string),
		SharedSelected: make(map[string]string),
	}
	for i := range rt.targets {
		t := &rt.targets[i]
		switch {
		case t.session != nil:
			subs.Subscriptions[t.session.clientID] = packets.Subscription{QoS: t.qos, RetainAsPublished: t.rap}
		case t.group != nil:
			for _, m := range t.group.members.all() {
				subs.Shared[t.group.entry.filter] = append(subs.Shared[t.group.entry.filter], m.session.clientID)
			}
		}
	}
	for _, change := range set.onSelectSubscribers {
		if changed := change(subs, pk); changed != nil {
			subs = changed
		}
	}
	selected := &route{topic: rt.topic}
	for _, t := range rt.targets {
		switch {
		case t.session != nil:
			if _, stays := subs.Subscriptions[t.session.clientID]; stays {
				selected.targets = append(selected.targets, t)
			}
		case t.group != nil:
			if _, stays := subs.Shared[t.group.entry.filter]; stays {
				selected.targets = append(selected.targets, t.selectMember(subs, rt.topic))
			}
		default:
			selected.targets = append(selected.targets, t)
		}
	}
	return selected
}

// selectMember turns a shared subscription into the one member a hook chose.
func (t target) selectMember(subs *Subscribers, topic string) target {
	chosen, ok := subs.SharedSelected[t.group.entry.filter]
	if !ok {
		return t
	}
	members := t.group.members.all()
	i := slices.IndexFunc(members, func(m *subscription) bool { return m.session.clientID == chosen })
	if i < 0 {
		return t
	}
	m := members[i]
	if !m.delivers(topic) {
		return t
	}
	return target{session: m.session, group: t.group, qos: m.qos, rap: m.retainAsPublished, ids: m.ids()}
}
