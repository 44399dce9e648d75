package rest

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestKeysAreCreatedUsedAndRevoked(t *testing.T) {
	t.Parallel()
	a := newTestAPI(t)
	made := want[newKey](a, 201, "POST", "/api/v1/keys", `{"name":"graphs","scopes":["read","read"]}`)
	if !strings.HasPrefix(made.Token, "linnet_"+made.ID+"_") || len(made.Token) < 60 || len(made.Scopes) != 1 {
		t.Errorf("%+v", made)
	}
	want[statsView](a, 200, "GET", "/api/v1/stats", "", as(made.Token))
	want[statsView](a, 200, "GET", "/api/v1/stats", "", func(r *http.Request) { r.SetBasicAuth("whoever", made.Token) })
	list := want[keyList](a, 200, "GET", "/api/v1/keys", "")
	if len(list.Keys) != 1 || list.Keys[0].Name != "graphs" || list.Keys[0].Used.IsZero() {
		t.Errorf("%+v", list)
	}
	text, err := os.ReadFile(a.keys.path)
	if err != nil {
		t.Fatal(err)
	}
	secret := made.Token[strings.LastIndex(made.Token, "_")+1:]
	if strings.Contains(string(text), secret) || strings.Contains(a.audit.String(), secret) {
		t.Error("the token stands in a file")
	}
	if info, err := os.Stat(a.keys.path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	again, err := OpenKeys(a.keys.path)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := again.check(made.Token); !ok {
		t.Error("the key is lost by a restart")
	}
	for _, wrong := range []string{"", "linnet_", "linnet__", made.Token + "x", made.Token[:len(made.Token)-1], strings.TrimPrefix(made.Token, "linnet_"), "linnet_" + made.ID + "_"} {
		if _, ok := again.check(wrong); ok {
			t.Errorf("token %q is accepted", wrong)
		}
	}
	want[any](a, 204, "DELETE", "/api/v1/keys/"+made.ID, "")
	if status, _ := a.text("GET", "/api/v1/stats", "", as(made.Token)); status != 401 {
		t.Errorf("the revoked key: %d", status)
	}
}

func TestKeysRefused(t *testing.T) {
	t.Parallel()
	k, err := OpenKeys(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func() error{
		"no name":    func() error { _, _, err := k.Create("", []Scope{ScopeRead}, time.Time{}); return err },
		"no scope":   func() error { _, _, err := k.Create("n", nil, time.Time{}); return err },
		"odd scope":  func() error { _, _, err := k.Create("n", []Scope{"root"}, time.Time{}); return err },
		"expired":    func() error { _, _, err := k.Create("n", []Scope{ScopeRead}, time.Now()); return err },
		"no such id": func() error { return k.Revoke("x") },
	} {
		if f() == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	gone := &Keys{path: filepath.Join(t.TempDir(), "no", "such", "folder"), list: map[string]*storedKey{}}
	if _, _, err := gone.Create("n", []Scope{ScopeRead}, time.Time{}); err == nil || len(gone.List()) != 0 {
		t.Errorf("a key that could not be stored: %v", err)
	}
	for name, text := range map[string]string{"no JSON": "{", "null": "[null]", "no hash": `[{"id":"x"}]`} {
		path := filepath.Join(t.TempDir(), "keys")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenKeys(path); err == nil {
			t.Errorf("a file with %s is accepted", name)
		}
	}
}

func TestKeysExpire(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k, err := OpenKeys(filepath.Join(t.TempDir(), "keys"))
		if err != nil {
			t.Fatal(err)
		}
		_, token, err := k.Create("n", []Scope{ScopeRead}, time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Hour - time.Second)
		if _, ok := k.check(token); !ok {
			t.Error("expired too soon")
		}
		<-time.After(time.Second)
		if _, ok := k.check(token); ok {
			t.Error("it does not expire")
		}
	})
}

func TestGuessingIsSlowedDown(t *testing.T) {
	t.Parallel()
	a := newTestAPI(t)
	wrong := func(r *http.Request) { r.SetBasicAuth(AdminUser, "guess") }
	for i := range freeFailures {
		if status, _ := a.text("GET", "/api/v1/stats", "", wrong); status != 401 {
			t.Fatalf("failure %d: %d", i, status)
		}
	}
	resp := a.do("GET", "/api/v1/stats", "") // also the right password, or guessing would go on
	if resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" || resp.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
	if status, _ := a.text("GET", "/healthz", ""); status != 200 {
		t.Errorf("health: %d", status)
	}
}

func TestThrottleForgives(t *testing.T) {
	t.Parallel()
	var x throttle
	now := time.Now()
	one, two := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2") // of one /64
	other := netip.MustParseAddr("::ffff:10.0.0.1")
	for range freeFailures {
		x.failed(one, now)
	}
	if x.blocked(two, now) == 0 || x.blocked(other, now) != 0 || x.blocked(netip.Addr{}, now) != 0 {
		t.Error("the wrong ones are blocked")
	}
	if x.blocked(one, now.Add(2*time.Second)) != 0 {
		t.Error("it is not forgiven after a while")
	}
	for i := range rememberedFailed + 100 {
		x.failed(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), now)
	}
	if len(x.failures) > rememberedFailed {
		t.Errorf("%d addresses are remembered", len(x.failures))
	}
}

