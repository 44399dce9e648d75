package app

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/linnetmq/linnet/hooks/storage"
	"github.com/linnetmq/linnet/hooks/storage/pebble"
	"github.com/linnetmq/linnet/metrics"
	"github.com/linnetmq/linnet/mqtt"
)

func TestStoreMetrics(t *testing.T) {
	t.Parallel()
	store, err := pebble.NewStore(pebble.Options{Dir: filepath.Join(t.TempDir(), "store")}, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	srv := mqtt.New(&mqtt.Options{Store: store})
	page, err := metrics.Handler(srv, "v", storeCollectors(store)...)
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Serve(); err != nil {
		t.Fatal(err)
	}
	if err := srv.Publish("kept", []byte("x"), true, 1); err != nil {
		t.Fatal(err)
	}
	if trouble := storeTrouble(store); trouble != nil {
		t.Errorf("trouble %q", trouble)
	}
	lines := scrape(page)
	for _, want := range []string{
		"linnet_store_up 1", "linnet_store_synced 1", "linnet_store_corruptions_total 0",
		"linnet_store_commit_duration_seconds_bucket", "linnet_store_commit_batch_transactions_count",
	} {
		if !strings.Contains(lines, want) {
			t.Errorf("no %s in:\n%s", want, lines)
		}
	}
	if err := srv.Close(); err != nil {
		t.Fatal(err)
	}
	if storeCollectors(nil) != nil || storeTrouble(nil) != nil {
		t.Error("no store has figures")
	}
}

func scrape(page http.Handler) string {
	w := httptest.NewRecorder()
	page.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	return w.Body.String()
}
