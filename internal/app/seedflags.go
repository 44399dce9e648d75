package app

import (
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// aliases are other brokers' names of flags that we have under another one.
var aliases = map[string]string{
	"ws": "wsport", "wsp": "wspath", // hmq; comqtt's -ws takes an address, which is read as well
	"conf": "config",                                           // comqtt
	"tcp":  "port",                                             // comqtt: an address, too
	"info": "http",                                             // mochi
	"hp":   "http", "httpport": "http", "unixfilepath": "unix", // later hmq
}

// refused are flags of other brokers that Linnet does not have, and why.
var refused = map[string]string{
	"storage-way":     "the key store.engine of a configuration file chooses it; leave it out for the default",
	"auth-way":        "the keys below access of a configuration file say who is admitted; --allow-anonymous admits everybody",
	"auth-ds":         "there are no access rules from databases yet in this version",
	"auth-path":       "the keys below access of a configuration file name files of users and rules",
	"quic":            "MQTT over QUIC is not offered; use --tls-port or --wsport",
	"r":               "there is no cluster yet in this version, and its nodes need no router",
	"router":          "there is no cluster yet in this version, and its nodes need no router",
	"cp":              "there is no cluster yet in this version",
	"clusterport":     "there is no cluster yet in this version",
	"node-name":       "there is no cluster yet in this version",
	"bind-ip":         "there is no cluster yet in this version; --host says where clients are accepted",
	"gossip-port":     "there is no cluster yet in this version",
	"raft-port":       "there is no cluster yet in this version, and it will not use Raft of its own",
	"raft-bootstrap":  "there is no cluster yet in this version, and it will not use Raft of its own",
	"raft-log-level":  "there is no cluster yet in this version, and it will not use Raft of its own",
	"members":         "there is no cluster yet in this version",
	"grpc-enable":     "there is no cluster yet in this version, and it will not use gRPC",
	"grpc-port":       "there is no cluster yet in this version, and it will not use gRPC",
	"redis":           "the keys store.engine and store.redis_url of a configuration file choose Redis",
	"redis-pass":      "the keys store.engine and store.redis_url of a configuration file choose Redis",
	"redis-db":        "the keys store.engine and store.redis_url of a configuration file choose Redis",
	"nodes-file-dir":  "there is no cluster yet in this version",
	"windowspipename": "named pipes are not offered; use --host 127.0.0.1",
}

// normaliseServe rewrites the spellings of hmq, gmqtt and comqtt, whose flags
// have one dash or two and whose booleans may be words of their own, into what
// pflag reads: it would take -ws 8083 for -w s. The values of flags and what
// stands behind -- are left alone.
func normaliseServe(flags *pflag.FlagSet, args []string) ([]string, error) {
	var out []string
	for i := 0; i < len(args); i++ {
		name, value, hasValue, ok := flagName(args[i])
		if !ok {
			return append(out, args[i:]...), nil // "--", or an argument that serve refuses
		}
		f := lookup(flags, name)
		if letter := flags.ShorthandLookup(name[:1]); f == nil && letter != nil && len(name) > 1 && name[1] >= '0' && name[1] <= '9' {
			f, value, hasValue = letter, name[1:], true // -p1883
		}
		if f == nil {
			if why := refused[name]; why != "" {
				return nil, usagef("flag %s: %s", args[i], why)
			}
			return append(out, args[i:]...), nil // pflag tells
		}
		if !hasValue && i+1 < len(args) && takesNext(f, args[i+1]) {
			i++
			value, hasValue = args[i], true
		}
		out = append(out, "--"+f.Name)
		if hasValue {
			out[len(out)-1] += "=" + value
		} else if f.NoOptDefVal == "" {
			return nil, usagef("flag %s needs a value", args[i])
		}
	}
	return out, nil
}

// flagName takes "-name", "--name" and "-name=value" apart; ok is false for
// what is no flag.
func flagName(arg string) (name, value string, hasValue, ok bool) {
	name, found := strings.CutPrefix(arg, "-")
	name = strings.TrimPrefix(name, "-")
	name, value, hasValue = strings.Cut(name, "=")
	return name, value, hasValue, found && name != ""
}

// lookup finds a flag by its name, its letter or another broker's name.
func lookup(flags *pflag.FlagSet, name string) *pflag.Flag {
	if ours, ok := aliases[name]; ok {
		name = ours
	}
	if len(name) == 1 {
		return flags.ShorthandLookup(name)
	}
	return flags.Lookup(name)
}

// takesNext reports whether the next word is the flag's value. A boolean takes
// only a word that is one.
func takesNext(f *pflag.Flag, next string) bool {
	if f.NoOptDefVal == "" {
		return true
	}
	_, err := strconv.ParseBool(next)
	return err == nil && f.Name != "help"
}
