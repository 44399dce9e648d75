package rest

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"
)

// identity is who makes a request.
type identity struct {
	name   string // in the audit log
	scopes []Scope
}

// may tells whether the scope is among those of the identity.
func (i *identity) may(scope Scope) bool {
	return slices.Contains(i.scopes, scope) || slices.Contains(i.scopes, ScopeAdmin)
}

// login finds out who makes a request: a user with a password, or a key.
type login struct {
	users map[string][sha256.Size]byte // of passwords
	keys  *Keys
}

func newLogin(o *Options) *login {
	l := &login{users: make(map[string][sha256.Size]byte), keys: o.Keys}
	for name, password := range o.Users {
		l.users[name] = sha256.Sum256([]byte(password))
	}
	if o.Secret != "" {
		l.users[AdminUser] = sha256.Sum256([]byte(o.Secret))
	}
	return l
}

// who returns nil if the request proves nobody.
func (l *login) who(r *http.Request) *identity {
	if token, ok := bearer(r); ok {
		return l.key(token)
	}
	name, password, ok := r.BasicAuth()
	if !ok {
		return nil
	}
	if strings.HasPrefix(password, tokenPrefix) { // for clients that only know passwords
		return l.key(password)
	}
	want, known := l.users[name]
	have := sha256.Sum256([]byte(password))
	if subtle.ConstantTimeCompare(want[:], have[:]) != 1 || !known {
		return nil
	}
	return &identity{name: name, scopes: []Scope{ScopeAdmin}}
}

func (l *login) key(token string) *identity {
	key, ok := l.keys.check(token)
	if !ok {
		return nil
	}
	return &identity{name: "key " + key.ID + " (" + key.Name + ")", scopes: key.Scopes}
}

func bearer(r *http.Request) (token string, ok bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer")
}

// sent tells that the request tries to log in at all.
func sentLogin(r *http.Request) bool { return r.Header.Get("Authorization") != "" }

type contextKey int

const (
	identityKey contextKey = iota
	auditKey
)

func withIdentity(ctx context.Context, who *identity) context.Context {
	return context.WithValue(ctx, identityKey, who)
}

// identityOf returns who makes the request of a context; one that may nothing
// if it was not asked.
func identityOf(ctx context.Context) *identity {
	if who, ok := ctx.Value(identityKey).(*identity); ok {
		return who
	}
	return &identity{}
}
