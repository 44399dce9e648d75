package rest

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

// subscriptionView is one subscription.
type subscriptionView struct {
	ClientID          string    `json:"client_id" doc:"Empty for a subscription of the broker's own process."`
	Filter            string    `json:"filter" doc:"With $share where it is shared."`
	QoS               byte      `json:"qos"`
	NoLocal           bool      `json:"no_local"`
	RetainAsPublished bool      `json:"retain_as_published"`
	RetainHandling    byte      `json:"retain_handling"`
	SubscriptionID    uint32    `json:"subscription_id,omitzero"`
	ShareName         string    `json:"share_name,omitzero"`
	At                time.Time `json:"at" doc:"When it was made or last replaced."`
	Connected         bool      `json:"connected" doc:"Whether the client is connected."`
	Inline            bool      `json:"inline,omitzero" doc:"It is one of the broker's own process."`
}

func viewSubscription(s *mqtt.SubscriptionInfo) subscriptionView {
	return subscriptionView{
		ClientID: s.ClientID, Filter: s.Filter, QoS: s.QoS, NoLocal: s.NoLocal,
		RetainAsPublished: s.RetainAsPublished, RetainHandling: s.RetainHandling, SubscriptionID: s.SubscriptionID,
		ShareName: s.ShareName, At: s.At, Connected: s.Connected, Inline: s.Inline,
	}
}

// subscriptionPage is a page of subscriptions.
type subscriptionPage struct {
	Subscriptions []subscriptionView `json:"subscriptions" nullable:"false"`
	Next          string             `json:"next,omitzero" doc:"The cursor of the next page; missing at the end."`
	Total         *int               `json:"total,omitempty" doc:"How many there are in all, if that is known."`
}

type listSubscriptionsInput struct {
	PageInput
	ClientID string `query:"client_id" maxLength:"65535" doc:"Those of one client."`
	Filter   string `query:"filter" maxLength:"65535" doc:"Those with exactly this filter, $share included."`
	Topic    string `query:"topic" maxLength:"65535" doc:"Those that match this topic: all that a message on it could go to."`
	Sort     string `query:"sort" enum:"at" doc:"The oldest first; looks at all of them for each page."`
}

// wantedSubscription is one filter to subscribe to.
type wantedSubscription struct {
	Filter            string `json:"filter" minLength:"1" maxLength:"65535"`
	QoS               byte   `json:"qos,omitempty" minimum:"0" maximum:"2"`
	NoLocal           bool   `json:"no_local,omitempty"`
	RetainAsPublished bool   `json:"retain_as_published,omitempty"`
	RetainHandling    byte   `json:"retain_handling,omitempty" minimum:"0" maximum:"2"`
}

type subscribeInput struct {
	ClientInput
	Body struct {
		Subscriptions  []wantedSubscription `json:"subscriptions" minItems:"1" maxItems:"1000" nullable:"false"`
		SubscriptionID uint32               `json:"subscription_id,omitempty" maximum:"268435455"`
	}
}

type unsubscribeInput struct {
	ClientInput
	Body struct {
		Filters []string `json:"filters" minItems:"1" maxItems:"1000" nullable:"false"`
	}
}

// filterResult is what became of one filter.
type filterResult struct {
	Filter     string `json:"filter"`
	ReasonCode int    `json:"reason_code" doc:"As in SUBACK and UNSUBACK; 128 and above are failures."`
	Reason     string `json:"reason"`
	OK         bool   `json:"ok"`
}

// filterResults has one result for each filter, in order.
type filterResults struct {
	Results []filterResult `json:"results" nullable:"false"`
}

