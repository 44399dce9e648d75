package limits_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/hooks/limits"
	"github.com/linnetmq/linnet/packets"
)

func TestFindBan(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name             string
		ban              limits.Ban
		client, user, ip string
		banned           bool
	}{
		{"client ID", limits.Ban{ClientID: "c"}, "c", "u", "10.1.2.3", true},
		{"another client ID", limits.Ban{ClientID: "c"}, "cc", "u", "10.1.2.3", false},
		{"user name", limits.Ban{Username: "u"}, "c", "u", "10.1.2.3", true},
		{"no user name", limits.Ban{Username: "u"}, "c", "", "10.1.2.3", false},
		{"address", limits.Ban{Network: "10.1.2.3"}, "c", "u", "10.1.2.3", true},
		{"address in IPv6 clothes", limits.Ban{Network: "10.1.2.3"}, "c", "u", "::ffff:10.1.2.3", true},
		{"network", limits.Ban{Network: "10.1.0.0/16"}, "c", "u", "10.1.2.3", true},
		{"network, not its own address", limits.Ban{Network: "10.1.9.9/16"}, "c", "u", "10.1.2.3", true},
		{"all IPv4", limits.Ban{Network: "0.0.0.0/0"}, "c", "u", "10.1.2.3", true},
		{"another network", limits.Ban{Network: "10.2.0.0/16"}, "c", "u", "10.1.2.3", false},
		{"IPv6 network", limits.Ban{Network: "2001:db8::/32"}, "c", "u", "2001:db8::9", true},
		{"no address", limits.Ban{Network: "0.0.0.0/0"}, "c", "u", "", false},
		{"both fit", limits.Ban{ClientID: "c", Network: "10.0.0.0/8"}, "c", "u", "10.1.2.3", true},
		{"one does not", limits.Ban{ClientID: "c", Network: "10.0.0.0/8"}, "c", "u", "11.1.2.3", false},
		{"the other does not", limits.Ban{ClientID: "c", Username: "u"}, "c", "v", "10.1.2.3", false},
		{"over", limits.Ban{ClientID: "c", Until: time.Now().Add(-time.Second)}, "c", "u", "10.1.2.3", false},
		{"not over", limits.Ban{ClientID: "c", Until: time.Now().Add(time.Hour)}, "c", "u", "10.1.2.3", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var bans limits.Bans
			if err := bans.Add(tt.ban); err != nil {
				t.Fatal(err)
			}
			addr, _ := netip.ParseAddr(tt.ip)
			if _, banned := bans.Find(tt.client, tt.user, addr); banned != tt.banned {
				t.Errorf("banned %v, want %v", banned, tt.banned)
			}
		})
	}
}

func TestBansAreChecked(t *testing.T) {
	t.Parallel()
	var bans limits.Bans
	for _, ban := range []limits.Ban{{}, {Network: "10.0.0"}, {ClientID: "c", Network: "10.0.0.0/33"}, {Reason: "none"}} {
		if err := bans.Add(ban); err == nil {
			t.Errorf("%+v is taken", ban)
		}
		if _, err := bans.Remove(ban); err == nil {
			t.Errorf("%+v is removed", ban)
		}
	}
}

func TestBansSurvive(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bans.json")
	bans, err := limits.OpenBans(path)
	if err != nil {
		t.Fatal(err)
	}
	until := time.Now().Add(time.Hour).UTC()
	for _, ban := range []limits.Ban{
		{ClientID: "c", Reason: "noisy"},
		{Username: "u", Until: until},
		{Network: "10.0.0.0/8"},
		{ClientID: "gone"},
		{ClientID: "auto", Automatic: true},
		{ClientID: "c", Reason: "very noisy"},
	} {
		if err := bans.Add(ban); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := bans.Remove(limits.Ban{ClientID: "gone"}); !found || err != nil {
		t.Errorf("remove: %v, %v", found, err)
	}
	if found, err := bans.Remove(limits.Ban{ClientID: "gone"}); found || err != nil {
		t.Errorf("remove again: %v, %v", found, err)
	}
	again, err := limits.OpenBans(path)
	if err != nil {
		t.Fatal(err)
	}
	list := again.List()
	if len(list) != 3 {
		t.Fatalf("%d bans: %+v", len(list), list)
	}
	got := map[string]limits.Ban{}
	for _, ban := range list {
		got[ban.ClientID+ban.Username+ban.Network] = ban
	}
	if got["c"].Reason != "very noisy" || !got["u"].Until.Equal(until) || got["10.0.0.0/8"].Created.IsZero() {
		t.Errorf("after the restart: %+v", list)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("the file: %v, %v; others may read it", info.Mode(), err)
	}
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 1 {
		t.Errorf("%d files were left behind", len(files)-1)
	}
}

func TestBansFileInvalid(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"no JSON": "bans", "unknown key": `{"bans":[{"ip":"x"}]}`, "no criterion": `{"bans":[{"reason":"x"}]}`, "network": `{"bans":[{"network":"x"}]}`,
	} {
		path := filepath.Join(t.TempDir(), "bans.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := limits.OpenBans(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v, want one that names the file", name, err)
		}
	}
	if err := func() error {
		bans, err := limits.OpenBans(filepath.Join(t.TempDir(), "none", "bans.json"))
		if err != nil {
			return nil
		}
		return bans.Add(limits.Ban{ClientID: "c"})
	}(); err == nil {
		t.Error("a ban that cannot be written is no error")
	}
}

// A ban refuses, disconnects who is there, and ends.
func TestBanRefusesAndDisconnects(t *testing.T) {
	t.Parallel()
	bans := new(limits.Bans)
	b := start(t, &limits.Options{Bans: bans})
	c, other := b.v5(t, "192.0.2.1", "c", "ann"), b.v5(t, "192.0.2.2", "d", "bob")
	if err := bans.Add(limits.Ban{Username: "ann", Reason: "secret reason"}); err != nil {
		t.Fatal(err)
	}
	gone := c.ExpectDisconnect(packets.ErrAdministrativeAction)
	other.Ping()
	refused := b.v5(t, "192.0.2.1", "c", "ann")
	want(t, "CONNACK", refused.Connack.Code, packets.ErrBanned)
	for _, said := range []string{gone.Properties.ReasonString, refused.Connack.Properties.ReasonString} {
		if strings.Contains(said, "secret") {
			t.Errorf("the client is told %q", said)
		}
	}
	want(t, "3.1.1", b.connect(t, "192.0.2.1", "c", "ann", packets.V311).Connack.Code, packets.ErrNotAuthorized)
	if err := bans.Add(limits.Ban{Network: "192.0.2.2"}); err != nil {
		t.Fatal(err)
	}
	other.ExpectDisconnect(packets.ErrAdministrativeAction)
	if found, err := bans.Remove(limits.Ban{Username: "ann"}); !found || err != nil {
		t.Errorf("unban: %v, %v", found, err)
	}
	want(t, "after the ban", b.v5(t, "192.0.2.1", "c", "ann").Connack.Code, packets.CodeSuccess)
}

func TestBanEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var bans limits.Bans
		if err := bans.Add(limits.Ban{ClientID: "c", Until: time.Now().Add(time.Minute)}); err != nil {
			t.Fatal(err)
		}
		for _, banned := range []bool{true, false} {
			if _, got := bans.Find("c", "", netip.Addr{}); got != banned {
				t.Errorf("banned %v, want %v", got, banned)
			}
			if n := len(bans.List()); (n == 1) != banned {
				t.Errorf("%d bans are listed", n)
			}
			minute := time.NewTimer(time.Minute)
			<-minute.C
		}
	})
}
