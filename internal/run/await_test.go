package run_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/internal/run"
	"github.com/bine-ml/bine/internal/store"
)

// waits resolves a step that waits, and looks once, twice: looking is harmless.
func (w *world) waits(ref activities.StepRef) activities.Awaited {
	w.t.Helper()
	w.resolve(ref)
	return w.peek(ref)
}

func (w *world) peek(ref activities.StepRef) activities.Awaited {
	w.t.Helper()
	out, err := run.Awaits{Engine: w.engine}.Check(w.ctx(), activities.AwaitInput{StepRef: ref, Workflow: "w"})
	w.ok(err)
	return out
}

func TestAWaitForATimeKeepsItsMoment(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline("name: n\nsteps: {a: {wait: {for: 150ms}}}\n"))
	first := w.waits(at(ref, "a"))
	row := w.row(at(ref, "a"))
	w.is("first look", []any{first.State, row.State}, []any{bine.Waiting, bine.Waiting})
	until := string(row.Values["until"])
	for first.State == bine.Waiting {
		time.Sleep(time.Duration(first.Again * float64(time.Second))) // a wait is what is tested
		first = w.peek(at(ref, "a"))
		if is := string(w.row(at(ref, "a")).Values["until"]); is != until {
			t.Fatalf("the moment moved from %s to %s", until, is)
		}
	}
	w.is("in the end", []any{first.State, w.row(at(ref, "a")).State}, []any{bine.Succeeded, bine.Succeeded})
	w.is("looked at once more", w.peek(at(ref, "a")).State, bine.Succeeded)
}

func TestWaitsEndWhenWhatTheyWaitForIsThere(t *testing.T) {
	w := newWorld(t)
	other := w.pipeline("name: other\nsteps: {x: {values: {n: 1}}}\n")
	status := 503
	w.poster.answer = func(string, string) (int, string, error) { return status, "", nil }
	ref := w.begin(w.pipeline(`
name: n
steps:
  file: {wait: {file: Resources/a.csv}}
  part: {wait: {partition: Resources/day}}
  web: {wait: {http: {url: "http://x/health", expect: [204]}, every: 1m}}
  run: {wait: {run: {pipeline: other}}}
`))
	for step, says := range map[bine.StepName]string{"file": "waits for file Resources/a.csv", "part": "waits for partition Resources/day", "web": "waits for x: x answered 503 Service Unavailable", "run": "waits for a run of other"} {
		w.is(string(step), []any{w.waits(at(ref, step)).State, w.row(at(ref, step)).Reason}, []any{bine.Waiting, says})
	}
	w.project["Resources/a.csv"], w.project["Resources/day/_SUCCESS"], status = "", "", 204
	done := w.begin(other)
	w.resolve(at(done, "x"))
	w.finish(done, bine.Succeeded)
	for _, step := range []bine.StepName{"file", "part", "web", "run"} {
		w.is(string(step), []any{w.peek(at(ref, step)).State, w.row(at(ref, step)).State}, []any{bine.Succeeded, bine.Succeeded})
	}
}

func TestAWaitThatCanNeverEndFails(t *testing.T) {
	w := newWorld(t)
	w.poster.answer = func(string, string) (int, string, error) {
		return 0, "", bine.Errorf(bine.Forbidden, "127.0.0.1 is not a public address")
	}
	ref := w.begin(w.pipeline("name: n\nsteps:\n  web: {wait: {http: {url: \"http://x/\"}}}\n  time: {wait: {until: \"${{ 'tomorrow' }}\"}}\n"))
	w.is("web", w.waits(at(ref, "web")), activities.Awaited{State: bine.Failed, Reason: "127.0.0.1 is not a public address"})
	out := w.waits(at(ref, "time"))
	if out.State != bine.Failed || !strings.Contains(out.Reason, "is not a time") {
		t.Errorf("a wait until tomorrow: %+v", out)
	}
}

const asking = `
name: n
steps:
  ask:
    approval:
      message: Deploy?
      form: {share: {type: int, default: 10, max: 100}}
      by: [data_owner]
      %s
`

func (w *world) question(more string) activities.StepRef {
	w.t.Helper()
	return at(w.begin(w.pipeline(strings.Replace(asking, "%s", more, 1))), "ask")
}

func (w *world) reply(ref activities.StepRef, state bine.ApprovalState, values string) error {
	answer := store.ApprovalAnswer{State: state, By: "ann", Via: "user", Note: "so be it"}
	if values != "" {
		w.ok(json.Unmarshal([]byte(values), &answer.Values))
	}
	return w.store.AnswerApproval(w.ctx(), "p", store.StepRef{Run: ref.Run, Step: ref.Step}, answer)
}

