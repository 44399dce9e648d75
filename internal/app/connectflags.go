package app

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/linnetmq/linnet/internal/client"
	"github.com/linnetmq/linnet/packets"
)

// connectFlags are what pub and sub share: where to connect, and as whom.
type connectFlags struct {
	host, port, url        string
	username, password     string
	passwordFile           string
	id                     string
	version                string
	keepAlive              int
	keepSession            bool
	expiry                 int64
	willTopic, willPayload string
	willQoS                int
	willRetain             bool
	cafile, cert, key      string
	insecure, useTLS       bool
	qos                    int
	properties             []string
	quiet, debug           bool
}

func (f *connectFlags) register(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.StringVarP(&f.host, "host", "h", "localhost", "`host` of the broker")
	flags.StringVarP(&f.port, "port", "p", "", "`port` of the broker (default 1883, with TLS 8883)")
	flags.StringVarP(&f.url, "url", "L", "", "`URL` of the broker, in place of host and port: mqtt, mqtts, ws, wss or unix; mqtt and mqtts may end in a topic")
	flags.StringVarP(&f.username, "username", "u", "", "user `name`")
	flags.StringVarP(&f.password, "pw", "P", "", "`password`; others on this machine can see it, --pw-file is safer")
	flags.StringVar(&f.passwordFile, "pw-file", "", "`file` with the password in its first line")
	flags.StringVarP(&f.id, "id", "i", "", "client `identifier` (default: the broker chooses)")
	flags.StringVarP(&f.version, "protocol-version", "V", "5", "MQTT `version`: 5, 311 or 31, also as mqttv5, mqttv311, mqttv31")
	flags.IntVarP(&f.keepAlive, "keepalive", "k", 60, "keep alive in `seconds`, 0 for none")
	flags.BoolVarP(&f.keepSession, "disable-clean-session", "c", false, "continue the session of the client identifier, and keep it")
	flags.Int64VarP(&f.expiry, "session-expiry-interval", "x", -1, "`seconds` the session outlives the connection (MQTT 5); with -c for ever unless given")
	flags.StringVar(&f.willTopic, "will-topic", "", "`topic` of a Will Message")
	flags.StringVar(&f.willPayload, "will-payload", "", "`payload` of the Will Message")
	flags.IntVar(&f.willQoS, "will-qos", 0, "`QoS` of the Will Message")
	flags.BoolVar(&f.willRetain, "will-retain", false, "retain the Will Message")
	flags.IntVarP(&f.qos, "qos", "q", 0, "`QoS`: 0, 1 or 2")
	flags.StringArrayVarP(&f.properties, "property", "D", nil, "MQTT 5 `property`: -D connect session-expiry-interval 60, -D publish user-property key value")
	flags.BoolVar(&f.useTLS, "tls", false, "connect over TLS")
	flags.StringVar(&f.cafile, "cafile", "", "PEM `file` with the authorities to trust; means TLS")
	flags.StringVar(&f.cert, "cert", "", "PEM `file` with the client's certificate; means TLS")
	flags.StringVar(&f.key, "key", "", "PEM `file` with the key of the client's certificate")
	flags.BoolVar(&f.insecure, "insecure", false, "do not check whose certificate the broker shows: for tests only")
	flags.BoolVarP(&f.debug, "debug", "d", false, "tell on standard error what happens")
	flags.BoolVar(&f.quiet, "quiet", false, "no warnings")
	flags.Bool("help", false, "print this help")
}

// versions are the spellings of -V.
var versions = map[string]packets.Version{
	"5": packets.V5, "mqttv5": packets.V5, "5.0": packets.V5,
	"311": packets.V311, "mqttv311": packets.V311, "3.1.1": packets.V311, "4": packets.V311,
	"31": packets.V31, "mqttv31": packets.V31, "3.1": packets.V31, "3": packets.V31,
}

// options are the client's options for the flags, and the topic that the URL
// ends in, if it does.
func (f *connectFlags) options(flags *pflag.FlagSet) (o client.Options, topic string, err error) {
	o.Version = versions[strings.ToLower(f.version)]
	switch {
	case o.Version == 0:
		return o, "", usagef("flag -V: %q: use 5, 311 or 31", f.version)
	case f.keepAlive < 0 || f.keepAlive > 65535:
		return o, "", usagef("flag -k: %d: use 0 to 65535 seconds", f.keepAlive)
	case f.qos < 0 || f.qos > 2:
		return o, "", usagef("flag -q: %d: use 0, 1 or 2", f.qos)
	case f.keepSession && f.id == "":
		return o, "", usagef("flag -c needs -i: a session belongs to a client identifier")
	case f.url != "" && (flags.Changed("host") || flags.Changed("port")):
		return o, "", usagef("flag -L takes the place of -h and -p: give one or the other")
	}
	o.ClientID, o.KeepSession = f.id, f.keepSession
	o.KeepAlive = time.Duration(f.keepAlive) * time.Second
	if f.keepAlive == 0 {
		o.KeepAlive = -1
	}
	if err := f.session(&o); err != nil {
		return o, "", err
	}
	if err := f.credentials(&o, flags); err != nil {
		return o, "", err
	}
	if err := f.will(&o, flags); err != nil {
		return o, "", err
	}
	topic, err = f.target(&o)
	return o, topic, err
}

