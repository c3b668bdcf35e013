package dags

// ApprovalAction asks people and waits for their answer, without holding a
// worker. Its outputs are approved, a bool, by, the user, note, and each field
// of the form.
type ApprovalAction struct {
	Message   string      `json:"message"` // may hold expressions
	Form      []Param     `json:"form,omitempty"`
	By        []string    `json:"by,omitempty"`               // roles and users; empty is every member
	Deadline  float64     `json:"deadline_seconds,omitempty"` // 0 is none
	Otherwise string      `json:"otherwise,omitempty"`        // at the deadline: approve or reject (if empty)
	OnReject  string      `json:"on_reject,omitempty"`        // fail (if empty), or go_on with approved false
	Remind    float64     `json:"remind_seconds,omitempty"`   // between two reminders; 0 is never
	Escalate  *Escalation `json:"escalate,omitempty"`
	Notify    []Notify    `json:"notify,omitempty"` // who is asked; on is left out
}

// Escalation asks others, who may then answer too.
type Escalation struct {
	After  float64  `json:"after_seconds"`
	To     []string `json:"to,omitempty"` // roles and users
	Notify []Notify `json:"notify,omitempty"`
}
