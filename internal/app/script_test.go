package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the scripts run this test's binary as linnet.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"linnet": func() { os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// TestScripts runs testdata/script. Besides testscript's commands they have:
//
//	start name regexp [VAR=value...] program args...
//	                                    run in the background, wait for the regexp in its output
//	finish name code                    wait for its end; output in name.out and name.err
//	signal name INT|TERM|KILL|HUP           send a signal
//	await name signal regexp        send a signal and wait for the regexp in what it logs then
//	exits code program args...          run and compare the exit code
//	eventually program args...          run again and again until it succeeds
//	urls name                           set MQTT, WS, ... and PORT from a broker's line "ready"
//	api METHOD path                     ask the API of the broker in linnet-data; prints status and body
//	freeport VAR                        set a variable to a port nobody uses
//	fillstore dir engine [keep]         write a store with 1000 retained and 2000 queued messages
//	damage glob offset                  flip a bit of the files that match
//	certificates                        write ca.pem, cert.pem, key.pem, client.pem, client.key, expired.pem, expired.key
//
// and $name_PID for what was started.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Deadline:            time.Now().Add(5 * time.Minute),
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"start": start, "await": await, "finish": finish, "signal": sendSignal, "exits": exits,
			"urls": urls, "freeport": freePort, "certificates": certificates, "eventually": eventually,
			"fillstore": fillStore, "damage": damage, "api": callAPI,
		},
	})
}

// patience bounds every wait for something that must happen.
const patience = 30 * time.Second

// process is a program in the background.
type process struct {
	cmd      *exec.Cmd
	out, err *watched
	done     chan struct{}
}

var (
	processesMu sync.Mutex
	processes   = map[*testscript.TestScript]map[string]*process{}
)

// watched keeps what is written and tells when it matches.
type watched struct {
	mu    sync.Mutex
	b     bytes.Buffer
	want  *regexp.Regexp
	from  int             // where the search begins
	found chan<- struct{} // has room for all that are written
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b.Write(p)
	if w.want != nil && w.want.Match(w.b.Bytes()[w.from:]) {
		w.want = nil
		w.found <- struct{}{}
	}
	return len(p), nil
}

// watch looks for another text in what is written from now on.
func (w *watched) watch(want *regexp.Regexp, found chan<- struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.want, w.found, w.from = want, found, w.b.Len()
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: start name regexp program args...")
	}
	want := regexp.MustCompile(args[1])
	var env []string
	for strings.Contains(args[2], "=") {
		env, args = append(env, args[2]), append(args[:2], args[3:]...)
	}
	path, err := lookPath(ts, args[2])
	ts.Check(err)
	found := make(chan struct{}, 2)
	p := &process{out: &watched{want: want, found: found}, err: &watched{want: want, found: found}, done: make(chan struct{})}
	p.cmd = exec.Command(path, args[3:]...)
	p.cmd.Dir = ts.Getenv("WORK")
	p.cmd.Env = []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("WORK"), "TMPDIR=" + ts.Getenv("TMPDIR")}
	p.cmd.Env = append(p.cmd.Env, env...)
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.err
	ts.Check(p.cmd.Start())
	go func() {
		_ = p.cmd.Wait() // finish looks at the exit code
		close(p.done)
	}()
	ts.Defer(func() {
		_ = p.cmd.Process.Kill() // it has ended in most scripts
		<-p.done
	})
	remember(ts, args[0], p)
	ts.Setenv(args[0]+"_PID", strconv.Itoa(p.cmd.Process.Pid))
	select {
	case <-found:
	case <-p.done:
		select {
		case <-found:
		default:
			ts.Fatalf("%s has ended without %q: %s%s", args[0], args[1], p.out, p.err)
		}
	case <-time.After(patience):
		ts.Fatalf("waited in vain for %q: %s%s", args[1], p.out, p.err)
	}
}