func (f *connectFlags) session(o *client.Options) error {
	expiry := f.expiry
	if expiry < 0 && f.keepSession {
		expiry = 1<<32 - 1 // for ever, as in MQTT 3
	}
	switch {
	case expiry > 1<<32-1 || f.expiry < -1:
		return usagef("flag -x: %d: use 0 to 4294967295 seconds", f.expiry)
	case f.expiry >= 0 && o.Version != packets.V5:
		return usagef("flag -x needs MQTT 5 (-V 5)")
	case expiry > 0 && o.Version == packets.V5:
		o.Properties.SessionExpiryInterval = uint32(expiry)
	}
	return applyProperties(f.properties, "connect", &o.Properties, o.Version)
}

func (f *connectFlags) credentials(o *client.Options, flags *pflag.FlagSet) error {
	o.Username, o.UsernameFlag = f.username, flags.Changed("username")
	o.Password, o.PasswordFlag = []byte(f.password), flags.Changed("pw")
	if f.passwordFile != "" {
		text, err := os.ReadFile(f.passwordFile)
		if err != nil {
			return fmt.Errorf("read password: %w", err)
		}
		line, _, _ := bytes.Cut(text, []byte("\n"))
		o.Password, o.PasswordFlag = bytes.TrimSuffix(line, []byte("\r")), true
	}
	if o.PasswordFlag && !o.UsernameFlag && o.Version != packets.V5 {
		return usagef("flag -P needs -u before MQTT 5")
	}
	return nil
}

func (f *connectFlags) will(o *client.Options, flags *pflag.FlagSet) error {
	if f.willTopic == "" {
		for _, name := range []string{"will-payload", "will-qos", "will-retain"} {
			if flags.Changed(name) {
				return usagef("flag --%s needs --will-topic", name)
			}
		}
		return nil
	}
	if f.willQoS < 0 || f.willQoS > 2 {
		return usagef("flag --will-qos: %d: use 0, 1 or 2", f.willQoS)
	}
	o.Will = &packets.Will{Topic: f.willTopic, Payload: []byte(f.willPayload), QoS: byte(f.willQoS), Retain: f.willRetain}
	return applyProperties(f.properties, "will", &o.Will.Properties, o.Version)
}

// target sets the URL and how TLS is done, and returns the URL's topic.
func (f *connectFlags) target(o *client.Options) (topic string, err error) {
	secure := f.useTLS || f.cafile != "" || f.cert != "" || f.insecure
	o.URL = f.url
	if f.url == "" {
		o.URL = f.hostURL(secure)
	}
	t, err := client.ParseURL(o.URL)
	if err != nil {
		return "", usageError{err}
	}
	if f.url == "" && !flagPort(f.port) {
		return "", usagef("flag -p: %q: use a number from 1 to 65535", f.port)
	}
	if t.Scheme == "mqtt" || t.Scheme == "mqtts" {
		topic = t.Path
	}
	overTLS := t.Scheme == "mqtts" || t.Scheme == "wss"
	if secure && !overTLS {
		return "", usagef("TLS flags need an mqtts or wss URL, not %s", t.Scheme)
	}
	if overTLS {
		o.TLS, err = f.tls()
	}
	return topic, err
}

func (f *connectFlags) hostURL(secure bool) string {
	switch {
	case strings.HasPrefix(f.host, "/"):
		return "unix://" + f.host // as in mosquitto_pub
	case secure:
		return "mqtts://" + net.JoinHostPort(f.host, orDefault(f.port, "8883"))
	}
	return "mqtt://" + net.JoinHostPort(f.host, orDefault(f.port, "1883"))
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func flagPort(port string) bool {
	n, err := strconv.Atoi(orDefault(port, "1883"))
	return err == nil && n > 0 && n < 1<<16
}

func (f *connectFlags) tls() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: f.insecure} //nolint:gosec // asked for by name
	var err error
	if f.cafile != "" {
		if c.RootCAs, err = loadAuthorities(f.cafile); err != nil {
			return nil, err
		}
	}
	if f.cert != "" || f.key != "" {
		if f.cert == "" || f.key == "" {
			return nil, usagef("flags --cert and --key need each other")
		}
		pair, err := tls.LoadX509KeyPair(f.cert, f.key)
		if err != nil {
			return nil, fmt.Errorf("load certificate %s with key %s: %w", f.cert, f.key, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// loadAuthorities reads certificates that are trusted.
func loadAuthorities(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("load certificate authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("load certificate authorities: %s holds no certificate in PEM", file)
	}
	return pool, nil
}
