package listeners

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// answer is what a test wants to know of a response.
type answer struct {
	status int
	header http.Header
	body   string
}

func get(t *testing.T, l listener, method, path string) answer {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: clientConfig()}
	t.Cleanup(transport.CloseIdleConnections)
	req, err := http.NewRequestWithContext(t.Context(), method, l.Protocol()+"://"+l.Address()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

func TestHTTPPages(t *testing.T) {
	t.Parallel()
	stats := func() any {
		return struct {
			Version string `json:"version"`
			Clients int    `json:"clients_connected"`
		}{"1.0", 3}
	}
	broken := func() any { return func() {} }
	statsBody := "{\n\t\"version\": \"1.0\",\n\t\"clients_connected\": 3\n}"
	secure := &Config{TLSConfig: serverConfig()}
	for _, tt := range []struct {
		name         string
		l            listener
		method, path string
		status       int
		body         string // a prefix
	}{
		{"stats", NewHTTPStats("x", "127.0.0.1:0", nil, stats), "GET", "/", 200, statsBody},
		{"stats anywhere", NewHTTPStats("x", "127.0.0.1:0", nil, stats), "GET", "/any/path", 200, statsBody},
		{"any handler", NewHTTP("x", "127.0.0.1:0", nil, http.NotFoundHandler()), "POST", "/", 404, "404 page not found"},
		{"any handler over TLS", NewHTTP("x", "127.0.0.1:0", secure, StatsHandler(stats)), "PUT", "/", 405, "only GET"},
		{"stats over TLS", NewHTTPStats("x", "127.0.0.1:0", secure, stats), "GET", "/", 200, statsBody},
		{"stats POST", NewHTTPStats("x", "127.0.0.1:0", nil, stats), "POST", "/", 405, "only GET"},
		{"stats HEAD", NewHTTPStats("x", "127.0.0.1:0", nil, stats), "HEAD", "/", 405, ""},
		{"stats no JSON", NewHTTPStats("x", "127.0.0.1:0", nil, broken), "GET", "/", 500, "statistics as JSON"},
		{"health", NewHTTPHealthCheck("x", "127.0.0.1:0", nil), "GET", "/healthcheck", 200, ""},
		{"health over TLS", NewHTTPHealthCheck("x", "127.0.0.1:0", secure), "GET", "/healthcheck", 200, ""},
		{"health POST", NewHTTPHealthCheck("x", "127.0.0.1:0", nil), "POST", "/healthcheck", 405, "only GET"},
		{"health elsewhere", NewHTTPHealthCheck("x", "127.0.0.1:0", nil), "GET", "/", 404, "404"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			start(t, tt.l, nil, nil)
			got := get(t, tt.l, tt.method, tt.path)
			if got.status != tt.status || !strings.HasPrefix(got.body, tt.body) || tt.status == 200 && got.body != tt.body {
				t.Errorf("status %d, body %q", got.status, got.body)
			}
			if tt.status == 405 && got.header.Get("Allow") != "GET" {
				t.Errorf("Allow is %q", got.header.Get("Allow"))
			}
			if tt.status == 200 && got.body != "" && got.header.Get("Content-Type") != "application/json" {
				t.Errorf("Content-Type is %q", got.header.Get("Content-Type"))
			}
			if want := map[bool]string{true: "https", false: "http"}[strings.HasSuffix(tt.name, "TLS")]; tt.l.Protocol() != want {
				t.Errorf("protocol %q", tt.l.Protocol())
			}
		})
	}
}

// Close lets a running request end, and cuts it when its context does.
func TestHTTPClose(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"gentle", "impatient"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			entered, leave := make(chan struct{}), make(chan struct{})
			l := NewHTTPStats("x", "127.0.0.1:0", nil, func() any {
				close(entered)
				<-leave
				return "done"
			})
			start(t, l, nil, nil)
			conn := dialTCP(t, l.Address())
			mustWrite(t, conn, []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
			receive(t, entered, "the request")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			closed := make(chan error, 1)
			if name == "gentle" {
				go func() { closed <- l.Close(ctx) }()
				close(leave)
				resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if resp.StatusCode != 200 {
					t.Errorf("status %s", resp.Status)
				}
				if err := receive(t, closed, "Close"); err != nil {
					t.Error(err)
				}
				return
			}
			cancel()
			if err := l.Close(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("Close returned %v", err)
			}
			mustEnd(t, conn)
			close(leave)
		})
	}
}
