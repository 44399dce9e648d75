package app

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/linnetmq/linnet/hooks/storage"
	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/mqtt"
)

// fillStore writes a store as a broker does. With keep it is left as a crash
// leaves it, with everything in the log.
func fillStore(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: fillstore dir engine [keep]")
	}
	dir := ts.MkAbs(args[0])
	store, err := storage.New(func() (kv.KV, error) { return engines[args[1]].open(dir) }, storage.Options{})
	ts.Check(err)
	messages := uint64(100)
	if len(args) == 3 {
		messages = 10 // less than a write buffer: Pebble must not flush while the files are copied
	}
	for i := range 10 {
		tx := store.Begin()
		session := uint64(i + 1)
		tx.PutSession(&mqtt.StoredSession{Session: session, ClientID: fmt.Sprint("client-", i)})
		sub := mqtt.StoredSubscription{}
		sub.Filter = "a/#"
		tx.PutSubscription(session, &sub)
		for n := range messages {
			body := &mqtt.StoredBody{Topic: fmt.Sprint("topic/", i, "/", n), Payload: fmt.Appendf(nil, "%0300d", n)}
			tx.Retain(body)
			tx.Enqueue(body, []mqtt.StoredReference{{Session: session, Place: 2*n + 1}})
			tx.Enqueue(body, []mqtt.StoredReference{{Session: session, Place: 2*n + 2}, {Session: session%10 + 1, Place: 1000 + n}})
		}
		result := make(chan error, 1)
		tx.Commit(mqtt.StoreSynced, func(err error) { result <- err })
		ts.Check(<-result)
	}
	if len(args) < 3 {
		ts.Check(store.Compact())
		ts.Check(store.Close())
		return
	}
	// What is there before Close is what a crash leaves.
	ts.Check(os.CopyFS(dir+".crashed", os.DirFS(dir)))
	ts.Check(store.Close())
	ts.Check(os.RemoveAll(dir))
	ts.Check(os.Rename(dir+".crashed", dir))
}

// damage flips a bit at an offset in each file that matches.
func damage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: damage glob offset")
	}
	names, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(names) == 0 {
		ts.Fatalf("no file matches %s", args[0])
	}
	offset, err := strconv.Atoi(args[1])
	ts.Check(err)
	for _, name := range names {
		text, err := os.ReadFile(name)
		ts.Check(err)
		if len(text) <= offset {
			continue
		}
		text[offset] ^= 8
		ts.Check(os.WriteFile(name, text, 0o600))
	}
}

// A store that a broker has open: every command says so and changes nothing.
func TestStoreInUse(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	dir := filepath.Join(data, storeDirName)
	opened, err := engines["pebble"].open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"check"}, {"stats"}, {"dump"}, {"compact"}, {"backup", data + "/b"}, {"salvage", data + "/s"}} {
		var out, complaint bytes.Buffer
		args = append(append([]string{"store"}, args...), "--data", data)
		if code := Main(args, strings.NewReader(""), &out, &complaint); code != exitFailed {
			t.Errorf("%v: exit code %d", args, code)
		}
		if want := "another linnet process uses " + dir; !strings.Contains(complaint.String(), want) || out.Len() > 0 {
			t.Errorf("%v says %q", args, complaint.String())
		}
	}
	if err := opened.Close(); err != nil {
		t.Error(err)
	}
	entries, err := os.ReadDir(data)
	if err != nil || len(entries) != 2 { // the store and the data directory of salvage
		t.Errorf("left in the data directory: %v, %v", entries, err)
	}
}
