package app

import (
	"errors"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/linnetmq/linnet/internal/config"
)

// serveFlags are the flags of serve as they were given.
type serveFlags struct {
	workers                   int
	port, host                string
	wsPort, wsPath            string
	tlsPort, cert, key, ca    string
	unix, http, admin         string
	configFile, data          string
	durability                string
	allowAnonymous            bool
	shutdownTimeout           time.Duration
	debug, logEnable          bool
	logLevel, logFormat, file string
}

func (f *serveFlags) register(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.IntVarP(&f.workers, "worker", "w", 1024, "worker `number`, accepted for hmq's sake: only a hint, Linnet needs no workers")
	flags.StringVarP(&f.port, "port", "p", "1883", "`port` or host:port for MQTT; off for none")
	flags.StringVar(&f.host, "host", config.DefaultHost, "`host` or address of this machine to listen on, for every port")
	flags.StringVar(&f.wsPort, "wsport", "8083", "`port` or host:port for MQTT over WebSocket (-ws); off for none")
	flags.StringVar(&f.wsPath, "wspath", config.DefaultWSPath, "`path` for MQTT over WebSocket (-wsp)")
	flags.StringVar(&f.tlsPort, "tls-port", "", "`port` or host:port for MQTT over TLS; 8883 when --cert is given")
	flags.StringVar(&f.cert, "cert", "", "PEM `file` with the server's certificate")
	flags.StringVar(&f.key, "key", "", "PEM `file` with the certificate's private key")
	flags.StringVar(&f.ca, "ca", "", "PEM `file` with authorities; clients must show a certificate of theirs")
	flags.StringVar(&f.unix, "unix", "", "`path` of a Unix socket for MQTT")
	flags.StringVar(&f.http, "http", "", "`port` or host:port for statistics and health over HTTP; a port alone is for this machine only")
	flags.StringVar(&f.admin, "admin", config.DefaultAdmin, "`port` or host:port of the management API; a port alone is for this machine only; off for none")
	flags.BoolVar(&f.allowAnonymous, "allow-anonymous", false, "admit every client from everywhere without asking who it is")
	flags.StringVar(&f.data, "data", config.DefaultData, "`directory` for the broker's data, made when missing")
	flags.StringVar(&f.durability, "durability", config.Fsync, "what acknowledgements wait for: fsync, os or none")
	flags.DurationVar(&f.shutdownTimeout, "shutdown-timeout", 10*time.Second, "how long clients may take their last messages at the end")
	flags.StringVarP(&f.configFile, "config", "c", "", "configuration `file`: YAML, or hmq's JSON (or the variable LINNET_CONFIG)")
	flags.BoolVarP(&f.debug, "debug", "d", false, "log what every client does")
	flags.StringVar(&f.logLevel, "log-level", "info", "`level`: debug, info, warn or error")
	flags.StringVar(&f.logFormat, "log-format", "", "`format`: text or json (default: text on a terminal, else json)")
	flags.StringVar(&f.file, "log-file", "", "`file` to append the log to, instead of standard error")
	flags.BoolVar(&f.logEnable, "log-enable", true, "log at all")
}

// config is the configuration: defaults, then the file, then the environment,
// then the flags given.
func (f *serveFlags) config(flags *pflag.FlagSet, environ []string) (*config.Config, error) {
	cfg, err := config.Load(f.configFile, environ)
	if err != nil {
		return nil, err
	}
	if flags.Changed("host") {
		cfg.SetHost(f.host)
	}
	if err := f.listeners(cfg, flags); err != nil {
		return nil, usageError{err}
	}
	if flags.Changed("admin") {
		if err := f.adminAddress(cfg); err != nil {
			return nil, usageError{err}
		}
	}
	f.rest(cfg, flags)
	return cfg, f.judge(cfg.Validate())
}

// judge makes a mistake of nobody but the flags one of usage.
func (f *serveFlags) judge(err error) error {
	problems, ok := errors.AsType[config.Problems](err)
	if ok && !slices.ContainsFunc(problems, func(p config.Problem) bool { return p.At != "" }) {
		return usageError{err}
	}
	return err
}

// listeners applies the flags about listeners.
func (f *serveFlags) listeners(cfg *config.Config, flags *pflag.FlagSet) error {
	if flags.Changed("port") {
		if err := f.listen(cfg, "port", f.port, target(cfg, "mqtt", config.TCP)); err != nil {
			return err
		}
	}
	if err := f.webSocket(cfg, flags); err != nil {
		return err
	}
	if err := f.tls(cfg, flags); err != nil {
		return err
	}
	if f.unix != "" {
		l := target(cfg, "unix", config.Unix)
		l.Address = f.unix
		cfg.Put(l)
	}
	if flags.Changed("http") {
		return f.listen(cfg, "http", f.http, target(cfg, "http", config.HTTP))
	}
	return nil
}

