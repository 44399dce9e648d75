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

// pubFlags are the flags of pub as they were given.
type pubFlags struct {
	connectFlags
	topic, message, file string
	lines, stdin, null   bool
	retain               bool
	repeat               int
	delay                time.Duration
}

func newPub(std streams) *cobra.Command {
	var f pubFlags
	cmd := &cobra.Command{
		Use:   "pub -t topic [-m message | -f file | -l | -s | -n]",
		Short: "Publish messages, in the manner of mosquitto_pub",
		Long: `Publish to a topic: a message from the command line (-m), a file (-f), each line
of standard input (-l), all of it (-s), or nothing (-n, clears a retained message).

It ends with 0 when the broker has acknowledged every message of QoS 1 and 2.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), cmd.Flags(), std) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.topic, "topic", "t", "", "`topic` to publish to")
	flags.StringVarP(&f.message, "message", "m", "", "`message` to publish")
	flags.StringVarP(&f.file, "file", "f", "", "`file` whose content is the message")
	flags.BoolVarP(&f.lines, "stdin-line", "l", false, "each line of standard input is a message")
	flags.BoolVarP(&f.stdin, "stdin-file", "s", false, "all of standard input is the message")
	flags.BoolVarP(&f.null, "null-message", "n", false, "an empty message")
	flags.BoolVarP(&f.retain, "retain", "r", false, "the broker keeps the message for subscribers to come")
	flags.IntVar(&f.repeat, "repeat", 1, "publish the message this `number` of times")
	flags.DurationVar(&f.delay, "repeat-delay", 0, "wait between repetitions, for example 1s")
	f.register(flags)
	return cmd
}

func (f *pubFlags) run(ctx context.Context, flags *pflag.FlagSet, std streams) error {
	o, topic, err := f.options(flags)
	if err != nil {
		return err
	}
	pk, err := f.publish(topic, o.Version)
	if err != nil {
		return err
	}
	if err := f.checkSource(flags); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	c, err := client.Dial(ctx, o)
	if err != nil {
		return err
	}
	err = f.send(ctx, c, pk, std.in)
	if err != nil {
		return errors.Join(err, c.Close())
	}
	patience, cancel := context.WithTimeout(ctx, goodbye)
	defer cancel()
	return c.Disconnect(patience, packets.CodeNormalDisconnection)
}

// goodbye is how long the broker may take to close the connection.
const goodbye = 2 * time.Second

// publish makes the packet without its payload.
func (f *pubFlags) publish(urlTopic string, v packets.Version) (*packets.Publish, error) {
	pk := &packets.Publish{Topic: f.topic, QoS: byte(f.qos), Retain: f.retain}
	if pk.Topic == "" {
		pk.Topic = urlTopic
	}
	if err := applyProperties(f.properties, "publish", &pk.Properties, v); err != nil {
		return nil, err
	}
	if err := unusedPlaces(f.properties, "connect", "publish", "will"); err != nil {
		return nil, err
	}
	if pk.Topic == "" {
		return nil, usagef("pub needs a topic: -t topic")
	}
	if err := topics.ValidName(pk.Topic); err != nil {
		return nil, usagef("flag -t: %q: %w", pk.Topic, err)
	}
	return pk, nil
}

// checkSource sees that the message comes from one place.
func (f *pubFlags) checkSource(flags *pflag.FlagSet) error {
	sources := 0
	for _, name := range []string{"message", "file", "stdin-line", "stdin-file", "null-message"} {
		if flags.Changed(name) {
			sources++
		}
	}
	switch {
	case sources != 1:
		return usagef("pub needs one message: -m text, -f file, -l, -s or -n")
	case f.repeat < 1:
		return usagef("flag --repeat: %d: use a positive number", f.repeat)
	}
	return nil
}

// send publishes what there is to publish and waits for every acknowledgement.
func (f *pubFlags) send(ctx context.Context, c *client.Client, pk *packets.Publish, in io.Reader) error {
	if f.lines {
		return sendLines(ctx, c, pk, in)
	}
	payload, err := f.payload(in)
	if err != nil {
		return err
	}
	pk.Payload = payload
	for i := range f.repeat {
		if i > 0 {
			if err := pause(ctx, f.delay); err != nil {
				return err
			}
		}
		if err := c.Publish(ctx, pk); err != nil {
			return err
		}
	}
	return nil
}

func (f *pubFlags) payload(in io.Reader) ([]byte, error) {
	switch {
	case f.null:
		return nil, nil
	case f.stdin:
		b, err := io.ReadAll(in)
		if err != nil {
			return nil, fmt.Errorf("read standard input: %w", err)
		}
		return b, nil
	case f.file != "":
		b, err := os.ReadFile(f.file)
		if err != nil {
			return nil, fmt.Errorf("read message: %w", err)
		}
		return b, nil
	}
	return []byte(f.message), nil
}

// pause waits between repetitions.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// maxWaiting is how many lines are sent before the acknowledgements of the
// earlier ones are looked at.
const maxWaiting = 1024

// sendLines publishes line by line. It does not wait for one acknowledgement
// before it sends the next line, but for all of them at the end.
func sendLines(ctx context.Context, c *client.Client, pk *packets.Publish, in io.Reader) error {
	r := bufio.NewReader(in)
	var waiting []*client.Flow
	for {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			break
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read standard input: %w", err)
		}
		pk.Payload = trimNewline(line)
		flow, err := c.Start(ctx, pk)
		if err != nil {
			return err
		}
		if waiting = append(waiting, flow); len(waiting) == maxWaiting {
			if waiting, err = settle(ctx, waiting, maxWaiting/2); err != nil {
				return err
			}
		}
	}
	_, err := settle(ctx, waiting, len(waiting))
	return err
}

// settle waits for the first n flows and returns the others.
func settle(ctx context.Context, flows []*client.Flow, n int) ([]*client.Flow, error) {
	for _, flow := range flows[:n] {
		if err := flow.Wait(ctx); err != nil {
			return nil, err
		}
	}
	return append(flows[:0], flows[n:]...), nil
}

func trimNewline(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line
}
