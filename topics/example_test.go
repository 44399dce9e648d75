package topics_test

import (
	"fmt"
	"slices"

	"github.com/linnetmq/linnet/topics"
)

func ExampleIndex() {
	var x topics.Index[string, string] // client ID, what the router needs
	x.Put("garden/+/temperature", "anna", "anna, QoS 1")
	x.Put("garden/#", "bert", "bert, QoS 0")
	x.Put("kitchen/#", "anna", "anna, QoS 2")

	receivers := x.Match("garden/pond/temperature", nil)
	slices.Sort(receivers)
	fmt.Println(receivers)
	// Output: [anna, QoS 1 bert, QoS 0]
}

func ExampleIndex_Generation() {
	var x topics.Index[string, string]
	x.Put("garden/#", "anna", "anna")

	generation := x.Generation("garden/pond") // first this
	receivers := x.Match("garden/pond", nil)  // then that
	fmt.Println(receivers, x.Generation("garden/pond") == generation)

	x.Put("garden/pond", "bert", "bert")
	fmt.Println(x.Generation("garden/pond") == generation)
	// Output:
	// [anna] true
	// false
}

func ExampleSplitShare() {
	share, filter, ok := topics.SplitShare("$share/workers/jobs/+")
	fmt.Println(share, filter, ok)
	// Output: workers jobs/+ true
}

func ExampleCovers() {
	fmt.Println(topics.Covers("garden/#", "garden/+/temperature"))
	fmt.Println(topics.Covers("#", "$SYS/#"))
	// Output:
	// true
	// false
}
