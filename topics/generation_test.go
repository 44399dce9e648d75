package topics

import "testing"

// TestGeneration says for which topics a change of a filter must, and for
// which it must not, change the generation.
func TestGeneration(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, filter, topic string
		changes             bool
	}{
		{"same first level", "a/b", "a/b", true},
		{"same first level, no match", "a/b", "a/c", true},
		{"hash", "#", "a/b", true},
		{"plus", "+/b", "a/b", true},
		{"plus and empty level", "+/b", "/b", true},
		{"empty level", "/b", "/b", true},
		{"dollar", "$SYS/#", "$SYS/a", true},
		{"dollar parent", "$SYS/#", "$SYS", true},
		{"wildcards leave dollar alone", "#", "$SYS/a", false}, // [MQTT-4.7.2-1]
		{"plus leaves dollar alone", "+/a", "$SYS/a", false},   // [MQTT-4.7.2-1]
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var x Index[string, int]
			last := x.Generation(tc.topic)
			for _, step := range []struct {
				name   string
				do     func()
				counts bool
			}{
				{"Put", func() { x.Put(tc.filter, "k", 1) }, true},
				{"Put again", func() { x.Put(tc.filter, "k", 2) }, true},
				{"Delete of nothing", func() { x.Delete(tc.filter, "l") }, false},
				{"Delete", func() { x.Delete(tc.filter, "k") }, true},
			} {
				step.do()
				gen := x.Generation(tc.topic)
				if want := tc.changes && step.counts; (gen != last) != want {
					t.Errorf("%s(%q) changed the generation of %q: %v", step.name, tc.filter, tc.topic, !want)
				}
				last = gen
			}
		})
	}
}

// TestGenerationIsFiner fails if one filter outdates every topic.
func TestGenerationIsFiner(t *testing.T) {
	t.Parallel()
	var x Index[string, int]
	topics := words([]string{"a", "b", "c", "d", "e", "f", "g", "h"}, 1)
	before := make(map[string]uint64)
	for _, topic := range topics {
		before[topic] = x.Generation(topic)
	}
	x.Put("a/b", "k", 1)
	same := 0
	for _, topic := range topics {
		if x.Generation(topic) == before[topic] {
			same++
		}
	}
	if same == 0 {
		t.Error("a change below one first level changed the generation of all")
	}
}
