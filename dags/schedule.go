package dags

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
	On      string   `json:"on"`                // failure, success, always, recovery, late
	Webhook string   `json:"webhook,omitempty"` // JSON, signed
	Slack   string   `json:"slack,omitempty"`   // a Slack-compatible incoming webhook
	Mail    []string `json:"mail,omitempty"`
	Message string   `json:"message,omitempty"` // with expressions, which see event, reason and link too; empty is the usual one
}

// NotifyOn lists what a notification may wait for.
func NotifyOn() []string { return []string{"failure", "success", "always"} }

// Wants reports whether a run that ended well, or not, is notified of.
func (n Notify) Wants(succeeded bool) bool {
	return n.On == "always" || succeeded == (n.On == "success")
}
