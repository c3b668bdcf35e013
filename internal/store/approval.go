package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"maps"
	"strconv"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// Approval is an approval with what only the platform needs of it.
type Approval struct {
	bine.Approval
	Settings ApprovalSettings
}

// ApprovalSettings say what happens while nobody answers.
type ApprovalSettings struct {
	GoOn          bool     `json:"go_on,omitempty"`          // a rejection is no failure
	Remind        float64  `json:"remind,omitempty"`         // seconds between two reminders; 0 is never
	EscalateAfter float64  `json:"escalate_after,omitempty"` // seconds; 0 is never
	EscalateTo    []string `json:"escalate_to,omitempty"`    // who may answer then too
}

const approvalColumns = "a.project, a.run, a.step, a.item, r.pipeline, a.state, a.message, a.form, a.answerers, a.otherwise, a.settings, a.asked_at, a.deadline_at, a.reminded_at, a.escalated_at, a.answered_at, a.answered_by, a.via, a.answer, a.note"

const fromApprovals = " FROM approvals a JOIN runs r ON r.project = a.project AND r.name = a.run WHERE "

func scanApproval(row interface{ Scan(...any) error }) (a Approval, err error) {
	var form doc[[]bine.ApprovalField]
	var by doc[[]string]
	var settings doc[ApprovalSettings]
	var values doc[map[string]json.RawMessage]
	var asked int64
	var deadline, reminded, escalated, answered *int64
	err = row.Scan(&a.Project, &a.Run, &a.Step, &a.Item, &a.Pipeline, &a.State, &a.Message, &form, &by, &a.Otherwise, &settings, &asked, &deadline,
		&reminded, &escalated, &answered, &a.AnsweredBy, &a.Via, &values, &a.Note)
	a.Form, a.By, a.Settings, a.Values, a.AskedAt = form.V, by.V, settings.V, values.V, database.Time(asked)
	a.DeadlineAt, a.RemindedAt, a.EscalatedAt, a.AnsweredAt = maybe(deadline), maybe(reminded), maybe(escalated), maybe(answered)
	return a, err
}

