package store_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/store"
)

// ask makes an approval that waits, of a run of its own.
func ask(t testing.TB, s *store.Store, change ...func(*store.Approval)) store.StepRef {
	t.Helper()
	run := accept(t, s, "flights")
	a := store.Approval{Approval: bine.Approval{Project: "p", Run: run.ID, Step: "ask", Message: "Deploy?", By: []string{"data_owner"}, Otherwise: bine.ApprovalRejected}}
	for _, f := range change {
		f(&a)
	}
	if created := got(s.AskApproval(t.Context(), a))(t); !created {
		t.Fatal("an approval of a new run was there")
	}
	return store.StepRef{Run: a.Run, Step: a.Step, Item: a.Item}
}

func yes(user bine.UserName, values string) store.ApprovalAnswer {
	a := store.ApprovalAnswer{State: bine.ApprovalApproved, By: user, Via: "user"}
	if err := json.Unmarshal([]byte(values), &a.Values); err != nil {
		panic(err)
	}
	return a
}

func TestAnApprovalIsAskedOnceAndKeepsWhatItAsks(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		until := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
		most := 100.0
		field := bine.ApprovalField{Name: "share", Type: "int", Default: json.RawMessage("10"), Max: &most}
		ref := ask(t, s, func(a *store.Approval) {
			a.Item, a.DeadlineAt, a.Form = "graz", &until, []bine.ApprovalField{field}
			a.Settings = store.ApprovalSettings{GoOn: true, Remind: 60, EscalateAfter: 90, EscalateTo: []string{"bob"}}
		})
		again := store.Approval{Approval: bine.Approval{Project: "p", Run: ref.Run, Step: ref.Step, Item: ref.Item, Message: "another question"}}
		same(t, "asked again", got(s.AskApproval(ctx, again))(t), false)
		is := got(s.Approval(ctx, "p", ref))(t)
		same(t, "kept", []any{is.State, is.Message, is.Item, is.Pipeline, is.By, is.Form, is.DeadlineAt.Equal(until)},
			[]any{bine.ApprovalWaiting, "Deploy?", "graz", bine.PipelineName("flights"), []string{"data_owner"}, []bine.ApprovalField{field}, true})
		same(t, "settings", is.Settings, store.ApprovalSettings{GoOn: true, Remind: 60, EscalateAfter: 90, EscalateTo: []string{"bob"}})
		_, err := s.Approval(ctx, "p", store.StepRef{Run: ref.Run, Step: "other"})
		kind(t, "one that nobody asked for", err, bine.NotFound)
		kind(t, "its answer", s.AnswerApproval(ctx, "p", store.StepRef{Run: ref.Run, Step: "other"}, yes("ann", `{}`)), bine.NotFound)
	})
}

func TestTheSameAnswerAgainIsHarmlessAndAnotherIsNot(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		ref := ask(t, s)
		for range 2 {
			ok(t, s.AnswerApproval(ctx, "p", ref, yes("ann", `{"share":25}`)))
		}
		is := got(s.Approval(ctx, "p", ref))(t)
		same(t, "answer", []any{is.State, is.AnsweredBy, is.Via, string(is.Values["share"]), is.AnsweredAt != nil}, []any{bine.ApprovalApproved, bine.UserName("ann"), "user", "25", true})
		for name, other := range map[string]store.ApprovalAnswer{
			"other values":   yes("ann", `{"share":26}`),
			"another person": yes("bob", `{"share":25}`),
			"a rejection":    {State: bine.ApprovalRejected, By: "ann", Via: "user"},
			"the deadline":   {State: bine.ApprovalRejected, Via: store.ViaDeadline},
		} {
			kind(t, name, s.AnswerApproval(ctx, "p", ref, other), bine.Conflict)
		}
		same(t, "after all of them", got(s.Approval(ctx, "p", ref))(t), is)
	})
}

func TestOfManyAnswersAtOnceOneCounts(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ref := ask(t, s)
		var mu sync.Mutex
		var wait sync.WaitGroup
		counted := 0
		for i := range 8 {
			wait.Go(func() {
				err := s.AnswerApproval(t.Context(), "p", ref, yes("ann", fmt.Sprintf(`{"n":%d}`, i)))
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					counted++
				case !bine.IsKind(err, bine.Conflict):
					t.Error(err)
				}
			})
		}
		wait.Wait()
		same(t, "answers that counted", counted, 1)
	})
}

func TestNobodyButTheDeadlineAnswersAfterIt(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		past := time.Now().Add(-time.Second)
		ref := ask(t, s, func(a *store.Approval) { a.DeadlineAt = &past })
		kind(t, "an answer", s.AnswerApproval(t.Context(), "p", ref, yes("ann", `{}`)), bine.Conflict)
		same(t, "still", got(s.Approval(t.Context(), "p", ref))(t).State, bine.ApprovalWaiting)
		ok(t, s.AnswerApproval(t.Context(), "p", ref, store.ApprovalAnswer{State: bine.ApprovalRejected, Via: store.ViaDeadline}))
		same(t, "then", got(s.Approval(t.Context(), "p", ref))(t).State, bine.ApprovalRejected)
	})
}