func TestAnApprovalIsAskedOnceAndGivesWhatItsFormHolds(t *testing.T) {
	onEach(t, func(w *world) {
		ref := w.question("")
		w.is("asked", []any{w.waits(ref).State, w.row(ref).Reason}, []any{bine.Waiting, "waits for an answer of data_owner"})
		w.is("asked again", w.peek(ref).State, bine.Waiting)
		for range 2 { // the same answer again is harmless
			w.ok(w.reply(ref, bine.ApprovalApproved, `{"share": 25}`))
		}
		w.kind("another answer", w.reply(ref, bine.ApprovalRejected, ""), bine.Conflict, "was approved already by ann")
		w.is("answered", w.peek(ref).State, bine.Succeeded)
		w.is("values", w.row(ref).Values, map[string]json.RawMessage{
			"share": json.RawMessage("25"), "approved": json.RawMessage("true"), "by": json.RawMessage(`"ann"`), "note": json.RawMessage(`"so be it"`),
		})
	})
}

func TestARejectionFailsTheStepUnlessItMayGoOn(t *testing.T) {
	w := newWorld(t)
	ref := w.question("")
	w.waits(ref)
	w.ok(w.reply(ref, bine.ApprovalRejected, ""))
	w.is("rejected", w.peek(ref), activities.Awaited{State: bine.Failed, Reason: "rejected by ann: so be it"})
	ref = w.question("on_reject: go_on")
	w.waits(ref)
	w.ok(w.reply(ref, bine.ApprovalRejected, ""))
	w.is("may go on", w.peek(ref).State, bine.Succeeded)
	w.is("approved", string(w.row(ref).Values["approved"]), "false")
}

func TestTheDeadlineAnswersInNobodysName(t *testing.T) {
	w := newWorld(t)
	ref := w.question("deadline: 50ms")
	for out := w.waits(ref); out.State == bine.Waiting; out = w.peek(ref) {
		time.Sleep(10 * time.Millisecond) // the deadline is what is tested
	}
	w.is("too late", w.row(ref).Reason, "nobody answered before the deadline")
	w.kind("an answer after it", w.reply(ref, bine.ApprovalApproved, ""), bine.Conflict, "was rejected already, by its deadline")
	ref = w.question("deadline: 50ms\n      otherwise: approve")
	for out := w.waits(ref); out.State == bine.Waiting; out = w.peek(ref) {
		time.Sleep(10 * time.Millisecond) // the deadline is what is tested
	}
	w.is("approved", []any{w.row(ref).State, string(w.row(ref).Values["share"]), string(w.row(ref).Values["by"])}, []any{bine.Succeeded, "10", `"deadline"`})
}

func TestPeopleAreRemindedAndOthersAskedWhoMayThenAnswer(t *testing.T) {
	w := newWorld(t)
	ref := w.question("remind: 40ms\n      notify: [{webhook: \"http://first\"}]\n      escalate: {after: 60ms, to: [bob], notify: [{slack: \"http://second\"}]}")
	if out := w.waits(ref); !out.Notify {
		t.Error("the question is told to nobody")
	}
	deadline := time.Now().Add(5 * time.Second)
	events := func() map[bine.NoticeEvent]int {
		all, err := w.store.Notices(w.ctx(), "p", ref.Run)
		w.ok(err)
		count := map[bine.NoticeEvent]int{}
		for _, n := range all {
			count[n.Event]++
		}
		return count
	}
	for e := events(); e[bine.NoticeReminder] < 2 || e[bine.NoticeEscalate] < 1; e = events() {
		if time.Now().After(deadline) {
			t.Fatalf("told %v", e)
		}
		time.Sleep(10 * time.Millisecond) // the times of reminders are what is tested
		w.peek(ref)
	}
	w.is("asked and escalated once", []int{events()[bine.NoticeApproval], events()[bine.NoticeEscalate]}, []int{1, 1})
	one, err := w.store.Approval(w.ctx(), "p", store.StepRef{Run: ref.Run, Step: ref.Step})
	w.ok(err)
	w.is("who may answer", one.By, []string{"data_owner", "bob"})
	w.ok(w.engine.Notify(w.ctx(), ref.RunRef))
	posted := len(w.poster.posts)
	w.ok(w.engine.Notify(w.ctx(), ref.RunRef))
	w.is("nothing is sent twice", len(w.poster.posts), posted)
}

func TestAnApprovalOfARunThatEndsIsWithdrawn(t *testing.T) {
	w := newWorld(t)
	ref := w.question("")
	w.waits(ref)
	w.ok(run.Awaits{Engine: w.engine}.Abandon(w.ctx(), activities.AwaitInput{StepRef: ref}))
	w.kind("an answer", w.reply(ref, bine.ApprovalApproved, ""), bine.Conflict, "withdrawn")
	ref = w.question("")
	w.waits(ref)
	w.finish(ref, bine.Cancelled)
	w.kind("an answer after the run", w.reply(ref, bine.ApprovalApproved, ""), bine.Conflict, "withdrawn")
}

