package mqtt

import (
	"fmt"
	"strings"

	"github.com/linnetmq/linnet/topics"
)

// TopicLevel is one level of the tree that retained messages and subscriptions
// make of their topics and filters.
type TopicLevel struct {
	// Name is the level, which may be empty, "+" or "#"; Path is the topic or
	// filter that ends with it.
	Name, Path string
	// Subscriptions is the number of subscriptions with exactly this filter; a
	// shared subscription counts once, whatever the number of its members.
	Subscriptions int
	// Retained tells that the topic has a retained message.
	Retained bool
	// More tells that there is something below.
	More bool
}

// TopicQuery says which levels to list.
type TopicQuery struct {
	// Prefix is "" for the first levels, else it ends with a slash: "home/".
	Prefix string
	// After is the Next of the page before, "" for the first page.
	After string
	// Limit is the number of levels wanted, at most 10,000; 0 means 100.
	Limit int
}

// TopicPage is a part of a level's children, in alphabetical order.
type TopicPage struct {
	Levels []TopicLevel
	// Next is the After of the next page, "" at the end.
	Next string
}

// orderTopics tells cursors of TopicLevels from others.
const orderTopics = 100

// TopicLevels lists what follows a prefix, one level deep.
func (s *Server) TopicLevels(q TopicQuery) (TopicPage, error) {
	if q.Prefix != "" && !strings.HasSuffix(q.Prefix, "/") {
		return TopicPage{}, fmt.Errorf("list topics: prefix %q: end it with a slash", q.Prefix)
	}
	after, err := s.parseCursor(q.After, orderTopics)
	if err != nil {
		return TopicPage{}, err
	}
	limit := pageSize(q.Limit)
	sel := selection[TopicLevel]{keep: 2*limit + 2, after: after} // a level may have two entries
	s.index.Children(q.Prefix, func(level string, subscriptions int, more bool) bool {
		sel.offer(rank{ID: level}, TopicLevel{Name: level, Subscriptions: subscriptions, More: more})
		return true
	})
	s.retained.levels(q.Prefix, func(level string, stored, more bool) bool {
		sel.offer(rank{ID: level, Filter: "retained"}, TopicLevel{Name: level, Retained: stored, More: more})
		return !sel.beyond(rank{ID: level})
	}, after)
	return s.topicPage(q.Prefix, sel.sorted(), limit), nil
}

// beyond tells that nothing from here on is among the first.
func (x *selection[T]) beyond(at rank) bool { return x.bound != nil && at.compare(*x.bound) > 0 }

// topicPage joins the two entries that one level may have.
func (s *Server) topicPage(prefix string, list []ranked[TopicLevel], limit int) TopicPage {
	page := TopicPage{}
	for i := range list {
		level := list[i].value
		if n := len(page.Levels); n > 0 && page.Levels[n-1].Name == level.Name {
			last := &page.Levels[n-1]
			last.Subscriptions += level.Subscriptions
			last.Retained = last.Retained || level.Retained
			last.More = last.More || level.More
			continue
		}
		if len(page.Levels) == limit {
			last := page.Levels[limit-1].Name
			page.Next = s.cursor(orderTopics, rank{ID: last, Filter: "retained"})
			return page
		}
		level.Path = prefix + level.Name
		page.Levels = append(page.Levels, level)
	}
	return page
}

// levels yields the levels that follow a prefix in the topics of retained
// messages, in the order of the tree, beginning after the level of a cursor.
func (x *retained) levels(prefix string, yield func(level string, stored, more bool) bool, after *rank) {
	from, skip := prefix, false
	if after != nil {
		from, skip = belowAll(prefix+after.ID), true
	}
	for {
		topic, below := x.level(from, skip)
		level, ok := strings.CutPrefix(topic, prefix)
		if topic == "" || !ok {
			return
		}
		if first := topics.FirstLevel(level); first != level { // nothing is stored at the level itself
			level = first
			if !yield(level, false, true) {
				return
			}
		} else if !yield(level, true, below) {
			return
		}
		from, skip = belowAll(prefix+level), true
	}
}

// belowAll comes after everything below a topic, and before its next sibling.
func belowAll(topic string) string { return topic + "/\xff" }

// level returns the first topic from a place on, "" if there is none, and
// whether another stands directly below it.
func (x *retained) level(from string, after bool) (topic string, below bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var found [1]*retainedMessage
	if len(x.tree.collect(from, after, found[:0])) == 0 {
		return "", false
	}
	topic = found[0].message.Topic
	below = len(x.tree.collect(topic, true, found[:0])) > 0 && strings.HasPrefix(found[0].message.Topic, topic+"/")
	return topic, below
}
