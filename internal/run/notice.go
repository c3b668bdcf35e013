package run

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/dags/expr"
	"github.com/bine-ml/bine/internal/store"
)

// message is what a notice says, and what a webhook gets.
type message struct {
	Text    string           `json:"text"`
	Event   bine.NoticeEvent `json:"event"`
	Link    string           `json:"link"`
	Run     *bine.Run        `json:"run,omitempty"`
	Step    bine.StepName    `json:"step,omitempty"`
	Item    string           `json:"item,omitempty"`
	Subject string           `json:"-"`
}

// runNotices gives the messages about an event of a run, to those who want them.
func (e *Engine) runNotices(ctx context.Context, run bine.Run, dag dags.DAG, event bine.NoticeEvent) ([]store.Notice, error) {
	var list []store.Notice
	for i, n := range dag.Notify {
		if !n.Wants(event) {
			continue
		}
		text := fmt.Sprintf("%s: run %s %s", run.Project, run.ID, sentence(event, run.State))
		if run.Reason != "" && event != bine.NoticeRecovery {
			text += ": " + run.Reason
		}
		m := message{Text: text, Event: event, Link: e.runLink(run.Project, run.ID), Run: &run, Subject: text}
		notice, err := e.notice(ctx, dag, run, n, m, fmt.Sprintf("run/%s/%d", event, i))
		if err != nil {
			return nil, err
		}
		list = append(list, notice)
	}
	return list, nil
}

func sentence(event bine.NoticeEvent, state bine.State) string {
	switch event {
	case bine.NoticeRecovery:
		return "succeeded, after the one before had failed"
	case bine.NoticeLate:
		return "is late: it has not ended at its deadline"
	}
	return string(state)
}

func (e *Engine) runLink(project bine.ProjectName, run bine.RunID) string {
	return fmt.Sprintf("%s/projects/%s/runs/%s", e.url, project, run)
}

// notice makes one message to one address. The text of a pipeline that cannot
// be evaluated is replaced by the usual one, with why: a message is not to be
// lost by its wording.
func (e *Engine) notice(ctx context.Context, dag dags.DAG, run bine.Run, n dags.Notify, m message, request string) (store.Notice, error) {
	if n.Message != "" {
		text, err := e.wording(ctx, dag, run, n, m)
		if err != nil {
			text = fmt.Sprintf("%s (the message of the pipeline could not be made: %s)", m.Text, err)
		}
		m.Text = text
	}
	body, err := json.Marshal(m)
	out := store.Notice{Notice: bine.Notice{Run: run.ID, Step: m.Step, Item: m.Item, Event: m.Event}, Body: string(body), Request: request}
	switch out.Channel = channelOf(n); out.Channel {
	case channelSlack:
		out.Target = n.Slack
	case channelMail:
		out.Target = strings.Join(n.Mail, ",")
	default:
		out.Target = n.Webhook
	}
	return out, err
}

func channelOf(n dags.Notify) string {
	switch {
	case n.Slack != "":
		return channelSlack
	case len(n.Mail) > 0:
		return channelMail
	}
	return channelWebhook
}

// wording evaluates the message of a notification.
func (e *Engine) wording(ctx context.Context, dag dags.DAG, run bine.Run, n dags.Notify, m message) (string, error) {
	tree, err := json.Marshal(n.Message)
	if err != nil {
		return "", err
	}
	steps, err := expr.References(tree)
	if err != nil {
		return "", err
	}
	rows, err := e.rows(ctx, activities.StepRef{RunRef: activities.RunRef{Project: run.Project, Run: run.ID}}, dag, steps)
	if err != nil {
		return "", err
	}
	scope, err := dag.Scope(run.Project, run, rows)
	if err != nil {
		return "", err
	}
	if scope.Event, err = json.Marshal(m.Event); err != nil {
		return "", err
	}
	scope.Link = m.Link
	return n.Text(ctx, scope)
}

// approvalNotices gives the messages about an approval. number tells reminders apart.
func (a Awaits) approvalNotices(ctx context.Context, w *waiting, question string, event bine.NoticeEvent, number int64, to []dags.Notify) ([]store.Notice, error) {
	var list []store.Notice
	for i, n := range to {
		request := fmt.Sprintf("approval/%s/%s/%s/%d/%d", w.in.Step, bine.HashOf([]byte(w.in.Item))[:12], event, number, i)
		link := fmt.Sprintf("%s/approvals/%s/%s/%s", a.url, w.in.Project, w.in.Run, w.in.Step)
		query := url.Values{}
		if w.in.Item != "" {
			query.Set("item", w.in.Item)
		}
		if a.sign != nil {
			query.Set("token", a.sign(bine.ApprovalToken{Project: w.in.Project, Run: w.in.Run, Step: w.in.Step, Item: w.in.Item, Channel: channelOf(n), Expires: time.Now().Add(tokenLasts)}))
		}
		if len(query) > 0 {
			link += "?" + query.Encode()
		}
		what := map[bine.NoticeEvent]string{bine.NoticeReminder: "still waits for an answer", bine.NoticeEscalate: "waits for an answer, and nobody has given one"}[event]
		if what == "" {
			what = "asks"
		}
		text := fmt.Sprintf("%s: run %s %s: %s", w.in.Project, w.in.Run, what, question)
		m := message{Text: text, Event: event, Link: link, Step: w.in.Step, Item: w.in.Item, Subject: text}
		notice, err := a.notice(ctx, w.dag, w.run, n, m, request)
		if err != nil {
			return nil, err
		}
		list = append(list, notice)
	}
	return list, nil
}

// tokenLasts is for how long the link in a message can answer.
const tokenLasts = 14 * 24 * time.Hour

// Late marks a run that has not ended at its deadline.
func (e *Engine) Late(ctx context.Context, in activities.RunRef) (activities.Finished, error) {
	run, err := e.store.RunOnly(ctx, in.Project, in.Run)
	out := activities.Finished{Outcome: activities.Outcome{State: run.State}}
	if err != nil || run.State.Ended() {
		return out, err
	}
	dag, err := e.dag(ctx, run)
	if err != nil {
		return out, err
	}
	err = e.together(ctx, func(ctx context.Context) error {
		if _, err := e.store.SetRunLate(ctx, in.Project, in.Run); err != nil {
			return err
		}
		notices, err := e.runNotices(ctx, run, dag, bine.NoticeLate)
		out.Notify = len(notices) > 0
		if err != nil {
			return err
		}
		return e.store.AddNotices(ctx, in.Project, notices)
	})
	return out, err
}

// endNotices puts the messages about the end of a run into the outbox, and says
// whether there are some.
func (e *Engine) endNotices(ctx context.Context, run bine.Run, dag dags.DAG) (bool, error) {
	event := bine.NoticeFailure
	if run.State == bine.Succeeded {
		event = bine.NoticeSuccess
	}
	notices, err := e.runNotices(ctx, run, dag, event)
	if err != nil {
		return false, err
	}
	if event == bine.NoticeSuccess {
		before, found, err := e.store.RunBefore(ctx, run)
		if err != nil {
			return false, err
		}
		if found && before.State == bine.Failed {
			more, err := e.runNotices(ctx, run, dag, bine.NoticeRecovery)
			if err != nil {
				return false, err
			}
			notices = append(notices, more...)
		}
	}
	return len(notices) > 0, e.store.AddNotices(ctx, run.Project, notices)
}
