package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

// apiClientEntry is a client as the API describes it.
type apiClientEntry struct {
	ClientID       string     `json:"client_id"`
	Username       string     `json:"username"`
	Connected      bool       `json:"connected"`
	Protocol       string     `json:"protocol"`
	Remote         string     `json:"remote"`
	ConnectedAt    *time.Time `json:"connected_at"`
	DisconnectedAt *time.Time `json:"disconnected_at"`
	ExpiresAt      *time.Time `json:"expires_at"`
	Subscriptions  int        `json:"subscriptions"`
	Queued         int        `json:"queued"`
	Inflight       int        `json:"inflight"`
	Dropped        int64      `json:"dropped"`
	MessagesIn     int64      `json:"messages_received"`
	MessagesOut    int64      `json:"messages_sent"`
}

// clientFlags select and order clients.
type clientFlags struct {
	apiFlags
	search, username, listener, sort string
	limit                            int
}

func (f *clientFlags) selection(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.search, "search", "s", "", "only those whose client identifier or user name contains this `text`")
	cmd.Flags().StringVarP(&f.username, "username", "u", "", "only those of this `user`")
	cmd.Flags().StringVar(&f.listener, "listener", "", "only those that came by this `listener`")
	cmd.Flags().StringVar(&f.sort, "sort", "", "`order`: client_id, connected_at, queued or dropped, the largest first")
	limitFlag(cmd, &f.limit)
}

func (f *clientFlags) query(connected string) url.Values {
	q := url.Values{}
	set(q, "search", f.search)
	set(q, "username", f.username)
	set(q, "listener", f.listener)
	set(q, "sort", f.sort)
	set(q, "connected", connected)
	return q
}

func newClients(std streams) *cobra.Command {
	f := &clientFlags{}
	cmd := apiCommand("clients", "List connected clients of a running broker, show one, disconnect one",
		"List the clients that are connected to a running broker.", &f.apiFlags, 0, 0,
		func(ctx context.Context, api *apiClient, _ []string) error { return f.list(ctx, api, std, "true") })
	f.selection(cmd)
	cmd.AddCommand(newShowClient(std), newDisconnect())
	return cmd
}

func newSessions(std streams) *cobra.Command {
	f := &clientFlags{}
	cmd := apiCommand("sessions", "List sessions of a running broker, with and without connection, show or delete one",
		"List the sessions of a running broker, with and without connection.", &f.apiFlags, 0, 0,
		func(ctx context.Context, api *apiClient, _ []string) error { return f.list(ctx, api, std, "") })
	f.selection(cmd)
	cmd.AddCommand(newShowClient(std), newDeleteSession())
	return cmd
}

func (f *clientFlags) list(ctx context.Context, api *apiClient, std streams, connected string) error {
	t := newTable(std.out, f.json, "CLIENT", "USER", "STATE", "SINCE", "MQTT", "REMOTE", "SUBS", "QUEUED", "INFLIGHT", "IN", "OUT", "DROPPED")
	err := api.eachPage(ctx, "/clients", f.query(connected), f.limit, func(body json.RawMessage) (int, string, error) {
		list, next, err := listOf[json.RawMessage](body, "clients")
		for _, raw := range list {
			var c apiClientEntry
			if err == nil {
				err = json.Unmarshal(raw, &c)
			}
			if err == nil {
				err = t.row(raw, c.cells()...)
			}
		}
		return len(list), next, err
	})
	if err != nil {
		return err
	}
	return t.flush()
}

func (c *apiClientEntry) cells() []string {
	state, since := "offline", c.DisconnectedAt
	if c.Connected {
		state, since = "connected", c.ConnectedAt
	}
	return []string{
		c.ClientID, c.Username, state, ago(since), c.Protocol, c.Remote, digits(c.Subscriptions), digits(c.Queued),
		digits(c.Inflight), digits(c.MessagesIn), digits(c.MessagesOut), digits(c.Dropped),
	}
}

// clientPath is the path of one client.
func clientPath(id string) string { return "/clients/" + url.PathEscape(id) }

func newShowClient(std streams) *cobra.Command {
	f := &apiFlags{}
	return apiCommand("show CLIENT", "Show everything about one client", "", f, 1, 1,
		func(ctx context.Context, api *apiClient, args []string) error {
			var v json.RawMessage
			if err := api.call(ctx, http.MethodGet, clientPath(args[0]), nil, nil, &v); err != nil {
				return err
			}
			return showObject(std.out, f.json, v)
		})
}

