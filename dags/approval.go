package dags

import (
	"github.com/bine-ml/bine"
)

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

// Kind gives approval.
func (ApprovalAction) Kind() string { return "approval" }

func (a ApprovalAction) outputs() map[string]Type {
	out := map[string]Type{"approved": Bool, "by": String, "note": String}
	for _, p := range a.Form {
		out[p.Name] = p.Type
		if p.Type == List || p.Type == Map {
			out[p.Name] = JSON
		}
	}
	return out
}

func (ApprovalAction) refs() []Ref { return nil }

func (a ApprovalAction) check(c *checker, s *Step) {
	if a.Message == "" {
		c.faultf(s.at("approval", "message"), "the message is empty: say what is asked")
	}
	c.few(s.at("approval", "form"), len(a.Form), "fields")
	c.few(s.at("approval", "notify"), len(a.Notify), "notifications")
	for i := range a.Form {
		at := s.at("approval", "form", a.Form[i].Name)
		if name := a.Form[i].Name; name == "approved" || name == "by" || name == "note" {
			c.faultf(at, "%s is an output of every approval: choose another name", name)
		}
		c.checkParamAt(at, &a.Form[i])
		if a.Otherwise == "approve" && a.Form[i].Required() {
			c.faultf(at, "where the deadline approves, every field needs a default")
		}
	}
	if a.Otherwise != "" && a.Deadline == 0 {
		c.faultf(s.at("approval", "otherwise"), "otherwise is what happens at the deadline, and there is none")
	}
	c.answerers(s.at("approval", "by"), a.By)
	for i, n := range a.Notify {
		c.checkNotify(s.at("approval", "notify", i), n, false)
	}
	if e := a.Escalate; e != nil {
		at := s.at("approval", "escalate")
		if e.After <= 0 {
			c.faultf(place(at, "after"), "after how long is it escalated?")
		}
		c.answerers(place(at, "to"), e.To)
		for i, n := range e.Notify {
			c.checkNotify(place(at, "notify", i), n, false)
		}
	}
}

// answerers checks a list of roles and users.
func (c *checker) answerers(at string, names []string) {
	c.few(at, len(names), "roles and users")
	for i, name := range names {
		if name != string(bine.DataOwner) && name != string(bine.DataScientist) {
			c.wrong(place(at, i), bine.UserName(name).Check())
		}
	}
}

func (a ApprovalAction) rewrite(f rewriter) (Action, error) {
	var err error
	a.Message, err = f.text(place("approval", "message"), a.Message)
	return a, err
}

func approvalFields() []field[ApprovalAction] {
	return []field[ApprovalAction]{
		{name: "message", required: true, doc: "What is asked; it may hold expressions.", schema: textSchema,
			read: func(v value, a *ApprovalAction) { a.Message = v.text() }},
		{name: "form", doc: "What an approval gives beside yes: fields by name, as params.", schema: mapOf(object(paramFields())),
			read: func(v value, a *ApprovalAction) { a.Form = readParams(v) }},
		{name: "by", doc: "Who may answer: data_owner, data_scientist and names of users; every member if absent.", schema: listOf(textSchema),
			read: func(v value, a *ApprovalAction) { a.By = readAddresses(v) }},
		{name: "deadline", doc: "How long there is to answer; for ever if absent.", schema: durationSchema,
			read: func(v value, a *ApprovalAction) { a.Deadline = v.duration() }},
		{name: "otherwise", doc: "What happens at the deadline: approve, or reject (if absent).", schema: enum("approve", "reject"),
			read: func(v value, a *ApprovalAction) {
				a.Otherwise = v.choice([]string{"approve", "reject"})
			}},
		{name: "on_reject", doc: "What a rejection does: fail (if absent), or go_on with approved false.", schema: enum("fail", "go_on"),
			read: func(v value, a *ApprovalAction) { a.OnReject = v.choice([]string{"fail", "go_on"}) }},
		{name: "remind", doc: "How long between two reminders; none if absent.", schema: durationSchema,
			read: func(v value, a *ApprovalAction) { a.Remind = v.duration() }},
		{name: "escalate", doc: "Who is asked too when nobody answers.", schema: object(escalationFields()),
			read: func(v value, a *ApprovalAction) {
				a.Escalate = &Escalation{}
				readFields(v, "escalate", escalationFields(), a.Escalate)
			}},
		{name: "notify", doc: "Who is told that there is something to answer.", schema: listOf(object(channelFields())),
			read: func(v value, a *ApprovalAction) { a.Notify = readChannels(v) }},
	}
}

func escalationFields() []field[Escalation] {
	return []field[Escalation]{
		{name: "after", required: true, doc: "How long nobody has answered.", schema: durationSchema,
			read: func(v value, e *Escalation) { e.After = v.duration() }},
		{name: "to", doc: "Roles and users who may then answer too.", schema: listOf(textSchema),
			read: func(v value, e *Escalation) { e.To = readAddresses(v) }},
		{name: "notify", doc: "Who is told.", schema: listOf(object(channelFields())),
			read: func(v value, e *Escalation) { e.Notify = readChannels(v) }},
	}
}

func approvalKind() Kind {
	return mappingKind(Kind{
		Name:  "approval",
		Doc:   "Asks people and waits for their answer; its outputs are approved, by, note and the fields of its form.",
		Waits: true,
	}, approvalFields())
}
