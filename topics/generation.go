package topics

import "sync/atomic"

// stripes is the number of counters that first levels share by their hash.
const stripes = 256

// generations count the changes of an Index, apart for the filters that begin
// with a wildcard and, by stripe, for those that begin with a certain level.
//
// A writer counts after its change is visible; a reader loads the counters
// before it matches. So if a reader missed a change, the change was counted
// after the reader had loaded the counter, and the reader's generation is
// outdated, as it must be. If it saw the change, its generation may be
// outdated already, which costs one more Match. The other way round, counted
// first and changed later, a reader could keep an old result under the new
// number for ever.
type generations struct {
	wild    atomic.Uint64
	stripes [stripes]atomic.Uint64
}

// stripe returns the counter for the first level of a topic or filter.
func (g *generations) stripe(s string) *atomic.Uint64 {
	return &g.stripes[hashLevel(firstLevel(s))%stripes]
}

// changed counts a change of filter, which is visible by now.
func (g *generations) changed(filter string) {
	if startsWild(filter) {
		g.wild.Add(1)
		return
	}
	g.stripe(filter).Add(1)
}

// of returns the generation of topic. The sum of two counters that only grow
// stays the same only if both do, though they are loaded one after the other.
func (g *generations) of(topic string) uint64 {
	n := g.stripe(topic).Load()
	if !startsDollar(topic) { // [MQTT-4.7.2-1]
		n += g.wild.Load()
	}
	return n
}

// Generation returns a number that changes whenever the result of
// Match(topic) may have changed; equal numbers mean an equal result. Read it
// before calling Match, keep both, and match again when it differs. It
// changes, too, for some filters that do not match topic.
func (x *Index[K, V]) Generation(topic string) uint64 { return x.gens.of(topic) }
