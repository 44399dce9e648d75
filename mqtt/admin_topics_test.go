package mqtt_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

func publishRetained(t *testing.T, s *mqtttest.Server, topics ...string) {
	t.Helper()
	for _, topic := range topics {
		if err := s.Publish(topic, []byte("v "+topic), true, 1); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTopicLevels(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServerWith(t, &mqtt.Options{SysTopicResendInterval: -1})
	c := mqtttest.Dial(t, s, passing(packets.V5, "c"))
	for _, filter := range []string{"home/+", "home/kitchen/#", "home/kitchen/lamp", "$share/g/home/kitchen/lamp", "z/y/x", "#"} {
		c.Subscribe(filter, 0)
	}
	publishRetained(t, s, "home", "home/kitchen/lamp", "home/kitchen/door", "home!", "home/attic", "/lead", "z", "home/")
	tests := []struct {
		prefix string
		want   []string
	}{
		{"", []string{" 0 false true", "# 1 false false", "home 0 true true", "home! 0 true false", "z 0 true true"}},
		{"home/", []string{" 0 true false", "+ 1 false false", "attic 0 true false", "kitchen 0 false true"}},
		{"home/kitchen/", []string{"# 1 false false", "door 0 true false", "lamp 2 true false"}},
		{"/", []string{"lead 0 true false"}},
		{"z/", []string{"y 0 false true"}},
		{"nothing/", nil},
		{"hom/", nil},
	}
	for _, tt := range tests {
		for _, limit := range []int{0, 1, 2, 3} {
			var got []string
			q := mqtt.TopicQuery{Prefix: tt.prefix, Limit: limit}
			for more := true; more; more = q.After != "" {
				page, err := s.TopicLevels(q)
				if err != nil {
					t.Fatal(err)
				}
				if limit > 0 && len(page.Levels) > limit {
					t.Errorf("a page of %d", len(page.Levels))
				}
				for _, l := range page.Levels {
					got = append(got, fmt.Sprint(l.Name, " ", l.Subscriptions, " ", l.Retained, " ", l.More))
					if l.Path != tt.prefix+l.Name {
						t.Errorf("level %q has the path %q", l.Name, l.Path)
					}
				}
				q.After = page.Next
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("below %q, by %d: %q, want %q", tt.prefix, limit, got, tt.want)
			}
		}
	}
	if _, err := s.TopicLevels(mqtt.TopicQuery{Prefix: "home"}); err == nil {
		t.Error("a prefix without slash is accepted")
	}
	if _, err := s.TopicLevels(mqtt.TopicQuery{After: "x"}); !errors.Is(err, mqtt.ErrBadCursor) {
		t.Error(err)
	}
}

func TestManyTopicLevels(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServerWith(t, &mqtt.Options{SysTopicResendInterval: -1})
	for i := range 3000 {
		publishRetained(t, s, fmt.Sprintf("dev/%04d/state", i))
	}
	q := mqtt.TopicQuery{Prefix: "dev/", Limit: 70}
	var got []string
	for more := true; more; more = q.After != "" {
		page, err := s.TopicLevels(q)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range page.Levels {
			got = append(got, l.Name)
		}
		q.After = page.Next
	}
	if len(got) != 3000 || got[2999] != "2999" || !slices.IsSorted(got) {
		t.Errorf("%d levels", len(got))
	}
}

func TestRetainedListed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mqtttest.NewServerWith(t, &mqtt.Options{SysTopicResendInterval: -1})
		publishRetained(t, s, "b", "a/c", "a", "a/b/c", "$SYS/x")
		pk := &packets.Publish{Topic: "a/soon", Payload: []byte("x"), Retain: true, QoS: 2}
		pk.Properties.MessageExpiryInterval, pk.Properties.ContentType = 60, "text/plain"
		if err := s.PublishPacket(pk); err != nil {
			t.Fatal(err)
		}
		for filter, want := range map[string][]string{
			"":       {"a", "a/b/c", "a/c", "a/soon", "b"},
			"a/+":    {"a/c", "a/soon"},
			"$SYS/#": {"$SYS/x"},
			"none":   nil,
		} {
			var got, streamed []string
			q := mqtt.RetainedQuery{Filter: filter, Limit: 2}
			for more := true; more; more = q.After != "" {
				page, err := s.Retained(q)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range page.Messages {
					got = append(got, m.Topic)
				}
				q.After = page.Next
			}
			if err := s.EachRetained(filter, func(m mqtt.RetainedMessage) bool { streamed = append(streamed, m.Topic); return true }); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want) || !slices.Equal(streamed, want) {
				t.Errorf("filter %q: pages %q, stream %q; want %q", filter, got, streamed, want)
			}
		}
		<-time.After(20 * time.Second)
		m, ok := s.RetainedMessage("a/soon")
		back := m.Packet()
		if !ok || back.QoS != 2 || !back.Retain || back.Properties.MessageExpiryInterval != 40 || back.Properties.ContentType != "text/plain" {
			t.Errorf("%t %+v", ok, back)
		}
		for _, filter := range []string{"a/#/b", "$share/g/a"} {
			if _, err := s.Retained(mqtt.RetainedQuery{Filter: filter}); err == nil {
				t.Errorf("filter %q is accepted", filter)
			}
			if err := s.EachRetained(filter, nil); err == nil {
				t.Errorf("filter %q is accepted by EachRetained", filter)
			}
		}
		if _, err := s.Retained(mqtt.RetainedQuery{After: "!"}); !errors.Is(err, mqtt.ErrBadCursor) {
			t.Error(err)
		}
	})
}

func TestRetainedCleared(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServer(t)
	publishRetained(t, s, "a")
	c := mqtttest.Dial(t, s, passing(packets.V5, "c"))
	c.Subscribe("a", 0)
	c.Message()
	if cleared, err := s.ClearRetained("a"); !cleared || err != nil {
		t.Errorf("%t %v", cleared, err)
	}
	if pk := c.Message(); len(pk.Payload) != 0 {
		t.Errorf("the subscriber got %q", pk.Payload)
	}
	if _, ok := s.RetainedMessage("a"); ok {
		t.Error("it is still there")
	}
	if cleared, err := s.ClearRetained("a"); cleared || err != nil {
		t.Errorf("the second time: %t %v", cleared, err)
	}
	c.Ping()
}
