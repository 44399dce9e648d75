package rest

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// keyList is all API keys.
type keyList struct {
	Keys []Key `json:"keys" nullable:"false"`
}

// newKey is a key that was just made.
type newKey struct {
	Key
	Token string `json:"token" doc:"What to log in with. It is shown this once and stored nowhere."`
}

type createKeyInput struct {
	Body struct {
		Name    string    `json:"name" minLength:"1" maxLength:"100"`
		Scopes  []Scope   `json:"scopes" minItems:"1" maxItems:"3" enum:"read,publish,admin" nullable:"false"`
		Expires time.Time `json:"expires,omitzero"`
	}
}

type keyInput struct {
	ID string `path:"id" maxLength:"64"`
}

func (h *Handler) keyOperations(a huma.API) {
	register(a, operation{
		id: "listKeys", method: http.MethodGet, path: "/keys", scope: ScopeAdmin, tag: "keys", summary: "List API keys",
	}, func(context.Context, *struct{}) (*body[keyList], error) {
		list := keyList{Keys: []Key{}}
		if h.options.Keys != nil {
			list.Keys = h.options.Keys.List()
		}
		return answer(list), nil
	})
	register(a, operation{
		id: "createKey", method: http.MethodPost, path: "/keys", scope: ScopeAdmin, tag: "keys", summary: "Create an API key",
		status: http.StatusCreated, errors: []int{http.StatusBadRequest, http.StatusNotImplemented},
	}, h.createKey)
	register(a, operation{
		id: "revokeKey", method: http.MethodDelete, path: "/keys/{id}", scope: ScopeAdmin, tag: "keys",
		summary: "Revoke an API key at once", errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *keyInput) (*struct{}, error) {
		audited(ctx, slog.String("key", in.ID))
		if h.options.Keys == nil {
			return nil, problemOf(ErrNoSuchKey)
		}
		return nil, problemOf(h.options.Keys.Revoke(in.ID))
	})
}

func (h *Handler) createKey(ctx context.Context, in *createKeyInput) (*body[newKey], error) {
	if h.options.Keys == nil {
		return nil, huma.Error501NotImplemented("API keys are switched off: they need a file to be stored in")
	}
	key, token, err := h.options.Keys.Create(in.Body.Name, in.Body.Scopes, in.Body.Expires)
	if err != nil {
		return nil, problemOf(err)
	}
	audited(ctx, slog.String("key", key.ID), slog.String("name", key.Name), slog.Any("scopes", key.Scopes))
	return answer(newKey{key, token}), nil
}
