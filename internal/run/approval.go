package run

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/internal/store"
)

// approval asks people once, reminds them, asks others, answers at the
// deadline, and ends the step when there is an answer.
func (a Awaits) approval(ctx context.Context, w *waiting, action dags.ApprovalAction) (activities.Awaited, error) {
	ref := stepRef(w.in.StepRef)
	asked, err := a.store.Approval(ctx, w.in.Project, ref)
	if bine.IsKind(err, bine.NotFound) {
		return a.ask(ctx, w, action)
	}
	if err != nil {
		return activities.Awaited{}, err
	}
	if asked.State != bine.ApprovalWaiting {
		return a.decided(ctx, w, action, asked)
	}
	now := time.Now()
	if asked.DeadlineAt != nil && !now.Before(*asked.DeadlineAt) {
		return a.overdue(ctx, w, action, asked)
	}
	notify, err := a.remind(ctx, w, action, &asked, now)
	if err != nil {
		return activities.Awaited{}, err
	}
	out, err := a.still(ctx, w, "waits for "+whoMay(asked.By), nextLook(asked, now))
	out.Notify = notify
	return out, err
}

func whoMay(by []string) string {
	if len(by) == 0 {
		return "an answer of a member"
	}
	return fmt.Sprintf("an answer of %s", joinOr(by))
}

func joinOr(list []string) string {
	text := list[0]
	for i, name := range list[1:] {
		if i == len(list)-2 {
			text += " or " + name
			continue
		}
		text += ", " + name
	}
	return text
}

// ask writes the approval down, and the messages that tell of it.
func (a Awaits) ask(ctx context.Context, w *waiting, action dags.ApprovalAction) (activities.Awaited, error) {
	question := store.Approval{
		Approval: bine.Approval{
			Project: w.in.Project, Run: w.in.Run, Step: w.in.Step, Item: w.in.Item, Message: action.Message, By: action.By, Otherwise: bine.ApprovalRejected,
		},
		Settings: store.ApprovalSettings{GoOn: action.OnReject == "go_on", Remind: action.Remind},
	}
	if action.Otherwise == "approve" {
		question.Otherwise = bine.ApprovalApproved
	}
	if action.Deadline > 0 {
		question.DeadlineAt = new(time.Now().Add(activities.Seconds(action.Deadline)))
	}
	if e := action.Escalate; e != nil {
		question.Settings.EscalateAfter, question.Settings.EscalateTo = e.After, e.To
	}
	for _, p := range action.Form {
		question.Form = append(question.Form, bine.ApprovalField{
			Name: p.Name, Type: string(p.Type), Description: p.Description, Default: p.Default, Min: p.Min, Max: p.Max, Choices: p.Choices,
		})
	}
	var notices []store.Notice
	var out activities.Awaited
	err := a.together(ctx, func(ctx context.Context) error {
		created, err := a.store.AskApproval(ctx, question)
		if err != nil {
			return err
		}
		if created {
			if notices, err = a.approvalNotices(ctx, w, action.Message, bine.NoticeApproval, 0, action.Notify); err != nil {
				return err
			}
			if err := a.store.AddNotices(ctx, w.in.Project, notices); err != nil {
				return err
			}
		}
		out, err = a.still(ctx, w, "waits for "+whoMay(action.By), nextLook(question, time.Now()))
		return err
	})
	out.Notify = len(notices) > 0
	return out, err
}

// nextLook says when something of an approval is due, in seconds.
func nextLook(a store.Approval, now time.Time) float64 {
	next := signalAgain
	due := func(at time.Time) { next = min(next, at.Sub(now).Seconds()) }
	if a.DeadlineAt != nil {
		due(*a.DeadlineAt)
	}
	asked := a.AskedAt
	if asked.IsZero() {
		asked = now
	}
	if a.Settings.Remind > 0 {
		last := asked
		if a.RemindedAt != nil {
			last = *a.RemindedAt
		}
		due(last.Add(activities.Seconds(a.Settings.Remind)))
	}
	if a.Settings.EscalateAfter > 0 && a.EscalatedAt == nil {
		due(asked.Add(activities.Seconds(a.Settings.EscalateAfter)))
	}
	return max(soonest, next)
}

