package api_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/internal/store"
	"github.com/bine-ml/bine/server/api"
)

// question is an approval of demo that waits, for these; its form has a share.
func (w *world) question(by ...string) client.ApprovalRef {
	w.t.Helper()
	return w.questionUntil(nil, by...)
}

func (w *world) questionUntil(deadline *time.Time, by ...string) client.ApprovalRef {
	w.t.Helper()
	most := 100.0
	ref := client.ApprovalRef{Run: w.run("sven").ID, Step: "ask"}
	_, err := w.store.AskApproval(w.t.Context(), store.Approval{Approval: bine.Approval{
		Project: "demo", Run: ref.Run, Step: ref.Step, Message: "Deploy?", By: by, DeadlineAt: deadline, Otherwise: bine.ApprovalRejected,
		Form: []bine.ApprovalField{{Name: "share", Type: "int", Default: json.RawMessage("10"), Max: &most}},
	}})
	w.ok(err)
	return ref
}

// token gives what a link to an approval is signed with.
func (w *world) token(ref client.ApprovalRef, expires time.Time) string {
	w.t.Helper()
	sealer, err := auth.NewSealer(make([]byte, 32))
	w.ok(err)
	token, err := api.ApprovalToken(sealer, bine.ApprovalToken{Project: "demo", Run: ref.Run, Step: ref.Step, Channel: "slack", Expires: expires})
	w.ok(err)
	return token
}

func approve(share string) client.Answer {
	return client.Answer{Approve: true, Values: map[string]json.RawMessage{"share": json.RawMessage(share)}, Note: "fine"}
}

// recorded lists what the audit has of an operation, as actor, object and result.
func (w *world) recorded(action string) (list []string) {
	w.t.Helper()
	all, err := w.store.Audits(w.t.Context(), 0, 1000)
	w.ok(err)
	for _, a := range all {
		if a.Action == action {
			list = append(list, strings.TrimSpace(string(a.Actor)+" "+a.Object+" "+a.Result))
		}
	}
	return list
}

func TestAnApprovalIsAnsweredOnceAndTheStepIsTold(t *testing.T) {
	w := newWorld(t)
	ref, olga := w.question("data_owner"), w.as("olga")
	one, err := olga.Approval(t.Context(), "demo", ref)
	w.ok(err)
	same(t, "asked", []any{one.State, one.Message, one.MayAnswer, len(one.Form)}, []any{"waiting", "Deploy?", true, 1})
	for range 2 { // the same answer again is harmless
		one, err = olga.AnswerApproval(t.Context(), "demo", ref, approve("25"))
		w.ok(err)
		same(t, "answered", []any{one.State, one.AnsweredBy, one.Via, string(one.Values["share"]), one.Note, one.MayAnswer}, []any{"approved", "olga", "user", "25", "fine", false})
	}
	_, err = olga.AnswerApproval(t.Context(), "demo", ref, approve("26"))
	wants(t, "another answer", err, bine.Conflict)
	_, err = olga.AnswerApproval(t.Context(), "demo", ref, client.Answer{})
	wants(t, "a rejection after it", err, bine.Conflict)
	if !w.launched.made("wake demo/run/" + string(ref.Run) + "/ask") {
		t.Errorf("launched %v", w.launched.calls)
	}
	object := "olga projects/demo/runs/" + string(ref.Run) + "/approvals/ask/answer "
	found := w.recorded("answer-approval")
	slices.Sort(found)
	same(t, "audit", found, []string{object + "conflict", object + "conflict", object + "done", object + "done"})
}

func TestAnAnswerCountsAlthoughTheStepCannotBeTold(t *testing.T) {
	w := newWorld(t)
	ref := w.question()
	w.launched.fail = errors.New("the workflow engine is away")
	one, err := w.as("sven").AnswerApproval(t.Context(), "demo", ref, client.Answer{})
	w.ok(err)
	same(t, "answered", one.State, "rejected")
}

