package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/linnetmq/linnet/mqtt"
)

// levelView is one level of the tree of topics.
type levelView struct {
	Name          string `json:"name" doc:"May be empty, + or #."`
	Path          string `json:"path" doc:"The topic or filter that ends with this level."`
	Subscriptions int    `json:"subscriptions" doc:"Subscriptions with exactly this filter; a shared one counts once."`
	Retained      bool   `json:"retained" doc:"The topic has a retained message."`
	More          bool   `json:"more" doc:"There is something below."`
}

// levelPage is a page of the levels that follow a prefix.
type levelPage struct {
	Levels []levelView `json:"levels" nullable:"false"`
	Next   string      `json:"next,omitzero" doc:"The cursor of the next page; missing at the end."`
}

type listTopicsInput struct {
	PageInput
	Prefix string `query:"prefix" maxLength:"65535" doc:"What the levels follow, with the slash at its end; missing for the first levels." example:"home/"`
}

func (h *Handler) topicOperations(a huma.API) {
	register(a, operation{
		id: "listTopics", method: http.MethodGet, path: "/topics", scope: ScopeRead, tag: "topics",
		summary: "List one level of topics",
		about:   "The tree that subscriptions and retained messages make of their filters and topics, one level at a time.",
		errors:  []int{http.StatusBadRequest},
	}, func(_ context.Context, in *listTopicsInput) (*body[levelPage], error) {
		page, err := h.server.TopicLevels(mqtt.TopicQuery{Prefix: in.Prefix, After: in.Cursor, Limit: in.Limit})
		if err != nil {
			return nil, problemOf(err)
		}
		out := levelPage{Levels: make([]levelView, len(page.Levels)), Next: page.Next}
		for i, l := range page.Levels {
			out.Levels[i] = levelView(l)
		}
		return answer(out), nil
	})
}
