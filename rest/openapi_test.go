package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// call is a request that an operation must answer with success.
type call struct {
	path, body string
	status     int
	stream     bool // endless: only its beginning is read
}

// validCalls has one for each operation of the document. c is connected, gone is
// not, "kept" has a retained message, {key} is the ID of an API key.
var validCalls = map[string]call{
	"listClients":       {path: "/clients?limit=1&connected=true&sort=queued&search=c"},
	"getClient":         {path: "/clients/a%2Fb"},
	"disconnectClient":  {path: "/clients/c/disconnect", body: `{"reason":"go"}`, status: 202},
	"deleteClient":      {path: "/clients/gone", status: 204},
	"listSubscriptions": {path: "/subscriptions?topic=t%2F1"},
	"subscribeClient":   {path: "/clients/c/subscribe", body: `{"subscriptions":[{"filter":"x/+","qos":1,"no_local":true}],"subscription_id":3}`},
	"unsubscribeClient": {path: "/clients/c/unsubscribe", body: `{"filters":["x/+"]}`},
	"listTopics":        {path: "/topics?prefix=t%2F"},
	"listRetained":      {path: "/retained?filter=%23&limit=1"},
	"getRetained":       {path: "/retained/message?topic=kept"},
	"deleteRetained":    {path: "/retained/message?topic=kept", status: 204},
	"exportRetained":    {path: "/retained/export"},
	"importRetained":    {path: "/retained/import", body: `{"topic":"i","payload":"x"}`},
	"publish":           {path: "/publish", body: `{"topic":"t/1","payload_base64":"AAE=","qos":1,"user_properties":[{"key":"a","value":"b"}],"message_expiry_interval":9}`},
	"publishBulk":       {path: "/publish/bulk", body: `{"messages":[{"topic":"t/1","payload":"x"},{"topic":"t/+"}]}`},
	"getStats":          {path: "/stats"},
	"getSeries":         {path: "/stats/series?resolution=1m&since=2026-01-01T00:00:00Z"},
	"getNode":           {path: "/node"},
	"getHealth":         {path: "/health"},
	"getConfig":         {path: "/config"},
	"reload":            {path: "/reload", status: 204},
	"backup":            {path: "/backup", body: `{"name":"monday.1"}`},
	"getLogLevel":       {path: "/log-level"},
	"setLogLevel":       {path: "/log-level", body: `{"level":"debug"}`},
	"listKeys":          {path: "/keys"},
	"createKey":         {path: "/keys", body: `{"name":"n","scopes":["read"],"expires":"2999-01-01T00:00:00Z"}`, status: 201},
	"revokeKey":         {path: "/keys/{key}", status: 204},
	"listBans":          {path: "/bans"},
	"addBan":            {path: "/bans", body: `{"client_id":"c","network":"10.0.0.0/8","until":"2999-01-01T00:00:00Z"}`, status: 204},
	"removeBan":         {path: "/bans?username=banned", status: 204},
	"explainAccess":     {path: "/access/explain?action=publish&topic=a&client_id=c&username=joe&remote=192.0.2.7&listener=mqtt"},
	"streamEvents":      {path: "/events?event=connected,disconnected", stream: true},
	"streamMessages":    {path: "/messages?filter=%23&retained=true", stream: true},
	"trace":             {path: "/trace?client_id=c", stream: true},
	"why":               {path: "/why?client_id=c&topic=t%2F1&publisher=c"},
}

// operations lists what the document describes.
func operations(h *Handler) map[string]*huma.Operation {
	all := map[string]*huma.Operation{}
	for _, item := range h.api.OpenAPI().Paths {
		for _, op := range []*huma.Operation{item.Get, item.Put, item.Post, item.Delete, item.Patch} {
			if op != nil {
				all[op.OperationID] = op
			}
		}
	}
	return all
}

