//go:build unix

package clients

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// mosquitto runs a mosquitto_ program against the broker by a protocol.
func mosquitto(t *testing.T, b *broker, program, protocol string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not installed (Debian package mosquitto-clients)", program)
	}
	host, port := b.hostPort(t, protocol)
	all := []string{"-h", host, "-p", port}
	if protocol == "tls" {
		all = append(all, "--cafile", b.caFile)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return exec.CommandContext(ctx, path, append(all, args...)...)
}

func mosquittoPub(t *testing.T, b *broker, protocol string, args ...string) {
	t.Helper()
	if out, err := mosquitto(t, b, "mosquitto_pub", protocol, args...).CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_pub %v: %v\n%s", args, err, out)
	}
}

// sub is a running mosquitto_sub.
type sub struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string
}

// mosquittoSub starts mosquitto_sub and waits until its subscription is made.
func mosquittoSub(t *testing.T, b *broker, protocol string, args ...string) *sub {
	t.Helper()
	s := &sub{t: t, cmd: mosquitto(t, b, "mosquitto_sub", protocol, args...), lines: make(chan string, 1000)}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.read(out)
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill() // it may have ended
		<-ended
		_ = s.cmd.Wait() // killed
	})
	await(t, "the subscription", b.subscribed)
	return s
}

func (s *sub) read(out io.Reader) {
	scanner := bufio.NewScanner(out)
	for scanner.Scan() {
		s.lines <- scanner.Text()
	}
}

// message returns the next message, as the format of the arguments prints it.
func (s *sub) message() string {
	s.t.Helper()
	return await(s.t, "a message", s.lines)
}

func TestMosquittoMessages(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"tcp", "tls"} {
		for _, version := range []string{"mqttv31", "mqttv311", "mqttv5"} {
			t.Run(protocol+" "+version, func(t *testing.T) {
				t.Parallel()
				b := newBroker(t, nil)
				mosquittoPub(t, b, protocol, "-V", version, "-t", "m/kept", "-q", "1", "-r", "-m", "old")
				s := mosquittoSub(t, b, protocol, "-V", version, "-i", "sub", "-t", "m/#", "-q", "2", "-F", "%t %q %r %p")
				if got := s.message(); got != "m/kept 1 1 old" {
					t.Errorf("retained: %q", got)
				}
				for _, qos := range []string{"0", "1", "2"} {
					mosquittoPub(t, b, protocol, "-V", version, "-i", "pub", "-t", "m/a", "-q", qos, "-m", "hello "+qos)
					if got := s.message(); got != "m/a "+qos+" 0 hello "+qos {
						t.Errorf("QoS %s: %q", qos, got)
					}
				}
			})
		}
	}
}

func TestMosquittoManyLines(t *testing.T) {
	t.Parallel()
	for _, qos := range []string{"1", "2"} {
		t.Run("QoS "+qos, func(t *testing.T) {
			t.Parallel()
			b := newBroker(t, nil)
			s := mosquittoSub(t, b, "tcp", "-V", "mqttv5", "-t", "lines", "-q", qos, "-F", "%p")
			var lines []string
			for i := range 300 {
				lines = append(lines, strings.Repeat("x", i))
			}
			pub := mosquitto(t, b, "mosquitto_pub", "tcp", "-V", "mqttv5", "-t", "lines", "-q", qos, "-l")
			pub.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
			if out, err := pub.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}

			for i, line := range lines {
				if got := s.message(); got != line {
					t.Fatalf("line %d has %d bytes", i, len(got))
				}
			}
		})
	}
}

func TestMosquittoLargeMessage(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"tcp", "tls"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			b := newBroker(t, nil)
			s := mosquittoSub(t, b, protocol, "-t", "large", "-q", "1", "-F", "%l")
			pub := mosquitto(t, b, "mosquitto_pub", protocol, "-t", "large", "-q", "1", "-s")
			pub.Stdin = bytes.NewReader(bytes.Repeat([]byte{0, 255}, 500_000))
			if out, err := pub.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if got := s.message(); got != "1000000" {
				t.Errorf("%s bytes came", got)
			}
		})
	}
}

