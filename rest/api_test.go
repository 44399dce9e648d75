package rest

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

const testSecret = "correct horse battery staple"

// testAPI is a broker and its management API over real HTTP.
type testAPI struct {
	t       testing.TB
	server  *mqtttest.Server
	handler *Handler
	http    *httptest.Server
	keys    *Keys
	audit   *logBuffer
	level   *slog.LevelVar
}

// logBuffer gathers log lines of several goroutines.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func newTestAPI(t testing.TB, change ...func(*Options)) *testAPI {
	t.Helper()
	return newTestAPIWith(t, mqtttest.NewServerWith(t, &mqtt.Options{SysTopicResendInterval: -1}), change...)
}

func newTestAPIWith(t testing.TB, s *mqtttest.Server, change ...func(*Options)) *testAPI {
	t.Helper()
	keys, err := OpenKeys(filepath.Join(t.TempDir(), "api-keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	a := &testAPI{t: t, server: s, keys: keys, audit: &logBuffer{}, level: new(slog.LevelVar)}
	o := Options{
		Server: s.Server, Logger: slog.New(slog.DiscardHandler), Secret: testSecret, Users: map[string]string{"ann": "secret"},
		Keys: keys, Audit: slog.New(slog.NewJSONHandler(a.audit, nil)), LogLevel: a.level, Version: "1.2.3",
	}
	for _, f := range change {
		f(&o)
	}
	if a.handler, err = New(o); err != nil {
		t.Fatal(err)
	}
	a.http = httptest.NewServer(a.handler)
	t.Cleanup(func() {
		a.handler.Close()
		a.http.Close()
	})
	return a
}

// do sends a request as the administrator; change may alter it.
func (a *testAPI) do(method, path, body string, change ...func(*http.Request)) *reply {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), method, a.http.URL+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	r.SetBasicAuth(AdminUser, testSecret)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, f := range change {
		f(r)
	}
	resp, err := a.http.Client().Do(r)
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { _ = resp.Body.Close() })
	return &reply{resp.StatusCode, resp.Header, resp.Body, resp.ContentLength}
}

// reply is an answer whose body the test closes at its end.
type reply struct {
	StatusCode    int
	Header        http.Header
	Body          io.ReadCloser
	ContentLength int64
}

// text does a request and returns status and body.
func (a *testAPI) text(method, path, body string, change ...func(*http.Request)) (status int, text string) {
	a.t.Helper()
	resp := a.do(method, path, body, change...)
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// want does a request, expects a status and decodes the JSON of the answer.
func want[T any](a *testAPI, status int, method, path, body string, change ...func(*http.Request)) T {
	a.t.Helper()
	got, text := a.text(method, path, body, change...)
	if got != status {
		a.t.Fatalf("%s %s: %d %s, want %d", method, path, got, text, status)
	}
	var v T
	if text != "" {
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			a.t.Fatalf("%s %s: %v in %s", method, path, err, text)
		}
	}
	return v
}

// as logs in with a token.
func as(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

func nobody(r *http.Request) { r.Header.Del("Authorization") }

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func (a *testAPI) token(scopes ...Scope) string {
	a.t.Helper()
	_, token, err := a.keys.Create("test", scopes, time.Time{})
	if err != nil {
		a.t.Fatal(err)
	}
	return token
}

// lasting connects a client whose session outlives its connection.
func (a *testAPI) lasting(clientID string) *mqtttest.Client {
	a.t.Helper()
	pk := &packets.Connect{ClientID: clientID, Username: "user of " + clientID, UsernameFlag: true, KeepAlive: 60}
	pk.Properties.SessionExpiryInterval = 3600
	return mqtttest.Dial(a.t, a.server, pk)
}
