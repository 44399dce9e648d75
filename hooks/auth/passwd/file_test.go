package passwd

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// mustHash makes a cheap hash, which Hash does not.
func mustHash(t testing.TB, password string) string {
	t.Helper()
	h := &pbkdf2Hash{rounds: 1, salt: []byte("0123456789abcdef"), sum: make([]byte, 16)}
	h.sum = h.key(password)
	return h.encode()
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func newFile(t testing.TB, text string) (path string, f *File) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "passwords")
	write(t, path, text)
	f, err := Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return path, f
}

func expect(t *testing.T, f *File, username, password string, ok, known bool) {
	t.Helper()
	gotOK, gotKnown, err := f.Verify(username, []byte(password))
	if gotOK != ok || gotKnown != known || err != nil {
		t.Errorf("Verify(%q, %q) = %t, %t, %v, want %t, %t", username, password, gotOK, gotKnown, err, ok, known)
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	_, f := newFile(t, "# users\r\n\n  \nalice:"+mustHash(t, "a")+"\r\n#bob:x\nb/o+b #1: "+mustHash(t, "b:b")+" \n")
	expect(t, f, "alice", "a", true, true)
	expect(t, f, "alice", "b:b", false, true)
	expect(t, f, "alice", "", false, true)
	expect(t, f, "b/o+b #1", "b:b", true, true)
	expect(t, f, "Alice", "a", false, false)
	expect(t, f, "", "a", false, false)
	expect(t, f, "#bob", "x", false, false)
	if !f.Knows("alice") || f.Knows("bob") || f.Len() != 2 {
		t.Errorf("Knows is wrong, or Len: %d", f.Len())
	}
	_, empty := newFile(t, "")
	expect(t, empty, "alice", "a", false, false)
	expect(t, empty, "alice", "", false, false)
}

// TestUnknownUsersTakeTheirTime compares with the user whose hash stands in.
func TestUnknownUsersTakeTheirTime(t *testing.T) {
	t.Parallel()
	h := &counting{}
	_, f := newFile(t, "alice:"+mustHash(t, "a")+"\n")
	f.current.Load().stand = []hash{h}
	expect(t, f, "mallory", "a", false, false)
	if h.calls != 1 {
		t.Errorf("%d hashes for an unknown user, want 1", h.calls)
	}
}

// counting is a hash that everything matches.
type counting struct{ calls int }

func (h *counting) kind() Kind          { return Argon2id }
func (h *counting) matches([]byte) bool { h.calls++; return true }

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	good := mustHash(t, "x")
	for _, tt := range []struct{ name, text, want string }{
		{"no colon", "# c\n\nalice\n", ":3: there is no colon"},
		{"no name", ":" + good, ":1: the user name is empty"},
		{"a blank name", " :" + good, ":1: the user name \" \" is blank"},
		{"plain text", "alice:" + good + "\nbob:secret\n", `:2: user "bob": the password is not hashed`},
		{"a user twice", "alice:" + good + "\n\nalice:" + good + "\n", `:3: user "alice" stands in line 1 too`},
		{"no UTF-8", "al\xffice:" + good, `:1: the user name "al\xffice" is not valid UTF-8`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "passwords")
			write(t, path, tt.text)
			_, err := Open(path, nil)
			if err == nil || !strings.HasPrefix(err.Error(), path+tt.want) {
				t.Errorf("%v, want %q", err, path+tt.want)
			}
			if e, ok := errors.AsType[*Error](err); !ok || e.File != path {
				t.Errorf("%T is no *Error of the file", err)
			}
		})
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := Open(t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("a directory: %v", err)
	}
}

