package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/rest"
)

// explain answers the management API: a ban first, then the chain of access.
func (b *broker) explain(_ context.Context, q rest.AccessQuestion) (rest.AccessAnswer, error) {
	r, err := accessRequest(&q)
	if err != nil {
		return rest.AccessAnswer{}, err
	}
	if err := completeListener(b.config, r); err != nil {
		return rest.AccessAnswer{}, fmt.Errorf("no such listener %q", q.Listener)
	}
	if ban, banned := b.bans.Find(r.ClientID, r.Username, r.Remote.Addr()); banned && r.Action == auth.Connect {
		return rest.AccessAnswer{Decision: mqtt.Deny.String(), Rule: "the client is banned", Steps: []rest.AccessStep{{
			Rule: bansFile, Text: ban.Reason, Decision: mqtt.Deny.String(), Why: "all criteria of the ban fit",
		}}}, nil
	}
	e, err := b.access.explains.Explain(r)
	if err != nil {
		return rest.AccessAnswer{}, err
	}
	out := rest.AccessAnswer{Decision: e.Decision.String(), Rule: e.Rule, Narrower: e.Narrower}
	for _, s := range e.Steps {
		out.Steps = append(out.Steps, rest.AccessStep{Rule: s.Rule, Text: s.Text, Decision: s.Decision.String(), Why: s.Why})
	}
	return out, nil
}

// accessRequest is a question as the chain of access takes it.
func accessRequest(q *rest.AccessQuestion) (*auth.Request, error) {
	action, ok := auth.ParseAction(q.Action)
	if !ok {
		return nil, fmt.Errorf("action %q: use connect, publish, subscribe or receive", q.Action)
	}
	if (q.Topic == "") != (action == auth.Connect) {
		return nil, errors.New("a topic belongs to publish, subscribe and receive, and they need it")
	}
	remote, ok := auth.ParseRemote(q.Remote)
	if !ok {
		return nil, fmt.Errorf("address %q: write an address such as 192.0.2.7 or ::1", q.Remote)
	}
	return &auth.Request{
		ClientID: q.ClientID, Username: q.Username, Remote: remote, Listener: q.Listener, Action: action, Topic: q.Topic,
	}, nil
}
