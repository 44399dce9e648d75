package auth

import "sync"

// A client's cache has at most so many decisions and so many bytes of topics.
const (
	maximumDecisions    = 256
	maximumDecisionText = 16 << 10
)

// question is what a decision is remembered for.
type question struct {
	topic  string
	action Action
}

// identity is a client's place in the hook: who it is, who admitted it, and
// what was decided about it since the last reload.
type identity struct {
	request Request // without Action and Topic
	by      Authenticator

	mu         sync.Mutex
	generation uint64
	last       question // the one asked last
	lastIs     Verdict
	decisions  map[question]Verdict
	text       int // bytes of topics
}

// find returns what was decided in this generation of the rules.
func (id *identity) find(q question, generation uint64) (v Verdict, ok bool) {
	id.mu.Lock()
	defer id.mu.Unlock()
	if id.generation != generation {
		return v, false
	}
	if id.last == q {
		return id.lastIs, true
	}
	if v, ok = id.decisions[q]; ok {
		id.last, id.lastIs = q, v
	}
	return v, ok
}

// remember keeps a decision. When there is no room all others are forgotten:
// whoever asks about ever new topics gains nothing and loses nothing.
func (id *identity) remember(q question, v Verdict, generation uint64) {
	if len(q.topic) > maximumDecisionText {
		return
	}
	id.mu.Lock()
	defer id.mu.Unlock()
	if id.generation > generation {
		return
	}
	if id.generation != generation || len(id.decisions) >= maximumDecisions || id.text+len(q.topic) > maximumDecisionText {
		id.decisions, id.text, id.generation = nil, 0, generation
	}
	if id.decisions == nil {
		id.decisions = make(map[question]Verdict)
	}
	id.decisions[q] = v
	id.text += len(q.topic)
	id.last, id.lastIs = q, v
}
