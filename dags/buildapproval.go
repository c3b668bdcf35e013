package dags

import "github.com/bine-ml/bine"

// ApprovalBuilder is a step that asks people, under construction.
type ApprovalBuilder struct{ *StepBuilder }

// Approval begins a step that asks people and waits for their answer. The
// message may hold expressions. Its outputs are approved, by, note and the
// fields of its form.
func Approval(name, message string) *ApprovalBuilder {
	return &ApprovalBuilder{newStep(name, ApprovalAction{Message: message})}
}

// Form sets what an approval gives beside yes: params, as IntParam("share").
func (b *ApprovalBuilder) Form(fields ...Part) *ApprovalBuilder {
	form, faults := formOf(fields)
	b.faults = append(b.faults, faults...)
	edit(b.StepBuilder, func(a *ApprovalAction) { a.Form = form })
	return b
}

// By lists who may answer: roles, as data_owner, and users; without it every
// member of the project may.
func (b *ApprovalBuilder) By(names ...string) *ApprovalBuilder {
	edit(b.StepBuilder, func(a *ApprovalAction) { a.By = names })
	return b
}

// Deadline sets how long there is to answer, as 2d, and what happens then:
// approve or reject.
func (b *ApprovalBuilder) Deadline(duration, otherwise string) *ApprovalBuilder {
	edit(b.StepBuilder, func(a *ApprovalAction) { a.Deadline, a.Otherwise = b.seconds(duration), otherwise })
	return b
}

// GoOn makes a rejection succeed, with approved false, instead of failing the step.
func (b *ApprovalBuilder) GoOn() *ApprovalBuilder {
	edit(b.StepBuilder, func(a *ApprovalAction) { a.OnReject = "go_on" })
	return b
}

// Remind sets how long to wait between two reminders, as 4h.
func (b *ApprovalBuilder) Remind(every string) *ApprovalBuilder {
	edit(b.StepBuilder, func(a *ApprovalAction) { a.Remind = b.seconds(every) })
	return b
}

// Tell lists where it is told that there is something to answer.
func (b *ApprovalBuilder) Tell(to ...Notify) *ApprovalBuilder {
	edit(b.StepBuilder, func(a *ApprovalAction) { a.Notify = to })
	return b
}

// Escalate asks others too when nobody has answered for a duration, as 1d:
// roles and users, who may then answer, and where that is told.
func (b *ApprovalBuilder) Escalate(after string, to []string, tell ...Notify) *ApprovalBuilder {
	edit(b.StepBuilder, func(a *ApprovalAction) {
		a.Escalate = &Escalation{After: b.seconds(after), To: to, Notify: tell}
	})
	return b
}

// formOf takes the params out of parts.
func formOf(parts []Part) ([]Param, []error) {
	b := &draft{}
	for _, p := range parts {
		p.addTo(b)
	}
	var faults []error
	for _, f := range b.faults {
		faults = append(faults, bine.Errorf(bine.Invalid, "%s", f.Message))
	}
	if len(b.dag.Params) < len(parts) {
		faults = append(faults, bine.Errorf(bine.Invalid, "a form has params and nothing else"))
	}
	return b.dag.Params, faults
}
