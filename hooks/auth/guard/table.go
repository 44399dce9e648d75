package guard

// table is a map that forgets what was not used for longest, roughly: entries
// live in two generations, and when the younger is full, the older is dropped.
// It holds at most 2*size entries. The owner's lock guards it.
type table[K comparable, V any] struct {
	size       int
	young, old map[K]*V
}

func newTable[K comparable, V any](size int) table[K, V] {
	return table[K, V]{size: max(size, 1), young: map[K]*V{}}
}

// find returns the entry of k, nil if there is none.
func (t *table[K, V]) find(k K) *V {
	if v := t.young[k]; v != nil {
		return v
	}
	v := t.old[k]
	if v != nil {
		delete(t.old, k)
		t.put(k, v)
	}
	return v
}

// get returns the entry of k, made if need be.
func (t *table[K, V]) get(k K) *V {
	if v := t.find(k); v != nil {
		return v
	}
	v := new(V)
	t.put(k, v)
	return v
}

func (t *table[K, V]) put(k K, v *V) {
	if len(t.young) >= t.size {
		t.old, t.young = t.young, map[K]*V{}
	}
	t.young[k] = v
}

func (t *table[K, V]) len() int { return len(t.young) + len(t.old) }

func (t *table[K, V]) clear() { t.young, t.old = map[K]*V{}, nil }
