package auth_test

import (
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

func openACL(t testing.TB, path string) *auth.ACLFile {
	t.Helper()
	f, err := auth.OpenACLFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func openLedger(t testing.TB, path string) *auth.LedgerSource {
	t.Helper()
	l, err := auth.OpenLedger(path)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// New rules hold for what clients publish, for the subscriptions they have, and
// for SUBSCRIBEs to come.
func TestReloadACL(t *testing.T) {
	t.Parallel()
	const boss = "allow clientid boss 3 #\n"
	path := file(t, "acl.conf", boss+"allow clientid c 3 a/#,b/#\n")
	b, hook := startBroker(t, &auth.Options{Ledger: everybody(), Sources: []auth.Source{openACL(t, path)}})
	c, chief := b.dial(t, "", mqtttest.Connect("c")), b.dial(t, "", mqtttest.Connect("boss"))
	for _, filter := range []string{"a/#", "b/1", "$share/g/b/#"} {
		wantCode(t, "subscribe "+filter, c.Subscribe(filter, 0), packets.CodeSuccess)
	}
	send := func() {
		t.Helper()
		for _, topic := range []string{"a/1", "b/1"} {
			chief.Publish(topic, "x", 1, false)
		}
	}
	send()
	wantTopics(t, c, "a/1", "b/1", "b/1")

	file(t, path, boss+"deny clientid c 2 a/1\nallow clientid c 2 a/#\n")
	if err := hook.Reload(); err != nil {
		t.Fatal(err)
	}
	send()
	chief.Publish("a/2", "x", 1, false)
	wantTopics(t, c, "a/2")
	wantCode(t, "publish", publish(t, c, "a/2"), denied)
	wantCode(t, "subscribe", c.Subscribe("b/1", 0), denied)

	file(t, path, boss+"allow clientid c 3 a/#,b/#\n")
	if err := hook.Reload(); err != nil {
		t.Fatal(err)
	}
	send()
	wantTopics(t, c, "a/1", "b/1", "b/1")
}

// Rules that are not valid change nothing, in no file.
func TestReloadInvalid(t *testing.T) {
	t.Parallel()
	acl, ledger := file(t, "acl.conf", "allow clientid * 3 a\n"), file(t, "ledger.yml", "auth: [{allow: true}]\n")
	b, hook := startBroker(t, &auth.Options{Sources: []auth.Source{openLedger(t, ledger), openACL(t, acl)}})
	c := b.dial(t, "", mqtttest.Connect("c"))
	file(t, ledger, "auth: [{allow: false}]\n")
	file(t, acl, "allow clientid * 3 b\nallow everybody\n")
	for range 2 { // it is as invalid the second time
		if err := hook.Reload(); err == nil || !strings.Contains(err.Error(), "acl.conf:2") {
			t.Errorf("error %v, want one about acl.conf:2", err)
		}
	}
	wantCode(t, "the old rule", publish(t, c, "a"), packets.CodeSuccess)
	wantCode(t, "not the new one", publish(t, c, "b"), denied)
	b.dial(t, "", mqtttest.Connect("d"))
	if err := os.Remove(acl); err != nil {
		t.Fatal(err)
	}
	if err := hook.Reload(); err == nil || !strings.Contains(err.Error(), "acl.conf") {
		t.Errorf("error %v, want one about the missing file", err)
	}
	wantCode(t, "the old rule still", publish(t, c, "a"), packets.CodeSuccess)
}

func TestOpenInvalid(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, path := range []string{dir, dir + "/none"} {
		if _, err := auth.OpenACLFile(path); err == nil {
			t.Errorf("%s opens as an ACL file", path)
		}
		if _, err := auth.OpenLedger(path); err == nil {
			t.Errorf("%s opens as a ledger", path)
		}
	}
	if _, err := auth.OpenLedger(file(t, "l", "auth: 3")); err == nil || !strings.Contains(err.Error(), "l: ") {
		t.Errorf("error %v, want one that names the file", err)
	}
}

// Whoever would not be admitted any more is disconnected, and nobody else.
func TestReloadDisconnects(t *testing.T) {
	t.Parallel()
	const others = "auth: [{username: guest, allow: true}]\n"
	path := file(t, "ledger.yml", "users: {ann: {password: a}, bob: {password: b}, cat: {password: c}}\n"+others)
	b, hook := startBroker(t, &auth.Options{Sources: []auth.Source{openLedger(t, path)}})
	ann, bob := b.dial(t, "", user("1", "ann", "a")), b.dial(t, "", user("2", "bob", "b"))
	cat, guest := b.dial(t, "", user("3", "cat", "c")), b.dial(t, "", user("4", "guest", ""))
	// bob is gone, cat has another password.
	file(t, path, "users: {ann: {password: a}, cat: {password: C}}\n"+others)
	if err := hook.Reload(); err != nil {
		t.Fatal(err)
	}
	bob.ExpectDisconnect(packets.ErrNotAuthorized)
	cat.ExpectDisconnect(packets.ErrNotAuthorized)
	ann.Ping()
	guest.Ping()
}

// logged is a log to look into.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) count(s string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), s)
}

// Files are read again by themselves when they have changed and are not being
// written; one that is not valid is complained about once.
func TestWatchFiles(t *testing.T) {
	t.Parallel()
	path := file(t, "acl.conf", "allow clientid * 3 a\n")
	synctest.Test(t, func(t *testing.T) {
		log := new(logged)
		hook := new(auth.Hook)
		s := mqtt.New(nil)
		err := s.AddHook(hook, &auth.Options{
			Sources: []auth.Source{openACL(t, path)}, ReloadInterval: time.Second, Logger: slog.New(slog.NewTextHandler(log, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		allowed := func(topic string) bool {
			e, err := hook.Explain(request(t, who{client: "c"}, pub, topic))
			if err != nil {
				t.Fatal(err)
			}
			return e.Decision == mqtt.Allow
		}
		wait := func(d time.Duration) {
			timer := time.NewTimer(d)
			<-timer.C
			synctest.Wait()
		}
		file(t, path, "allow clientid * 3 longer\n")
		wait(1100 * time.Millisecond)
		if allowed("longer") {
			t.Error("a file just written is taken over at first sight")
		}
		wait(time.Second)
		if !allowed("longer") || allowed("a") {
			t.Error("the file was not taken over")
		}
		file(t, path, "nonsense\n")
		wait(5 * time.Second)
		if n := log.count("not valid"); n != 1 {
			t.Errorf("complained %d times, want once", n)
		}
		if !allowed("longer") {
			t.Error("the old rules are not in force")
		}
		file(t, path, "allow clientid * 3 third\n")
		wait(5 * time.Second)
		if !allowed("third") {
			t.Error("the repaired file was not taken over")
		}
	})
}

func TestWarnsWithoutRules(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		ledger *auth.Ledger
		want   int
	}{
		{"no ACL rules", everybody(), 1},
		{"ACL rules", peaches(), 0},
	} {
		log := new(logged)
		startBroker(t, &auth.Options{Ledger: tt.ledger, Logger: slog.New(slog.NewTextHandler(log, nil))})
		if n := log.count("no ACL rules"); n != tt.want {
			t.Errorf("%s: %d warnings, want %d", tt.name, n, tt.want)
		}
	}
}
