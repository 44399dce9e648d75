package config

import (
	"encoding/json"
	"maps"
	"strings"
)

// schema is a JSON Schema.
type schema map[string]any

// Schema is the JSON Schema of the file, for editors, in JSON.
func Schema() string {
	root := schemaOf(&group{Default().keys()})
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Linnet"
	root["description"] = "Configuration of the MQTT broker Linnet"
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(root); err != nil {
		panic("config: the schema is not JSON: " + err.Error()) // the table is wrong
	}
	return b.String()
}

func schemaOf(v value) schema {
	switch v := v.(type) {
	case *scalar:
		s := maps.Clone(v.schema)
		if v.def != "" {
			s["default"] = defaultOf(v)
		}
		return s
	case *words:
		return schema{"type": "array", "items": schema{"type": "string"}}
	case *blocks:
		return schema{"type": "array", "items": schemaOf(&group{v.fresh()})}
	case *group:
		properties := schema{}
		for i := range v.keys {
			k := &v.keys[i]
			p := schemaOf(k.value)
			p["description"] = k.doc
			properties[k.name] = p
		}
		// A mapping whose keys are all commented out is null.
		return schema{"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false}
	}
	return nil
}

// defaultOf is a scalar's default in JSON.
func defaultOf(s *scalar) any {
	if s.plain {
		return json.RawMessage(s.def)
	}
	return s.def
}
