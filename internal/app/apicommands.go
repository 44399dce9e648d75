package app

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"
)

// apiCommands are the commands that speak to the management API of a broker.
func apiCommands(std streams) []*cobra.Command {
	return []*cobra.Command{
		newClients(std), newSessions(std), newSubscriptions(std), newTopics(std), newRetained(std),
		newKeys(std), newBans(std), newBackup(std), newStats(std), newWhy(std), newTrace(std), newTop(std),
	}
}

// apiRun is what a command does with the API.
type apiRun func(ctx context.Context, api *apiClient, args []string) error

// apiCommand makes a command that takes from least to most arguments.
func apiCommand(use, short, long string, f *apiFlags, least, most int, run apiRun) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) < least:
				return usagef("%s needs an argument: %s", cmd.CommandPath(), cmd.UseLine())
			case len(args) > most && most == 0:
				return usagef("%s takes no arguments, but got %q", cmd.CommandPath(), args[0])
			case len(args) > most:
				return usagef("%s takes fewer arguments: %q is one too many", cmd.CommandPath(), args[most])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := f.client()
			if err != nil {
				return err
			}
			return run(cmd.Context(), api, args)
		},
	}
	f.register(cmd.Flags())
	return cmd
}

// limitFlag bounds how much a list command prints.
func limitFlag(cmd *cobra.Command, limit *int) {
	cmd.Flags().IntVarP(limit, "limit", "n", 100, "print at most so many; 0 for all")
}

// pageSize is how many entries a command asks for at once.
const pageSize = 1000

// eachPage asks for page after page until limit entries were seen; show is
// given the body of a page and returns how many entries it had, and the cursor
// of the next page.
func (c *apiClient) eachPage(ctx context.Context, path string, query url.Values, limit int, show func(json.RawMessage) (n int, next string, err error)) error {
	for left := limit; limit == 0 || left > 0; {
		size := pageSize
		if limit > 0 {
			size = min(size, left)
		}
		query.Set("limit", strconv.Itoa(size))
		var body json.RawMessage
		if err := c.call(ctx, http.MethodGet, path, query, nil, &body); err != nil {
			return err
		}
		n, next, err := show(body)
		if err != nil || next == "" {
			return err
		}
		left -= n
		query.Set("cursor", next)
	}
	return nil
}

// listOf is a page whose entries stand under any key.
func listOf[T any](body json.RawMessage, key string) (list []T, next string, err error) {
	var page map[string]json.RawMessage
	if err := json.Unmarshal(body, &page); err != nil {
		return nil, "", err
	}
	if err := json.Unmarshal(page[key], &list); err != nil {
		return nil, "", err
	}
	if text, ok := page["next"]; ok {
		err = json.Unmarshal(text, &next)
	}
	return list, next, err
}

// set adds a parameter that is not empty.
func set(query url.Values, name, value string) {
	if value != "" {
		query.Set(name, value)
	}
}