func newDisconnect() *cobra.Command {
	f, reason := &apiFlags{}, ""
	cmd := apiCommand("disconnect CLIENT", "End a client's connection; its session stays", "", f, 1, 1,
		func(ctx context.Context, api *apiClient, args []string) error {
			return api.call(ctx, http.MethodPost, clientPath(args[0])+"/disconnect", nil, map[string]string{"reason": reason}, nil)
		})
	cmd.Flags().StringVar(&reason, "reason", "", "`text` for the client")
	return cmd
}

func newDeleteSession() *cobra.Command {
	f := &apiFlags{}
	return apiCommand("delete CLIENT", "End a session for good, with its connection, subscriptions and queued messages", "", f, 1, 1,
		func(ctx context.Context, api *apiClient, args []string) error {
			return api.call(ctx, http.MethodDelete, clientPath(args[0]), nil, nil, nil)
		})
}

func newSubscriptions(std streams) *cobra.Command {
	f, limit := &apiFlags{}, 0
	var client, filter, topic string
	cmd := apiCommand("subscriptions", "List subscriptions of a running broker, add or remove one",
		`List subscriptions: all, those of a client, those with a filter, or all that a
message on a topic could go to.`, f, 0, 0,
		func(ctx context.Context, api *apiClient, _ []string) error {
			q := url.Values{}
			set(q, "client_id", client)
			set(q, "filter", filter)
			set(q, "topic", topic)
			return listSubscriptions(ctx, api, q, limit, newTable(std.out, f.json, "CLIENT", "FILTER", "QOS", "STATE", "SINCE"))
		})
	cmd.Flags().StringVar(&client, "client", "", "only those of this `client`")
	cmd.Flags().StringVar(&filter, "filter", "", "only those with exactly this `filter`")
	cmd.Flags().StringVar(&topic, "topic", "", "only those that match this `topic`")
	limitFlag(cmd, &limit)
	cmd.AddCommand(newSubscribeFor(std), newUnsubscribeFor(std))
	return cmd
}

func listSubscriptions(ctx context.Context, api *apiClient, q url.Values, limit int, t *table) error {
	err := api.eachPage(ctx, "/subscriptions", q, limit, func(body json.RawMessage) (int, string, error) {
		list, next, err := listOf[json.RawMessage](body, "subscriptions")
		for _, raw := range list {
			var s struct {
				ClientID  string `json:"client_id"`
				Filter    string
				QoS       byte
				At        *time.Time
				Connected bool
				Inline    bool
			}
			if err == nil {
				err = json.Unmarshal(raw, &s)
			}
			state := map[bool]string{true: "connected", false: "offline"}[s.Connected || s.Inline]
			if err == nil {
				err = t.row(raw, s.ClientID, s.Filter, digits(s.QoS), state, ago(s.At))
			}
		}
		return len(list), next, err
	})
	if err != nil {
		return err
	}
	return t.flush()
}

func newSubscribeFor(std streams) *cobra.Command {
	f, qos := &apiFlags{}, 0
	cmd := apiCommand("add CLIENT FILTER...", "Subscribe on behalf of a client", "", f, 2, 1000,
		func(ctx context.Context, api *apiClient, args []string) error {
			var subs []map[string]any
			for _, filter := range args[1:] {
				subs = append(subs, map[string]any{"filter": filter, "qos": qos})
			}
			return changeFilters(ctx, api, std, f.json, clientPath(args[0])+"/subscribe", map[string]any{"subscriptions": subs})
		})
	cmd.Flags().IntVarP(&qos, "qos", "q", 0, "`QoS`")
	return cmd
}

func newUnsubscribeFor(std streams) *cobra.Command {
	f := &apiFlags{}
	return apiCommand("remove CLIENT FILTER...", "Unsubscribe on behalf of a client", "", f, 2, 1000,
		func(ctx context.Context, api *apiClient, args []string) error {
			return changeFilters(ctx, api, std, f.json, clientPath(args[0])+"/unsubscribe", map[string]any{"filters": args[1:]})
		})
}

// changeFilters tells what became of each filter, and fails if one was refused.
func changeFilters(ctx context.Context, api *apiClient, std streams, asJSON bool, path string, in any) error {
	var out struct {
		Results []struct {
			Filter string `json:"filter"`
			Reason string `json:"reason"`
			OK     bool   `json:"ok"`
		} `json:"results"`
	}
	if err := api.call(ctx, http.MethodPost, path, nil, in, &out); err != nil {
		return err
	}
	t, failed := newTable(std.out, asJSON, "FILTER", "RESULT"), 0
	for _, r := range out.Results {
		if !r.OK {
			failed++
		}
		if err := t.row(r, r.Filter, r.Reason); err != nil {
			return err
		}
	}
	if err := t.flush(); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d filters were refused", failed, len(out.Results))
	}
	return nil
}
