//go:build linux

package mqtt_test

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/linnetmq/linnet/hooks/auth"
)

// rules is auth.Hook with an ACL file, as newFlow can add it.
type rules struct {
	*auth.Hook
	lines string
}

func (r rules) Init(any) error {
	acl, err := auth.ParseACL("acl.conf", []byte(r.lines))
	if err != nil {
		return err
	}
	return r.Hook.Init(&auth.Options{Sources: []auth.Source{acl}, Ledger: &auth.Ledger{Auth: auth.AuthRules{{Allow: true}}}})
}

// BenchmarkAccess measures what access rules cost a message: none, rules that
// leave the subscribers alone, and rules that deny a part of what they
// subscribe to, so that deliveries are asked about.
func BenchmarkAccess(b *testing.B) {
	var hundred string
	for i := range 100 {
		hundred += fmt.Sprintf("allow clientid dev%d 3 dev/%d/#\n", i, i)
	}
	for _, bc := range []struct {
		name  string
		hooks []any
	}{
		{"allow-all", nil},
		{"rules", []any{rules{new(auth.Hook), hundred + "allow clientid * 3 bench/#"}}},
		{"narrower", []any{rules{new(auth.Hook), hundred + "deny clientid * 2 bench/+/x\nallow clientid * 3 bench/#"}}},
	} {
		for _, qos := range []byte{0, 1} {
			b.Run(fmt.Sprintf("%s/qos%d", bc.name, qos), func(b *testing.B) {
				f := newFlowOf(b, "bench/#", 5, true, qos, 64, bc.hooks...)
				f.run(b)
				before := cpuTime(b)
				for b.Loop() {
					f.run(b)
				}
				b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N*f.count*5), "cpu-ns/delivery")
			})
		}
	}
}

// cpuTime is what the process has used so far, in nanoseconds, publisher and
// subscribers included.
func cpuTime(b *testing.B) int64 {
	b.Helper()
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return use.Utime.Nano() + use.Stime.Nano()
}