// remind reminds people, and asks others, when that is due. It says whether
// there is something to send.
func (a Awaits) remind(ctx context.Context, w *waiting, action dags.ApprovalAction, asked *store.Approval, now time.Time) (bool, error) {
	ref := stepRef(w.in.StepRef)
	sent := false
	tell := func(event bine.NoticeEvent, number int64, to []dags.Notify, mark func(ctx context.Context) error) error {
		return a.together(ctx, func(ctx context.Context) error {
			notices, err := a.approvalNotices(ctx, w, action.Message, event, number, to)
			if err != nil {
				return err
			}
			sent = sent || len(notices) > 0
			if err := a.store.AddNotices(ctx, w.in.Project, notices); err != nil {
				return err
			}
			return mark(ctx)
		})
	}
	if e := action.Escalate; e != nil && asked.EscalatedAt == nil && now.Sub(asked.AskedAt) >= activities.Seconds(e.After) {
		if len(asked.By) > 0 { // empty is every member already
			asked.By = append(slices.Clone(asked.By), e.To...)
		}
		asked.EscalatedAt = &now
		err := tell(bine.NoticeEscalate, 0, e.Notify, func(ctx context.Context) error {
			return a.store.ApprovalReminded(ctx, w.in.Project, ref, now, true, asked.By)
		})
		if err != nil {
			return false, err
		}
	}
	last := asked.AskedAt
	if asked.RemindedAt != nil {
		last = *asked.RemindedAt
	}
	if action.Remind > 0 && now.Sub(last) >= activities.Seconds(action.Remind) {
		asked.RemindedAt = &now
		err := tell(bine.NoticeReminder, int64(now.Sub(asked.AskedAt)/activities.Seconds(action.Remind)), action.Notify, func(ctx context.Context) error {
			return a.store.ApprovalReminded(ctx, w.in.Project, ref, now, false, nil)
		})
		return sent, err
	}
	return sent, nil
}

// overdue answers in nobody's name at the deadline.
func (a Awaits) overdue(ctx context.Context, w *waiting, action dags.ApprovalAction, asked store.Approval) (activities.Awaited, error) {
	answer := store.ApprovalAnswer{State: asked.Otherwise, Via: store.ViaDeadline, Values: map[string]json.RawMessage{}}
	if answer.State == bine.ApprovalApproved {
		for _, f := range asked.Form {
			answer.Values[f.Name] = f.Default
		}
	}
	err := a.store.AnswerApproval(ctx, w.in.Project, stepRef(w.in.StepRef), answer)
	if err != nil && !bine.IsKind(err, bine.Conflict) { // somebody answered at the last moment
		return activities.Awaited{}, err
	}
	if asked, err = a.store.Approval(ctx, w.in.Project, stepRef(w.in.StepRef)); err != nil {
		return activities.Awaited{}, err
	}
	return a.decided(ctx, w, action, asked)
}

// decided ends the step of an approval that was answered.
func (a Awaits) decided(ctx context.Context, w *waiting, action dags.ApprovalAction, answer store.Approval) (activities.Awaited, error) {
	who := string(answer.AnsweredBy)
	if who == "" {
		who = answer.Via
	}
	switch {
	case answer.State == bine.ApprovalWithdrawn:
		return a.refused(ctx, w, "the approval was withdrawn")
	case answer.State == bine.ApprovalRejected && action.OnReject != "go_on":
		reason := "rejected by " + who
		if answer.Via == store.ViaDeadline {
			reason = "nobody answered before the deadline"
		}
		if answer.Note != "" {
			reason += ": " + answer.Note
		}
		return a.refused(ctx, w, reason)
	}
	values := map[string]json.RawMessage{}
	for name, v := range answer.Values {
		values[name] = v
	}
	for name, v := range map[string]any{"approved": answer.State == bine.ApprovalApproved, "by": who, "note": answer.Note} {
		text, err := json.Marshal(v)
		if err != nil {
			return activities.Awaited{}, err
		}
		values[name] = text
	}
	return a.come(ctx, w, values)
}
