package config

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

// The printed defaults are the defaults, and so is every line that is commented
// out once its # is removed.
func TestDefaultFile(t *testing.T) {
	t.Parallel()
	text := DefaultFile()
	golden(t, "testdata/default.yaml", text)
	c, err := Parse("default", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if changes := Changes(Default(), c); len(changes) > 0 {
		t.Errorf("%v differ from the defaults", changes)
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	if c, err = Parse("uncommented", []byte(uncomment(text))); err != nil {
		t.Fatalf("%v\n%s", err, uncomment(text))
	}
	for _, change := range Changes(Default(), c) {
		if change.Key != "listeners" && change.Key != "store.topics" {
			t.Errorf("%s has another default than the comment", change.Key)
		}
	}
	for line := range strings.SplitSeq(text, "\n") {
		if len(line) > lineWidth+2 {
			t.Errorf("a long line: %s", line)
		}
	}
}

// uncomment makes keys of the lines that are commented out. Prose has a space
// behind its #, keys have none; in the list of listeners they stand further right.
func uncomment(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		trimmed := strings.TrimLeft(line, " ")
		indent := line[:len(line)-len(trimmed)]
		switch {
		case strings.HasPrefix(trimmed, "# - "), strings.HasPrefix(trimmed, "#   ") && !strings.HasPrefix(strings.TrimLeft(trimmed[1:], " "), "#"):
			b.WriteString(indent + trimmed[2:])
		case strings.HasPrefix(trimmed, "#") && !strings.HasPrefix(trimmed, "# "):
			b.WriteString(indent + trimmed[1:])
		default:
			b.WriteString(line)
		}
	}
	return b.String()
}

// schemaAccepts asks an independent implementation of JSON Schema.
func schemaAccepts(t *testing.T) func(text string) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("linnet.json", doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("linnet.json")
	if err != nil {
		t.Fatal(err)
	}
	return func(text string) error {
		var v any
		if err := yaml.Load([]byte(text), &v); err != nil {
			return err
		}
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(b)))
		if err != nil {
			return err
		}
		return compiled.Validate(value)
	}
}

func TestSchema(t *testing.T) {
	t.Parallel()
	accepts := schemaAccepts(t)
	for name, text := range map[string]string{
		"defaults": DefaultFile(), "uncommented defaults": uncomment(DefaultFile()), "commented out": "log:\n", "no limit": "limits: {memory_budget: none}",
	} {
		if err := accepts(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range []string{
		"log: {levell: debug}", "log: {level: loud}", "capabilities: {maximum_qos: 3}", "capabilities: {retain_available: 1}", "sys: {interval: 10}",
		"limits: {memory_budget: much}", "listeners: tcp", "listeners: [{protocol: coap}]", "listeners: [{origins: x}]", "nothing: 1", "log: []",
	} {
		if accepts(text) == nil {
			t.Errorf("the schema has nothing against %s", text)
		}
		if _, err := Parse("f", []byte(text)); err == nil {
			t.Errorf("the decoder has nothing against %s", text)
		}
	}
}

func TestSchemaAcceptsImports(t *testing.T) {
	t.Parallel()
	accepts := schemaAccepts(t)
	for _, name := range []string{"hmq.json", "gmqtt.yaml", "comqtt.yaml", "comqtt-closed.yaml", "mosquitto.conf"} {
		text, err := os.ReadFile("testdata/import/" + name + ".golden")
		if err != nil {
			t.Fatal(err)
		}
		if err := accepts(string(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every key is explained in whole sentences.
func TestReference(t *testing.T) {
	t.Parallel()
	all := Reference()
	if len(all) < 60 {
		t.Errorf("%d entries only", len(all))
	}
	for _, e := range all {
		if !strings.HasSuffix(e.Doc, ".") || e.Doc == "." {
			t.Errorf("%s: %q", e.Key, e.Doc)
		}
		if found, err := Lookup(e.Key); err != nil || found[0].Key != e.Key {
			t.Errorf("looked up %s: %v, %v", e.Key, found, err)
		}
		if len(e.Lines()) == 0 {
			t.Errorf("nothing to say about %s", e.Key)
		}
	}
	for key, want := range map[string]string{"listeners.tls.cert_file": "listeners[N].tls.cert_file", "listeners[0].path": "listeners[N].path", "log": "log"} {
		if found, err := Lookup(key); err != nil || found[0].Key != want {
			t.Errorf("%s: %v, %v", key, found, err)
		}
	}
	if _, err := Lookup("log.levell"); err == nil || err.Error() != "there is no key log.levell; did you mean log.level?" {
		t.Errorf("%v", err)
	}
	if _, err := Lookup("zzzzzzzzzzzzzzzz"); err == nil || !strings.Contains(err.Error(), "linnet config doc lists all") {
		t.Errorf("%v", err)
	}
}

func TestChanges(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, from, to string
		live, waiting  []string
	}{
		{"nothing", "", "# nothing", nil, nil},
		{"both kinds", "", "log: {level: debug, compress: true}\nlimits: {maximum_clients: 7}", []string{"limits.maximum_clients", "log.level"}, []string{"log.compress"}},
		{"a listener", "", "listeners: [{id: mqtt, address: ':1', anonymous: nobody}, {id: websocket, protocol: ws, origins: ['*']}]", []string{"listeners[0].anonymous"}, []string{"listeners[0].address", "listeners[1].origins"}},
		{"rules", "store: {topics: [{filter: a}]}", "store: {topics: [{filter: a}, {filter: b}]}", nil, []string{"store.topics"}},
		{"rules that go", "store: {topics: [{filter: a, durability: os}]}", "", nil, []string{"store.topics"}},
		{"listeners that go", "", "listeners: [{id: mqtt, anonymous: nobody}]", nil, []string{"listeners"}},
		{"listeners that change places", "listeners: [{id: a}, {id: b, anonymous: everybody}]", "listeners: [{id: b, anonymous: everybody}, {id: a}]", nil, []string{"listeners"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			from, err := Parse("from", []byte(tt.from))
			if err != nil {
				t.Fatal(err)
			}
			to, err := Parse("to", []byte(tt.to))
			if err != nil {
				t.Fatal(err)
			}
			var live, waiting []string
			for _, c := range Changes(from, to) {
				if c.Live {
					live = append(live, c.Key)
				} else {
					waiting = append(waiting, c.Key)
				}
			}
			if !slices.Equal(live, tt.live) || !slices.Equal(waiting, tt.waiting) {
				t.Errorf("live %q, waiting %q", live, waiting)
			}
			to.Keep(from)
			var kept []string
			for _, c := range Changes(from, to) {
				kept = append(kept, c.Key)
			}
			if !slices.Equal(kept, tt.live) {
				t.Errorf("kept %q, want %q", kept, tt.live)
			}
		})
	}
}
