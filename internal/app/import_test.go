package app

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/linnetmq/linnet/internal/config"
)

// The samples of other brokers' documents, imported, make a broker that takes
// messages at each of its listeners. Only ports and the places of files are
// changed.
func TestImportedSamplesRun(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		broker, file string
		schemes      []string
	}{
		{config.HMQ, "hmq.json", []string{"mqtt", "mqtts", "wss"}},
		{config.GMQTT, "gmqtt.yaml", []string{"mqtt", "ws"}},
		{config.Comqtt, "comqtt.yaml", []string{"mqtt", "ws", "http"}},
		{config.Comqtt, "comqtt-closed.yaml", []string{"mqtts", "wss", "http"}},
		{config.Mosquitto, "mosquitto.conf", []string{"mqtt", "mqtts", "ws", "unix"}},
	} {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := writeCertificates(dir); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile("../config/testdata/import/" + tt.file)
			if err != nil {
				t.Fatal(err)
			}
			imported, err := config.Import(tt.broker, tt.file, text)
			if err != nil {
				t.Fatal(err)
			}
			name := filepath.Join(dir, "linnet.yaml")
			relocate(imported.Config, dir)
			if err := os.WriteFile(filepath.Join(dir, "acl.conf"), []byte("allow clientid * 1 a\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte(imported.File()), 0o600); err != nil {
				t.Fatal(err)
			}
			urls := runFile(t, name)
			var schemes []string
			for _, u := range urls {
				scheme, _, _ := strings.Cut(u, ":")
				schemes = append(schemes, scheme)
				publish(t, u, dir)
			}
			if !slices.Equal(schemes, tt.schemes) {
				t.Errorf("schemes %q, want %q", schemes, tt.schemes)
			}
		})
	}
}

// relocate gives a configuration free ports, files of a directory and a log that
// can be seen. The CPU profile is left out: a process has one at a time.
func relocate(cfg *config.Config, dir string) {
	for i := range cfg.Listeners {
		l := &cfg.Listeners[i]
		l.Address = "127.0.0.1:0"
		if l.Protocol == config.Unix {
			l.Address = filepath.Join(dir, "s")
		}
		if l.Secure() {
			l.TLS.CertFile, l.TLS.KeyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
		}
		if l.TLS.CAFile != "" {
			l.TLS.CAFile = filepath.Join(dir, "ca.pem")
		}
	}
	if cfg.Store.Engine == config.Redis {
		cfg.Store = config.Default().Store
	}
	if cfg.Access.ACLFile != "" {
		cfg.Access.ACLFile = filepath.Join(dir, "acl.conf")
	}
	cfg.DataDir = filepath.Join(dir, "data")
	cfg.Log.Output, cfg.Log.File = "both", filepath.Join(dir, "logs", "linnet.log")
	cfg.Log.Format = "json"
	cfg.Profile.CPUFile = ""
	if cfg.Profile.MemoryFile != "" {
		cfg.Profile.MemoryFile = filepath.Join(dir, "memory")
	}
}

// runFile runs a broker with a configuration file until the test ends, and
// returns the URLs that it says it has.
func runFile(t *testing.T, name string) []string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ready := make(chan []string, 1)
	logged := &readyLog{ready: ready}
	done := make(chan error, 1)
	go func() {
		done <- runBroker(ctx, func() (*config.Config, error) {
			cfg, err := config.Load(name, nil)
			if err != nil {
				return nil, err
			}
			return cfg, cfg.Validate()
		}, streams{err: logged})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	select {
	case urls := <-ready:
		return urls
	case err := <-done:
		done <- nil
		t.Fatalf("the broker ended: %v\n%s", err, logged)
	}
	return nil
}

// readyLog keeps log lines and finds the URLs in the one that says "ready".
type readyLog struct {
	mu    sync.Mutex
	b     bytes.Buffer
	ready chan<- []string
}

func (l *readyLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var event struct {
		Msg  string
		URLs []string
	}
	if json.Unmarshal(line, &event) == nil && event.Msg == "ready" {
		l.ready <- event.URLs
	}
	return l.b.Write(line)
}

func (l *readyLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// publish publishes a message at a URL, or asks for a page.
func publish(t *testing.T, address, dir string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"pub", "-L", address, "-t", "a", "-m", "x", "-q", "1"}
	switch u.Scheme {
	case "http":
		args = []string{"healthcheck", address}
	case "mqtts", "wss":
		args = append(args, "--cafile", dir+"/ca.pem", "--cert", dir+"/client.pem", "--key", dir+"/client.key")
	}
	var mistakes bytes.Buffer
	if code := Main(args, strings.NewReader(""), io.Discard, &mistakes); code != exitFine {
		t.Errorf("%s: exit code %d: %s", address, code, &mistakes)
	}
}