// populated is an API with something of everything.
func populated(t *testing.T) *testAPI {
	a := newTestAPI(t, func(o *Options) {
		o.Reload = func(context.Context) error { return nil }
		o.Backup = func(_ context.Context, name string) (Backup, error) {
			return Backup{Directory: "/data/backups/" + name, Records: 7}, nil
		}
		o.Explain = func(context.Context, AccessQuestion) (AccessAnswer, error) {
			return AccessAnswer{Decision: "allow", Rule: "acl:1", Steps: []AccessStep{{Rule: "acl:1", Decision: "allow"}}}, nil
		}
		o.Bans = &memoryBans{list: []Ban{{Username: "banned"}}}
	})
	gone := a.lasting("gone")
	gone.Subscribe("t/1", 1)
	gone.Close()
	a.lasting("a/b")
	c := a.lasting("c")
	c.Subscribe("t/+", 1)
	if err := a.server.Publish("kept", []byte{0xff, 0}, true, 1); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestEveryOperationAsDescribed(t *testing.T) {
	t.Parallel()
	all := operations(newTestAPI(t).handler)
	if len(all) != len(validCalls) {
		t.Errorf("%d operations, %d calls", len(all), len(validCalls))
	}
	for _, id := range slices.Sorted(maps.Keys(all)) {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			c, ok := validCalls[id]
			if !ok {
				t.Fatal("no valid call: add one to validCalls")
			}
			a := populated(t)
			op := operations(a.handler)[id]
			succeeds(t, a, op, c)
			refuses(t, a, op, c)
		})
	}
}

// succeeds makes the valid call and compares the answer with its description.
func succeeds(t *testing.T, a *testAPI, op *huma.Operation, c call) {
	t.Helper()
	if c.status == 0 {
		c.status = 200
	}
	key, _, err := a.keys.Create("k", []Scope{ScopeRead}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	kind := header("Content-Type", "application/json")
	if strings.Contains(op.Path, "import") {
		kind = header("Content-Type", ndjson)
	}
	if c.body == "" {
		kind = func(*http.Request) {}
	}
	resp := a.do(op.Method, "/api/v1"+strings.ReplaceAll(c.path, "{key}", key.ID), c.body, kind)
	described := op.Responses[strconv.Itoa(resp.StatusCode)]
	if resp.StatusCode != c.status || described == nil {
		text, _ := io.ReadAll(resp.Body)
		t.Fatalf("status %d, want %d, described: %t; %s", resp.StatusCode, c.status, described != nil, text)
	}
	if c.stream {
		begin := make([]byte, len("event: ready\n"))
		if _, err := io.ReadFull(resp.Body, begin); err != nil || string(begin) != "event: ready\n" {
			t.Errorf("the stream begins with %q, %v", begin, err)
		}
		return
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := resp.Header.Get("Content-Type")
	media := described.Content[got]
	switch {
	case len(described.Content) == 0 && len(text) > 0:
		t.Errorf("a body that is not described: %s", text)
	case len(described.Content) > 0 && media == nil:
		t.Errorf("Content-Type %q is not described", got)
	case media != nil && got == "application/json":
		conforms(t, a, media.Schema, text)
	}
}

// conforms validates a body against its schema.
func conforms(t *testing.T, a *testAPI, schema *huma.Schema, text []byte) {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	res := &huma.ValidateResult{}
	huma.Validate(a.handler.api.OpenAPI().Components.Schemas, schema, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, v, res)
	for _, err := range res.Errors {
		t.Errorf("the answer differs from its schema: %v\n%s", err, text)
	}
}

// refuses makes calls that are wrong in every way an operation can be called.
func refuses(t *testing.T, a *testAPI, op *huma.Operation, c call) {
	t.Helper()
	path := "/api/v1" + strings.ReplaceAll(c.path, "{key}", "none")
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	weak := a.token(ScopeRead)
	if op.Security[1]["key"][0] == string(ScopeRead) {
		weak = a.token(ScopePublish)
	}
	kind := header("Content-Type", "application/json")
	tests := []struct {
		name, path, body string
		status           int
		change           []func(*http.Request)
	}{
		{"no login", path, c.body, 401, []func(*http.Request){nobody}},
		{"a wrong password", path, c.body, 401, []func(*http.Request){func(r *http.Request) { r.SetBasicAuth(AdminUser, "x") }}},
		{"a wrong key", path, c.body, 401, []func(*http.Request){as("linnet_abc_def")}},
		{"a key without the scope", path, c.body, 403, []func(*http.Request){as(weak)}},
		{"an unknown parameter", path + sep + "nonsense=1", c.body, 422, []func(*http.Request){kind}},
	}
	if op.RequestBody != nil && !strings.Contains(op.Path, "import") {
		tests = append(tests, []struct {
			name, path, body string
			status           int
			change           []func(*http.Request)
		}{
			{"no JSON", path, "{", 400, nil},
			{"no body", path, "", 400, nil},
			{"another type", path, `[1]`, 422, nil},
			{"an unknown field", path, strings.Replace(c.body, "{", `{"nonsense":1,`, 1), 422, nil},
			{"a form", path, "a=b", 415, []func(*http.Request){header("Content-Type", "application/x-www-form-urlencoded")}},
			{"text", path, c.body, 415, []func(*http.Request){header("Content-Type", "text/plain")}},
		}...)
	}
	if op.Method != http.MethodGet {
		tests = append(tests, struct {
			name, path, body string
			status           int
			change           []func(*http.Request)
		}{"from another site", path, c.body, 403, []func(*http.Request){header("Sec-Fetch-Site", "cross-site")}})
	}
	for _, tt := range tests {
		if strings.Contains(op.Path, "import") && tt.status == 422 {
			continue // it has no parameters and is a stream
		}
		resp := a.do(op.Method, tt.path, tt.body, tt.change...)
		text, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != tt.status || resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s %s, want %d and a problem", tt.name, resp.StatusCode, resp.Header.Get("Content-Type"), text, tt.status)
			continue
		}
		var p problem
		if err := json.Unmarshal(text, &p); err != nil || p.Status != tt.status || p.Title == "" {
			t.Errorf("%s: %v in %s", tt.name, err, text)
		}
	}
}

func TestDocumentIsWhole(t *testing.T) {
	t.Parallel()
	a := newTestAPI(t)
	doc := want[map[string]any](a, 200, "GET", "/api/v1/openapi.json", "")
	if v, _ := doc["openapi"].(string); !strings.HasPrefix(v, "3.1") {
		t.Errorf("openapi %q", v)
	}
	refs := 0
	walk(doc, func(key string, v any) {
		ref, ok := v.(string)
		if key != "$ref" || !ok {
			return
		}
		refs++
		var at any = doc
		for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
			m, _ := at.(map[string]any)
			at = m[part]
		}
		if at == nil {
			t.Errorf("%s leads nowhere", ref)
		}
	})
	if refs < 20 {
		t.Errorf("only %d references", refs)
	}
	for id, op := range operations(a.handler) {
		if op.Summary == "" || len(op.Tags) != 1 || len(op.Security) != 2 {
			t.Errorf("%s lacks summary, tag or security", id)
		}
	}
}

