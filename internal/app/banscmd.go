package app

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/linnetmq/linnet/hooks/limits"
	"github.com/linnetmq/linnet/rest"
)

// apiBans is the list of bans as the management API has it.
type apiBans struct{ *limits.Bans }

// List returns the bans in force.
func (b apiBans) List() []rest.Ban {
	var all []rest.Ban
	for _, one := range b.Bans.List() {
		all = append(all, rest.Ban(one))
	}
	return all
}

// Add puts a ban in force.
func (b apiBans) Add(ban rest.Ban) error { return b.Bans.Add(limits.Ban(ban)) }

// Remove ends a ban.
func (b apiBans) Remove(ban rest.Ban) (found bool, err error) { return b.Bans.Remove(limits.Ban(ban)) }

var _ rest.Bans = apiBans{}

func newBans(std streams) *cobra.Command {
	cmd := newListBans(std, "bans", "List bans of a running broker, add or remove one")
	cmd.AddCommand(newListBans(std, "list", "List the bans in force"), newAddBan(), newRemoveBan())
	return cmd
}

func newListBans(std streams, use, short string) *cobra.Command {
	f := &apiFlags{}
	return apiCommand(use, short, "List the bans in force, the newest first.", f, 0, 0,
		func(ctx context.Context, api *apiClient, _ []string) error {
			var raw json.RawMessage
			if err := api.call(ctx, http.MethodGet, "/bans", nil, nil, &raw); err != nil {
				return err
			}
			list, _, err := listOf[rest.Ban](raw, "bans")
			if err != nil {
				return err
			}
			t := newTable(std.out, f.json, "CLIENT", "USER", "NETWORK", "SINCE", "UNTIL", "BY", "REASON")
			for i := range list {
				if err := t.row(&list[i], banCells(&list[i])...); err != nil {
					return err
				}
			}
			return t.flush()
		})
}

func banCells(b *rest.Ban) []string {
	until, by := "-", "operator"
	if !b.Until.IsZero() {
		until = b.Until.UTC().Format(time.RFC3339)
	}
	if b.Automatic {
		by = "broker"
	}
	return []string{b.ClientID, b.Username, b.Network, ago(&b.Created), until, by, b.Reason}
}

// banFlags are the criteria of a ban.
type banFlags struct {
	apiFlags
	client, username, network string
}

func (f *banFlags) criteria(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.client, "client", "", "client `ID`")
	cmd.Flags().StringVarP(&f.username, "username", "u", "", "user `name`")
	cmd.Flags().StringVar(&f.network, "network", "", "`address`, or network like 10.0.0.0/8")
}

func (f *banFlags) check(command string) error {
	if f.client == "" && f.username == "" && f.network == "" {
		return usagef("%s needs --client, --username or --network, or several of them", command)
	}
	return nil
}

func newAddBan() *cobra.Command {
	f, reason, lasts := &banFlags{}, "", time.Duration(0)
	cmd := apiCommand("add", "Keep clients out, and disconnect those there are",
		`Keep out the clients that fit everything given, and disconnect those there are. A
ban outlives the broker; one with the same criteria is replaced.`, &f.apiFlags, 0, 0,
		func(ctx context.Context, api *apiClient, _ []string) error {
			if err := f.check("bans add"); err != nil {
				return err
			}
			if lasts < 0 {
				return usagef("flag --for: %s: write a duration like 24h", lasts)
			}
			in := rest.Ban{ClientID: f.client, Username: f.username, Network: f.network, Reason: reason}
			if lasts > 0 {
				in.Until = time.Now().Add(lasts).UTC().Truncate(time.Second)
			}
			return api.call(ctx, http.MethodPost, "/bans", nil, in, nil)
		})
	f.criteria(cmd)
	cmd.Flags().DurationVar(&lasts, "for", 0, "how long, like 24h (default: until it is removed)")
	cmd.Flags().StringVar(&reason, "reason", "", "`text` for operators")
	return cmd
}

func newRemoveBan() *cobra.Command {
	f := &banFlags{}
	cmd := apiCommand("remove", "End the ban with exactly these criteria", "", &f.apiFlags, 0, 0,
		func(ctx context.Context, api *apiClient, _ []string) error {
			if err := f.check("bans remove"); err != nil {
				return err
			}
			q := url.Values{}
			set(q, "client_id", f.client)
			set(q, "username", f.username)
			set(q, "network", f.network)
			return api.call(ctx, http.MethodDelete, "/bans", q, nil, nil)
		})
	f.criteria(cmd)
	return cmd
}
