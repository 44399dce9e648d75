package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// showObject prints the fields of a JSON object, one on each line.
func showObject(out io.Writer, asJSON bool, raw json.RawMessage) error {
	if asJSON {
		return printJSON(out, raw)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var fields map[string]any
	if err := dec.Decode(&fields); err != nil {
		return err
	}
	width := 0
	for name := range fields {
		width = max(width, len(name))
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if inner, ok := fields[name].(map[string]any); ok {
			for _, key := range slices.Sorted(maps.Keys(inner)) {
				if _, err := fmt.Fprintf(out, "%-*s  %s: %v\n", width, name, printable(key), inner[key]); err != nil {
					return err
				}
			}
			continue
		}
		if _, err := fmt.Fprintf(out, "%-*s  %s\n", width, name, printable(fmt.Sprint(fields[name]))); err != nil {
			return err
		}
	}
	return nil
}

func newStats(std streams) *cobra.Command {
	f := &apiFlags{}
	return apiCommand("stats", "Print the figures of a running broker", "", f, 0, 0,
		func(ctx context.Context, api *apiClient, _ []string) error {
			var raw json.RawMessage
			if err := api.call(ctx, http.MethodGet, "/stats", nil, nil, &raw); err != nil {
				return err
			}
			return showObject(std.out, f.json, raw)
		})
}

func newWhy(std streams) *cobra.Command {
	f := &apiFlags{}
	var client, topic, publisher string
	var qos int
	cmd := apiCommand("why --client CLIENT --topic TOPIC", "Tell whether a message would reach a client, and what stands in the way",
		`Tell whether a message on a topic would reach a client now, and what stands in the
way. Ends with 1 if it would not.`, f, 0, 0,
		func(ctx context.Context, api *apiClient, _ []string) error {
			if client == "" || topic == "" {
				return usagef("why needs --client and --topic")
			}
			q := url.Values{"client_id": {client}, "topic": {topic}, "qos": {digits(qos)}}
			set(q, "publisher", publisher)
			var raw json.RawMessage
			if err := api.call(ctx, http.MethodGet, "/why", q, nil, &raw); err != nil {
				return err
			}
			return showWhy(std.out, f.json, raw)
		})
	cmd.Flags().StringVar(&client, "client", "", "the receiving `client`")
	cmd.Flags().StringVar(&topic, "topic", "", "`topic` of the message")
	cmd.Flags().StringVar(&publisher, "publisher", "", "the publishing `client`, to look at its rights too")
	cmd.Flags().IntVarP(&qos, "qos", "q", 1, "`QoS` of the message")
	return cmd
}

func showWhy(out io.Writer, asJSON bool, raw json.RawMessage) error {
	var v struct {
		Verdict  string
		Findings []struct {
			Check, Text string
			OK          bool
		}
	}
	err := json.Unmarshal(raw, &v)
	if asJSON && err == nil {
		err = printJSON(out, raw)
	}
	for _, finding := range v.Findings {
		mark := "ok"
		if !finding.OK {
			mark = "NO"
		}
		if err == nil && !asJSON {
			_, err = fmt.Fprintf(out, "%s  %-12s  %s\n", mark, finding.Check, printableText(finding.Text))
		}
	}
	if err == nil && !asJSON {
		_, err = fmt.Fprintf(out, "=>  %s\n", strings.ReplaceAll(v.Verdict, "_", " "))
	}
	if err == nil && v.Verdict == "not_delivered" {
		return exitCode(exitFailed)
	}
	return err
}

// printableText is printable, but for what is no name.
func printableText(s string) string {
	if p := printable(s); p != "-" {
		return p
	}
	return s
}

func newKeys(std streams) *cobra.Command {
	f := &apiFlags{}
	cmd := apiCommand("keys", "List, create and revoke API keys of a running broker", "List the API keys.", f, 0, 0,
		func(ctx context.Context, api *apiClient, _ []string) error {
			var raw json.RawMessage
			if err := api.call(ctx, http.MethodGet, "/keys", nil, nil, &raw); err != nil {
				return err
			}
			t := newTable(std.out, f.json, "ID", "NAME", "SCOPES", "CREATED", "EXPIRES", "USED")
			list, _, err := listOf[json.RawMessage](raw, "keys")
			for _, each := range list {
				var k struct {
					ID, Name string
					Scopes   []string
					Created  *time.Time
					Expires  *time.Time
					Used     *time.Time
				}
				if err == nil {
					err = json.Unmarshal(each, &k)
				}
				expires := "never"
				if k.Expires != nil {
					expires = k.Expires.Format(time.DateOnly)
				}
				if err == nil {
					err = t.row(each, k.ID, k.Name, strings.Join(k.Scopes, ","), ago(k.Created), expires, ago(k.Used))
				}
			}
			if err != nil {
				return err
			}
			return t.flush()
		})
	cmd.AddCommand(newCreateKey(std), newRevokeKey())
	return cmd
}

func newCreateKey(std streams) *cobra.Command {
	f := &apiFlags{}
	var scopes []string
	var lasts time.Duration
	cmd := apiCommand("create NAME", "Create an API key and print it; it is shown this once", "", f, 1, 1,
		func(ctx context.Context, api *apiClient, args []string) error {
			in := map[string]any{"name": args[0], "scopes": scopes}
			if lasts > 0 {
				in["expires"] = time.Now().Add(lasts)
			}
			var raw json.RawMessage
			if err := api.call(ctx, http.MethodPost, "/keys", nil, in, &raw); err != nil {
				return err
			}
			if f.json {
				return printJSON(std.out, raw)
			}
			var made struct{ Token string }
			if err := json.Unmarshal(raw, &made); err != nil {
				return err
			}
			_, err := fmt.Fprintln(std.out, made.Token)
			return err
		})
	cmd.Flags().StringSliceVar(&scopes, "scope", []string{"read"}, "what it may do: read, publish, admin")
	cmd.Flags().DurationVar(&lasts, "expires", 0, "`time` after which it ends, like 720h; never if it is missing")
	return cmd
}

func newRevokeKey() *cobra.Command {
	return apiCommand("revoke ID", "End an API key at once", "", &apiFlags{}, 1, 1,
		func(ctx context.Context, api *apiClient, args []string) error {
			return api.call(ctx, http.MethodDelete, "/keys/"+url.PathEscape(args[0]), nil, nil, nil)
		})
}
