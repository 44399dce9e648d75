package gate_test

import (
	"testing"
	"testing/synctest"

	"github.com/linnetmq/linnet/hooks/storage/internal/gate"
)

func TestGate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g gate.Gate
		for range 2 { // twice, as a Range whose callback calls Get
			if !g.Enter() {
				t.Fatal("an open gate lets nobody in")
			}
		}
		closed := false
		go func() { closed = g.Close() }()
		synctest.Wait()
		if closed {
			t.Error("Close did not wait for those inside")
		}
		if g.Enter() {
			t.Error("a gate that is closing lets somebody in")
		}
		if g.Close() {
			t.Error("the second Close says it was the first")
		}
		g.Leave()
		synctest.Wait()
		if closed {
			t.Error("Close did not wait for the last one")
		}
		g.Leave()
		synctest.Wait()
		if !closed {
			t.Error("Close still waits")
		}
	})
	var empty gate.Gate
	if !empty.Close() || empty.Enter() || empty.Close() {
		t.Error("an empty gate does not close at once and once")
	}
}
