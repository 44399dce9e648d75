package auth

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/linnetmq/linnet/mqtt"
)

// ACLFile is a Source of the five columns
//
//	allow|deny  clientid|username|ip  value|*  1|2|3  topic[,topic...]
//
// where 1 is publish, 2 subscribe and 3 both, ip (or ipaddr) takes an address,
// a network such as 10.0.0.0/8, or localhost, and a topic is a filter in which
// %c stands for the ClientID and %u for the user name. Blank lines and lines
// that begin with '#', ';', '//' or '*' do not count. The first line that fits
// in type, value, direction and topic decides; if none does, the file passes,
// and a chain with nobody left to ask denies.
type ACLFile struct {
	path  string
	rules atomic.Pointer[rules[*aclRule]]
	state *fileState // nil if it is not of a file
}

// OpenACLFile reads an ACL file. An error names the line.
func OpenACLFile(path string) (*ACLFile, error) {
	f := &ACLFile{path: path, state: newFileState(path)}
	return f, readFirst(f)
}

// ParseACL makes a Source of the text of an ACL file; name stands for the file
// in errors and explanations.
func ParseACL(name string, text []byte) (*ACLFile, error) {
	f := &ACLFile{path: name}
	rules, err := parseACL(name, text)
	f.rules.Store(newRules(rules))
	return f, err
}

// Name returns the path.
func (f *ACLFile) Name() string { return f.path }

// Prepare reads the file again.
func (f *ACLFile) Prepare() (apply func(), err error) {
	if f.state == nil {
		return nil, nil
	}
	text, sum, fresh, err := f.state.read()
	if err != nil {
		return nil, fmt.Errorf("read ACL file: %w", err)
	}
	if !fresh {
		return nil, nil
	}
	rules, err := parseACL(f.path, text)
	if err != nil {
		return nil, err
	}
	return func() {
		f.rules.Store(newRules(rules))
		f.state.applied(sum)
	}, nil
}

// Changed tells that the file has changed and is not being written.
func (f *ACLFile) Changed() bool { return f.state != nil && f.state.changed() }

// Authorize asks the lines in order.
func (f *ACLFile) Authorize(_ context.Context, r *Request) (Verdict, error) {
	return f.rules.Load().decide(r), nil
}

// Explain shows the lines that were asked.
func (f *ACLFile) Explain(r *Request) []Step {
	if r.Action == Connect {
		return nil
	}
	return f.rules.Load().explain(r)
}

// The types of an ACL rule.
const (
	byClientID = "clientid"
	byUsername = "username"
	byIP       = "ip"
)

// aclRule is one line.
type aclRule struct {
	where, text string
	allow       bool
	kind        string
	value       string // "*" is anybody
	network     netip.Prefix
	localhost   bool
	access      Access
	topics      []pattern
}

func (a *aclRule) place() (where, text string) { return a.where, a.text }

func (a *aclRule) about() (clientID, username string) {
	switch {
	case a.value == "*":
	case a.kind == byClientID:
		return a.value, ""
	case a.kind == byUsername:
		return "", a.value
	}
	return "", ""
}

// answer decides about r.
func (a *aclRule) answer(r *Request) answer {
	if why := a.objection(r); why != "" {
		return answer{mqtt.Pass, false, why}
	}
	decision := mqtt.Deny
	if a.allow {
		decision = mqtt.Allow
	}
	narrower, why := false, "none of its topics covers the one asked for"
	for i := range a.topics {
		filter, ok := a.topics[i].filter(r, a.allow)
		if !ok {
			why = "its %c or %u does not stand for an identity that is empty, has one of + # / in it, or begins the topic with $"
			continue
		}
		switch relate(filter, r) {
		case covers:
			return answer{decision, false, "it is the first that fits"}
		case overlaps:
			if narrower = narrower || !a.allow; narrower {
				why = "it denies a part of the filter: those messages will not be delivered"
			} else {
				why = "it allows only a part of the filter"
			}
		case apart:
		}
	}
	return answer{mqtt.Pass, narrower, why}
}