func TestAStepRunsAnotherPipelineOnceAndTakesItsOutputs(t *testing.T) {
	onEach(t, func(w *world) {
		w.pipeline("name: child\nparams: {n: {type: int}}\nsteps: {x: {values: {m: \"${{ params.n * 2 }}\"}}}\noutputs: {m: \"${{ steps.x.m }}\"}\n")
		ref := at(w.begin(w.pipeline("name: n\nsteps: {sub: {pipeline: {name: child, params: {n: 21}}}}\n")), "sub")
		first := w.waits(ref)
		w.is("again", w.peek(ref), first)
		row := w.row(ref)
		w.is("waits", []any{row.State, row.SubRun, row.Reason}, []any{bine.Waiting, bine.RunID("child-1"), "waits for run child-1"})
		child := activities.StepRef{RunRef: activities.RunRef{Project: "p", Run: "child-1"}}
		_, err := w.engine.Begin(w.ctx(), child.RunRef)
		w.ok(err)
		w.resolve(at(child, "x"))
		w.finish(child, bine.Succeeded)
		w.is("ended", w.peek(ref).State, bine.Succeeded)
		w.is("outputs", string(w.row(ref).Values["outputs"]), `{"m":42}`)
		w.is("told", slices.Contains(w.launcher.calls, "wake p/run/n-1/sub"), true)
	})
}

func TestAChildThatFailsIsNamedWithItsReason(t *testing.T) {
	w := newWorld(t)
	w.pipeline("name: child\nsteps: {x: {values: {m: 1}}}\n")
	ref := at(w.begin(w.pipeline("name: n\nsteps:\n  sub: {pipeline: {name: child}}\n  none: {pipeline: {name: nobody}}\n  kind: {job: {name: child}}\n  params: {pipeline: {name: child, params: {y: 1}}}\n")), "sub")
	w.waits(ref)
	_, err := w.engine.Finish(w.ctx(), activities.RunRef{Project: "p", Run: "child-1"}, activities.Outcome{State: bine.Failed, Reason: "step x: no"})
	w.ok(err)
	w.is("failed", w.peek(ref), activities.Awaited{State: bine.Failed, Reason: "run child-1 is failed: step x: no"})
	for step, says := range map[bine.StepName]string{"none": `there is no pipeline "nobody"`, "kind": "child is a pipeline: write pipeline: {name: child}", "params": "no params"} {
		out := w.waits(at(ref, step))
		if out.State != bine.Failed || !strings.Contains(out.Reason, says) {
			t.Errorf("%s: %+v, want it to fail with %q", step, out, says)
		}
	}
}

func TestAPipelineThatStartsItselfIsStopped(t *testing.T) {
	w := newWorld(t)
	ref := at(w.begin(w.pipeline("name: n\nsteps: {again: {pipeline: {name: n}}}\n")), "again")
	for range 30 {
		out := w.waits(ref)
		if out.State == bine.Failed {
			if !strings.Contains(out.Reason, "have started each other") {
				t.Errorf("it failed with %q", out.Reason)
			}
			return
		}
		ref.Run = w.row(ref).SubRun
		_, err := w.engine.Begin(w.ctx(), ref.RunRef)
		w.ok(err)
	}
	t.Error("a pipeline went on starting itself")
}

func TestCancellingAParentCancelsItsChild(t *testing.T) {
	w := newWorld(t)
	w.pipeline("name: child\nsteps: {x: {values: {m: 1}}}\n")
	ref := at(w.begin(w.pipeline("name: n\nsteps: {sub: {pipeline: {name: child}}}\n")), "sub")
	w.waits(ref)
	w.ok(run.Awaits{Engine: w.engine}.Abandon(w.ctx(), activities.AwaitInput{StepRef: ref}))
	w.is("cancelled", slices.Contains(w.launcher.calls, "cancel child-1"), true)
}

func TestRecoveryIsToldAfterAFailureOnly(t *testing.T) {
	w := newWorld(t)
	name := w.pipeline("name: n\nsteps: {x: {values: {m: 1}}}\nnotify: [{on: recovery, slack: \"http://chat\", message: \"${{ run.id }} ${{ event }} ${{ link }}\"}]\n")
	for i, c := range []struct {
		state bine.State
		told  int
	}{{bine.Succeeded, 0}, {bine.Failed, 0}, {bine.Succeeded, 1}, {bine.Succeeded, 1}} {
		ref := w.begin(name)
		w.finish(ref, c.state)
		w.ok(w.engine.Notify(w.ctx(), ref.RunRef))
		if len(w.poster.posts) != c.told {
			t.Fatalf("after run %d: posted %v, want %d", i+1, w.poster.posts, c.told)
		}
	}
	if !strings.Contains(w.poster.posts[0], "n-3 recovery http://bine/projects/p/runs/n-3") {
		t.Errorf("posted %s", w.poster.posts[0])
	}
}

