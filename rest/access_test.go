package rest

import (
	"context"
	"errors"
	"testing"
)

func TestExplainAccess(t *testing.T) {
	t.Parallel()
	var asked AccessQuestion
	a := newTestAPI(t, func(o *Options) {
		o.Explain = func(_ context.Context, q AccessQuestion) (AccessAnswer, error) {
			asked = q
			if q.Topic == "#/x" {
				return AccessAnswer{}, errors.New("no filter")
			}
			return AccessAnswer{Decision: "deny", Rule: "no rule fits"}, nil
		}
	})
	got := want[AccessAnswer](a, 200, "GET", "/api/v1/access/explain?action=subscribe&topic=a%2F%23&client_id=c&username=u&remote=%3A%3A1&listener=l", "")
	if got.Decision != "deny" || got.Rule != "no rule fits" || got.Steps == nil {
		t.Errorf("%+v", got)
	}
	if asked != (AccessQuestion{"subscribe", "a/#", "c", "u", "::1", "l"}) {
		t.Errorf("asked %+v", asked)
	}
	for path, status := range map[string]int{
		"/api/v1/access/explain":                                422,
		"/api/v1/access/explain?action=fly":                     422,
		"/api/v1/access/explain?action=subscribe&topic=%23%2Fx": 400,
	} {
		if got, text := a.text("GET", path, ""); got != status {
			t.Errorf("%s: %d %s, want %d", path, got, text, status)
		}
	}
	if status, text := newTestAPI(t).text("GET", "/api/v1/access/explain?action=connect", ""); status != 501 {
		t.Errorf("%d %s", status, text)
	}
}
