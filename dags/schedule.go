package dags

import (
	"context"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/expr"
)

// Schedule says when a pipeline runs by itself.
type Schedule struct {
	Cron     string  `json:"cron"`                     // five fields, or @daily and the like
	TimeZone string  `json:"time_zone"`                // IANA name
	Overlap  string  `json:"overlap"`                  // skip, buffer_one, buffer_all, cancel_other, allow_all
	CatchUp  float64 `json:"catch_up_seconds"`         // ticks missed for longer than this are dropped
	Jitter   float64 `json:"jitter_seconds,omitempty"` // a tick starts up to so much later, always by the same
}

// Overlaps lists what may happen at a tick while the run before still goes on.
func Overlaps() []string {
	return []string{"skip", "buffer_one", "buffer_all", "cancel_other", "allow_all"}
}

// DefaultCatchUp is the catch-up window of a schedule that names none, in seconds.
const DefaultCatchUp = 3600.0

// Notify tells people of a run: exactly one of Webhook, Slack and Mail is set.
type Notify struct {
	On      string   `json:"on,omitempty"`      // failure, success, always, recovery, late; of an approval, empty
	Webhook string   `json:"webhook,omitempty"` // JSON, signed
	Slack   string   `json:"slack,omitempty"`   // a Slack-compatible incoming webhook
	Mail    []string `json:"mail,omitempty"`
	Message string   `json:"message,omitempty"` // with expressions; empty is the usual sentence
}

// NotifyOn lists what a notification may wait for.
func NotifyOn() []string { return []string{"failure", "success", "always", "recovery", "late"} }

// Wants reports whether an event is notified of. always is every end of a run.
func (n Notify) Wants(event bine.NoticeEvent) bool {
	if n.On == "always" {
		return event == bine.NoticeFailure || event == bine.NoticeSuccess
	}
	return n.On == string(event)
}

// Text evaluates the message; it is empty where there is none. The scope needs
// its event, reason and link.
func (n Notify) Text(ctx context.Context, scope expr.Scope) (string, error) {
	if n.Message == "" {
		return "", nil
	}
	return expr.EvalText(ctx, n.Message, scope)
}
