package rest

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Ban keeps out the clients that fit all of its criteria that are not empty;
// one of them is not.
type Ban struct {
	ClientID  string    `json:"client_id,omitempty" maxLength:"65535"`
	Username  string    `json:"username,omitempty" maxLength:"65535"`
	Network   string    `json:"network,omitempty" maxLength:"100" doc:"An address, or a network." example:"10.0.0.0/8"`
	Until     time.Time `json:"until,omitzero" doc:"When it ends; missing: never."`
	Reason    string    `json:"reason,omitempty" maxLength:"1000" doc:"For the operator."`
	Created   time.Time `json:"created,omitzero" readOnly:"true"`
	Automatic bool      `json:"automatic,omitempty" readOnly:"true" doc:"Made by the broker, and not kept over a restart."`
}

// Bans is the list of bans of a broker. It is safe for concurrent use.
type Bans interface {
	// List returns those in force, the newest first.
	List() []Ban
	// Add puts one in force, in place of one with the same criteria.
	Add(Ban) error
	// Remove ends the one with the criteria given; found is false if there is none.
	Remove(Ban) (found bool, err error)
}

type banList struct {
	Bans []Ban `json:"bans" nullable:"false" doc:"The newest first."`
}

type addBanInput struct{ Body Ban }

type removeBanInput struct {
	ClientID string `query:"client_id" maxLength:"65535"`
	Username string `query:"username" maxLength:"65535"`
	Network  string `query:"network" maxLength:"100"`
}

const noBans = "this server has no list of bans"

func (h *Handler) banOperations(a huma.API) {
	register(a, operation{
		id: "listBans", method: http.MethodGet, path: "/bans", scope: ScopeRead, tag: "bans", summary: "List the bans in force",
	}, func(context.Context, *struct{}) (*body[banList], error) {
		list := banList{Bans: []Ban{}}
		if h.options.Bans != nil {
			list.Bans = append(list.Bans, h.options.Bans.List()...)
		}
		return answer(list), nil
	})
	register(a, operation{
		id: "addBan", method: http.MethodPost, path: "/bans", scope: ScopeAdmin, tag: "bans",
		summary: "Keep clients out, and disconnect those there are", about: "It takes the place of a ban with the same criteria.",
		status: http.StatusNoContent, errors: []int{http.StatusBadRequest, http.StatusNotImplemented},
	}, h.addBan)
	register(a, operation{
		id: "removeBan", method: http.MethodDelete, path: "/bans", scope: ScopeAdmin, tag: "bans",
		summary: "End the ban with exactly these criteria",
		errors:  []int{http.StatusBadRequest, http.StatusNotFound, http.StatusNotImplemented},
	}, h.removeBan)
}

func (h *Handler) addBan(ctx context.Context, in *addBanInput) (*struct{}, error) {
	b := in.Body
	auditedBan(ctx, &b)
	if h.options.Bans == nil {
		return nil, huma.Error501NotImplemented(noBans)
	}
	if !b.Until.IsZero() && !b.Until.After(time.Now()) {
		return nil, huma.Error400BadRequest("the ban is over before it begins: give an until in the future, or none")
	}
	b.Created, b.Automatic = time.Time{}, false
	return nil, problemOf(h.options.Bans.Add(b))
}

func (h *Handler) removeBan(ctx context.Context, in *removeBanInput) (*struct{}, error) {
	b := Ban{ClientID: in.ClientID, Username: in.Username, Network: in.Network}
	auditedBan(ctx, &b)
	if h.options.Bans == nil {
		return nil, huma.Error501NotImplemented(noBans)
	}
	found, err := h.options.Bans.Remove(b)
	if err == nil && !found {
		return nil, huma.Error404NotFound("there is no ban with exactly these criteria")
	}
	return nil, problemOf(err)
}

func auditedBan(ctx context.Context, b *Ban) {
	audited(ctx, slog.String("client_id", b.ClientID), slog.String("username", b.Username), slog.String("network", b.Network),
		slog.Time("until", b.Until), slog.String("ban_reason", b.Reason))
}
