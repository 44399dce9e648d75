package mqtt

import "sync/atomic"

// members are the subscriptions of one shared subscription, in no order. They
// are changed under a lock, each time at a cost that does not grow with their
// number, and read without.
//
// They stand without gaps in the first places of a table; one that leaves is
// replaced by the last. A reader may see one twice while that happens, and may
// miss one only if changes was counted on meanwhile.
type members struct {
	table   atomic.Pointer[[]atomic.Pointer[subscription]]
	len     atomic.Int64
	changes atomic.Uint64 // counted before a place is emptied or used again
}

const smallestTable = 4

// slots returns the places, some of which may be empty by now.
func (x *members) slots() []atomic.Pointer[subscription] {
	n := int(x.len.Load())
	table := x.table.Load()
	if table == nil {
		return nil
	}
	return (*table)[:min(n, len(*table))]
}

// all returns a copy.
func (x *members) all() []*subscription {
	slots := x.slots()
	list := make([]*subscription, 0, len(slots))
	for i := range slots {
		if m := slots[i].Load(); m != nil {
			list = append(list, m)
		}
	}
	return list
}

// has tells whether m is a member.
func (x *members) has(m *subscription) bool {
	for {
		before := x.changes.Load()
		slots := x.slots()
		if at := int(m.place.Load()); at < len(slots) && slots[at].Load() == m {
			return true
		}
		if x.changes.Load() == before {
			return false
		}
	}
}

// put adds a member, in the place of old if that is one. The lock is held.
func (x *members) put(m, old *subscription) {
	if old != nil {
		m.place.Store(old.place.Load())
		(*x.table.Load())[m.place.Load()].Store(m)
		return
	}
	n := int(x.len.Load())
	table := x.table.Load()
	if table == nil || n == len(*table) {
		table = x.resize(max(smallestTable, 2*n))
	}
	m.place.Store(int64(n))
	x.changes.Add(1)
	(*table)[n].Store(m)
	x.len.Store(int64(n + 1))
}

// remove takes a member out and returns how many are left. The lock is held.
func (x *members) remove(m *subscription) (left int) {
	left = int(x.len.Load()) - 1
	table := *x.table.Load()
	last := table[left].Load()
	at := m.place.Load()
	table[at].Store(last)
	last.place.Store(at)
	x.changes.Add(1)
	table[left].Store(nil)
	x.len.Store(int64(left))
	if len(table) > smallestTable && left <= len(table)/4 {
		x.resize(len(table) / 2)
	}
	return left
}

// resize moves the members to a table of another size. Whoever reads the old
// one finds in it those of this moment. The lock is held.
func (x *members) resize(size int) *[]atomic.Pointer[subscription] {
	table := make([]atomic.Pointer[subscription], size)
	slots := x.slots()
	for i := range slots {
		table[i].Store(slots[i].Load())
	}
	x.table.Store(&table)
	return &table
}
