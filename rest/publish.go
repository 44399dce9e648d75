package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

// published says what became of a message.
type published struct {
	Topic string `json:"topic"`
	OK    bool   `json:"ok"`
	Error string `json:"error,omitzero"`
	// Subscriptions are counted a moment before.
	Subscriptions int `json:"subscriptions" doc:"Subscriptions that match; of a shared one all members are counted."`
}

// bulkResult has one result for each message, in order.
type bulkResult struct {
	Failed  int         `json:"failed" doc:"How many were not published."`
	Results []published `json:"results" nullable:"false"`
}

type publishInput struct{ Body MessageView }

type bulkInput struct {
	Body struct {
		Messages []MessageView `json:"messages" minItems:"1" maxItems:"1000" nullable:"false"`
	}
}

// The largest bodies: a message of the largest size an operator usually allows,
// in Base64.
const (
	maximumMessageBody = 32 << 20
	maximumBulkBody    = 64 << 20
)

func (h *Handler) publishOperations(a huma.API) {
	register(a, operation{
		id: "publish", method: http.MethodPost, path: "/publish", scope: ScopePublish, tag: "publish",
		summary: "Publish a message", about: "Access rules do not apply, hooks do.",
		errors: []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge}, maxBody: maximumMessageBody,
	}, func(ctx context.Context, in *publishInput) (*body[published], error) {
		audited(ctx, slog.String("topic", in.Body.Topic))
		p := h.publish(&in.Body)
		if !p.OK {
			return nil, huma.Error400BadRequest(p.Error)
		}
		return answer(p), nil
	})
	register(a, operation{
		id: "publishBulk", method: http.MethodPost, path: "/publish/bulk", scope: ScopePublish, tag: "publish",
		summary: "Publish many messages", about: "In order. One that cannot be published does not stop those behind it.",
		errors: []int{http.StatusRequestEntityTooLarge}, maxBody: maximumBulkBody,
	}, func(ctx context.Context, in *bulkInput) (*body[bulkResult], error) {
		out := bulkResult{Results: make([]published, len(in.Body.Messages))}
		for i := range in.Body.Messages {
			out.Results[i] = h.publish(&in.Body.Messages[i])
			if !out.Results[i].OK {
				out.Failed++
			}
		}
		audited(ctx, slog.Int("messages", len(out.Results)), slog.Int("failed", out.Failed))
		return answer(out), nil
	})
}

func (h *Handler) publish(m *MessageView) published {
	p := published{Topic: m.Topic}
	pk, err := m.packet()
	if err == nil {
		if page, err := h.server.Subscriptions(mqtt.SubscriptionQuery{Topic: m.Topic, Limit: 1}); err == nil {
			p.Subscriptions = page.Total
		}
		err = h.server.PublishPacket(pk)
	}
	if err != nil {
		p.Error = err.Error()
		return p
	}
	p.OK = true
	return p
}

// parseImport reads one line of an export.
func parseImport(line []byte) (*packets.Publish, error) {
	var m receivedView
	if err := json.Unmarshal(line, &m); err != nil {
		return nil, err
	}
	pk, err := m.packet()
	if err != nil {
		return nil, err
	}
	if pk.QoS > 2 {
		return nil, fmt.Errorf("QoS %d, want 0, 1 or 2", pk.QoS)
	}
	if len(pk.Payload) == 0 {
		return nil, errors.New("the payload is empty, which would clear the topic")
	}
	pk.Retain = true
	return pk, nil
}

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }
