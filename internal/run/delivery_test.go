package run_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/internal/run"
	"github.com/bine-ml/bine/internal/webhook"
)

// letters keeps the mail that is sent.
type letters []string

func (l *letters) Send(_ context.Context, to []string, subject, text string) error {
	*l = append(*l, strings.Join(to, " ")+" | "+subject+" | "+text)
	return nil
}

// fails ends a run as failed.
func (w *world) fails(ref activities.StepRef, reason string) {
	w.t.Helper()
	_, err := w.engine.Finish(w.ctx(), ref.RunRef, activities.Outcome{State: bine.Failed, Reason: reason})
	w.ok(err)
}

func TestEveryChannelGetsItsForm(t *testing.T) {
	var sent letters
	w := newWorld(t, func(c *run.Config) {
		c.Poster, c.Mailer = webhook.New(true), &sent
		c.Secret = func(_ context.Context, p bine.ProjectName) (string, error) { return "whsec_" + string(p), nil }
	})
	got := map[string]map[string]any{}
	signed := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		w.ok(err)
		var fields map[string]any
		w.ok(json.Unmarshal(body, &fields))
		got[r.URL.Path] = fields
		signed[r.URL.Path] = r.Header.Get(webhook.SignatureHeader) == webhook.Sign("whsec_p", r.Header.Get(webhook.TimestampHeader), body)
	}))
	defer server.Close()
	ref := w.begin(w.pipeline(strings.ReplaceAll(`
name: n
steps: {x: {values: {m: 1}}}
notify:
  - {on: failure, webhook: "SERVER/hook"}
  - {on: failure, slack: "SERVER/slack"}
  - {on: failure, mail: [a@example.com, b@example.com], message: "${{ run.id }}: ${{ reason }} ${{ event }}"}
`, "SERVER", server.URL)))
	w.fails(ref, "disk full")
	w.ok(w.engine.Notify(w.ctx(), ref.RunRef))
	hook := got["/hook"]
	w.is("hook", []any{hook["text"], hook["event"], hook["link"], hook["run"].(map[string]any)["state"], signed["/hook"]},
		[]any{"p: run n-1 failed: disk full", "failure", "http://bine/projects/p/runs/n-1", "failed", true})
	slack := got["/slack"]
	w.is("slack", []any{slack["text"], len(slack["blocks"].([]any)), signed["/slack"], len(slack)}, []any{"p: run n-1 failed: disk full <http://bine/projects/p/runs/n-1|open>", 1, false, 2})
	w.is("mail", []string(sent), []string{"a@example.com b@example.com | n-1: disk full failure | n-1: disk full failure\n\nhttp://bine/projects/p/runs/n-1"})
	w.ok(w.engine.Notify(w.ctx(), ref.RunRef))
	w.is("sent again", len(sent), 1)
}

func TestAMessageIsNotLostByItsWording(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline("name: n\nsteps: {x: {command: [\"false\"], outputs: {m: int}}}\nnotify: [{on: failure, slack: \"http://chat\", message: \"m is ${{ steps.x.m }}\"}]\n"))
	w.fails(ref, "no")
	w.ok(w.engine.Notify(w.ctx(), ref.RunRef))
	if len(w.poster.posts) != 1 || !strings.Contains(w.poster.posts[0], "p: run n-1 failed: no (the message of the pipeline could not be made:") {
		t.Errorf("posted %v", w.poster.posts)
	}
}

func TestTheLinkOfAQuestionHoldsAToken(t *testing.T) {
	var signed []bine.ApprovalToken
	w := newWorld(t, func(c *run.Config) {
		c.Sign = func(t bine.ApprovalToken) string { signed = append(signed, t); return "TOKEN" }
	})
	ref := w.question("notify: [{slack: \"http://chat\"}, {mail: a@example.com}]")
	if !w.waits(ref).Notify {
		t.Error("nothing is to be sent")
	}
	w.is("tokens", len(signed), 2)
	w.is("one of them", []any{signed[0].Project, signed[0].Run, signed[0].Step, signed[0].Channel, signed[1].Channel}, []any{bine.ProjectName("p"), ref.Run, bine.StepName("ask"), "slack", "mail"})
	all, err := w.store.Notices(w.ctx(), "p", ref.Run)
	w.ok(err)
	for _, n := range all {
		if !strings.Contains(n.Body, "http://bine/approvals/p/"+string(ref.Run)+"/ask?token=TOKEN") {
			t.Errorf("the message is %s", n.Body)
		}
	}
	w.is("channels", []string{all[0].Channel, all[1].Channel}, []string{"slack", "mail"})
}

func TestATextCallsNobodyInSlackAndIsNotTooLong(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline("name: n\nsteps: {x: {values: {m: 1}}}\nnotify: [{on: failure, slack: \"http://chat\"}]\n"))
	w.fails(ref, "<!channel> & "+strings.Repeat("<é>", 2000))
	w.ok(w.engine.Notify(w.ctx(), ref.RunRef))
	_, body, _ := strings.Cut(w.poster.posts[0], " ")
	var got struct{ Text string }
	w.ok(json.Unmarshal([]byte(body), &got))
	if !strings.HasPrefix(got.Text, "p: run n-1 failed: &lt;!channel&gt; &amp; &lt;é&gt;") || !strings.HasSuffix(got.Text, "… <http://bine/projects/p/runs/n-1|open>") {
		t.Errorf("posted %s … %s", got.Text[:80], got.Text[len(got.Text)-80:])
	}
}
