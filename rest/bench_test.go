package rest

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
)

// offline brings back sessions of an earlier run.
type offline int

func (n offline) StoredClients() ([]mqtt.StoredClient, error) {
	list := make([]mqtt.StoredClient, n)
	for i := range list {
		list[i] = mqtt.StoredClient{ClientID: fmt.Sprintf("client-%07d", i), SessionExpiryInterval: 3600}
	}
	return list, nil
}

// Listings while 100,000 sessions exist, login and encoding included.
func BenchmarkListings(b *testing.B) {
	s := mqtttest.NewServerWith(b, &mqtt.Options{SysTopicResendInterval: -1}, offline(100_000))
	h, err := New(Options{Server: s.Server, Logger: slog.New(slog.DiscardHandler), Users: map[string]string{"admin": "admin"}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(h.Close)
	for _, path := range []string{
		"/api/v1/clients", "/api/v1/clients?limit=1000", "/api/v1/clients?sort=queued", "/api/v1/clients?search=nobody",
		"/api/v1/clients/client-0000001", "/api/v1/subscriptions", "/api/v1/stats", "/sessions", "/sessions?page=5000", "/clients",
	} {
		b.Run(path, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, http.NoBody)
				r.SetBasicAuth("admin", "admin")
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatalf("%d %s", w.Code, w.Body)
				}
			}
		})
	}
}
