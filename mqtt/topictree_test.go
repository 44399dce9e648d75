package mqtt

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
)

// checkTree fails unless the tree holds its invariants: items in order, nodes
// neither too full nor, but for the root, too empty, all leaves at one depth.
func checkTree(t *testing.T, tree *topicTree) {
	t.Helper()
	if tree.root == nil {
		if tree.len != 0 {
			t.Fatalf("an empty tree of length %d", tree.len)
		}
		return
	}
	depths := map[int]bool{}
	var walk func(n *treeNode, depth int) int
	walk = func(n *treeNode, depth int) int {
		if n != tree.root && len(n.items) < treeMinimum/2 || len(n.items) > treeMaximum {
			t.Fatalf("a node of %d items", len(n.items))
		}
		total := len(n.items)
		if n.children == nil {
			depths[depth] = true
			return total
		}
		if len(n.children) != len(n.items)+1 {
			t.Fatalf("%d items and %d children", len(n.items), len(n.children))
		}
		for _, child := range n.children {
			total += walk(child, depth+1)
		}
		return total
	}
	if n := walk(tree.root, 0); n != tree.len {
		t.Fatalf("%d items in a tree of length %d", n, tree.len)
	}
	if len(depths) != 1 {
		t.Fatalf("leaves at depths %v", depths)
	}
}

// TestTopicTreeAgainstMap plays seeded random histories on the tree and on a map.
func TestTopicTreeAgainstMap(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 1))
			var tree topicTree
			model := map[string]*retainedMessage{}
			grow := 60 + int(seed)
			for step := range 20_000 {
				if step%4000 == 3999 {
					grow = 90 - grow // shrink, then grow again
				}
				topic := fmt.Sprintf("a/%c/%d", 'a'+rng.IntN(5), rng.IntN(1500))
				if rng.IntN(100) < grow {
					m := &retainedMessage{message: &Message{Topic: topic}}
					if old := tree.put(m); old != model[topic] {
						t.Fatalf("step %d: put replaced %v, want %v", step, old, model[topic])
					}
					model[topic] = m
				} else {
					if old := tree.delete(topic); old != model[topic] {
						t.Fatalf("step %d: delete gave %v, want %v", step, old, model[topic])
					}
					delete(model, topic)
				}
				probe := fmt.Sprintf("a/%c/%d", 'a'+rng.IntN(5), rng.IntN(1500))
				if tree.get(probe) != model[probe] {
					t.Fatalf("step %d: get %q differs", step, probe)
				}
				if step%500 == 0 {
					checkTree(t, &tree)
					checkOrder(t, &tree, model)
				}
			}
		})
	}
}

// checkOrder walks the tree in steps and compares with the model's sorted topics.
func checkOrder(t *testing.T, tree *topicTree, model map[string]*retainedMessage) {
	t.Helper()
	want := make([]string, 0, len(model))
	for topic := range model {
		want = append(want, topic)
	}
	sort.Slice(want, func(i, j int) bool { return topicLess(want[i], want[j]) })
	var got []string
	for size := 1; ; size++ {
		from := ""
		if len(got) > 0 {
			from = got[len(got)-1]
		}
		found := tree.collect(from, len(got) > 0, make([]*retainedMessage, 0, size))
		for _, e := range found {
			got = append(got, e.message.Topic)
		}
		if len(found) < size {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("walk gave %d topics, want %d in order", len(got), len(want))
	}
}

func TestTopicOrderKeepsSubtreesTogether(t *testing.T) {
	t.Parallel()
	list := []string{"a-b", "a", "a/b", "a/b/c", "a!", "a/", "b", "a/b-", "/", "", "/a"}
	sort.Slice(list, func(i, j int) bool { return topicLess(list[i], list[j]) })
	want := []string{"", "/", "/a", "a", "a/", "a/b", "a/b/c", "a/b-", "a!", "a-b", "b"}
	if !slices.Equal(list, want) {
		t.Errorf("order is %q, want %q", list, want)
	}
}