func TestEveryChangeIsAudited(t *testing.T) {
	t.Parallel()
	a := newTestAPI(t)
	a.lasting("c")
	token := a.token(ScopePublish)
	a.text("POST", "/api/v1/publish", `{"topic":"t","payload":"hush"}`, as(token))
	a.text("POST", "/api/v1/clients/c/disconnect", `{}`)
	a.text("POST", "/unsubscribe", "topic=a&clientId=c", header("Content-Type", "application/x-www-form-urlencoded"))
	a.text("DELETE", "/api/v1/clients/c", "", as(token))
	a.text("DELETE", "/api/v1/clients/c", "", nobody)
	a.text("GET", "/api/v1/clients", "")
	type line struct {
		Who, From, Method, Path, Operation, Topic, Filter string
		ClientID                                          string `json:"client_id"`
		Status                                            int
	}
	var got []line
	for text := range strings.Lines(a.audit.String()) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(l.From, "127.0.0.1:") {
			t.Errorf("from %q", l.From)
		}
		if strings.HasPrefix(l.Who, "key ") {
			l.Who = "key"
		}
		l.From = ""
		got = append(got, l)
	}
	want := []line{
		{Who: "key", Method: "POST", Path: "/api/v1/publish", Operation: "publish", Topic: "t", Status: 200},
		{Who: "admin", Method: "POST", Path: "/api/v1/clients/c/disconnect", Operation: "disconnectClient", ClientID: "c", Status: 202},
		{Who: "admin", Method: "POST", Path: "/unsubscribe", ClientID: "c", Filter: "a", Status: 200},
		{Who: "key", Method: "DELETE", Path: "/api/v1/clients/c", Status: 403},
		{Who: "nobody", Method: "DELETE", Path: "/api/v1/clients/c", Status: 401},
	}
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d: %+v", len(got), len(want), got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("line %d: %+v, want %+v", i, got[i], want[i])
		}
	}
	if strings.Contains(a.audit.String(), "hush") {
		t.Error("the payload is in the audit log")
	}
}

func TestOptionsRefused(t *testing.T) {
	t.Parallel()
	a := newTestAPI(t)
	good := a.handler.options
	for name, change := range map[string]func(*Options){
		"no server":         func(o *Options) { o.Server = nil },
		"no logger":         func(o *Options) { o.Logger = nil },
		"nobody":            func(o *Options) { o.Secret, o.Users, o.Keys = "", nil, nil },
		"an empty password": func(o *Options) { o.Users = map[string]string{"x": ""} },
	} {
		o := good
		change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestWithoutKeys(t *testing.T) {
	t.Parallel()
	a := newTestAPI(t, func(o *Options) { o.Keys, o.LogLevel = nil, nil })
	for path, status := range map[string]int{"GET /api/v1/keys": 200, "DELETE /api/v1/keys/x": 404, "GET /api/v1/log-level": 501} {
		method, path, _ := strings.Cut(path, " ")
		if got, text := a.text(method, path, ""); got != status {
			t.Errorf("%s %s: %d %s", method, path, got, text)
		}
	}
	if got, _ := a.text("POST", "/api/v1/keys", `{"name":"n","scopes":["read"]}`); got != 501 {
		t.Errorf("create: %d", got)
	}
	if got, _ := a.text("PUT", "/api/v1/log-level", `{"level":"info"}`); got != 501 {
		t.Errorf("level: %d", got)
	}
	if got, _ := a.text("GET", "/api/v1/stats", "", as("linnet_a_b")); got != 401 {
		t.Errorf("a key: %d", got)
	}
}

func TestLogLevelAtRunTime(t *testing.T) {
	t.Parallel()
	a := newTestAPI(t)
	want[levelSetting](a, 200, "PUT", "/api/v1/log-level", `{"level":"warn"}`)
	if got := want[levelSetting](a, 200, "GET", "/api/v1/log-level", ""); got.Level != "warn" || a.level.Level() != 4 {
		t.Errorf("%+v %v", got, a.level)
	}
	if status, _ := a.text("PUT", "/api/v1/log-level", `{"level":"loud"}`); status != 422 {
		t.Errorf("loud: %d", status)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	var reasons []string
	a := newTestAPI(t, func(o *Options) { o.NotReady = func() []string { return reasons } })
	if status, _ := a.text("GET", "/readyz", "", nobody); status != 200 {
		t.Errorf("ready: %d", status)
	}
	reasons = []string{"the store is full"}
	if status, text := a.text("GET", "/readyz", "", nobody); status != 503 || strings.Contains(text, "store") {
		t.Errorf("not ready: %d %s", status, text)
	}
	if got := want[healthView](a, 200, "GET", "/api/v1/health", ""); got.Ready || len(got.Reasons) != 1 {
		t.Errorf("%+v", got)
	}
	if status, text := a.text("GET", "/healthz", "", nobody); status != 200 || text != "ok\n" {
		t.Errorf("alive: %d %s", status, text)
	}
	a.handler.Close()
	if got := want[healthView](a, 200, "GET", "/api/v1/health", ""); len(got.Reasons) != 2 {
		t.Errorf("%+v", got)
	}
}
