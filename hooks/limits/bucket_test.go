package limits

import (
	"testing"
	"time"
)

func TestBucket(t *testing.T) {
	t.Parallel()
	start := time.Unix(1000, 0)
	rate := Rate{PerSecond: 2, Burst: 4}
	for _, tt := range []struct {
		name  string
		takes []struct {
			at   time.Duration
			n    float64
			want bool
		}
	}{
		{"a burst, then the rate", []struct {
			at   time.Duration
			n    float64
			want bool
		}{{0, 4, true}, {0, 1, false}, {time.Second / 2, 1, true}, {time.Second / 2, 1, false}, {time.Second, 1, true}}},
		{"silence gives one burst and no more", []struct {
			at   time.Duration
			n    float64
			want bool
		}{{time.Hour, 4, true}, {time.Hour, 1, false}}},
		{"what is larger than the burst passes alone", []struct {
			at   time.Duration
			n    float64
			want bool
		}{{0, 10, true}, {time.Second, 1, false}, {4 * time.Second, 1, true}, {4 * time.Second, 10, false}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var b bucket
			for i, take := range tt.takes {
				if got := b.take(rate, take.n, start.Add(take.at)); got != take.want {
					t.Errorf("take %d: %v, want %v", i, got, take.want)
				}
			}
		})
	}
}

func TestBucketDebt(t *testing.T) {
	t.Parallel()
	start := time.Unix(1000, 0)
	rate := Rate{PerSecond: 10}
	var b bucket
	for i, tt := range []struct {
		at   time.Duration
		n    float64
		want time.Duration
	}{{0, 10, 0}, {0, 5, time.Second / 2}, {time.Second, 0, 0}, {time.Second, 105, 10 * time.Second}} {
		if got := b.owe(rate, tt.n, start.Add(tt.at)); got != tt.want {
			t.Errorf("step %d: %v, want %v", i, got, tt.want)
		}
	}
}

// A flood of addresses costs a bounded memory, and does not free those who have
// spent what they had.
func TestTableIsBounded(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	x := table[int]{rate: Rate{PerSecond: 1, Burst: 1}, most: 100}
	for i := range 1000 {
		if !x.take(i, now) {
			t.Fatalf("key %d was refused at first", i)
		}
		if len(x.buckets) > 100 {
			t.Fatalf("%d buckets", len(x.buckets))
		}
		now = now.Add(time.Second / 50)
	}
	if x.take(999, now) {
		t.Error("the last key may come again at once")
	}
}