// objection says why the line is not about the requester or the action, "" if it is.
func (a *aclRule) objection(r *Request) string {
	switch {
	case a.access&r.Action.access() == 0:
		return "it is about the other direction"
	case a.value == "*":
		return ""
	case a.kind == byClientID && a.value != r.ClientID:
		return "it is about another client ID"
	case a.kind == byUsername && a.value != r.Username:
		return "it is about another user name"
	case a.kind == byIP && !a.isAt(r.Remote):
		return "it is about another address"
	}
	return ""
}

func (a *aclRule) isAt(r Remote) bool {
	if a.localhost {
		return r.Local
	}
	return r.IsValid() && a.network.Contains(r.Addr())
}

// parseACL reads all lines, so that an error tells of every wrong one.
func parseACL(name string, text []byte) ([]*aclRule, error) {
	rules := []*aclRule{}
	var wrong []error
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	scanner := bufio.NewScanner(bytes.NewReader(text))
	scanner.Buffer(nil, maximumLine)
	n := 0
	for scanner.Scan() {
		n++
		line := strings.TrimSpace(scanner.Text())
		if isComment(line) {
			continue
		}
		where := fmt.Sprintf("%s:%d", name, n)
		rule, err := parseACLLine(line)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", where, err))
			continue
		}
		rule.where, rule.text = where, line
		rules = append(rules, rule)
	}
	if err := scanner.Err(); err != nil {
		wrong = append(wrong, fmt.Errorf("%s:%d: %w", name, n+1, err))
	}
	return rules, errors.Join(wrong...)
}

// maximumLine bounds a line in bytes.
const maximumLine = 1 << 20

func isComment(line string) bool {
	return line == "" || strings.HasPrefix(line, "//") || line[0] == '#' || line[0] == ';' || line[0] == '*'
}

func parseACLLine(line string) (*aclRule, error) {
	fields := strings.Fields(line)
	if len(fields) != 5 {
		return nil, fmt.Errorf("%d columns, want 5: allow|deny, clientid|username|ip, value or *, 1|2|3, topics separated by commas without spaces", len(fields))
	}
	rule := &aclRule{kind: strings.ToLower(fields[1]), value: fields[2]}
	switch strings.ToLower(fields[0]) {
	case "allow":
		rule.allow = true
	case "deny":
	default:
		return nil, fmt.Errorf("%q, want allow or deny", fields[0])
	}
	if err := rule.parseValue(); err != nil {
		return nil, err
	}
	switch fields[3] {
	case "1":
		rule.access = WriteOnly
	case "2":
		rule.access = ReadOnly
	case "3":
		rule.access = ReadWrite
	default:
		return nil, fmt.Errorf("%q, want 1 (publish), 2 (subscribe) or 3 (both)", fields[3])
	}
	for topic := range strings.SplitSeq(fields[4], ",") {
		p, err := parsePattern(topic)
		if err != nil {
			return nil, err
		}
		rule.topics = append(rule.topics, p)
	}
	return rule, nil
}

func (a *aclRule) parseValue() error {
	switch a.kind {
	case byClientID, byUsername:
		return nil
	case byIP, "ipaddr":
		a.kind = byIP
	default:
		return fmt.Errorf("%q, want clientid, username or ip", a.kind)
	}
	if a.value == "*" {
		return nil
	}
	if a.localhost = a.value == "localhost"; a.localhost {
		return nil
	}
	if p, err := netip.ParsePrefix(a.value); err == nil {
		a.network = unmapPrefix(p)
		return nil
	}
	addr, err := netip.ParseAddr(strings.Trim(a.value, "[]"))
	if err != nil {
		return fmt.Errorf("%q, want an address such as 10.1.2.3 or ::1, a network such as 10.0.0.0/8, localhost, or *", a.value)
	}
	a.network = wholeAddr(addr)
	return nil
}

var (
	_ Authorizer = (*ACLFile)(nil)
	_ Reloader   = (*ACLFile)(nil)
	_ Explainer  = (*ACLFile)(nil)
)