func (h *Handler) subscriptionOperations(a huma.API) {
	register(a, operation{
		id: "listSubscriptions", method: http.MethodGet, path: "/subscriptions", scope: ScopeRead, tag: "subscriptions",
		summary: "List subscriptions", about: "Select by at most one of client_id, filter and topic.",
		errors: []int{http.StatusBadRequest, http.StatusServiceUnavailable},
	}, h.listSubscriptions)
	register(a, operation{
		id: "subscribeClient", method: http.MethodPost, path: "/clients/{client_id}/subscribe", scope: ScopeAdmin, tag: "subscriptions",
		summary: "Subscribe on behalf of a client",
		about:   "The client need not be connected. Access rules apply as if it had asked itself.",
		errors:  []int{http.StatusBadRequest, http.StatusNotFound},
	}, h.subscribeClient)
	register(a, operation{
		id: "unsubscribeClient", method: http.MethodPost, path: "/clients/{client_id}/unsubscribe", scope: ScopeAdmin, tag: "subscriptions",
		summary: "Unsubscribe on behalf of a client", errors: []int{http.StatusBadRequest, http.StatusNotFound},
	}, h.unsubscribeClient)
}

func (h *Handler) listSubscriptions(ctx context.Context, in *listSubscriptionsInput) (*body[subscriptionPage], error) {
	q := mqtt.SubscriptionQuery{After: in.Cursor, Limit: in.Limit, ClientID: in.ClientID, Filter: in.Filter, Topic: in.Topic}
	if in.Sort == "at" {
		q.Order = mqtt.SubscriptionsByTime
	}
	if q.ClientID == "" {
		done, ok := h.scans.begin(ctx)
		if !ok {
			return nil, huma.Error503ServiceUnavailable(textBusy)
		}
		defer done()
	}
	page, err := h.server.Subscriptions(q)
	if err != nil {
		return nil, problemOf(err)
	}
	out := subscriptionPage{Subscriptions: make([]subscriptionView, len(page.Subscriptions)), Next: page.Next}
	if page.Total >= 0 {
		out.Total = &page.Total
	}
	for i := range page.Subscriptions {
		out.Subscriptions[i] = viewSubscription(&page.Subscriptions[i])
	}
	return answer(out), nil
}

func (h *Handler) subscribeClient(ctx context.Context, in *subscribeInput) (*body[filterResults], error) {
	subs := make([]packets.Subscription, len(in.Body.Subscriptions))
	filters := make([]string, len(subs))
	for i, w := range in.Body.Subscriptions {
		filters[i] = w.Filter
		subs[i] = packets.Subscription{
			Filter: w.Filter, QoS: w.QoS, NoLocal: w.NoLocal,
			RetainAsPublished: w.RetainAsPublished, RetainHandling: w.RetainHandling,
		}
	}
	audited(ctx, slog.String("client_id", in.ClientID), slog.Any("filters", filters))
	codes, err := h.server.SubscribeClient(in.ClientID, subs, in.Body.SubscriptionID)
	if err != nil {
		return nil, problemOf(err)
	}
	return answer(results(filters, codes, grantedText)), nil
}

func (h *Handler) unsubscribeClient(ctx context.Context, in *unsubscribeInput) (*body[filterResults], error) {
	audited(ctx, slog.String("client_id", in.ClientID), slog.Any("filters", in.Body.Filters))
	codes, err := h.server.UnsubscribeClient(in.ClientID, in.Body.Filters)
	if err != nil {
		return nil, problemOf(err)
	}
	return answer(results(in.Body.Filters, codes, packets.Code.String)), nil
}

// grantedText is the text of a Reason Code in SUBACK, where 0 is a QoS.
func grantedText(code packets.Code) string {
	if code == packets.CodeGrantedQoS0 {
		return "granted qos 0"
	}
	return code.String()
}

func results(filters []string, codes []packets.Code, text func(packets.Code) string) filterResults {
	r := filterResults{Results: make([]filterResult, len(codes))}
	for i, code := range codes {
		r.Results[i] = filterResult{Filter: filters[i], ReasonCode: int(code), Reason: text(code), OK: !code.Failed()}
	}
	return r
}
