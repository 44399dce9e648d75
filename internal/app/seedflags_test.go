package app

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/linnetmq/linnet/internal/config"
)

func TestNormaliseServe(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ args, want string }{
		{"", ""},
		{"-p 1884", "--port=1884"},
		{"-p=1884", "--port=1884"},
		{"-p1884", "--port=1884"},
		{"--port 1884", "--port=1884"},
		{"-port 1884", "--port=1884"},
		{"-tcp :1884", "--port=:1884"},
		{"-ws 8083", "--wsport=8083"},
		{"--ws=:1882", "--wsport=:1882"},
		{"-wsport 8083 -wsp /ws", "--wsport=8083 --wspath=/ws"},
		{"-w 4096 -ws 8083", "--worker=4096 --wsport=8083"},
		{"-c f.json", "--config=f.json"},
		{"-config f -conf g", "--config=f --config=g"},
		{"-d", "--debug"},
		{"-d true", "--debug=true"},
		{"-d=true", "--debug=true"},
		{"--debug false -p 1", "--debug=false --port=1"},
		{"-d -p 1", "--debug --port=1"},
		{"-log-enable=false -log-file l", "--log-enable=false --log-file=l"},
		{"-log-enable false", "--log-enable=false"},
		{"-http :8080", "--http=:8080"},
		{"-info :8080", "--http=:8080"},
		{"--unixfilepath s", "--unix=s"},
		{"-h", "--help"},
		{"-h true", "--help true"},
		{"--data -ws", "--data=-ws"},
		{"-p 1 -- -ws 8083", "--port=1 -- -ws 8083"},
		{"-p 1 word -ws 8083", "--port=1 word -ws 8083"},
		{"-nonsense 1", "-nonsense 1"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			t.Parallel()
			got, err := normaliseServe(newServe(streams{}).Flags(), strings.Fields(tt.args))
			if err != nil || !slices.Equal(got, strings.Fields(tt.want)) {
				t.Errorf("have %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestRefusedFlagsSayWhy(t *testing.T) {
	t.Parallel()
	flags := newServe(streams{}).Flags()
	for name, why := range refused {
		_, err := normaliseServe(flags, []string{"-" + name, "1"})
		if _, ok := errors.AsType[usageError](err); !ok || !strings.Contains(err.Error(), why) {
			t.Errorf("-%s: %v, want %q", name, err, why)
		}
		if lookup(flags, name) != nil {
			t.Errorf("-%s is refused and accepted", name)
		}
	}
}

func TestAliasesLeadToFlags(t *testing.T) {
	t.Parallel()
	flags := newServe(streams{}).Flags()
	for alias, name := range aliases {
		if flags.Lookup(name) == nil || flags.Lookup(alias) != nil {
			t.Errorf("alias %s of %s", alias, name)
		}
	}
}

func TestEveryFlagHasAPlaceInTheUsage(t *testing.T) {
	t.Parallel()
	cmd := newServe(streams{})
	usage := groupedUsage(cmd)
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !strings.Contains(usage, "--"+f.Name) {
			t.Errorf("--%s is in no group", f.Name)
		}
	})
}

// configOf is the configuration for a command line.
func configOf(t *testing.T, args string) (*config.Config, error) {
	t.Helper()
	var f serveFlags
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	f.register(flags)
	words, err := normaliseServe(flags, strings.Fields(args))
	if err != nil {
		return nil, err
	}
	if err := flags.Parse(words); err != nil {
		return nil, err
	}
	return f.config(flags, nil)
}

func TestFlagsMakeListeners(t *testing.T) {
	t.Parallel()
	const ws = "ws 0.0.0.0:8083/mqtt"
	for _, tt := range []struct {
		args string
		want []string
	}{
		{"", []string{"tcp 0.0.0.0:1883", ws}},
		{"-p 1884", []string{"tcp 0.0.0.0:1884", ws}},
		{"--host 127.0.0.1", []string{"tcp 127.0.0.1:1883", "ws 127.0.0.1:8083/mqtt"}},
		{"--host 127.0.0.1 -p 1884 -ws 1888 -wsp /ws", []string{"tcp 127.0.0.1:1884", "ws 127.0.0.1:1888/ws"}},
		{"-tcp :1883 -ws :1882 -http :8080", []string{"tcp :1883", "ws :1882/mqtt", "http :8080"}},
		{"-ws 127.0.0.1:1882", []string{"tcp 0.0.0.0:1883", "ws 127.0.0.1:1882/mqtt"}},
		{"-p [::1]:1883", []string{"tcp [::1]:1883", ws}},
		{"-http 8080 --host 0.0.0.0", []string{"tcp 0.0.0.0:1883", ws, "http 127.0.0.1:8080"}},
		{"-ws off", []string{"tcp 0.0.0.0:1883"}},
		{"-p off", []string{ws}},
		{"-p=", []string{ws}},
		{"--unix s.sock -p off -ws off", []string{"unix s.sock"}},
		{"--cert c --key k", []string{"tcp 0.0.0.0:1883", ws, "tls 0.0.0.0:8883 c k"}},
		{"--cert c --key k --ca a --tls-port 1 -p off", []string{ws, "tls 0.0.0.0:1 c k a"}},
		{"-c testdata/hmq.json", []string{"tcp 10.0.0.1:1999", "tls 10.0.0.2:8883 cert key", "ws 10.0.0.1:1888/ws"}},
		{"-c testdata/hmq.json -p 1 -wsp /x", []string{"tcp 0.0.0.0:1", "tls 10.0.0.2:8883 cert key", "ws 10.0.0.1:1888/x"}},
		{"-c testdata/hmq.json --host ::1", []string{"tcp [::1]:1999", "tls [::1]:8883 cert key", "ws [::1]:1888/ws"}},
		{"-c testdata/hmq.json --key other --ca a", []string{"tcp 10.0.0.1:1999", "tls 10.0.0.2:8883 cert other a", "ws 10.0.0.1:1888/ws"}},
		{"-c testdata/hmq.json --tls-port off", []string{"tcp 10.0.0.1:1999", "ws 10.0.0.1:1888/ws"}},
	} {
		t.Run(tt.args, func(t *testing.T) {
			t.Parallel()
			cfg, err := configOf(t, tt.args)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, l := range cfg.Listeners {
				text := l.Protocol + " " + l.Address + l.Path
				if l.Secure() {
					text = strings.TrimSpace(text + " " + l.TLS.CertFile + " " + l.TLS.KeyFile + " " + l.TLS.CAFile)
				}
				got = append(got, text)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("have %q, want %q", got, tt.want)
			}
		})
	}
}

func TestOtherFlags(t *testing.T) {
	t.Parallel()
	cfg, err := configOf(t, "-w 7 --allow-anonymous --data d --shutdown-timeout 3s -d --log-format json -log-file l -log-enable false")
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.Workers, want.Access.Anonymous, want.DataDir, want.ShutdownTimeout = 7, config.Everybody, "d", 3e9
	want.Log.Output, want.Log.Level, want.Log.Format = "off", "debug", "json"
	if !reflect.DeepEqual(cfg, want) {
		t.Errorf("have %+v, want %+v", cfg, want)
	}
	if cfg, err = configOf(t, "-d false --log-level warn"); err != nil || cfg.Log.Level != "warn" {
		t.Errorf("%+v, %v", cfg, err)
	}
}

func TestFlagMistakes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ args, want string }{
		{"-p 65536", "flag --port: port"},
		{"-p a:b:c", "write a port or host:port"},
		{"-ws mqtt", "flag --wsport: port"},
		{"-http x", "flag --http: port"},
		{"--tls-port 8883", "both --cert and --key"},
		{"--shutdown-timeout -1s", "shutdown_timeout: \"-1s\" is not allowed"},
		{"--data=", "data_dir: "},
		{"-c testdata/hmq.json -ws off -p off --tls-port off", "no listener for clients"},
		{"-c testdata/tcp.json -wsp /x", "--wspath needs --wsport"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			t.Parallel()
			_, err := configOf(t, tt.args)
			if _, ok := errors.AsType[usageError](err); !ok || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}
