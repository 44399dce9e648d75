package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/linnetmq/linnet/internal/client"
	"github.com/linnetmq/linnet/packets"
)

func newHealthcheck() *cobra.Command {
	var url string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "healthcheck [URL or host:port]",
		Short: "Ask a broker whether it answers: exit code 0 if so, else 1",
		Long: `Connect to a broker and wait for its answer. Any answer to CONNECT counts, also
a refusal: who answers is alive. With an http or https URL the answer must be 200.

The address is mqtt://127.0.0.1:1883 unless another is given.`,
		Args: atMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				url = args[0]
			}
			if !strings.Contains(url, "://") {
				if _, _, err := net.SplitHostPort(url); err != nil {
					return usagef("healthcheck: %q: write a URL or host:port", url)
				}
				url = "mqtt://" + strings.TrimPrefix(url, "mqtt://")
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			return healthcheck(ctx, url)
		},
	}
	cmd.Flags().StringVarP(&url, "url", "L", "mqtt://127.0.0.1:1883", "`URL` of the broker, or of its HTTP page")
	cmd.Flags().DurationVar(&timeout, "timeout", 5*time.Second, "how long to wait for the answer")
	return cmd
}

func healthcheck(ctx context.Context, url string) error {
	if strings.HasPrefix(url, "http://") || strings.HasPrefix(url, "https://") {
		return healthOverHTTP(ctx, url)
	}
	c, err := client.Dial(ctx, client.Options{URL: url, Version: packets.V311, KeepAlive: -1})
	if _, refused := errors.AsType[*client.RefusedError](err); refused {
		return nil
	}
	if err != nil {
		return fmt.Errorf("healthcheck: %w", err)
	}
	return c.Disconnect(ctx, packets.CodeNormalDisconnection)
}

func healthOverHTTP(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return usagef("healthcheck: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("healthcheck: %w", err)
	}
	if err := resp.Body.Close(); err != nil {
		return fmt.Errorf("healthcheck: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("healthcheck: %s answered %s", url, resp.Status)
	}
	return nil
}
