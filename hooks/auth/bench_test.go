package auth_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/mqtt"
)

// rulesOf is an ACL file with n lines about others before the one that decides.
func rulesOf(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "allow username user%d 3 own/user%d/#\n", i, i)
	}
	b.WriteString("allow clientid * 1 toCloud/%c\n")
	return b.String()
}

// BenchmarkACLCheck measures one decision: remembered, and by how many rules.
func BenchmarkACLCheck(b *testing.B) {
	for _, rules := range []int{0, 10, 1000, 10_000} {
		acl := mustACL(b, rulesOf(rules))
		b.Run(fmt.Sprintf("decide/%d", rules), func(b *testing.B) {
			r := request(b, who{"dev1", "joe", "10.0.0.1:1"}, pub, "toCloud/dev1")
			for b.Loop() {
				if v, err := acl.Authorize(b.Context(), r); v.Decision != mqtt.Allow || err != nil {
					b.Fatal(v, err)
				}
			}
		})
	}
	hook := new(auth.Hook)
	if err := hook.Init(&auth.Options{Sources: []auth.Source{mustACL(b, rulesOf(1000))}}); err != nil {
		b.Fatal(err)
	}
	cl := mqtt.New(nil).NewClient(nil, "l", "dev1", false)
	topics := make([]string, 100)
	for i := range topics {
		topics[i] = fmt.Sprintf("toCloud/dev%d", i)
	}
	for name, list := range map[string][]string{"remembered/same": topics[1:2], "remembered/100": topics} {
		b.Run(name, func(b *testing.B) {
			i := 0
			for b.Loop() {
				if i++; i >= len(list) {
					i = 0
				}
				if _, err := hook.OnACLCheck(cl, list[i], true); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
