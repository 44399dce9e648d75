package auth

import (
	"fmt"
	"strings"

	"github.com/linnetmq/linnet/topics"
)

// pattern is a Topic Filter of a rule, in which %c stands for the ClientID and
// %u for the user name of whoever asks.
type pattern struct {
	text             string
	client, username bool // it has %c, %u
}

func parsePattern(text string) (pattern, error) {
	p := pattern{text, strings.Contains(text, "%c"), strings.Contains(text, "%u")}
	if strings.HasPrefix(text, "$share/") {
		return p, fmt.Errorf("topic %q: write the filter without $share and the share name; it counts for shared subscriptions as well", text)
	}
	if err := topics.ValidFilter(p.substitute("c", "u")); err != nil {
		return p, fmt.Errorf("topic %q: %w", text, err)
	}
	return p, nil
}

// filter puts the requester's identity in. An identity with one of + # / would
// reach beyond its place, one that begins with $ into the server's own topics,
// and an empty one is nobody's: with these a rule that allows matches nothing.
// A rule that denies takes them literally, as far as there are such topics.
func (p *pattern) filter(r *Request, allows bool) (filter string, ok bool) {
	if !p.client && !p.username {
		return p.text, true
	}
	if p.client && !substitutable(r.ClientID, allows) || p.username && !substitutable(r.Username, allows) {
		return "", false
	}
	filter = p.substitute(r.ClientID, r.Username)
	if allows && filter[0] == '$' && p.text[0] != '$' {
		return "", false
	}
	return filter, filter != ""
}

func substitutable(identity string, allows bool) bool {
	if strings.ContainsAny(identity, "+#") {
		return false
	}
	return !allows || identity != "" && !strings.Contains(identity, "/")
}

// substitute replaces in one pass, so that an identity such as "%u" stays what it is.
func (p *pattern) substitute(clientID, username string) string {
	var b strings.Builder
	b.Grow(len(p.text) + len(clientID) + len(username))
	rest := p.text
	for {
		i := strings.IndexByte(rest, '%')
		if i < 0 || i+1 == len(rest) {
			b.WriteString(rest)
			return b.String()
		}
		b.WriteString(rest[:i])
		switch rest[i+1] {
		case 'c':
			b.WriteString(clientID)
		case 'u':
			b.WriteString(username)
		default:
			b.WriteByte('%')
			rest = rest[i+1:]
			continue
		}
		rest = rest[i+2:]
	}
}

// relation is how a rule's filter stands to what is asked for.
type relation byte

const (
	apart    relation = iota // nothing in common
	overlaps                 // something in common: a filter alone
	covers                   // all of it
)

// relate compares a filter of a rule with the topic or filter of a request.
func relate(filter string, r *Request) relation {
	if r.Action != Subscribe {
		if topics.Match(filter, r.Topic) {
			return covers
		}
		return apart
	}
	switch {
	case topics.Covers(filter, r.Topic):
		return covers
	case topics.Overlaps(filter, r.Topic):
		return overlaps
	}
	return apart
}