// target is a copy of the listener that a flag means: the first that speaks one
// of the protocols, else a new one that speaks the first of them.
func target(cfg *config.Config, id string, protocols ...string) config.Listener {
	if l := cfg.ListenerFor(id, protocols...); l != nil {
		return *l
	}
	return config.NewListener(id, protocols[0], "")
}

// adminAddress applies --admin.
func (f *serveFlags) adminAddress(cfg *config.Config) (err error) {
	cfg.Admin.Address = ""
	if f.admin != "" && f.admin != "off" {
		cfg.Admin.Address, err = address(f.admin, "127.0.0.1")
	}
	if err != nil {
		err = usagef("flag --admin: %w", err)
	}
	return err
}

// listen puts l with the address that a flag gives it, or removes it.
func (f *serveFlags) listen(cfg *config.Config, flag, value string, l config.Listener) error {
	if value == "" || value == "off" {
		cfg.Remove(l.ID)
		return nil
	}
	host := f.host
	if l.Protocol == config.HTTP {
		host = "127.0.0.1"
	}
	address, err := address(value, host)
	if err != nil {
		return usagef("flag --%s: %w", flag, err)
	}
	l.Address = address
	cfg.Put(l)
	return nil
}

// address reads "8083", ":8083" and "host:8083". A port alone belongs to host.
func address(value, host string) (string, error) {
	given, port, err := net.SplitHostPort(value)
	if !strings.Contains(value, ":") {
		given, port, err = host, value, nil
	}
	if err != nil {
		return "", usagef("address %q: write a port or host:port, for example 1883 or 127.0.0.1:1883", value)
	}
	if err := config.ValidPort(port); err != nil {
		return "", err
	}
	return net.JoinHostPort(given, port), nil
}

// webSocket applies -ws and -wsp; a path alone leaves the port where it was.
func (f *serveFlags) webSocket(cfg *config.Config, flags *pflag.FlagSet) error {
	l := target(cfg, "websocket", config.WebSocket, config.WebSockets)
	if flags.Changed("wspath") {
		if !strings.HasPrefix(f.wsPath, "/") {
			return usagef("flag --wspath: %q: begin it with a slash", f.wsPath)
		}
		l.Path = f.wsPath
	}
	switch {
	case flags.Changed("wsport"):
		return f.listen(cfg, "wsport", f.wsPort, l)
	case cfg.Listener(l.ID) != nil:
		cfg.Put(l)
	case flags.Changed("wspath"):
		return usagef("flag --wspath needs --wsport: the file switches WebSocket off")
	}
	return nil
}

// tls applies the flags about TLS on top of the file's.
func (f *serveFlags) tls(cfg *config.Config, flags *pflag.FlagSet) error {
	given := flags.Changed("cert") || flags.Changed("key") || flags.Changed("ca")
	if !given && !flags.Changed("tls-port") {
		return nil
	}
	l, port := target(cfg, "mqtts", config.TLS), "8883"
	if cfg.Listener(l.ID) != nil {
		port = l.Address
	}
	if flags.Changed("tls-port") {
		port = f.tlsPort
	}
	if port == "" || port == "off" {
		cfg.Remove(l.ID)
		return nil
	}
	if f.cert != "" {
		l.TLS.CertFile = f.cert
	}
	if f.key != "" {
		l.TLS.KeyFile = f.key
	}
	if f.ca != "" {
		l.TLS.CAFile, l.TLS.VerifyClient = f.ca, config.Required
	}
	if l.TLS.CertFile == "" || l.TLS.KeyFile == "" {
		return usagef("TLS needs both --cert and --key")
	}
	return f.listen(cfg, "tls-port", port, l)
}

// rest applies the flags that are about no listener.
func (f *serveFlags) rest(cfg *config.Config, flags *pflag.FlagSet) {
	for name, apply := range map[string]func(){
		"worker": func() { cfg.Workers = f.workers },
		"allow-anonymous": func() {
			cfg.SetAnonymous(map[bool]string{true: config.Everybody, false: ""}[f.allowAnonymous])
		},
		"data":             func() { cfg.DataDir = f.data },
		"durability":       func() { cfg.Store.Durability = f.durability },
		"shutdown-timeout": func() { cfg.ShutdownTimeout = f.shutdownTimeout },
		"log-format":       func() { cfg.Log.Format = f.logFormat },
	} {
		if flags.Changed(name) {
			apply()
		}
	}
	if flags.Changed("log-file") {
		cfg.Log.File = f.file
		if cfg.Log.Output != "both" || f.file == "" {
			cfg.Log.Output = ""
		}
	}
	if flags.Changed("log-enable") && !f.logEnable {
		cfg.Log.Output, cfg.Log.File = "off", ""
	}
	if flags.Changed("debug") && f.debug {
		cfg.Log.Level = "debug"
	}
	if flags.Changed("log-level") {
		cfg.Log.Level = f.logLevel
	}
}
