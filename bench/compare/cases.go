package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/linnetmq/linnet/internal/bench"
)

// testCase is one row of the comparison.
type testCase struct {
	Name   string
	Config bench.Config
}

// cases returns all cases, each measured for a duration if it is not by count.
func cases(duration, idle time.Duration) []testCase {
	all := []testCase{
		{"pub QoS 0, 16 B", bench.Config{Pattern: "pub"}},
		{"pub QoS 1, 16 B", bench.Config{Pattern: "pub", QoS: 1}},
		{"10 pairs QoS 0, 16 B", bench.Config{Pattern: "p2p"}},
		{"10 pairs QoS 0, 256 B", bench.Config{Pattern: "p2p", Size: 256}},
		{"10 pairs QoS 0, 4 KiB", bench.Config{Pattern: "p2p", Size: 4096}},
		{"10 pairs QoS 1, 256 B", bench.Config{Pattern: "p2p", Size: 256, QoS: 1}},
		{"10 pairs QoS 2, 256 B", bench.Config{Pattern: "p2p", Size: 256, QoS: 2}},
		{"fan-out 1 to 100, 256 B", bench.Config{Pattern: "fanout", Size: 256}},
		{"fan-out 1 to 1000, 256 B", bench.Config{Pattern: "fanout", Size: 256, Subscribers: 1000}},
		{"fan-in 100 to 1, 256 B", bench.Config{Pattern: "fanin", Size: 256}},
		{"shared 10 to 10, 256 B", bench.Config{Pattern: "shared", Size: 256}},
		{"100 000 wildcard filters", bench.Config{Pattern: "wildcard", Size: 256}},
		{"subscribe", bench.Config{Pattern: "sub", Filters: 50_000}},
		{"100 000 retained", bench.Config{Pattern: "retained", Size: 256}},
		{"50 000 offline QoS 1", bench.Config{Pattern: "offline", Size: 256}},
		{"latency at 1000/s", bench.Config{Pattern: "latency", Size: 256}},
		{"latency at 1000/s QoS 1", bench.Config{Pattern: "latency", Size: 256, QoS: 1}},
		{"connect 2000", bench.Config{Pattern: "connect", Subscribers: 2000, Idle: idle}},
		{"stress 2 x 10 000", bench.Config{Pattern: "stress", Publishers: 2}},
		{"stress 10 x 10 000", bench.Config{Pattern: "stress", Publishers: 10}},
		{"stress 100 x 10 000", bench.Config{Pattern: "stress", Publishers: 100}},
	}
	for i := range all {
		c := &all[i].Config
		switch c.Pattern {
		case "connect", "sub", "retained", "offline", "stress":
		default:
			c.Duration, c.Warmup = duration, duration/10
		}
	}
	return all
}

// selectCases returns the cases whose pattern or name is in a comma-separated
// list; all for an empty one.
func selectCases(all []testCase, list string) ([]testCase, error) {
	if list == "" {
		return all, nil
	}
	var chosen []testCase
	for want := range strings.SplitSeq(list, ",") {
		found := false
		for _, c := range all {
			if c.Config.Pattern == want || strings.HasPrefix(c.Name, want) {
				found = true
				if !slices.ContainsFunc(chosen, func(have testCase) bool { return have.Name == c.Name }) {
					chosen = append(chosen, c)
				}
			}
		}
		if !found {
			return nil, fmt.Errorf("no pattern or case is called %q", want)
		}
	}
	return chosen, nil
}
