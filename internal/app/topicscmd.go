package app

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

func newTopics(std streams) *cobra.Command {
	f, limit := &apiFlags{}, 0
	cmd := apiCommand("topics [PREFIX]", "List one level of the topics of a running broker",
		`List the levels that follow a prefix like home/ in subscriptions and retained
messages; without a prefix, the first levels.`, f, 0, 1,
		func(ctx context.Context, api *apiClient, args []string) error {
			q := url.Values{}
			if len(args) == 1 && args[0] != "" {
				q.Set("prefix", strings.TrimSuffix(args[0], "/")+"/")
			}
			t := newTable(std.out, f.json, "PATH", "SUBSCRIPTIONS", "RETAINED", "MORE")
			yes := map[bool]string{true: "yes"}
			err := api.eachPage(ctx, "/topics", q, limit, func(body json.RawMessage) (int, string, error) {
				list, next, err := listOf[json.RawMessage](body, "levels")
				for _, raw := range list {
					var l struct {
						Path           string
						Subscriptions  int
						Retained, More bool
					}
					if err == nil {
						err = json.Unmarshal(raw, &l)
					}
					if err == nil {
						err = t.row(raw, l.Path, digits(l.Subscriptions), yes[l.Retained], yes[l.More])
					}
				}
				return len(list), next, err
			})
			if err != nil {
				return err
			}
			return t.flush()
		})
	limitFlag(cmd, &limit)
	return cmd
}

func newRetained(std streams) *cobra.Command {
	f, limit := &apiFlags{}, 0
	cmd := apiCommand("retained [FILTER]", "List, get, delete, export and import retained messages of a running broker",
		"List retained messages, those whose topic a filter matches.", f, 0, 1,
		func(ctx context.Context, api *apiClient, args []string) error {
			t := newTable(std.out, f.json, "TOPIC", "QOS", "BYTES", "PAYLOAD")
			err := api.eachPage(ctx, "/retained", filterQuery(args), limit, func(body json.RawMessage) (int, string, error) {
				list, next, err := listOf[json.RawMessage](body, "messages")
				for _, raw := range list {
					var m retainedEntry
					if err == nil {
						err = json.Unmarshal(raw, &m)
					}
					if err == nil {
						err = t.row(raw, m.Topic, digits(m.QoS), digits(len(m.bytes())), m.preview())
					}
				}
				return len(list), next, err
			})
			if err != nil {
				return err
			}
			return t.flush()
		})
	limitFlag(cmd, &limit)
	cmd.AddCommand(newGetRetained(std), newDeleteRetained(), newExport(std), newImport(std))
	return cmd
}

func filterQuery(args []string) url.Values {
	q := url.Values{}
	if len(args) == 1 {
		set(q, "filter", args[0])
	}
	return q
}

// retainedEntry is a retained message as the API shows it.
type retainedEntry struct {
	Topic         string
	QoS           byte
	Payload       *string
	PayloadBase64 []byte `json:"payload_base64"`
}

func (m *retainedEntry) bytes() []byte {
	if m.Payload != nil {
		return []byte(*m.Payload)
	}
	return m.PayloadBase64
}

// preview is the beginning of the payload.
func (m *retainedEntry) preview() string {
	const width = 40
	text := []rune(string(m.bytes()))
	if len(text) > width {
		return string(text[:width]) + "…"
	}
	return string(text)
}

func newGetRetained(std streams) *cobra.Command {
	f := &apiFlags{}
	return apiCommand("get TOPIC", "Print the retained message of a topic", "Print the payload as it is, or with --json the whole message.", f, 1, 1,
		func(ctx context.Context, api *apiClient, args []string) error {
			var raw json.RawMessage
			if err := api.call(ctx, http.MethodGet, "/retained/message", url.Values{"topic": {args[0]}}, nil, &raw); err != nil {
				return err
			}
			if f.json {
				return printJSON(std.out, raw)
			}
			var m retainedEntry
			if err := json.Unmarshal(raw, &m); err != nil {
				return err
			}
			_, err := std.out.Write(m.bytes())
			return err
		})
}

func newDeleteRetained() *cobra.Command {
	return apiCommand("delete TOPIC", "Clear the retained message of a topic", "", &apiFlags{}, 1, 1,
		func(ctx context.Context, api *apiClient, args []string) error {
			return api.call(ctx, http.MethodDelete, "/retained/message", url.Values{"topic": {args[0]}}, nil, nil)
		})
}

func newExport(std streams) *cobra.Command {
	return apiCommand("export [FILTER]", "Write retained messages as JSON, one on each line", "", &apiFlags{}, 0, 1,
		func(ctx context.Context, api *apiClient, args []string) error {
			body, err := api.open(ctx, http.MethodGet, "/retained/export", filterQuery(args), http.NoBody, "")
			if err != nil {
				return err
			}
			defer func() { _ = body.Close() }() // it was only read
			out := bufio.NewWriterSize(std.out, 64<<10)
			if _, err := io.Copy(out, body); err != nil {
				return fmt.Errorf("the export is not complete: %w", err)
			}
			return out.Flush()
		})
}

func newImport(std streams) *cobra.Command {
	return apiCommand("import", "Publish and retain the messages of an export, from standard input", "", &apiFlags{}, 0, 0,
		func(ctx context.Context, api *apiClient, _ []string) error {
			body, err := api.open(ctx, http.MethodPost, "/retained/import", nil, std.in, "application/x-ndjson")
			if err != nil {
				return err
			}
			defer func() { _ = body.Close() }() // it was only read
			var done struct{ Stored int }
			if err := json.NewDecoder(body).Decode(&done); err != nil {
				return err
			}
			_, err = fmt.Fprintf(std.out, "%d messages stored\n", done.Stored)
			return err
		})
}