func TestReload(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "passwords")
		write(t, path, "alice:"+mustHash(t, "a")+"\nbob:"+mustHash(t, "b")+"\ncarol:"+mustHash(t, "c")+"\n")
		var log bytes.Buffer
		var lost [][]string
		f, err := Open(path, &Options{
			Logger:   slog.New(slog.NewTextHandler(&log, nil)),
			OnReload: func(users []string) { lost = append(lost, users) },
		})
		if err != nil {
			t.Fatal(err)
		}
		expect(t, f, "alice", "a", true, true)
		first := f.Generation()
		later := func() {
			time.Sleep(time.Second) //nolint:forbidigo // the bubble's clock
		}

		// A broken file changes nothing and is told once.
		write(t, path, "alice\n")
		later()
		for range 3 {
			expect(t, f, "alice", "a", true, true)
			later()
		}
		if n := strings.Count(log.String(), "the old one stays in force"); n != 1 || f.Generation() != first {
			t.Errorf("%d lines, generation %d: %s", n, f.Generation(), log.String())
		}
		if err := f.Reload(); err == nil || !strings.Contains(err.Error(), ":1: there is no colon") {
			t.Errorf("Reload: %v", err)
		}

		// A good one counts at the next look, not before.
		write(t, path, "alice:"+mustHash(t, "new")+"\nbob:"+mustHash(t, "b")+"\ndora:"+mustHash(t, "d")+"\n")
		later()
		expect(t, f, "alice", "new", true, true)
		expect(t, f, "alice", "a", false, true)
		expect(t, f, "carol", "c", false, false)
		expect(t, f, "dora", "d", true, true)
		if f.Generation() == first {
			t.Error("the generation stayed")
		}
		if len(lost) != 1 || !slices.Equal(lost[0], []string{"alice", "carol"}) {
			t.Errorf("lost %v", lost)
		}

		// Comments alone are no news.
		before := f.Generation()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		write(t, path, "# hello\n"+string(text))
		if err := f.Reload(); err != nil || f.Generation() != before || len(lost) != 1 {
			t.Errorf("%v, generation %d, lost %v", err, f.Generation(), lost)
		}

		// A file that is gone leaves the old one.
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		later()
		expect(t, f, "dora", "d", true, true)
	})
}

// TestMosquittoPasswd reads what Debian's mosquitto_passwd writes.
func TestMosquittoPasswd(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("mosquitto_passwd")
	if err != nil {
		t.Skip("mosquitto_passwd is not installed: apt-get install mosquitto")
	}
	path := filepath.Join(t.TempDir(), "passwords")
	for i, args := range [][]string{
		{"-b", "-c", path, "alice", "secret 1"},
		{"-b", path, "bob", "päss:wörd$"},
		{"-H", "sha512", "-b", path, "carol", "old"},
	} {
		if out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput(); err != nil {
			t.Fatalf("call %d: %v: %s", i, err, out)
		}
	}
	f, err := Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, f, "alice", "secret 1", true, true)
	expect(t, f, "bob", "päss:wörd$", true, true)
	expect(t, f, "carol", "old", true, true)
	expect(t, f, "carol", "secret 1", false, true)
	entries, err := List(path)
	if err != nil || len(entries) != 3 || entries[0] != (Entry{"alice", PBKDF2SHA512, 1}) || entries[2] != (Entry{"carol", SHA512, 3}) {
		t.Errorf("%v, %v", entries, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "# c\n", "alice:" + argonReference, "a:" + bcryptOther + "\r\nb:" + mosquitto7, "c:" + passlibPBKDF2 + "\n\n", "d:" + phcPBKDF2,
		"e:$6$MDEyMzQ1Njc4OWFiY2RlZg==$" + strings.Repeat("A", 86) + "==", "x", ":", "a:$argon2id$v=19$m=1,t=1,p=1$$",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		records, err := parse("f", text)
		if err != nil {
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Fatalf("%T has no line", err)
			}
			return
		}
		var again strings.Builder
		for _, r := range records {
			again.WriteString(r.Username + ":" + r.encoded + "\n")
		}
		same, err := parse("f", []byte(again.String()))
		if err != nil || len(same) != len(records) {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
	})
}
