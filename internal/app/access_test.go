package app

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/linnetmq/linnet/hooks/auth/passwd"
	"github.com/linnetmq/linnet/internal/config"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// setPassword writes a user into a password file.
func setPassword(t *testing.T, path, user, password string) {
	t.Helper()
	hash, err := passwd.Hash(passwd.PBKDF2SHA512, []byte(password))
	if err == nil {
		_, err = passwd.Set(path, user, hash)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// login connects as a user; an empty name is none.
func login(t *testing.T, address, clientID, user, password string) *mqtttest.Client {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := mqtttest.NewClient(t, conn, packets.V5)
	pk := &packets.Connect{Version: packets.V5, ClientID: clientID, CleanStart: true}
	if user != "" {
		pk.UsernameFlag, pk.Username, pk.PasswordFlag, pk.Password = true, user, true, []byte(password)
	}
	c.Send(pk)
	c.Connack = mqtttest.Expect[*packets.Connack](c)
	return c
}

// accessFiles writes the files of a test and returns their directory.
func accessFiles(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	setPassword(t, filepath.Join(dir, "passwd"), "joe", "right")
	for name, text := range map[string]string{
		"acl":    "allow username joe 3 joes/#\nallow clientid * 1 to/%c\n",
		"ledger": "auth:\n- {username: peach, password: secret, allow: true}\nacl:\n- {username: peach, filters: {peach/#: 3}}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAccessFiles(t *testing.T) {
	t.Parallel()
	const (
		in    = packets.CodeSuccess
		wrong = packets.ErrBadUsernameOrPassword
	)
	dir := accessFiles(t)
	for _, tt := range []struct {
		files          string // keys below access, names of files
		user, password string
		want           packets.Code
		may, mayNot    string // topics to publish
	}{
		{"", "", "", in, "a", ""},
		{"", "stranger", "x", in, "a", ""}, // without files a name is no credential
		{"password_file: passwd", "joe", "right", in, "a", ""},
		{"password_file: passwd", "joe", "wrong", wrong, "", ""},
		{"password_file: passwd", "stranger", "right", wrong, "", ""},
		{"password_file: passwd", "", "", wrong, "", ""},
		{"password_file: passwd, anonymous: loopback", "", "", in, "a", ""},
		{"password_file: passwd, anonymous: everybody", "joe", "wrong", wrong, "", ""},
		{"acl_file: acl", "", "", in, "to/c", "joes/a"},
		{"acl_file: acl, password_file: passwd", "joe", "right", in, "joes/a", "a"},
		{"ledger_file: ledger", "peach", "secret", in, "peach/a", "a"},
		{"ledger_file: ledger", "peach", "wrong", wrong, "", ""},
		{"ledger_file: ledger", "", "", wrong, "", ""},
		{"ledger_file: ledger, anonymous: everybody", "peach", "wrong", wrong, "", ""},
		{"ledger_file: ledger, password_file: passwd", "peach", "secret", in, "peach/a", "a"},
		{"ledger_file: ledger, password_file: passwd", "joe", "right", in, "", "a"},
		{"ledger_file: ledger, password_file: passwd, acl_file: acl", "joe", "right", in, "joes/a", "peach/a"},
		{"ledger_file: ledger, password_file: passwd, acl_file: acl", "joe", "wrong", wrong, "", ""},
		{"anonymous: nobody", "", "", packets.ErrNotAuthorized, "", ""},
	} {
		t.Run(fmt.Sprintf("%s as %s %s", tt.files, tt.user, tt.password), func(t *testing.T) {
			t.Parallel()
			cfg, err := config.Parse("f", []byte(strings.NewReplacer("_file: ", "_file: "+dir+"/").Replace("access: {"+tt.files+"}")))
			if err != nil {
				t.Fatal(err)
			}
			cfg.Listeners = []config.Listener{config.NewListener("mqtt", config.TCP, "127.0.0.1:0")}
			addresses, log := serveConfig(t, cfg)
			c := login(t, addresses["mqtt"], "c", tt.user, tt.password)
			if c.Connack.Code != tt.want {
				t.Fatalf("CONNACK with %v, want %v: %s", c.Connack.Code, tt.want, log)
			}
			for topic, want := range map[string]packets.Code{tt.may: packets.CodeNoMatchingSubscribers, tt.mayNot: packets.ErrNotAuthorized} {
				if topic == "" {
					continue
				}
				c.Send(&packets.Publish{Topic: topic, QoS: 1, PacketID: c.PacketID()})
				if ack := mqtttest.Expect[*packets.Puback](c); ack.Code != want {
					t.Errorf("publish to %s: %v, want %v", topic, ack.Code, want)
				}
			}
		})
	}
}

// Whoever is not admitted by the files of a reload is disconnected; mistakes in
// a file change nothing.
func TestAccessFilesAreReloaded(t *testing.T) {
	t.Parallel()
	dir := accessFiles(t)
	text := fmt.Sprintf("access: {password_file: %[1]s/passwd, acl_file: %[1]s/acl}\nlisteners: [{id: mqtt, address: '127.0.0.1:0'}]", dir)
	load := func() (*config.Config, error) { return config.Parse("f", []byte(text)) }
	cfg, err := load()
	if err != nil {
		t.Fatal(err)
	}
	log := new(lockedBuffer)
	b, err := newBroker(cfg, slog.New(slog.NewTextHandler(log, nil)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		b.access.close()
	}()
	if err := b.Serve(); err != nil {
		t.Fatal(err)
	}
	address := b.Listeners()[0].Address()
	setPassword(t, filepath.Join(dir, "passwd"), "ann", "right")
	r := newReloader(cfg, b, &logs{Logger: slog.New(slog.NewTextHandler(log, nil))}, load)
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	joe, ann := login(t, address, "joe", "joe", "right"), login(t, address, "ann", "ann", "right")
	if joe.Connack.Code != packets.CodeSuccess || ann.Connack.Code != packets.CodeSuccess {
		t.Fatalf("%v, %v", joe.Connack.Code, ann.Connack.Code)
	}

	if err := os.WriteFile(filepath.Join(dir, "acl"), []byte("allow nobody\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	setPassword(t, filepath.Join(dir, "passwd"), "joe", "another")
	if err := r.Reload(); err == nil || !strings.Contains(err.Error(), "access: ") {
		t.Errorf("a mistake in the ACL file: %v", err)
	}
	joe.Ping() // nothing changed

	if err := os.WriteFile(filepath.Join(dir, "acl"), []byte("allow username ann 3 #\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	joe.ExpectDisconnect(packets.ErrNotAuthorized)
	ann.Publish("joes/a", "x", 1, false)
	if again := login(t, address, "joe", "joe", "another"); again.Connack.Code != packets.CodeSuccess {
		t.Errorf("the new password: %v", again.Connack.Code)
	}
}

func TestNotices(t *testing.T) {
	t.Parallel()
	cfg, err := config.Parse("f", []byte("notices: {enabled: true, qos: 1, username: true}\nlisteners: [{id: mqtt, address: '127.0.0.1:0'}]"))
	if err != nil {
		t.Fatal(err)
	}
	addresses, _ := serveConfig(t, cfg)
	watcher := login(t, addresses["mqtt"], "watcher", "", "")
	watcher.Subscribe("$SYS/broker/connection/clients/joe", 1)
	login(t, addresses["mqtt"], "joe", "j", "x")
	if notice := watcher.Message(); !strings.Contains(string(notice.Payload), `"online":true`) || !strings.Contains(string(notice.Payload), `"username":"j"`) || notice.QoS != 1 {
		t.Errorf("%+v", notice)
	}
}
