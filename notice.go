package bine

import "time"

// Notice is one message about a run to one address, and how its delivery went.
type Notice struct {
	ID       int64       `json:"id"`
	Run      RunID       `json:"run"`
	Step     StepName    `json:"step,omitempty" doc:"of an approval"`
	Item     string      `json:"item,omitempty"`
	Event    NoticeEvent `json:"event"`
	Channel  string      `json:"channel" doc:"webhook, slack or mail"`
	To       string      `json:"to" doc:"host of the address, or the mail addresses"`
	State    State       `json:"state" doc:"pending, succeeded or failed"`
	Attempts int         `json:"attempts"`
	Reason   string      `json:"reason,omitempty" doc:"of the last attempt that failed"`
	At       time.Time   `json:"at"`
	SentAt   *time.Time  `json:"sent_at,omitempty"`
}

// NoticeEvent is what a notice tells of.
type NoticeEvent string

// The events. Recovery is a run that succeeded after one that failed; Late, one
// that had not ended at its deadline; the last three are those of an approval.
const (
	NoticeFailure  NoticeEvent = "failure"
	NoticeSuccess  NoticeEvent = "success"
	NoticeRecovery NoticeEvent = "recovery"
	NoticeLate     NoticeEvent = "late"
	NoticeApproval NoticeEvent = "approval"
	NoticeReminder NoticeEvent = "reminder"
	NoticeEscalate NoticeEvent = "escalation"
)
