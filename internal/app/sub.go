package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/linnetmq/linnet/internal/client"
	"github.com/linnetmq/linnet/packets"
	"github.com/linnetmq/linnet/topics"
)

// subFlags are the flags of sub as they were given.
type subFlags struct {
	connectFlags
	filters            []string
	exclude            []string
	unsubscribe        []string
	count              int
	seconds            int
	format             string
	verbose, noNewline bool
	noRetained         bool
	retainedOnly       bool
	retainAsPublished  bool
}

func newSub(std streams) *cobra.Command {
	var f subFlags
	cmd := &cobra.Command{
		Use:   "sub -t filter [-t filter]...",
		Short: "Subscribe and print messages, in the manner of mosquitto_sub",
		Long: `Subscribe to Topic Filters and print each message on a line of its own.

It ends with 0 after -C messages, after -W seconds without -C, or with Ctrl-C.
If -W ends before -C messages have come, or the connection is lost, it ends with 1.

The format of -F: ` + formatHelp,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), cmd.Flags(), std) },
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.filters, "topic", "t", nil, "topic `filter` to subscribe to; may be given several times")
	flags.StringArrayVarP(&f.exclude, "filter-out", "T", nil, "do not print messages whose topic matches this `filter`")
	flags.StringArrayVarP(&f.unsubscribe, "unsubscribe", "U", nil, "`filter` to unsubscribe from first, in a session that is continued")
	flags.IntVarP(&f.count, "count", "C", 0, "end after this `number` of messages")
	flags.IntVarP(&f.seconds, "timeout", "W", 0, "end after this number of `seconds`")
	flags.StringVarP(&f.format, "format", "F", "", "`format` of what is printed")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "print the topic before the message")
	flags.BoolVarP(&f.noNewline, "no-eol", "N", false, "no end of line after a message")
	flags.BoolVarP(&f.noRetained, "no-retained", "R", false, "do not print retained messages of before")
	flags.BoolVar(&f.retainedOnly, "retained-only", false, "print retained messages only")
	flags.BoolVar(&f.retainAsPublished, "retain-as-published", false, "keep the retain flag as it was published (MQTT 5)")
	f.register(flags)
	return cmd
}

func (f *subFlags) run(ctx context.Context, flags *pflag.FlagSet, std streams) error {
	o, topic, err := f.options(flags)
	if err != nil {
		return err
	}
	if topic != "" {
		f.filters = append(f.filters, topic)
	}
	props, err := f.check(o.Version)
	if err != nil {
		return err
	}
	form, err := f.formatter(o.Version)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	var timeout <-chan time.Time // nil: never
	if f.seconds > 0 {
		timer := time.NewTimer(time.Duration(f.seconds) * time.Second)
		defer timer.Stop()
		timeout = timer.C
	}
	p := newPrinter(f, form, std.out)
	o.OnMessage = p.print
	c, err := client.Dial(ctx, o)
	if err != nil {
		return err
	}
	err = f.subscribe(ctx, c, props, std.err)
	if err == nil {
		err = f.wait(ctx, c, p, timeout)
	}
	patience, cancel := context.WithTimeout(context.Background(), goodbye)
	defer cancel()
	return errors.Join(err, c.Disconnect(patience, packets.CodeNormalDisconnection))
}

// check refuses what cannot work and returns the properties of SUBSCRIBE.
func (f *subFlags) check(v packets.Version) (props packets.Properties, err error) {
	switch {
	case len(f.filters) == 0 && len(f.unsubscribe) == 0:
		return props, usagef("sub needs a topic filter: -t 'sensors/#'")
	case f.count < 0 || f.seconds < 0:
		return props, usagef("flags -C and -W: use positive numbers")
	case f.noRetained && f.retainedOnly:
		return props, usagef("flags -R and --retained-only leave nothing to print")
	case f.retainAsPublished && v != packets.V5:
		return props, usagef("flag --retain-as-published needs MQTT 5 (-V 5)")
	}
	for _, list := range [][]string{f.filters, f.exclude, f.unsubscribe} {
		for _, filter := range list {
			if err := topics.ValidFilter(filter); err != nil {
				return props, usagef("topic filter %q: %w", filter, err)
			}
		}
	}
	if err := unusedPlaces(f.properties, "connect", "subscribe", "unsubscribe", "will"); err != nil {
		return props, err
	}
	return props, applyProperties(f.properties, "subscribe", &props, v)
}

// subscribe sends the subscriptions and tells about those that were refused.
func (f *subFlags) subscribe(ctx context.Context, c *client.Client, props packets.Properties, errOut io.Writer) error {
	if len(f.unsubscribe) > 0 {
		if _, err := c.Unsubscribe(ctx, packets.Properties{}, f.unsubscribe...); err != nil {
			return fmt.Errorf("unsubscribe: %w", err)
		}
	}
	if len(f.filters) == 0 {
		return nil
	}
	subs := make([]packets.Subscription, len(f.filters))
	for i, filter := range f.filters {
		subs[i] = packets.Subscription{Filter: filter, QoS: byte(f.qos), RetainAsPublished: f.retainAsPublished}
	}
	codes, err := c.Subscribe(ctx, props, subs...)
	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	refusals := 0
	for i, code := range codes {
		if code.Failed() {
			refusals++
		}
		if code.Failed() && !f.quiet {
			tell(errOut, "linnet: the broker refused the subscription to %q: %s\n", f.filters[i], code)
		}
		if f.debug && !code.Failed() {
			tell(errOut, "linnet: subscribed to %q with QoS %d\n", f.filters[i], code)
		}
	}
	if refusals == len(codes) {
		return errors.New("the broker refused every subscription")
	}
	return nil
}

// wait returns when enough has been printed, the time is over, somebody
// interrupts, or the connection is lost.
func (f *subFlags) wait(ctx context.Context, c *client.Client, p *printer, timeout <-chan time.Time) error {
	select {
	case <-p.enough:
		return p.err()
	case <-ctx.Done():
		return nil
	case <-c.Done():
		return c.Err()
	case <-timeout:
		if f.count > 0 {
			return fmt.Errorf("%d seconds are over, and %d of %d messages have come", f.seconds, p.printed.Load(), f.count)
		}
		return nil
	}
}

// newPrinter makes the one that prints messages for sub.
func newPrinter(f *subFlags, form format, out io.Writer) *printer {
	return &printer{flags: f, form: form, out: bufio.NewWriter(out), enough: make(chan struct{})}
}