func TestMosquittoProperties(t *testing.T) {
	t.Parallel()
	b := newBroker(t, nil)
	s := mosquittoSub(t, b, "tcp", "-V", "mqttv5", "-t", "p", "-q", "1", "-F", "%C|%D|%E|%F|%R|%P|%S|%p",
		"-D", "subscribe", "subscription-identifier", "77")
	mosquittoPub(t, b, "tcp", "-V", "mqttv5", "-t", "p", "-q", "1", "-m", "x",
		"-D", "publish", "content-type", "text/plain", "-D", "publish", "correlation-data", "c1",
		"-D", "publish", "message-expiry-interval", "600", "-D", "publish", "payload-format-indicator", "1",
		"-D", "publish", "response-topic", "answers", "-D", "publish", "user-property", "k", "v",
		"-D", "publish", "topic-alias", "3")
	got := strings.Split(s.message(), "|")
	if want := []string{"text/plain", "c1", "600", "1", "answers", "k:v", "77", "x"}; !slices.Equal(got, want) {
		if got[2] == "599" { // a second may have passed
			got[2] = "600"
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

func TestMosquittoWill(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"mqttv31", "mqttv311", "mqttv5"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			b := newBroker(t, nil)
			s := mosquittoSub(t, b, "tcp", "-V", version, "-i", "watch", "-t", "will", "-q", "2", "-F", "%q %r %p")
			dying := mosquittoSub(t, b, "tcp", "-V", version, "-i", "dying", "-t", "none",
				"--will-topic", "will", "--will-payload", "gone", "--will-qos", "2", "--will-retain")
			if err := dying.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			if got := s.message(); got != "2 0 gone" {
				t.Errorf("Will %q", got)
			}
			late := mosquittoSub(t, b, "tcp", "-V", version, "-i", "late", "-t", "will", "-q", "2", "-F", "%q %r %p")
			if got := late.message(); got != "2 1 gone" {
				t.Errorf("retained Will %q", got)
			}
		})
	}
}

func TestMosquittoPersistentSession(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"mqttv31", "mqttv311", "mqttv5"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			b := newBroker(t, nil)
			args := []string{"-V", version, "-i", "keeper", "-c", "-t", "q", "-q", "1", "-F", "%p"}
			if version == "mqttv5" {
				args = append(args, "-x", "600")
			}
			first := mosquittoSub(t, b, "tcp", args...)
			if err := first.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			for _, m := range []string{"one", "two", "three"} {
				mosquittoPub(t, b, "tcp", "-V", version, "-t", "q", "-q", "2", "-m", m)
			}
			// The messages may come before the SUBACK, so it is not waited for.
			again := mosquitto(t, b, "mosquitto_sub", "tcp", append(args, "-C", "3")...)
			out, err := again.Output()
			if err != nil || string(out) != "one\ntwo\nthree\n" {
				t.Errorf("%v: %q", err, out)
			}
		})
	}
}

func TestMosquittoRequestResponse(t *testing.T) {
	t.Parallel()
	b := newBroker(t, nil)
	answering := mosquittoSub(t, b, "tcp", "-V", "mqttv5", "-i", "server", "-t", "ask", "-q", "1", "-F", "%R %D %p")
	ask := mosquitto(t, b, "mosquitto_rr", "tcp", "-V", "mqttv5", "-i", "asker", "-t", "ask", "-e", "answer", "-q", "1", "-m", "how?",
		"-D", "publish", "correlation-data", "42", "-W", "20")
	var out bytes.Buffer
	ask.Stdout = &out
	if err := ask.Start(); err != nil {
		t.Fatal(err)
	}
	if got := answering.message(); got != "answer 42 how?" {
		t.Errorf("request %q", got)
	}
	mosquittoPub(t, b, "tcp", "-V", "mqttv5", "-t", "answer", "-q", "1", "-m", "so", "-D", "publish", "correlation-data", "42")
	if err := ask.Wait(); err != nil || strings.TrimSpace(out.String()) != "so" {
		t.Errorf("%v: %q", err, out.String())
	}
}

// TestMosquittoPaused stops a subscriber's process while messages are published
// to it: nobody waits for it, and it gets everything when it goes on.
func TestMosquittoPaused(t *testing.T) {
	t.Parallel()
	b := newBroker(t, nil)
	paused := mosquittoSub(t, b, "tcp", "-V", "mqttv5", "-c", "-x", "600", "-i", "paused", "-t", "p", "-q", "1", "-F", "%l")
	other := mosquittoSub(t, b, "tcp", "-V", "mqttv5", "-i", "other", "-t", "p", "-q", "0", "-F", "%l")
	if err := paused.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	const n = 2000
	payload := make([]byte, 10_000)
	for i := range n {
		if err := b.Publish("p", payload[:i+1], false, 1); err != nil {
			t.Fatal(err)
		}
		if got := other.message(); got != strconv.Itoa(i+1) {
			t.Fatalf("the other got %s bytes as message %d", got, i)
		}
	}
	if err := paused.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if got := paused.message(); got != strconv.Itoa(i+1) {
			t.Fatalf("it got %s bytes as message %d", got, i)
		}
	}
}
