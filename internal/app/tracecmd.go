package app

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// newTrace makes the command that watches packets and decisions.
func newTrace(std streams) *cobra.Command {
	f := &apiFlags{}
	var client, user, ip, topic string
	var lasts time.Duration
	var payload bool
	cmd := apiCommand("trace", "Watch every packet and decision about a client or topic of a running broker",
		`Print what happens to the packets of a client, a user or an address, or to the
messages on topics that a filter matches, until the time is over. What is given
must all fit. With --json, one JSON document on each line, fit for a file. A trace
slows the broker while it runs.`, f, 0, 0,
		func(ctx context.Context, api *apiClient, _ []string) error {
			q := url.Values{"seconds": {strconv.Itoa(int(lasts / time.Second))}}
			set(q, "client_id", client)
			set(q, "username", user)
			set(q, "ip", ip)
			set(q, "topic", topic)
			if payload {
				q.Set("payload", "true")
			}
			body, err := api.open(ctx, http.MethodGet, "/trace", q, http.NoBody, "")
			if err != nil {
				return err
			}
			defer func() { _ = body.Close() }() // it was only read
			return showTrace(body, std, f.json)
		})
	cmd.Flags().StringVar(&client, "client", "", "`client` to watch")
	cmd.Flags().StringVarP(&user, "username", "u", "", "`user` whose clients to watch")
	cmd.Flags().StringVar(&ip, "ip", "", "`address` whose clients to watch")
	cmd.Flags().StringVarP(&topic, "topic", "t", "", "`filter` of topics whose messages to watch")
	cmd.Flags().DurationVar(&lasts, "for", time.Minute, "`time` to watch, at most an hour")
	cmd.Flags().BoolVar(&payload, "payload", false, "show payloads")
	return cmd
}

// traceLine is a step of a trace.
type traceLine struct {
	Step, Packet, Topic, Reason string
	At                          time.Time
	ClientID                    string `json:"client_id"`
	QoS                         *byte
	PacketID                    uint16 `json:"packet_id"`
	Bytes                       int
	Matched                     *int
	Filters                     []string
	Payload                     []byte `json:"payload_base64"`
}

// showTrace prints steps until the stream ends, and says why it does.
func showTrace(stream io.Reader, std streams, asJSON bool) error {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, 64<<20)
	event := ""
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case key == "event":
			event = value
		case key != "data" || event == "ready":
		case event == "cut":
			var end struct{ Reason string }
			if err := json.Unmarshal([]byte(value), &end); err != nil {
				return err
			}
			if strings.HasPrefix(end.Reason, "the time") {
				return nil
			}
			return fmt.Errorf("trace: %s", end.Reason)
		case asJSON:
			if _, err := fmt.Fprintln(std.out, value); err != nil {
				return err
			}
		default:
			if err := showStep(std.out, value); err != nil {
				return err
			}
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("trace: %w", err)
	}
	return fmt.Errorf("trace: the broker has ended the connection")
}

func showStep(out io.Writer, text string) error {
	var s traceLine
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s  %-12s", s.At.Local().Format("15:04:05.000000"), printable(s.ClientID), s.Step)
	for _, word := range []string{s.Packet, s.Topic, strings.Join(s.Filters, " ")} {
		if word != "" {
			b.WriteString("  " + printable(word))
		}
	}
	if s.QoS != nil {
		fmt.Fprintf(&b, "  q%d, %d bytes", *s.QoS, s.Bytes)
	}
	if s.PacketID != 0 {
		fmt.Fprintf(&b, "  id %d", s.PacketID)
	}
	if s.Matched != nil {
		fmt.Fprintf(&b, "  %d subscriptions match", *s.Matched)
	}
	if s.Reason != "" {
		b.WriteString("  " + printableText(s.Reason))
	}
	if len(s.Payload) > 0 {
		b.WriteString("  " + printable(string(s.Payload)))
	}
	_, err := fmt.Fprintln(out, b.String())
	return err
}
