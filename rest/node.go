package rest

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// nodeView is what runs where.
type nodeView struct {
	Version   string         `json:"version"`
	Revision  string         `json:"revision,omitzero" doc:"The commit it was built from."`
	GoVersion string         `json:"go_version"`
	Platform  string         `json:"platform" example:"linux/amd64"`
	Hostname  string         `json:"hostname"`
	PID       int            `json:"pid"`
	CPUs      int            `json:"cpus" doc:"How many it may use."`
	Started   time.Time      `json:"started"`
	Listeners []listenerView `json:"listeners" nullable:"false"`
}

// listenerView is one address the broker listens on.
type listenerView struct {
	ID       string `json:"id"`
	Protocol string `json:"protocol"`
	Address  string `json:"address"`
}

// healthView says whether clients should be sent here.
type healthView struct {
	Ready   bool     `json:"ready"`
	Reasons []string `json:"reasons" nullable:"false" doc:"Why not."`
}

// levelSetting is the level of the log.
type levelSetting struct {
	Level string `json:"level" enum:"debug,info,warn,error"`
}

type levelInput struct{ Body levelSetting }

// configView is the configuration in force, without secrets.
type configView struct {
	Config any `json:"config"`
}

func (h *Handler) nodeOperations(a huma.API) {
	register(a, operation{
		id: "getNode", method: http.MethodGet, path: "/node", scope: ScopeRead, tag: "node", summary: "Describe this node",
	}, func(context.Context, *struct{}) (*body[nodeView], error) { return answer(h.node()), nil })
	register(a, operation{
		id: "getHealth", method: http.MethodGet, path: "/health", scope: ScopeRead, tag: "node",
		summary: "Tell whether the node is ready, and why not",
	}, func(context.Context, *struct{}) (*body[healthView], error) {
		reasons := h.notReady()
		return answer(healthView{Ready: len(reasons) == 0, Reasons: reasons}), nil
	})
	register(a, operation{
		id: "getConfig", method: http.MethodGet, path: "/config", scope: ScopeAdmin, tag: "node",
		summary: "Get the configuration in force", about: "Secrets are left out.",
	}, func(context.Context, *struct{}) (*body[configView], error) {
		if h.options.Config != nil {
			return answer(configView{h.options.Config()}), nil
		}
		return answer(configView{h.server.Options()}), nil
	})
	register(a, operation{
		id: "reload", method: http.MethodPost, path: "/reload", scope: ScopeAdmin, tag: "node",
		summary: "Read the configuration again", errors: []int{http.StatusBadRequest, http.StatusNotImplemented},
	}, h.reload)
	h.levelOperations(a)
	h.backupOperations(a)
}

func (h *Handler) levelOperations(a huma.API) {
	register(a, operation{
		id: "getLogLevel", method: http.MethodGet, path: "/log-level", scope: ScopeRead, tag: "node",
		summary: "Get the level of the log", errors: []int{http.StatusNotImplemented},
	}, func(context.Context, *struct{}) (*body[levelSetting], error) {
		if h.options.LogLevel == nil {
			return nil, huma.Error501NotImplemented("the level of this log cannot be changed")
		}
		return answer(levelSetting{strings.ToLower(h.options.LogLevel.Level().String())}), nil
	})
	register(a, operation{
		id: "setLogLevel", method: http.MethodPut, path: "/log-level", scope: ScopeAdmin, tag: "node",
		summary: "Set the level of the log until the next start", errors: []int{http.StatusNotImplemented},
	}, func(ctx context.Context, in *levelInput) (*body[levelSetting], error) {
		if h.options.LogLevel == nil {
			return nil, huma.Error501NotImplemented("the level of this log cannot be changed")
		}
		audited(ctx, slog.String("level", in.Body.Level))
		var level slog.Level
		if err := level.UnmarshalText([]byte(in.Body.Level)); err != nil {
			return nil, huma.Error400BadRequest(err.Error())
		}
		h.options.LogLevel.Set(level)
		return answer(in.Body), nil
	})
}

func (h *Handler) reload(ctx context.Context, _ *struct{}) (*struct{}, error) {
	if h.options.Reload == nil {
		return nil, huma.Error501NotImplemented("this server cannot read its configuration again: restart it")
	}
	return nil, problemOf(h.options.Reload(ctx))
}

func (h *Handler) node() nodeView {
	v := nodeView{
		Version: h.options.Version, GoVersion: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		PID: os.Getpid(), CPUs: runtime.GOMAXPROCS(0), Started: h.server.Stats().Started, Listeners: []listenerView{},
	}
	v.Hostname, _ = os.Hostname() // "" if the system does not know
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v.Revision = s.Value
			}
		}
	}
	for _, l := range h.server.Listeners() {
		v.Listeners = append(v.Listeners, listenerView{l.ID(), l.Protocol(), l.Address()})
	}
	return v
}

// notReady says why clients should not be sent here.
func (h *Handler) notReady() []string {
	reasons := []string{}
	select {
	case <-h.done:
		reasons = append(reasons, "the server is shutting down")
	default:
	}
	if h.options.NotReady != nil {
		reasons = append(reasons, h.options.NotReady()...)
	}
	return reasons
}

// healthz says that the process is alive.
func (h *Handler) healthz(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok\n") }

// readyz says whether clients should be sent here. The reasons are for who may
// log in: getHealth has them.
func (h *Handler) readyz(w http.ResponseWriter, _ *http.Request) {
	if len(h.notReady()) > 0 {
		plain(w, http.StatusServiceUnavailable, "not ready\n")
		return
	}
	plain(w, http.StatusOK, "ready\n")
}
