package rest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/linnetmq/linnet/mqtt"
)

// apiVersion is that of the routes, not of the program.
const apiVersion = "1.0.0"

// operation is what an operation of /api/v1 is registered with.
type operation struct {
	id      string
	method  string
	path    string // below /api/v1
	scope   Scope
	tag     string
	summary string
	about   string
	status  int // of success; 0: 200, or 204 without a body
	errors  []int
	// maxBody is in bytes; 0 means 1 MiB.
	maxBody int64
}

// v1 registers the operations of /api/v1 and the document that describes them.
func (h *Handler) v1() {
	c := huma.DefaultConfig("Linnet management API", apiVersion)
	c.Info.Description = "See and steer a running Linnet broker. Log in by basic auth, or by an API key as bearer token."
	c.OpenAPIPath, c.DocsPath, c.SchemasPath, c.CreateHooks = "/api/v1/openapi", "", "", nil
	c.RejectUnknownQueryParameters = true
	c.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"basic": {Type: "http", Scheme: "basic", Description: "A user name and password; or any name, and an API key as password."},
		"key":   {Type: "http", Scheme: "bearer", Description: "An API key with the scopes read, publish or admin."},
	}
	a := humago.New(h.mux, c)
	h.api = a
	h.clientOperations(a)
	h.subscriptionOperations(a)
	h.topicOperations(a)
	h.retainedOperations(a)
	h.publishOperations(a)
	h.statsOperations(a)
	h.nodeOperations(a)
	h.keyOperations(a)
	h.banOperations(a)
	h.accessOperations(a)
	h.streamOperations(a)
	h.whyOperations(a)
	h.traceOperations(a)
}

// schemaName is the name of a type in the document.
func schemaName(t reflect.Type, hint string) string {
	return strings.TrimSuffix(huma.DefaultSchemaNamer(t, hint), "View")
}

// register adds an operation that asks for a scope.
func register[I, O any](a huma.API, op operation, f func(context.Context, *I) (*O, error)) {
	huma.Register(a, op.describe(a), f)
}

func (op *operation) describe(a huma.API) huma.Operation {
	scope := op.scope
	return huma.Operation{
		OperationID: op.id, Method: op.method, Path: "/api/v1" + op.path, Tags: []string{op.tag},
		Summary: op.summary, Description: op.about, DefaultStatus: op.status, MaxBodyBytes: op.maxBody,
		Errors:   append([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests}, op.errors...),
		Security: []map[string][]string{{"basic": {}}, {"key": {string(scope)}}},
		Middlewares: huma.Middlewares{func(ctx huma.Context, next func(huma.Context)) {
			if !identityOf(ctx.Context()).may(scope) {
				_ = huma.WriteErr(a, ctx, http.StatusForbidden, needsScope(scope)) // a reader that left has no use for the error
				return
			}
			audited(ctx.Context(), slog.String("operation", op.id))
			next(ctx)
		}},
	}
}

// problemOf makes the answer for an error of the server.
func problemOf(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, mqtt.ErrNoSession), errors.Is(err, ErrNoSuchKey):
		return huma.Error404NotFound(err.Error())
	case errors.Is(err, mqtt.ErrNotConnected):
		return huma.Error409Conflict(err.Error())
	case errors.Is(err, mqtt.ErrServerClosed):
		return huma.Error503ServiceUnavailable(err.Error())
	}
	return huma.Error400BadRequest(err.Error())
}

// PageInput is what every listing takes. It is exported because huma reads the
// fields of embedded structs only if they are.
type PageInput struct {
	Cursor string `query:"cursor" maxLength:"100000" doc:"The next of the page before; missing for the first page."`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many to return at most."`
}

// body is an answer with a JSON body.
type body[T any] struct{ Body T }

func answer[T any](v T) *body[T] { return &body[T]{Body: v} }
