package auth_test

import (
	"path/filepath"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/hooks/auth/guard"
	"github.com/linnetmq/linnet/hooks/auth/passwd"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

func TestPasswordFileInChain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "passwd")
	for _, name := range []string{"ann", "bob"} {
		hash, err := bcrypt.GenerateFromPassword([]byte("pass-"+name), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := passwd.Set(path, name, string(hash)); err != nil {
			t.Fatal(err)
		}
	}
	users, err := passwd.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	login, err := guard.New(guard.Options{Source: users, PassUnknown: true, Delay: -1})
	if err != nil {
		t.Fatal(err)
	}
	b, hook := startBroker(t, &auth.Options{
		Sources: []auth.Source{auth.FromPasswords("passwd", login, users)},
		Ledger:  &auth.Ledger{Users: auth.Users{"cat": {Password: "c"}}},
	})
	ann, bob := b.dial(t, "", user("1", "ann", "pass-ann")), b.dial(t, "", user("2", "bob", "pass-bob"))
	cat := b.dial(t, "", user("3", "cat", "c"))
	wantCode(t, "wrong", b.dialRefused(t, "", user("4", "ann", "pass-bob")).Connack.Code, packets.ErrBadUsernameOrPassword)
	wantCode(t, "unknown", b.dialRefused(t, "", user("4", "dan", "c")).Connack.Code, packets.ErrBadUsernameOrPassword)

	e, err := hook.Explain(request(t, who{user: "ann"}, auth.Connect, ""))
	if err != nil || e.Decision != mqtt.Pass || e.Rule != "passwd decides by the password" {
		t.Errorf("explained: %+v, %v", e, err)
	}

	if err := passwd.Delete(path, "bob"); err != nil {
		t.Fatal(err)
	}
	if err := hook.Reload(); err != nil {
		t.Fatal(err)
	}
	bob.ExpectDisconnect(packets.ErrNotAuthorized)
	ann.Ping()
	cat.Ping()
}