func TestALateRunIsMarkedOnceAndTold(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline("name: n\ndeadline: 1h\nsteps: {x: {values: {m: 1}}}\nnotify: [{on: late, webhook: \"http://hook\"}]\n"))
	for range 2 {
		out, err := w.engine.Late(w.ctx(), ref.RunRef)
		w.ok(err)
		w.is("told", out.Notify, true)
		w.ok(w.engine.Notify(w.ctx(), ref.RunRef))
	}
	w.is("posts", len(w.poster.posts), 1)
	now, err := w.store.Run(w.ctx(), "p", ref.Run)
	w.ok(err)
	if !now.Late || now.DeadlineAt == nil || !now.DeadlineAt.Equal(now.CreatedAt.Add(time.Hour)) {
		t.Errorf("the run is late: %v, at %v; it was made at %v", now.Late, now.DeadlineAt, now.CreatedAt)
	}
}

func TestOfSeveralMessagesOnlyWhatWasNotDeliveredIsSentAgain(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline("name: n\nsteps: {x: {values: {m: 1}}}\nnotify: [{on: failure, webhook: \"http://one\"}, {on: failure, webhook: \"http://two\"}, {on: failure, mail: [a@example.com]}]\n"))
	w.finish(ref, bine.Failed)
	w.poster.fails = 1
	if err := w.engine.Notify(w.ctx(), ref.RunRef); !bine.IsKind(err, bine.Unavailable) {
		t.Errorf("a delivery that failed: %v, want it to be tried again", err)
	}
	w.ok(w.engine.Notify(w.ctx(), ref.RunRef))
	w.is("posts", len(w.poster.posts), 2)
	all, err := w.store.Notices(w.ctx(), "p", ref.Run)
	w.ok(err)
	for _, n := range all {
		switch {
		case n.Channel == "mail" && (n.State != bine.Failed || !strings.Contains(n.Reason, "mail.host")):
			t.Errorf("mail without a server is %s: %s", n.State, n.Reason)
		case n.Channel == "webhook" && n.State != bine.Succeeded:
			t.Errorf("webhook %s is %s: %s", n.Whom(), n.State, n.Reason)
		}
	}
}

func TestHTTPStepsGiveStatusAndBodyOrAReasonThatSaysWhetherToTryAgain(t *testing.T) {
	w := newWorld(t)
	status, body, fault := 200, `{"n": 1}`, error(nil)
	w.poster.answer = func(string, string) (int, string, error) { return status, body, fault }
	ref := w.begin(w.pipeline("name: n\nsteps:\n  a: {http: {url: \"http://x/${{ run.number }}\", method: POST, body: {k: 1}}}\n  b: {http: {url: \"http://x/\"}}\n  c: {http: {url: \"http://x/\"}}\n  d: {http: {url: \"http://x/\"}}\n"))
	perform := func(step bine.StepName) error {
		w.resolve(at(ref, step))
		_, err := w.engine.Perform(w.ctx(), at(ref, step))
		return err
	}
	w.ok(perform("a"))
	w.is("values", w.row(at(ref, "a")).Values, map[string]json.RawMessage{"status": json.RawMessage("200"), "body": json.RawMessage(`{"n":1}`)})
	w.is("asked", w.poster.posts, []string{`POST http://x/1 {"k":1}`})
	body = "plain"
	w.ok(perform("b"))
	w.is("text", string(w.row(at(ref, "b")).Values["body"]), `"plain"`)
	status = 500
	w.kind("a server that fails", perform("c"), bine.Unavailable, "x answered 500")
	status = 404
	w.kind("nothing there", perform("c"), bine.Invalid, "x answered 404")
	status, fault = 0, errors.New("no route")
	if err := perform("d"); err == nil {
		t.Error("a server that cannot be reached is no error")
	}
}

func TestCopyWritesInTheNameOfWhoStartedTheRun(t *testing.T) {
	w := newWorld(t)
	w.ok(w.store.SetMember(w.ctx(), "p", bine.Member{User: "ann", Role: bine.DataOwner, AddedBy: "ann"}))
	w.project["Resources/a"] = "text"
	ref := w.begin(w.pipeline("name: n\nsteps: {c: {copy: {from: Resources/a, to: \"Resources/${{ run.id }}\"}}}\n"))
	for range 2 {
		w.resolve(at(ref, "c"))
		_, err := w.engine.Perform(w.ctx(), at(ref, "c"))
		w.ok(err)
	}
	w.is("file", w.project["Resources/n-1"], "ann: text")
	w.is("path", string(w.row(at(ref, "c")).Values["path"]), `"Resources/n-1"`)
}