func TestOnlyWhoIsAskedMayAnswer(t *testing.T) {
	w := newWorld(t)
	owners, sven, anybody := w.question("data_owner"), w.question("sven"), w.question()
	scientists := w.question("data_scientist")
	for _, c := range []struct {
		what string
		user bine.UserName
		ref  client.ApprovalRef
		want bine.Kind
	}{
		{"a Data Scientist for Data Owners", "sven", owners, bine.Forbidden},
		{"a Data Owner for somebody named", "olga", sven, bine.Forbidden},
		{"the administrator", "root", anybody, bine.NotFound},
		{"somebody of another project", "mallory", anybody, bine.NotFound},
		{"whoever is named", "sven", sven, ""},
		{"a member where nobody is named", "sven", anybody, ""},
		{"a Data Owner for Data Scientists", "olga", scientists, ""},
	} {
		one, err := w.as(c.user).AnswerApproval(t.Context(), "demo", c.ref, approve("1"))
		if c.want != "" {
			wants(t, c.what, err, c.want)
			continue
		}
		w.ok(err)
		same(t, c.what, one.AnsweredBy, c.user)
	}
	_, err := w.as("olga").AnswerApproval(t.Context(), "demo", client.ApprovalRef{Run: owners.Run, Step: "none"}, approve("1"))
	wants(t, "what nobody asked", err, bine.NotFound)
}

func TestAFormIsCheckedAsParamsAre(t *testing.T) {
	w := newWorld(t)
	ref, sven := w.question(), w.as("sven")
	for what, values := range map[string]string{
		"another type": `{"share": "much"}`, "too much": `{"share": 101}`, "a field that is none": `{"shares": 1}`,
	} {
		given := client.Answer{Approve: true}
		w.ok(json.Unmarshal([]byte(values), &given.Values))
		_, err := sven.AnswerApproval(t.Context(), "demo", ref, given)
		wants(t, what, err, bine.Invalid)
	}
	one, err := sven.AnswerApproval(t.Context(), "demo", ref, client.Answer{Approve: true})
	w.ok(err)
	same(t, "what is left out", string(one.Values["share"]), "10")
}

func TestAfterTheDeadlineNobodyMayAnswer(t *testing.T) {
	w := newWorld(t)
	past := time.Now().Add(-time.Second)
	ref := w.questionUntil(&past)
	sven := w.as("sven")
	one, err := sven.Approval(t.Context(), "demo", ref)
	w.ok(err)
	same(t, "may answer", []any{one.State, one.MayAnswer}, []any{"waiting", false})
	_, err = sven.AnswerApproval(t.Context(), "demo", ref, approve("1"))
	wants(t, "an answer", err, bine.Conflict)
	_, err = w.with("").AnswerByLink(t.Context(), w.token(ref, time.Now().Add(time.Hour)), approve("1"))
	wants(t, "an answer by link", err, bine.Conflict)
}

func TestEverybodySeesWhatWaitsForThem(t *testing.T) {
	w := newWorld(t)
	w.question("data_owner")
	sven, anybody := w.question("sven"), w.question()
	mine := func(user bine.UserName) (list []bine.RunID) {
		all, err := w.as(user).MyApprovals(t.Context())
		w.ok(err)
		for _, a := range all {
			list = append(list, a.Run)
		}
		return list
	}
	same(t, "sven", mine("sven"), []bine.RunID{sven.Run, anybody.Run})
	same(t, "olga", len(mine("olga")), 2)
	same(t, "mallory", len(mine("mallory")), 0)
	all, err := w.as("sven").Approvals(t.Context(), "demo", bine.ApprovalWaiting, client.List{Limit: 2})
	w.ok(err)
	same(t, "page", []any{len(all.Items), all.Next != "", all.Items[0].MayAnswer, all.Items[1].MayAnswer}, []any{2, true, false, true})
}

