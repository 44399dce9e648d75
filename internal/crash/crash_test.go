package crash

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/linnetmq/linnet/internal/app"
)

// asBroker makes this test's binary the program linnet.
const asBroker = "CRASH_TEST_BROKER"

func TestMain(m *testing.M) {
	if os.Getenv(asBroker) != "" {
		os.Exit(app.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// linnet is the program in a data directory of its own.
func linnet(t *testing.T, args ...string) *Process {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &Process{Program: program, Env: []string{asBroker + "=1"}, Dir: t.TempDir(), Args: args}
}

// stores tells whether this linnet can be told how durable to be.
func stores(t *testing.T) bool {
	t.Helper()
	var out bytes.Buffer
	app.Main([]string{"serve", "--help"}, os.Stdin, &out, &out)
	return strings.Contains(out.String(), "--durability")
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// TestCutConnections runs against a broker that only loses its connections: it
// forgets nothing, so whatever is found would be a fault of the clients, of the
// Checker, or of the broker's sessions.
func TestCutConnections(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			b := &InProcess{CutOnly: true}
			mustHold(t, b, Config{Seed: seed, Kills: 6})
			if err := b.End(); err != nil {
				t.Error(err)
			}
		})
	}
}

// mustHold runs and fails the test at any violation.
func mustHold(t *testing.T, b Broker, cfg Config) {
	t.Helper()
	r, err := Run(testContext(t), b, cfg)
	if err != nil || len(r.Violations) > 0 {
		t.Errorf("%v\n%s", err, r)
		return
	}
	if r.Kills != cfg.Kills || r.Stored == 0 || r.Received == 0 {
		t.Errorf("nothing was shown: %s", r)
	}
	t.Log(r)
}

// mustLose runs and fails the test unless the loss of acknowledged messages is
// found, among others.
func mustLose(t *testing.T, b Broker, cfg Config) {
	t.Helper()
	cfg.Patience, cfg.GoOn, cfg.Kills = 300*time.Millisecond, true, 4
	r, err := Run(testContext(t), b, cfg)
	if err != nil {
		t.Fatalf("%v\n%s", err, r)
	}
	rules := r.Rules()
	if rules[MessageLost] == 0 {
		t.Errorf("the loss was not found, only %v\n%s", rules, r)
	}
	t.Logf("found %v after %d kills", rules, r.Kills)
}

// TestKill kills the program 20 times with SIGKILL. A linnet that stores nothing
// yet must be found out.
func TestKill(t *testing.T) {
	t.Parallel()
	if !stores(t) {
		mustLose(t, linnet(t), Config{Seed: 1})
		return
	}
	mustHold(t, linnet(t), Config{Seed: 1, Kills: 20})
}

// TestKillWithoutDurability: the checks of TestKill can fail.
func TestKillWithoutDurability(t *testing.T) {
	t.Parallel()
	var args []string
	if stores(t) {
		args = []string{"--durability", "none"}
	}
	mustLose(t, linnet(t, args...), Config{Seed: 2})
}

// TestPowerCutWithoutStore: a broker in this process that has no store loses all.
func TestPowerCutWithoutStore(t *testing.T) {
	t.Parallel()
	mustLose(t, &InProcess{Unsynced: 50}, Config{Seed: 3})
}

func TestProgramThatDoesNotStart(t *testing.T) {
	t.Parallel()
	p := linnet(t, "--no-such-flag")
	r, err := Run(testContext(t), p, Config{})
	if err == nil || !strings.Contains(err.Error(), "no-such-flag") || r.Kills != 0 {
		t.Errorf("%v\n%s", err, r)
	}
	p = &Process{Program: "/nonexistent/linnet", Dir: t.TempDir()}
	if _, err := Run(testContext(t), p, Config{}); err == nil || !strings.Contains(err.Error(), "/nonexistent/linnet") {
		t.Errorf("error %v", err)
	}
}

// TestReport: what a report must have for whoever has to find the fault.
func TestReport(t *testing.T) {
	t.Parallel()
	r, err := Run(testContext(t), linnet(t), Config{Seed: 4, Kills: 1, Patience: 300 * time.Millisecond, Rerun: "again -seed %d"})
	if stores(t) {
		r, err = Run(testContext(t), linnet(t, "--durability", "none"), Config{Seed: 4, Kills: 1, Patience: 300 * time.Millisecond, Rerun: "again -seed %d"})
	}
	if err != nil {
		t.Fatal(err)
	}
	text := r.String()
	for _, want := range []string{
		"seed 4: 1 kills", "the story of: ", "BROKER KILLED", "BROKER STARTED, round 1", "-> PUBLISH", `"msg":"ready"`, "again -seed 4",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not say %q:\n%s", want, text)
		}
	}
}
