package rest

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
)

// memoryBans are Bans for tests: those of a client called "fail" fail.
type memoryBans struct {
	mu   sync.Mutex
	list []Ban
}

func (m *memoryBans) List() []Ban {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.list)
}

func (m *memoryBans) Add(b Ban) error {
	if b.ClientID == "fail" {
		return errors.New("no criteria")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.list = append(m.list, b)
	return nil
}

func (m *memoryBans) Remove(b Ban) (found bool, err error) {
	if b.ClientID == "fail" {
		return false, errors.New("no criteria")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	before := len(m.list)
	m.list = slices.DeleteFunc(m.list, func(each Ban) bool {
		return each.ClientID == b.ClientID && each.Username == b.Username && each.Network == b.Network
	})
	return len(m.list) < before, nil
}

func TestBans(t *testing.T) {
	t.Parallel()
	bans := &memoryBans{}
	a := newTestAPI(t, func(o *Options) { o.Bans = bans })
	want[any](a, 204, "POST", "/api/v1/bans", `{"client_id":"c","network":"10.0.0.0/8","until":"2999-01-01T00:00:00Z","reason":"noise","automatic":true,"created":"2001-01-01T00:00:00Z"}`)
	list := want[banList](a, 200, "GET", "/api/v1/bans", "").Bans
	if len(list) != 1 || list[0].ClientID != "c" || list[0].Network != "10.0.0.0/8" || list[0].Until.Year() != 2999 || list[0].Reason != "noise" {
		t.Fatalf("%+v", list)
	}
	if list[0].Automatic || !list[0].Created.IsZero() {
		t.Errorf("the caller says what only the broker knows: %+v", list[0])
	}
	for _, call := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/api/v1/bans", `{"client_id":"x","until":"2001-01-01T00:00:00Z"}`, 400},
		{"POST", "/api/v1/bans", `{"client_id":"fail"}`, 400},
		{"DELETE", "/api/v1/bans?client_id=c", "", 404}, // it has a network too
		{"DELETE", "/api/v1/bans?client_id=fail", "", 400},
		{"DELETE", "/api/v1/bans?client_id=c&network=10.0.0.0%2F8", "", 204},
		{"DELETE", "/api/v1/bans?client_id=c&network=10.0.0.0%2F8", "", 404},
	} {
		if status, text := a.text(call.method, call.path, call.body); status != call.status {
			t.Errorf("%s %s: %d %s, want %d", call.method, call.path, status, text, call.status)
		}
	}
	if line := a.audit.String(); !strings.Contains(line, `"operation":"addBan","client_id":"c"`) || !strings.Contains(line, `"ban_reason":"noise"`) {
		t.Errorf("audit: %s", line)
	}
}

func TestWithoutBans(t *testing.T) {
	t.Parallel()
	a := newTestAPI(t)
	if list := want[banList](a, 200, "GET", "/api/v1/bans", "").Bans; len(list) != 0 {
		t.Errorf("%+v", list)
	}
	for method, path := range map[string]string{"POST": "/api/v1/bans", "DELETE": "/api/v1/bans?client_id=c"} {
		body := ""
		if method == "POST" {
			body = `{"client_id":"c"}`
		}
		if status, text := a.text(method, path, body); status != 501 {
			t.Errorf("%s: %d %s", method, status, text)
		}
	}
}
