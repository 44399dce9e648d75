package app

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/linnetmq/linnet/hooks/limits"
	"github.com/linnetmq/linnet/internal/config"
	"github.com/linnetmq/linnet/rest"
)

// The running broker explains what it decides.
func TestExplain(t *testing.T) {
	t.Parallel()
	dir := accessFiles(t)
	with := func(access string) *broker {
		cfg, err := config.Parse("f", []byte("access: {"+access+"}\nlisteners: [{id: mqtt, address: '127.0.0.1:0'}]\ndata_dir: "+dir))
		if err != nil {
			t.Fatal(err)
		}
		b, err := newBroker(cfg, slog.New(slog.DiscardHandler), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		})
		return b
	}
	files, none := with("acl_file: "+dir+"/acl, ledger_file: "+dir+"/ledger"), with("")
	if err := files.bans.Add(limits.Ban{ClientID: "bad", Reason: "noise"}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		b    *broker
		q    rest.AccessQuestion
		want string // decision and rule, or a part of the error
	}{
		{"a rule of the file", files, rest.AccessQuestion{Action: "publish", Topic: "to/c", ClientID: "c"}, "allow acl:2"},
		{"no rule", files, rest.AccessQuestion{Action: "publish", Topic: "to/d", ClientID: "c"}, "deny no rule fits"},
		{"a ban", files, rest.AccessQuestion{Action: "connect", ClientID: "bad"}, "deny the client is banned"},
		{"nobody knows it", files, rest.AccessQuestion{Action: "connect", ClientID: "c"}, "deny access.anonymous"},
		{"local", none, rest.AccessQuestion{Action: "connect", Remote: "127.0.0.1:1"}, "allow access.anonymous"},
		{"from elsewhere", none, rest.AccessQuestion{Action: "connect", Remote: "192.0.2.7"}, "deny access.anonymous"},
		{"without rules", none, rest.AccessQuestion{Action: "subscribe", Topic: "#"}, "allow there are no ACL rules"},
		{"no topic", none, rest.AccessQuestion{Action: "subscribe"}, "they need it"},
		{"a wrong filter", none, rest.AccessQuestion{Action: "subscribe", Topic: "#/a"}, "filter"},
		{"no address", none, rest.AccessQuestion{Action: "connect", Remote: "here"}, "write an address"},
		{"no listener", none, rest.AccessQuestion{Action: "connect", Listener: "none"}, "no such listener"},
		{"no action", none, rest.AccessQuestion{Action: "fly"}, "use connect"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.b.explain(t.Context(), tt.q)
			text := got.Decision + " " + strings.ReplaceAll(got.Rule, dir+"/", "")
			if err != nil {
				text = err.Error()
			}
			if !strings.Contains(text, tt.want) {
				t.Errorf("%q, want %q", text, tt.want)
			}
		})
	}
}