func walk(v any, f func(key string, v any)) {
	switch v := v.(type) {
	case map[string]any:
		for key, below := range v {
			f(key, below)
			walk(below, f)
		}
	case []any:
		for _, below := range v {
			walk(below, f)
		}
	}
}

func TestWrongPathsAndMethods(t *testing.T) {
	t.Parallel()
	a := newTestAPI(t)
	tests := []struct {
		method, path string
		status       int
	}{
		{"GET", "/api/v1/nothing", 404},
		{"GET", "/api/v2/clients", 404},
		{"GET", "/", 404},
		{"GET", "/nothing", 404},
		{"PATCH", "/api/v1/clients", 405},
		{"POST", "/api/v1/clients", 405},
		{"TRACE", "/api/v1/clients", 405},
		{"DELETE", "/publish", 405},
		{"GET", "/publish", 405},
		{"GET", "/api/v1/clients/..%2F..%2Fetc", 404},
		{"GET", "/api/v1/clients/%00", 404},
		{"GET", "/api/v1/clients?limit=0", 422},
		{"GET", "/api/v1/clients?limit=1001", 422},
		{"GET", "/api/v1/clients?limit=x", 422},
		{"GET", "/api/v1/clients?cursor=%25", 400},
		{"GET", "/api/v1/topics?prefix=a", 400},
		{"GET", "/api/v1/subscriptions?topic=%23", 400},
		{"GET", "/api/v1/subscriptions?client_id=a&filter=b", 400},
		{"GET", "/api/v1/retained?filter=a%2F%23%2Fb", 400},
		{"GET", "/api/v1/messages?filter=a%2F%23%2Fb", 400},
		{"GET", "/api/v1/messages", 422},
		{"GET", "/api/v1/clients/nobody", 404},
		{"DELETE", "/api/v1/clients/nobody", 404},
		{"POST", "/api/v1/clients/nobody/disconnect", 400}, // without a body
		{"DELETE", "/api/v1/keys/nothing", 404},
		{"GET", "/api/v1/retained/message?topic=none", 404},
		{"DELETE", "/api/v1/retained/message?topic=none", 404},
		{"POST", "/api/v1/reload", 501},
	}
	for _, tt := range tests {
		resp := a.do(tt.method, tt.path, "")
		text, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != tt.status {
			t.Errorf("%s %s: %d %s, want %d", tt.method, tt.path, resp.StatusCode, text, tt.status)
		}
		if kind := resp.Header.Get("Content-Type"); strings.HasPrefix(tt.path, "/api/") && kind != "application/problem+json" {
			t.Errorf("%s %s: Content-Type %q", tt.method, tt.path, kind)
		}
		if tt.status == 405 && resp.Header.Get("Allow") == "" {
			t.Errorf("%s %s: no Allow", tt.method, tt.path)
		}
		if strings.Contains(string(text), ".go:") {
			t.Errorf("%s %s tells about the source: %s", tt.method, tt.path, text)
		}
	}
}

