package rest

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/linnetmq/linnet/mqtt"
)

// AdminUser is the user name that belongs to Options.Secret.
const AdminUser = "admin"

// Options are what New needs. Server and Logger must be set, and one of Secret,
// Users and Keys, or nobody can log in.
type Options struct {
	Server *mqtt.Server
	Logger *slog.Logger

	// Secret is the password of the user "admin", who may do everything.
	Secret string
	// Users are further users who may do everything, by name, with passwords.
	Users map[string]string
	// Keys are the API keys; nil switches them off.
	Keys *Keys

	// Explain says what access rules decide about a client, and why; an error is
	// a question that makes no sense. nil: the rules cannot say.
	Explain func(ctx context.Context, q AccessQuestion) (AccessAnswer, error)
	// Bans is the list of bans; nil: there is none.
	Bans Bans

	// Audit receives a line for every change; nil means Logger.
	Audit *slog.Logger
	// Version is shown by /api/v1/node.
	Version string
	// Metrics, if not nil, is served at /metrics.
	Metrics http.Handler
	// Config returns the configuration in force, without secrets; nil: the
	// server's options.
	Config func() any
	// Reload reads the configuration again; nil: that is not possible.
	Reload func(ctx context.Context) error
	// LogLevel is what the log level of the process is set by; nil: it cannot be.
	LogLevel *slog.LevelVar
	// Backup copies the store under a name that was not used yet; nil if there is
	// nothing to copy.
	Backup func(ctx context.Context, name string) (Backup, error)

	// NotReady returns why the server should get no clients now; nil or an empty
	// list: it should.
	NotReady func() []string
}

func (o *Options) validate() error {
	switch {
	case o.Server == nil:
		return fmt.Errorf("rest: options: Server is nil")
	case o.Logger == nil:
		return fmt.Errorf("rest: options: Logger is nil")
	case o.Secret == "" && len(o.Users) == 0 && o.Keys == nil:
		return fmt.Errorf("rest: options: nobody can log in: set Secret, Users or Keys")
	}
	for name, password := range o.Users {
		if name == "" || password == "" {
			return fmt.Errorf("rest: options: user %q: name and password must not be empty", name)
		}
	}
	return nil
}
