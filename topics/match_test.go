package topics

import (
	"strings"
	"testing"
)

// matchCases holds the examples of the specification and their neighbours.
var matchCases = []struct {
	name, filter, topic string
	want                bool
}{
	{"same", "a/b", "a/b", true},
	{"deeper topic", "a", "a/b", false},
	{"deeper filter", "a/b", "a", false},
	{"prefix of a level", "test", "testing", false},
	{"level prefix of filter", "testing", "test", false},
	// 4.7.1.2, [MQTT-4.7.1-1] [MQTT311-4.7.1-2]
	{"hash matches the parent", "sport/tennis/player1/#", "sport/tennis/player1", true},
	{"hash one level", "sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
	{"hash two levels", "sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
	{"hash parent at top", "sport/#", "sport", true},
	{"hash not the grandparent", "sport/tennis/#", "sport", false},
	{"hash not a longer level", "sport/#", "sports", false},
	{"hash matches all", "#", "a/b/c", true},
	{"hash matches separators", "#", "//", true},
	{"hash after empty level", "/#", "/a", true},
	{"hash after empty level, only it", "/#", "/", true},
	{"hash after empty level, other", "/#", "a", false},
	{"hash empty last level", "a/#", "a/", true},
	// 4.7.1.3, [MQTT-4.7.1-2] [MQTT311-4.7.1-3]
	{"plus one level", "sport/tennis/+", "sport/tennis/player1", true},
	{"plus not two levels", "sport/tennis/+", "sport/tennis/player1/ranking", false},
	{"plus not none", "sport/+", "sport", false},
	{"plus empty level", "sport/+", "sport/", true},
	{"plus plus on /finance", "+/+", "/finance", true},
	{"separator plus on /finance", "/+", "/finance", true},
	{"plus on /finance", "+", "/finance", false},
	{"plus first and last", "+/tennis/+", "sport/tennis/x", true},
	{"plus then hash", "+/tennis/#", "sport/tennis", true},
	{"hash not last is no wildcard", "#/a", "b/a", false},
	{"hash not last takes no rest", "b/#/a", "b/c", false},
	{"plus hash one level", "+/#", "a", true},
	{"plus between", "a/+/c", "a//c", true},
	{"plus keeps the rest", "a/+/c", "a/b/d", false},
	// 4.7.2, [MQTT-4.7.2-1] [MQTT311-4.7.2-1]
	{"hash not dollar", "#", "$SYS/a", false},
	{"hash not dollar alone", "#", "$", false},
	{"plus not dollar", "+/monitor/Clients", "$SYS/monitor/Clients", false},
	{"plus hash not dollar", "+/#", "$SYS/a", false},
	{"plus not dollar level", "+", "$SYS", false},
	{"dollar hash", "$SYS/#", "$SYS/a/b", true},
	{"dollar hash parent", "$SYS/#", "$SYS", true},
	{"dollar plus", "$SYS/monitor/+", "$SYS/monitor/Clients", true},
	{"dollar second level", "+/$x", "a/$x", true},
	{"dollar second level by plus", "a/+", "a/$x", true},
	{"dollar second level by hash", "#", "a/$x", true},
	{"empty level before dollar", "+/$x", "/$x", true},
	// [MQTT-4.7.3-1] [MQTT311-4.7.3-1]
	{"empty topic", "#", "", false},
	{"empty topic, plus", "+", "", false},
	{"empty topic below separator", "/#", "", false},
	// [MQTT-4.7.3-4] [MQTT311-4.7.3-4]
	{"case", "ACCOUNTS", "Accounts", false},
	{"leading separator counts", "/finance", "finance", false},
	{"trailing separator counts", "finance/", "finance", false},
	{"no composition", "caf\u00e9", "cafe\u0301", false},
	{"space", "Accounts payable", "Accounts payable", true},
	{"byte order mark", "\ufeffa", "a", false}, // [MQTT-1.5.4-3] [MQTT311-1.5.3-3]
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, tc := range matchCases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := Match(tc.filter, tc.topic); got != tc.want {
				t.Errorf("Match(%q, %q) = %v", tc.filter, tc.topic, got)
			}
			if got := naiveMatch(tc.filter, tc.topic); got != tc.want {
				t.Errorf("naiveMatch(%q, %q) = %v", tc.filter, tc.topic, got)
			}
			var x Index[int, int]
			x.Put(tc.filter, 1, 1)
			if got := len(x.Match(tc.topic, nil)) == 1; got != tc.want {
				t.Errorf("Index with %q matches %q: %v", tc.filter, tc.topic, got)
			}
		})
	}
}

// naiveMatch says the rules once more, as simply as possible.
func naiveMatch(filter, topic string) bool {
	if filter == "" || topic == "" || topic[0] == '$' && filter[0] != '$' {
		return false
	}
	return naiveLevels(strings.Split(filter, "/"), strings.Split(topic, "/"))
}

func naiveLevels(filter, topic []string) bool {
	switch {
	case len(filter) == 1 && filter[0] == "#":
		return true
	case len(filter) == 0 || len(topic) == 0:
		return len(filter) == len(topic)
	case filter[0] != "+" && filter[0] != topic[0]:
		return false
	}
	return naiveLevels(filter[1:], topic[1:])
}

// FuzzMatch holds Match and an Index of one filter against naiveMatch.
func FuzzMatch(f *testing.F) {
	for _, tc := range matchCases {
		f.Add(tc.filter, tc.topic)
	}
	f.Fuzz(func(t *testing.T, filter, topic string) {
		if ValidFilter(filter) != nil || ValidName(topic) != nil {
			Match(filter, topic) // must not panic
			return
		}
		want := naiveMatch(filter, topic)
		if got := Match(filter, topic); got != want {
			t.Fatalf("Match(%q, %q) = %v", filter, topic, got)
		}
		var x Index[int, int]
		x.Put(filter, 1, 1)
		if got := len(x.Match(topic, nil)) == 1; got != want {
			t.Fatalf("Index with %q matches %q: %v", filter, topic, got)
		}
	})
}
