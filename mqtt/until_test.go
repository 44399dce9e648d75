package mqtt_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/linnetmq/linnet/mqtttest"
)

// until waits for what no packet tells of.
func until(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(mqtttest.Patience); !ok(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatal("it did not come to pass")
		}
	}
}
