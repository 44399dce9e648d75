package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// maximumPause is the longest time between two attempts.
const maximumPause = time.Minute

// batch is the body of a request.
type batch struct {
	Events []Notice `json:"events"`
}

// run sends batches until Stop, and then what still waits. It is started by
// New; cancelling ctx ends it at once.
func (h *Hook) run(ctx context.Context) {
	for {
		var first Notice
		select {
		case first = <-h.queue:
		case <-h.stop:
			select {
			case first = <-h.queue:
			default:
				return
			}
		}
		events := h.gather(first)
		if !h.deliver(ctx, events) {
			return
		}
		for i := range events {
			h.bytes.Add(-events[i].size)
		}
	}
}

// gather waits a moment for more events.
func (h *Hook) gather(first Notice) []Notice {
	events := []Notice{first}
	timer := time.NewTimer(h.options.BatchDelay)
	defer timer.Stop()
	for len(events) < h.options.BatchSize {
		select {
		case n := <-h.queue:
			events = append(events, n)
		case <-timer.C:
			return events
		case <-h.stop:
			for len(events) < h.options.BatchSize && len(h.queue) > 0 {
				events = append(events, <-h.queue)
			}
			return events
		}
	}
	return events
}

// deliver sends a batch until it is taken or given up; false tells that ctx has
// ended.
func (h *Hook) deliver(ctx context.Context, events []Notice) bool {
	body, err := json.Marshal(batch{events})
	if err != nil {
		h.options.Logger.Error("webhook: encode", "err", err) // strings and numbers always have an encoding
		return true
	}
	pause := h.options.Backoff
	for attempt := 1; ; attempt++ {
		again, err := h.post(ctx, body)
		if err == nil {
			h.posted.Add(int64(len(events)))
			return true
		}
		if ctx.Err() != nil {
			h.failed.Add(int64(len(events)))
			return false
		}
		if !again || attempt >= h.options.Attempts {
			h.failed.Add(int64(len(events)))
			h.options.Logger.Warn("webhook: events given up", "events", len(events), "attempts", attempt, "err", err)
			return true
		}
		h.options.Logger.Info("webhook: batch not taken, it will be sent again", "events", len(events), "attempt", attempt, "pause", pause.String(), "err", err)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
		pause = min(2*pause, maximumPause)
	}
}

// post sends a batch once; again tells whether it may help to send it again.
func (h *Hook) post(ctx context.Context, body []byte) (again bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, h.options.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.options.URL, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	maps.Copy(r.Header, h.options.Header)
	r.Header.Set("Content-Type", "application/json")
	at := strconv.FormatInt(time.Now().Unix(), 10)
	r.Header.Set("X-Linnet-Timestamp", at)
	if h.options.Secret != "" {
		r.Header.Set("X-Linnet-Signature", Sign(h.options.Secret, at, body))
	}
	resp, err := h.options.Client.Do(r)
	if err != nil {
		return true, err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	_ = resp.Body.Close()                                         // it was only read
	if resp.StatusCode >= http.StatusOK && resp.StatusCode < http.StatusMultipleChoices {
		return false, nil
	}
	busy := resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout
	return busy || resp.StatusCode >= http.StatusInternalServerError, fmt.Errorf("the answer is %s", resp.Status)
}

// Sign returns the signature of a batch, for receivers that check it: they
// compare in constant time, and refuse old timestamps.
func Sign(secret, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}
