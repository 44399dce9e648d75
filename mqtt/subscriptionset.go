package mqtt

import "slices"

// subscriptionSet holds a session's subscriptions by their full filter. Most
// sessions have few: those stand in a list, which takes a tenth of a map's room.
type subscriptionSet struct {
	list  []*subscription // while byName is nil
	named map[string]*subscription
}

// listMaximum is how many subscriptions stand in a list.
const listMaximum = 8

// get returns the subscription with a filter, nil if there is none.
func (x *subscriptionSet) get(filter string) *subscription {
	if x.named != nil {
		return x.named[filter]
	}
	if i := x.find(filter); i >= 0 {
		return x.list[i]
	}
	return nil
}

func (x *subscriptionSet) len() int { return len(x.list) + len(x.named) }

func (x *subscriptionSet) find(filter string) int {
	return slices.IndexFunc(x.list, func(sub *subscription) bool { return sub.filter == filter })
}

// put adds a subscription and returns the one with the same filter that it
// replaces, nil if none.
func (x *subscriptionSet) put(sub *subscription) (old *subscription) {
	if x.named == nil {
		if i := x.find(sub.filter); i >= 0 {
			old, x.list[i] = x.list[i], sub
			return old
		}
		if len(x.list) < listMaximum {
			x.list = append(x.list, sub)
			return nil
		}
		x.named = make(map[string]*subscription, 2*listMaximum)
		for _, listed := range x.list {
			x.named[listed.filter] = listed
		}
		x.list = nil
	}
	old = x.named[sub.filter]
	x.named[sub.filter] = sub
	return old
}

// remove takes the subscription with a filter out and returns it, nil if none.
func (x *subscriptionSet) remove(filter string) *subscription {
	if x.named != nil {
		sub := x.named[filter]
		delete(x.named, filter)
		return sub
	}
	i := x.find(filter)
	if i < 0 {
		return nil
	}
	sub := x.list[i]
	x.list = slices.Delete(x.list, i, i+1)
	return sub
}

// all calls f for every subscription.
func (x *subscriptionSet) all(f func(*subscription)) {
	for _, sub := range x.list {
		f(sub)
	}
	for _, sub := range x.named {
		f(sub)
	}
}
