package topics

import "sync"

// Index maps Topic Filters to values.
type Index[K comparable, V any] struct {
	mu  sync.RWMutex
	m   map[string]map[K]V
	n   int
	gen uint64
}

// Put stores one value per filter and key and reports whether it replaced one.
func (x *Index[K, V]) Put(filter string, key K, value V) (replaced bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.m == nil {
		x.m = make(map[string]map[K]V)
	}
	if x.m[filter] == nil {
		x.m[filter] = make(map[K]V)
	}
	if _, replaced = x.m[filter][key]; !replaced {
		x.n++
	}
	x.m[filter][key] = value
	x.gen++
	return replaced
}

// Delete removes the value of filter and key and reports whether there was one.
func (x *Index[K, V]) Delete(filter string, key K) (deleted bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if _, deleted = x.m[filter][key]; !deleted {
		return false
	}
	delete(x.m[filter], key)
	if len(x.m[filter]) == 0 {
		delete(x.m, filter)
	}
	x.n--
	x.gen++
	return true
}

// Get returns the value of filter and key.
func (x *Index[K, V]) Get(filter string, key K) (V, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	v, ok := x.m[filter][key]
	return v, ok
}

// Match appends every value whose filter matches topic to dst.
func (x *Index[K, V]) Match(topic string, dst []V) []V {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for f, vs := range x.m {
		if Match(f, topic) {
			for _, v := range vs {
				dst = append(dst, v)
			}
		}
	}
	return dst
}

// Generation changes whenever the result of Match(topic) may have changed.
func (x *Index[K, V]) Generation(topic string) uint64 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.gen
}

// Len returns the number of (filter, key) pairs.
func (x *Index[K, V]) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.n
}

// Filters yields every filter with its number of values.
func (x *Index[K, V]) Filters(yield func(filter string, n int) bool) {
	x.mu.RLock()
	counts := make(map[string]int, len(x.m))
	for f, vs := range x.m {
		counts[f] = len(vs)
	}
	x.mu.RUnlock()
	for f, n := range counts {
		if !yield(f, n) {
			return
		}
	}
}