func TestASignedLinkAnswersWithoutASession(t *testing.T) {
	w := newWorld(t)
	ref, nobody := w.question("data_owner"), w.with("")
	token := w.token(ref, time.Now().Add(time.Hour))
	one, err := nobody.ApprovalByLink(t.Context(), token)
	w.ok(err)
	same(t, "shown", []any{one.State, one.Message, one.MayAnswer}, []any{"waiting", "Deploy?", true})
	for _, path := range []string{"/api/v1/approvals/link", "/api/v1/approvals/link/answer"} {
		if got := w.raw(http.MethodGet, path+"?token="+token, "", nil); got.status < 400 {
			t.Errorf("GET %s answers %d", path, got.status)
		}
	}
	same(t, "after having looked", w.state(ref), "waiting")
	for range 2 {
		one, err = nobody.AnswerByLink(t.Context(), token, approve("5"))
		w.ok(err)
		same(t, "answered", []any{one.State, one.AnsweredBy, one.Via, string(one.Values["share"])}, []any{"approved", "", "link", "5"})
	}
	_, err = nobody.AnswerByLink(t.Context(), token, client.Answer{})
	wants(t, "another answer", err, bine.Conflict)
	object := "projects/demo/runs/" + string(ref.Run) + "/approvals/ask?link=slack "
	found := w.recorded("answer-approval-by-link")
	slices.Sort(found)
	same(t, "audit", found, []string{object + "conflict", object + "done", object + "done"})
}

func (w *world) state(ref client.ApprovalRef) bine.ApprovalState {
	w.t.Helper()
	one, err := w.store.Approval(w.t.Context(), "demo", store.StepRef{Run: ref.Run, Step: ref.Step})
	w.ok(err)
	return one.State
}

func TestLinksThatAreNoneAreRefusedAndLimited(t *testing.T) {
	w := newWorld(t)
	ref, nobody := w.question(), w.with("")
	good := w.token(ref, time.Now().Add(time.Hour))
	_, err := nobody.AnswerByLink(t.Context(), w.token(ref, time.Now().Add(-time.Second)), approve("1"))
	wants(t, "one that has expired", err, bine.Unauthenticated)
	var last error
	for range 12 {
		changed := []byte(good)
		changed[len(changed)/2] ^= 1
		if _, last = nobody.AnswerByLink(t.Context(), string(bytes.ToValidUTF8(changed, nil)), approve("1")); bine.IsKind(last, bine.NoQuota) {
			break
		}
		wants(t, "one that was changed", last, bine.Unauthenticated)
	}
	wants(t, "too many of them", last, bine.NoQuota)
	same(t, "after all", w.state(ref), "waiting")
}

func TestNoticesNameTheHostOfAnAddressOnly(t *testing.T) {
	w := newWorld(t)
	run := w.run("sven")
	w.ok(w.store.AddNotices(t.Context(), "demo", []store.Notice{{Notice: bine.Notice{Run: run.ID, Event: bine.NoticeFailure, Channel: "slack"}, Target: "https://chat.example.com/T0/secret", Body: `{"text":"secret"}`, Request: "a"}}))
	got := w.raw(http.MethodGet, "/api/v1/projects/demo/runs/"+string(run.ID)+"/notices", w.key("sven", bine.Key{Name: "k", Scopes: []bine.Scope{bine.ScopeRun}}), nil)
	if got.status != http.StatusOK || strings.Contains(got.body, "secret") || !strings.Contains(got.body, `"to":"chat.example.com"`) {
		t.Errorf("the notices are %d %s", got.status, got.body)
	}
	_, err := w.as("mallory").Notices(t.Context(), "demo", run.ID)
	wants(t, "those of another project", err, bine.NotFound)
}

func TestTheSecretOfWebhooksIsMadeOnceAndForOwners(t *testing.T) {
	w := newWorld(t)
	first, err := w.as("olga").WebhookSecret(t.Context(), "demo")
	w.ok(err)
	again, err := w.as("olga").WebhookSecret(t.Context(), "demo")
	w.ok(err)
	other, err := w.as("mallory").WebhookSecret(t.Context(), "other")
	w.ok(err)
	if first != again || first == other || len(first) < 26 {
		t.Errorf("the secrets are %q, %q, and %q of another project", first, again, other)
	}
	kept, found, err := w.store.Setting(t.Context(), store.WebhookSecretSetting("demo"))
	w.ok(err)
	same(t, "kept", []any{found, strings.Contains(kept, first)}, []any{true, false})
	_, err = w.as("sven").WebhookSecret(t.Context(), "demo")
	wants(t, "a Data Scientist", err, bine.Forbidden)
	_, err = w.as("root").WebhookSecret(t.Context(), "demo")
	wants(t, "the administrator", err, bine.NotFound)
}
