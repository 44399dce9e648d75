package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// AccessQuestion is who wants to do what.
type AccessQuestion struct {
	Action   string `query:"action" required:"true" enum:"connect,publish,subscribe,receive"`
	Topic    string `query:"topic" maxLength:"65535" doc:"A topic, or to subscribe a filter; missing to connect."`
	ClientID string `query:"client_id" maxLength:"65535"`
	Username string `query:"username" maxLength:"65535"`
	Remote   string `query:"remote" maxLength:"100" doc:"Address, with or without port." example:"192.0.2.7"`
	Listener string `query:"listener" maxLength:"1000" doc:"ID of the listener; missing: the first one for clients."`
}

// AccessAnswer is what rules decide.
type AccessAnswer struct {
	Decision string       `json:"decision" enum:"allow,deny,pass" doc:"pass: the password decides."`
	Rule     string       `json:"rule" doc:"Which rule decides."`
	Narrower bool         `json:"narrower" doc:"A rule denies a part of what the filter matches; those messages are not delivered."`
	Steps    []AccessStep `json:"steps" nullable:"false" doc:"The rules asked, in order; the last one decided."`
}

// AccessStep is one rule that was asked.
type AccessStep struct {
	Rule     string `json:"rule" doc:"Where it is." example:"acl.conf:12"`
	Text     string `json:"text" doc:"What it says."`
	Decision string `json:"decision" enum:"allow,deny,pass"`
	Why      string `json:"why"`
}

func (h *Handler) accessOperations(a huma.API) {
	register(a, operation{
		id: "explainAccess", method: http.MethodGet, path: "/access/explain", scope: ScopeAdmin, tag: "access",
		summary: "Tell which access rule decides what a client may do, and why", about: "The client need not exist.",
		errors: []int{http.StatusBadRequest, http.StatusNotImplemented},
	}, func(ctx context.Context, in *AccessQuestion) (*body[AccessAnswer], error) {
		if h.options.Explain == nil {
			return nil, huma.Error501NotImplemented("the access rules of this server cannot be asked")
		}
		v, err := h.options.Explain(ctx, *in)
		if err != nil {
			return nil, problemOf(err)
		}
		v.Steps = append([]AccessStep{}, v.Steps...)
		return answer(v), nil
	})
}