// await sends a signal, if one is named, and waits for what comes of it.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 || signals[args[1]] == nil {
		ts.Fatalf("usage: await name signal regexp")
	}
	p := started(ts, args[0])
	found := make(chan struct{}, 1)
	p.err.watch(regexp.MustCompile(args[2]), found)
	ts.Check(p.cmd.Process.Signal(signals[args[1]]))
	select {
	case <-found:
	case <-p.done:
		ts.Fatalf("%s has ended without %q: %s", args[0], args[2], p.err)
	case <-time.After(patience):
		ts.Fatalf("waited in vain for %q: %s", args[2], p.err)
	}
}

// lookPath finds a program in the script's path.
func lookPath(ts *testscript.TestScript, name string) (string, error) {
	for dir := range strings.SplitSeq(ts.Getenv("PATH"), string(os.PathListSeparator)) {
		file := dir + string(os.PathSeparator) + name
		if info, err := os.Stat(file); err == nil && !info.IsDir() {
			return file, nil
		}
	}
	return exec.LookPath(name)
}

func remember(ts *testscript.TestScript, name string, p *process) {
	processesMu.Lock()
	defer processesMu.Unlock()
	if processes[ts] == nil {
		processes[ts] = map[string]*process{}
	}
	processes[ts][name] = p
}

func started(ts *testscript.TestScript, name string) *process {
	processesMu.Lock()
	defer processesMu.Unlock()
	p := processes[ts][name]
	if p == nil {
		ts.Fatalf("%s was not started", name)
	}
	return p
}

func finish(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: finish name code")
	}
	p := started(ts, args[0])
	select {
	case <-p.done:
	case <-time.After(patience):
		ts.Fatalf("%s does not end: %s%s", args[0], p.out, p.err)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".out"), []byte(p.out.String()), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".err"), []byte(p.err.String()), 0o600))
	if code := strconv.Itoa(p.cmd.ProcessState.ExitCode()); code != args[1] {
		ts.Fatalf("%s ended with %s, want %s: %s%s", args[0], code, args[1], p.out, p.err)
	}
}

var signals = map[string]os.Signal{"INT": os.Interrupt, "TERM": syscall.SIGTERM, "KILL": os.Kill, "HUP": syscall.SIGHUP}

func sendSignal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 || signals[args[1]] == nil {
		ts.Fatalf("usage: signal name INT|TERM|KILL|HUP")
	}
	ts.Check(started(ts, args[0]).cmd.Process.Signal(signals[args[1]]))
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code program args...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

func eventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: eventually program args...")
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(patience); ; {
		err := ts.Exec(args[0], args[1:]...)
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-end:
			ts.Fatalf("never succeeded: %v", err)
		}
	}
}

func urls(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: urls name")
	}
	for line := range strings.Lines(started(ts, args[0]).err.String()) {
		var ready struct {
			Msg  string
			URLs []string
		}
		if json.Unmarshal([]byte(line), &ready) != nil || ready.Msg != "ready" {
			continue
		}
		for _, raw := range ready.URLs {
			u, err := url.Parse(raw)
			ts.Check(err)
			ts.Setenv(strings.ToUpper(u.Scheme), raw)
			ts.Setenv(strings.ToUpper(u.Scheme)+"_PORT", u.Port())
		}
		return
	}
	ts.Fatalf("%s has not said ready", args[0])
}

func callAPI(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: api METHOD path")
	}
	r, err := http.NewRequestWithContext(context.Background(), args[0], strings.TrimSpace(ts.ReadFile("linnet-data/admin-url"))+args[1], http.NoBody)
	ts.Check(err)
	r.SetBasicAuth("admin", strings.TrimSpace(ts.ReadFile("linnet-data/admin-secret")))
	resp, err := (&http.Client{Timeout: patience}).Do(r)
	ts.Check(err)
	text, err := io.ReadAll(resp.Body)
	ts.Check(errors.Join(err, resp.Body.Close()))
	_, err = fmt.Fprintf(ts.Stdout(), "%d\n%s\n", resp.StatusCode, text)
	ts.Check(err)
}

func freePort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeport VAR")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	_, port, err := net.SplitHostPort(ln.Addr().String())
	ts.Check(errors.Join(err, ln.Close()))
	ts.Setenv(args[0], port)
}
