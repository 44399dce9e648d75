package mqtt

import (
	"fmt"
	"strings"
	"testing"
)

// A client with a large Topic Alias Maximum does not make the server remember
// every topic it ever sent.
func TestOutboundAliasesAreBounded(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, topic string
		most        int
	}{{"long topics", strings.Repeat("x", 60_000), 5}, {"short topics", "t", 5000}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			table := aliasTable{maximum: 65535}
			for i := range 65535 {
				table.aliasFor(fmt.Sprint(tc.topic, i))
				if len(table.byTopic) > tc.most {
					t.Fatalf("%d topics are remembered", len(table.byTopic))
				}
			}
			if alias, known := table.aliasFor(tc.topic + "0"); alias != 1 || !known {
				t.Errorf("alias %d, known %v", alias, known)
			}
		})
	}
}
