package mqtt

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestMembersAgainstMap plays seeded random histories on members and on a map.
func TestMembersAgainstMap(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 1))
			var x members
			model := map[*subscription]bool{}
			gone := new(subscription)
			grow := 80
			for step := range 20_000 {
				if step%2000 == 1999 {
					grow = 100 - grow // shrink, then grow again
				}
				someone := func() *subscription {
					for m := range model {
						return m
					}
					return nil
				}
				switch m := someone(); {
				case m == nil || rng.IntN(100) < grow:
					m := new(subscription)
					x.put(m, nil)
					model[m] = true
				case rng.IntN(4) == 0:
					replaced := new(subscription)
					x.put(replaced, m)
					delete(model, m)
					model[replaced], gone = true, m
				default:
					if left := x.remove(m); left != len(model)-1 {
						t.Fatalf("step %d: %d are left, want %d", step, left, len(model)-1)
					}
					delete(model, m)
					gone = m
				}
				if x.has(gone) {
					t.Fatalf("step %d: one that left is a member", step)
				}
				if step%500 == 0 {
					checkMembers(t, &x, model)
				}
			}
		})
	}
}

func checkMembers(t *testing.T, x *members, model map[*subscription]bool) {
	t.Helper()
	list := x.all()
	for _, m := range list {
		if !model[m] || !x.has(m) {
			t.Fatal("there is a member that should not be")
		}
	}
	if len(list) != len(model) {
		t.Fatalf("%d members, want %d", len(list), len(model))
	}
	if size := len(*x.table.Load()); size > max(smallestTable, 4*len(model)+4) {
		t.Fatalf("a table of %d places for %d members", size, len(model))
	}
}

// A member that stays is found, whoever comes and goes meanwhile.
func TestPickWhileMembersComeAndGo(t *testing.T) {
	t.Parallel()
	for strategy := RoundRobin; strategy <= HashTopic; strategy++ {
		t.Run(fmt.Sprint(strategy), func(t *testing.T) {
			t.Parallel()
			s := New(&Options{SharedStrategy: strategy})
			defer s.Close()
			online := s.newClient(nil, "l")
			g := &shareGroup{}
			stays := &subscription{session: s.newSession("stays", "")}
			stays.session.online.Store(online)
			s.shares.groups["g"] = g
			join := func(sub *subscription) { s.shares.join("g", sub, nil, nil) }
			others := make([]*subscription, 20)
			for i := range others {
				others[i] = &subscription{session: s.newSession(fmt.Sprint(i), "")} // offline
				join(others[i])
			}
			join(stays)
			done := make(chan struct{})
			go func() {
				defer close(done)
				for round := range 3000 {
					for i := range others {
						if s.shares.leave("g", others[i]); round%2 == i%2 {
							others[i] = &subscription{session: others[i].session}
						}
						join(others[i])
					}
				}
			}()
			for picks := 0; ; picks++ {
				if m := g.pick(s, "o", "t", 0, nil); m != stays {
					t.Fatalf("pick %d gave %v", picks, m)
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
}

func BenchmarkShareJoinAndLeave(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		b.Run(fmt.Sprint("members=", n), func(b *testing.B) {
			s := New(nil)
			subs := make([]*subscription, n)
			for i := range subs {
				subs[i] = newShared(s, i)
			}
			for b.Loop() {
				for _, sub := range subs {
					s.joinShare("g", "t", sub, nil)
				}
				for _, sub := range subs {
					s.shares.leave(sub.filter, sub)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/member")
		})
	}
}

func BenchmarkSharePick(b *testing.B) {
	for strategy := RoundRobin; strategy <= Sticky; strategy++ {
		b.Run(fmt.Sprint("strategy=", strategy), func(b *testing.B) {
			s := New(&Options{SharedStrategy: strategy})
			c := s.newClient(nil, "l")
			var sub *subscription
			for i := range 100 {
				sub = newShared(s, i)
				sub.session.online.Store(c)
				s.joinShare("g", "t", sub, nil)
			}
			for b.Loop() {
				if sub.group.pick(s, "o", "t", 0, nil) == nil {
					b.Fatal("nobody")
				}
			}
		})
	}
}

func newShared(s *Server, i int) *subscription {
	return &subscription{session: s.newSession(fmt.Sprint(i), ""), filter: "$share/g/t"}
}
