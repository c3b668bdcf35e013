package run

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/internal/store"
)

// The channels of notices.
const (
	channelWebhook = "webhook"
	channelSlack   = "slack"
	channelMail    = "mail"
)

// Mailer sends mail.
type Mailer interface {
	// Send sends a text to addresses. Where no mail is configured the error is Invalid.
	Send(ctx context.Context, to []string, subject, text string) error
}

// Notify sends the messages about a run that have not been sent. What could not
// be delivered is tried again with the activity; what was is not sent twice.
func (e *Engine) Notify(ctx context.Context, in activities.RunRef) error {
	list, err := e.store.UnsentNotices(ctx, in.Project, in.Run)
	if err != nil {
		return err
	}
	var faults []error
	for _, n := range list {
		err := e.deliver(ctx, in.Project, n)
		final := bine.IsKind(err, bine.Invalid) || bine.IsKind(err, bine.Forbidden)
		fault := ""
		if err != nil {
			fault = err.Error()
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := e.store.NoticeTried(ctx, n.ID, fault, final); err != nil {
			return err
		}
		if err != nil && !final {
			faults = append(faults, err)
		}
	}
	if len(faults) > 0 {
		return bine.Errorf(bine.Unavailable, "%d of %d messages were not delivered: %w", len(faults), len(list), errors.Join(faults...))
	}
	return nil
}

// deliver sends one message.
func (e *Engine) deliver(ctx context.Context, project bine.ProjectName, n store.Notice) error {
	var m message
	if err := json.Unmarshal([]byte(n.Body), &m); err != nil {
		return bine.Errorf(bine.Invalid, "the message is not readable: %w", err)
	}
	return e.send(ctx, project, n.Channel, n.Target, m, []byte(n.Body))
}

// send sends a message over a channel. body is what a webhook gets.
func (e *Engine) send(ctx context.Context, project bine.ProjectName, channel, target string, m message, body []byte) error {
	switch channel {
	case channelMail:
		if e.mailer == nil {
			return bine.Errorf(bine.Invalid, "no mail is configured: an administrator sets mail.host and mail.from")
		}
		subject, _, _ := strings.Cut(m.Text, "\n")
		return e.mailer.Send(ctx, strings.Split(target, ","), subject, strings.TrimSpace(m.Text+"\n\n"+m.Link))
	case channelSlack:
		text := slackText(m.Text)
		if m.Link != "" {
			text += " <" + m.Link + "|open>"
		}
		body, err := json.Marshal(map[string]any{"text": text, "blocks": []any{map[string]any{"type": "section", "text": map[string]string{"type": "mrkdwn", "text": text}}}})
		if err != nil {
			return err
		}
		return e.poster.Post(ctx, target, body)
	}
	secret, err := e.signingSecret(ctx, project)
	if err != nil {
		return err
	}
	return e.poster.PostSigned(ctx, target, body, secret)
}

// longestSlack bounds a text, in characters: Slack refuses blocks of more than 3,000.
const longestSlack = 2000

// slackText gives a text as Slack takes it: what a run or a person wrote
// calls nobody (<!channel>) and hides no address behind another text.
func slackText(text string) string {
	if runes := []rune(text); len(runes) > longestSlack {
		text = string(runes[:longestSlack]) + "…"
	}
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

// signingSecret gives what webhooks of a project are signed with; none is empty.
func (e *Engine) signingSecret(ctx context.Context, project bine.ProjectName) (string, error) {
	if e.openSecret == nil {
		return "", nil
	}
	return e.openSecret(ctx, project)
}

// sendMessage does a step of kind notify.
func (e *Engine) sendMessage(ctx context.Context, r *resolution, action dags.NotifyAction) error {
	body, err := json.Marshal(map[string]string{"text": action.Message})
	if err != nil {
		return err
	}
	m := message{Text: action.Message, Link: e.runLink(r.in.Project, r.in.Run)}
	switch {
	case action.Slack != "":
		return e.send(ctx, r.in.Project, channelSlack, action.Slack, m, nil)
	case len(action.Mail) > 0:
		return e.send(ctx, r.in.Project, channelMail, strings.Join(action.Mail, ","), m, nil)
	}
	return e.send(ctx, r.in.Project, channelWebhook, action.Webhook, m, body)
}
