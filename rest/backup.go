package rest

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// Backup is a copy of the store that was made, read back and found whole.
type Backup struct {
	Directory string `json:"directory" doc:"Where it is, on the server's machine."`
	Records   int64  `json:"records"`
	Damaged   int64  `json:"damaged" doc:"Records that could not be read, in the store as in the copy."`
}

type backupInput struct {
	Body struct {
		Name string `json:"name" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" doc:"Name of the backup, which must be a new one. The server says where it goes."`
	}
}

func (h *Handler) backupOperations(a huma.API) {
	register(a, operation{
		id: "backup", method: http.MethodPost, path: "/backup", scope: ScopeAdmin, tag: "node",
		summary: "Copy the store while the server runs, and verify the copy",
		about:   "Everything that was acknowledged before the call is in it.",
		errors:  []int{http.StatusBadRequest, http.StatusNotImplemented},
	}, h.backup)
}

func (h *Handler) backup(ctx context.Context, in *backupInput) (*body[Backup], error) {
	audited(ctx, slog.String("name", in.Body.Name))
	if h.options.Backup == nil {
		return nil, huma.Error501NotImplemented("this server keeps nothing that could be copied")
	}
	made, err := h.options.Backup(ctx, in.Body.Name)
	if err != nil {
		return nil, problemOf(err)
	}
	return answer(made), nil
}