func (s *Store) queryApprovals(ctx context.Context, where string, args ...any) ([]Approval, error) {
	found, err := s.db.Reader(ctx).QueryContext(ctx, "SELECT "+approvalColumns+fromApprovals+where, args...)
	if err != nil {
		return nil, s.db.Explain(err)
	}
	defer found.Close()
	var all []Approval
	for found.Next() {
		a, err := scanApproval(found)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, found.Err()
}

func approvalName(ref StepRef) string { return "approval of " + ref.String() }

// AskApproval writes an approval down, which waits from now on. One that was
// asked before stays as it is; created says which.
func (s *Store) AskApproval(ctx context.Context, a Approval) (created bool, err error) {
	ref := StepRef{a.Run, a.Step, a.Item}
	err = s.write(ctx, func(t *tx) error {
		created = false
		var is string
		err := t.row("SELECT state FROM approvals"+isApproval+t.db.Dialect().ForUpdate(), ref.args(a.Project)...).Scan(&is)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		created = true
		_, err = t.exec("INSERT INTO approvals (project, run, step, item, state, message, form, answerers, otherwise, settings, asked_at, deadline_at, answered_by, via, note) VALUES "+in(15),
			a.Project, a.Run, a.Step, a.Item, bine.ApprovalWaiting, a.Message, docOf(a.Form), docOf(a.By), a.Otherwise, docOf(a.Settings), t.now, micros(a.DeadlineAt), "", "", "")
		t.event(a.Project, objectApproval, approvalPath(ref), string(bine.ApprovalWaiting))
		return err
	})
	return created, forDomain(err, approvalName(ref))
}

// approvalPath is how events name an approval: as they name its step.
func approvalPath(ref StepRef) string {
	path := string(ref.Run) + "/" + string(ref.Step)
	if ref.Item != "" {
		path += "/" + ref.Item
	}
	return path
}

// Approval gives one.
func (s *Store) Approval(ctx context.Context, project bine.ProjectName, ref StepRef) (Approval, error) {
	a, err := scanApproval(s.db.Reader(ctx).QueryRowContext(ctx, "SELECT "+approvalColumns+fromApprovals+"a.project = ? AND a.run = ? AND a.item = ? AND a.step = ?", ref.args(project)...))
	return a, forDomain(s.db.Explain(err), approvalName(ref))
}

// Approvals gives a page of a project's approvals in a state, oldest first; an
// empty state is every one. after is the next of the page before.
func (s *Store) Approvals(ctx context.Context, project bine.ProjectName, state bine.ApprovalState, after string, limit int) (all []Approval, next string, err error) {
	skip := 0
	if after != "" {
		if skip, err = strconv.Atoi(after); err != nil || skip < 0 {
			return nil, "", bine.Errorf(bine.Invalid, "%q is no place in the list of approvals: use what the page before gave as next", after)
		}
	}
	where, args := "a.project = ?", []any{project}
	if state != "" {
		where, args = where+" AND a.state = ?", append(args, state)
	}
	all, err = s.queryApprovals(ctx, where+" ORDER BY a.asked_at, a.run, a.step, a.item LIMIT ? OFFSET ?", append(args, limit+1, skip)...)
	if len(all) > limit {
		all, next = all[:limit], strconv.Itoa(skip+limit)
	}
	return all, next, err
}

// WaitingApprovals gives the approvals that wait in the projects of a user, oldest first.
func (s *Store) WaitingApprovals(ctx context.Context, user bine.UserName) ([]Approval, error) {
	return s.queryApprovals(ctx, "a.state = ? AND a.project IN (SELECT project FROM members WHERE user_name = ?) ORDER BY a.asked_at, a.project, a.run LIMIT 500", bine.ApprovalWaiting, user)
}

// ApprovalAnswer is an answer to an approval.
type ApprovalAnswer struct {
	State  bine.ApprovalState
	By     bine.UserName
	Via    string // user, link or deadline
	Values map[string]json.RawMessage
	Note   string
}

// ViaDeadline is how an approval is answered that nobody has answered.
const ViaDeadline = "deadline"

// AnswerApproval answers one that waits. The same answer again is harmless;
// another one, or one that comes after the deadline or the end, is a Conflict.
func (s *Store) AnswerApproval(ctx context.Context, project bine.ProjectName, ref StepRef, v ApprovalAnswer) error {
	return s.write(ctx, func(t *tx) error {
		where, args := isApproval+" AND state = ?", append(ref.args(project), bine.ApprovalWaiting)
		if v.Via != ViaDeadline {
			where, args = where+" AND (deadline_at IS NULL OR deadline_at > ?)", append(args, t.now)
		}
		n, err := t.exec("UPDATE approvals SET state = ?, answered_at = ?, answered_by = ?, via = ?, answer = ?, note = ?"+where,
			append([]any{v.State, t.now, v.By, v.Via, docOf(v.Values), v.Note}, args...)...)
		if err != nil {
			return err
		}
		if n > 0 {
			t.event(project, objectApproval, approvalPath(ref), string(v.State))
			return nil
		}
		is, err := scanApproval(t.row("SELECT "+approvalColumns+fromApprovals+"a.project = ? AND a.run = ? AND a.item = ? AND a.step = ?", ref.args(project)...))
		switch {
		case err != nil:
			return forDomain(err, approvalName(ref))
		case is.State == v.State && is.AnsweredBy == v.By && is.Note == v.Note && sameValues(is.Values, v.Values):
			return nil
		case is.State == bine.ApprovalWaiting:
			return bine.Errorf(bine.Conflict, "the deadline of %s has passed: it is being %s", approvalName(ref), is.Otherwise)
		}
		return bine.Errorf(bine.Conflict, "%s was %s already%s", approvalName(ref), is.State, whoAnswered(is.Approval))
	})
}

func sameValues(a, b map[string]json.RawMessage) bool {
	return maps.EqualFunc(a, b, func(x, y json.RawMessage) bool { return bytes.Equal(x, y) })
}

func whoAnswered(a bine.Approval) string {
	switch {
	case a.AnsweredBy != "":
		return " by " + string(a.AnsweredBy)
	case a.Via != "":
		return ", by its " + a.Via
	}
	return ""
}

// ApprovalReminded writes down that people were reminded, or that others were
// asked, who may answer from now on.
func (s *Store) ApprovalReminded(ctx context.Context, project bine.ProjectName, ref StepRef, at time.Time, escalated bool, by []string) error {
	return s.write(ctx, func(t *tx) error {
		if escalated {
			return t.change(approvalName(ref), "UPDATE approvals SET escalated_at = ?, answerers = ?"+isApproval, append([]any{database.Micros(at), docOf(by)}, ref.args(project)...)...)
		}
		return t.change(approvalName(ref), "UPDATE approvals SET reminded_at = ?"+isApproval, append([]any{database.Micros(at)}, ref.args(project)...)...)
	})
}

const isApproval = " WHERE project = ? AND run = ? AND item = ? AND step = ?"

// WithdrawApprovals ends the approvals of a run that still wait: all of them,
// or that of one step or item where ref names it.
func (s *Store) WithdrawApprovals(ctx context.Context, project bine.ProjectName, ref StepRef) error {
	where, args := "a.project = ? AND a.run = ? AND a.state = ?", []any{project, ref.Run, bine.ApprovalWaiting}
	if ref.Step != "" {
		where, args = where+" AND a.step = ? AND a.item = ?", append(args, ref.Step, ref.Item)
	}
	all, err := s.queryApprovals(ctx, where, args...)
	if err != nil || len(all) == 0 {
		return err
	}
	return s.write(ctx, func(t *tx) error {
		for _, a := range all {
			if _, err := t.withdraw(a); err != nil {
				return err
			}
		}
		return nil
	})
}

// withdraw ends an approval, unless somebody has answered meanwhile.
func (t *tx) withdraw(a Approval) (met int64, err error) {
	ref := StepRef{a.Run, a.Step, a.Item}
	met, err = t.exec("UPDATE approvals SET state = ?, answered_at = ?"+isApproval+" AND state = ?",
		append(append([]any{bine.ApprovalWithdrawn, t.now}, ref.args(a.Project)...), bine.ApprovalWaiting)...)
	if met > 0 {
		t.event(a.Project, objectApproval, approvalPath(ref), string(bine.ApprovalWithdrawn))
	}
	return met, err
}
