package config

import (
	"fmt"
	"slices"
	"strings"
)

// The brokers whose files Import reads.
const (
	HMQ       = "hmq"
	GMQTT     = "gmqtt"
	Comqtt    = "comqtt"
	Mosquitto = "mosquitto"
)

// Importers lists the brokers whose files Import reads.
func Importers() []string { return []string{HMQ, GMQTT, Comqtt, Mosquitto} }

// Imported is another broker's file in our words.
type Imported struct {
	Config *Config

	broker, name string
	notes        map[string][]string // what changes its meaning, by our path
	lost         []string            // what has no equivalent
}

// Import reads a file of another broker, strictly. The name stands in errors.
func Import(broker, name string, text []byte) (*Imported, error) {
	im := &Imported{Config: Default(), broker: broker, name: name, notes: map[string][]string{}}
	read := map[string]func([]byte) error{HMQ: im.hmq, GMQTT: im.gmqtt, Comqtt: im.comqtt, Mosquitto: im.mosquitto}[broker]
	if read == nil {
		return nil, fmt.Errorf("there is no import from %q: use %s", broker, either(Importers()))
	}
	if err := read(text); err != nil {
		return nil, err
	}
	im.Config.completeListeners()
	if err := im.Config.Validate(); err != nil {
		return nil, fmt.Errorf("%s leads to a configuration that is not valid: %w", name, err)
	}
	return im, nil
}

// File is the equivalent file, with comments where something has no equivalent
// or another meaning.
func (im *Imported) File() string {
	w := &writer{notes: im.notes, defaults: map[string]string{}, reveal: true}
	Default().keys().walk("", func(path string, k *key) { w.defaults[path] = text(k.value) })
	w.line(0, "# Made by: linnet config import "+im.broker+" "+printable(im.name))
	w.line(0, "# What is not here keeps Linnet's default: linnet config default prints all.")
	if len(im.lost) > 0 {
		w.line(0, "#")
		w.line(0, "# Not taken over:")
		for _, text := range im.lost {
			lines := wrap(printable(text), lineWidth-4)
			w.line(0, "# - "+strings.Join(lines, "\n#   "))
		}
	}
	w.group(0, "", im.Config.keys())
	return w.b.String()
}

// note says how a key of ours differs from what it was made of.
func (im *Imported) note(path, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(im.notes[path], text) {
		im.notes[path] = append(im.notes[path], text)
	}
}

// miss says what was not taken over, and why.
func (im *Imported) miss(format string, args ...any) {
	im.lost = append(im.lost, fmt.Sprintf(format, args...))
}

// decode reads a YAML file of another broker.
func (im *Imported) decode(text []byte, ks keys) (given func(path string) bool, err error) {
	d := &decoder{file: im.name, places: map[string]place{}, lax: true}
	d.document(text, "", &group{ks})
	given = func(path string) bool {
		_, ok := d.places[path]
		return ok
	}
	return given, d.problems.err()
}

// listen adds a listener.
func (im *Imported) listen(l Listener) int {
	im.Config.Listeners = append(im.Config.Listeners, l)
	return len(im.Config.Listeners) - 1
}

// openWebSocket makes a WebSocket listener as permissive as those brokers are.
func (im *Imported) openWebSocket(l *Listener, path string) {
	l.Path, l.Origins = "*", []string{"*"}
	im.note(path+".path", "%s accepts every path; name the one your clients use, like /mqtt.", im.broker)
	im.note(path+".origins", "%s lets every web page connect; name the origins of your own pages instead.", im.broker)
}

// foreignKeys are the top keys by which files of other brokers are known.
var foreignKeys = map[string][]string{
	GMQTT:     {"delivery_retry_interval:", "max_inflight_messages:", "max_msgqueue_messages:", "http_server:", "listener:"},
	Comqtt:    {"storage-way:", "bridge-way:", "auth:", "mqtt:", "redis:", "pprof-enable:"},
	Mosquitto: {"listener ", "port ", "persistence ", "allow_anonymous ", "log_dest ", "password_file "},
}

// foreignFile tells the broker whose file a text seems to be, "" if none.
func foreignFile(text []byte) string {
	for _, broker := range []string{GMQTT, Comqtt, Mosquitto} {
		for line := range strings.Lines(string(text)) {
			if slices.ContainsFunc(foreignKeys[broker], func(start string) bool { return strings.HasPrefix(line, start) }) {
				return broker
			}
		}
	}
	return ""
}