func TestHugeBodiesAreRefused(t *testing.T) {
	t.Parallel()
	a := newTestAPI(t)
	big := strings.Repeat("x", 2<<20)
	status, _ := a.text("POST", "/api/v1/keys", `{"name":"`+big+`","scopes":["read"]}`)
	if status != http.StatusRequestEntityTooLarge {
		t.Errorf("keys: %d", status)
	}
	status, _ = a.text("POST", "/api/v1/publish", fmt.Sprintf(`{"topic":"t","payload":%q}`, big))
	if status != http.StatusOK {
		t.Errorf("a message of 2 MiB: %d", status)
	}
}

func TestPublishedAsWritten(t *testing.T) {
	t.Parallel()
	a := newTestAPI(t)
	c := a.lasting("c")
	c.Subscribe("t", 2)
	got := want[published](a, 200, "POST", "/api/v1/publish", `{"topic":"t","payload_base64":"AAH/","qos":2,"content_type":"x/y",
		"response_topic":"r","correlation_data":"Ag==","payload_format_indicator":0,"message_expiry_interval":60,
		"user_properties":[{"key":"k","value":"v"}]}`)
	if !got.OK || got.Subscriptions != 1 {
		t.Errorf("%+v", got)
	}
	pk := c.Message()
	p := &pk.Properties
	if string(pk.Payload) != "\x00\x01\xff" || pk.QoS != 2 || pk.Retain || p.ContentType != "x/y" || p.ResponseTopic != "r" ||
		string(p.CorrelationData) != "\x02" || p.MessageExpiryInterval != 60 || len(p.User) != 1 || p.User[0].Value != "v" {
		t.Errorf("%+v", pk)
	}
	for name, body := range map[string]string{
		"two payloads":     `{"topic":"t","payload":"a","payload_base64":"AA=="}`,
		"a wildcard":       `{"topic":"t/+","payload":"a"}`,
		"a wrong response": `{"topic":"t","response_topic":"#"}`,
	} {
		if status, text := a.text("POST", "/api/v1/publish", body); status != 400 {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	c.Ping()
	bulk := want[bulkResult](a, 200, "POST", "/api/v1/publish/bulk", `{"messages":[{"topic":"+"},{"topic":"t","payload":"2"}]}`)
	if bulk.Failed != 1 || bulk.Results[0].OK || bulk.Results[0].Error == "" || !bulk.Results[1].OK {
		t.Errorf("%+v", bulk)
	}
	if pk := c.Message(); string(pk.Payload) != "2" {
		t.Errorf("%+v", pk)
	}
}