func TestWithdrawnApprovalsAreTheRunsOwnAndOnlyThoseThatWait(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		answered, waits, other := ask(t, s), ask(t, s), ask(t, s)
		ok(t, s.AnswerApproval(ctx, "p", answered, yes("ann", `{}`)))
		for _, ref := range []store.StepRef{answered, {Run: waits.Run}, {Run: other.Run, Step: "none"}} {
			ok(t, s.WithdrawApprovals(ctx, "p", ref))
		}
		states := func() (all []bine.ApprovalState) {
			for _, ref := range []store.StepRef{answered, waits, other} {
				all = append(all, got(s.Approval(ctx, "p", ref))(t).State)
			}
			return all
		}
		same(t, "states", states(), []bine.ApprovalState{bine.ApprovalApproved, bine.ApprovalWithdrawn, bine.ApprovalWaiting})
		kind(t, "an answer to what was withdrawn", s.AnswerApproval(ctx, "p", waits, yes("ann", `{}`)), bine.Conflict)
		ok(t, s.WithdrawApprovals(ctx, "p", other))
		same(t, "by its step", states()[2], bine.ApprovalWithdrawn)
	})
}

func TestApprovalsAreListedByStateInPagesAndByPerson(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		var refs []store.StepRef
		for range 3 {
			refs = append(refs, ask(t, s))
		}
		ok(t, s.AnswerApproval(ctx, "p", refs[1], yes("ann", `{}`)))
		runs := func(state bine.ApprovalState, after string, limit int) (list []bine.RunID, next string) {
			all, next, err := s.Approvals(ctx, "p", state, after, limit)
			ok(t, err)
			for _, a := range all {
				list = append(list, a.Run)
			}
			return list, next
		}
		first, next := runs("", "", 2)
		rest, end := runs("", next, 2)
		same(t, "pages", []any{first, rest, end}, []any{[]bine.RunID{refs[0].Run, refs[1].Run}, []bine.RunID{refs[2].Run}, ""})
		waiting, _ := runs(bine.ApprovalWaiting, "", 9)
		same(t, "those that wait", waiting, []bine.RunID{refs[0].Run, refs[2].Run})
		_, _, err := s.Approvals(ctx, "p", "", "x", 2)
		kind(t, "a page of nothing", err, bine.Invalid)
		same(t, "for a member", len(got(s.WaitingApprovals(ctx, "ann"))(t)), 2)
		same(t, "for somebody else", len(got(s.WaitingApprovals(ctx, "bob"))(t)), 0)
	})
}

func TestNoticesAreMadeOnceAndGivenUpAfterManyAttempts(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		run := accept(t, s, "flights")
		one := store.Notice{Notice: bine.Notice{Run: run.ID, Event: bine.NoticeFailure, Channel: "slack"}, Target: "https://chat.example.com/secret/path", Body: `{"text":"x"}`, Request: "run/failure/0"}
		two := one
		two.Channel, two.Target, two.Request = "mail", "a@example.com,b@example.com", "run/failure/1"
		for range 2 {
			ok(t, s.AddNotices(ctx, "p", []store.Notice{one, two}))
		}
		list := got(s.UnsentNotices(ctx, "p", run.ID))(t)
		same(t, "made", []any{len(list), list[0].Whom(), list[1].Whom(), list[0].Body}, []any{2, "chat.example.com", "a@example.com,b@example.com", `{"text":"x"}`})
		ok(t, s.NoticeTried(ctx, list[0].ID, "", false))
		for i := range 8 {
			ok(t, s.NoticeTried(ctx, list[1].ID, fmt.Sprintf("fault %d", i), false))
		}
		same(t, "left", len(got(s.UnsentNotices(ctx, "p", run.ID))(t)), 0)
		list = got(s.Notices(ctx, "p", run.ID))(t)
		same(t, "sent", []any{list[0].State, list[0].Attempts, list[0].SentAt != nil}, []any{bine.Succeeded, 1, true})
		same(t, "given up", []any{list[1].State, list[1].Attempts, list[1].Reason, list[1].SentAt == nil}, []any{bine.Failed, 8, "fault 7", true})
	})
}

func TestANoticeThatCanNeverArriveIsTriedOnce(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		run := accept(t, s, "flights")
		ok(t, s.AddNotices(ctx, "p", []store.Notice{{Notice: bine.Notice{Run: run.ID, Event: bine.NoticeLate, Channel: "webhook"}, Target: "http://x", Body: "{}", Request: "a"}}))
		list := got(s.Notices(ctx, "p", run.ID))(t)
		ok(t, s.NoticeTried(ctx, list[0].ID, "no such address", true))
		list = got(s.Notices(ctx, "p", run.ID))(t)
		same(t, "failed", []any{list[0].State, list[0].Attempts}, []any{bine.Failed, 1})
	})
}

func TestOfManyWhoKeepASettingAllGetTheSame(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		name := store.WebhookSecretSetting("p")
		kept := make([]string, 6)
		var wait sync.WaitGroup
		for i := range kept {
			wait.Go(func() {
				var err error
				if kept[i], err = s.KeepSetting(t.Context(), name, fmt.Sprint("secret ", i)); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		is, found, err := s.Setting(t.Context(), name)
		ok(t, err)
		for _, k := range kept {
			same(t, "kept", []any{k, found}, []any{is, true})
		}
		ok(t, s.DeleteProject(t.Context(), "p"))
		_, found, err = s.Setting(t.Context(), name)
		ok(t, err)
		same(t, "after its project", found, false)
	})
}
