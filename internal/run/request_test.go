package run_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/internal/run"
	"github.com/bine-ml/bine/internal/store"
	"github.com/bine-ml/bine/internal/webhook"
)

func TestAWaitForAnAddressThatIsNoneFails(t *testing.T) {
	w := newWorld(t)
	w.poster.answer = func(method, url string) (int, string, error) {
		status, answer, err := webhook.New(false).Do(w.ctx(), method, url, nil, nil, 0)
		return status, string(answer), err
	}
	ref := w.begin(w.pipeline("name: n\nparams: {host: {type: string, default: \"ftp://x\"}}\nsteps:\n  a: {wait: {http: {url: \"${{ params.host }}/secret\"}}}\n  b: {wait: {http: {url: \"http://127.0.0.1:1/secret\"}}}\n"))
	for step, says := range map[bine.StepName]string{"a": "no address of the web", "b": "not a public address"} {
		out := w.waits(at(ref, step))
		if out.State != bine.Failed || !strings.Contains(out.Reason, says) || strings.Contains(out.Reason, "secret") {
			t.Errorf("%s: %+v, want it to fail with %q", step, out, says)
		}
	}
}

func TestAWaitIsOverWhateverTheAnswerHolds(t *testing.T) {
	w := newWorld(t)
	w.poster.answer = func(string, string) (int, string, error) { return 200, strings.Repeat("\xff", 1<<20), nil }
	ref := w.begin(w.pipeline("name: n\nsteps: {a: {wait: {http: {url: \"http://x/\"}}}}\n"))
	w.is("state", w.waits(at(ref, "a")).State, bine.Succeeded)
}

func TestAnAnswerThatIsNoValueIsRefused(t *testing.T) {
	w := newWorld(t)
	var body string
	w.poster.answer = func(string, string) (int, string, error) { return 200, body, nil }
	ref := w.begin(w.pipeline("name: n\nparams: {v: {type: string, default: \"a\\r\\nHost: evil\"}}\nsteps:\n  a: {http: {url: \"http://x/\"}}\n  b: {http: {url: \"http://x/\", headers: {X-A: \"${{ params.v }}\"}}}\n"))
	perform := func(step bine.StepName) error {
		w.resolve(at(ref, step))
		_, err := w.engine.Perform(w.ctx(), at(ref, step))
		return err
	}
	body = "\xff\xfe"
	w.kind("bytes", perform("a"), bine.Invalid, "no text")
	body = strings.Repeat(`"`, dags.MaxOutputs) // twice as long as JSON
	w.kind("a long text", perform("a"), bine.TooLarge, "take it with a process")
	w.kind("a header with a line break", perform("b"), bine.Invalid, "line break")
	w.is("asked", len(w.poster.posts), 2)
}

func TestAnAnswerThatNobodyToldTheStepOfIsFoundByItself(t *testing.T) {
	w := newWorld(t)
	ref := w.question("remind: 4h")
	if again := w.waits(ref).Again; again <= 0 || again > 120 {
		t.Errorf("it is looked at again after %v s", again)
	}
	w.ok(w.reply(ref, bine.ApprovalApproved, "")) // and then the server is killed: no signal
	w.is("next look", w.peek(ref).State, bine.Succeeded)
}

func TestATimeThatIsFarIsLookedAtDaily(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline("name: n\nsteps: {a: {wait: {until: \"9999-01-01T00:00:00Z\"}}}\n"))
	w.is("again", w.waits(at(ref, "a")).Again, 86400.0)
}

func TestAStepThatHasEndedStartsNoRun(t *testing.T) {
	w := newWorld(t)
	w.pipeline("name: child\nsteps: {x: {values: {m: 1}}}\n")
	ref := at(w.begin(w.pipeline("name: n\nsteps: {sub: {pipeline: {name: child}}}\n")), "sub")
	w.resolve(ref)
	w.finish(ref, bine.Cancelled)
	out, err := run.Awaits{Engine: w.engine}.Check(w.ctx(), activities.AwaitInput{StepRef: ref})
	w.ok(err)
	w.is("state", out.State, bine.Cancelled)
	w.kind("its sub-run", w.store.SetSubRun(w.ctx(), "p", storeRef(ref), "child-1"), bine.NotFound, "")
}

func TestCopyWritesArtifactsAndTheirParts(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline(`
name: n
steps:
  one: {command: [one], outputs: {t: artifact, d: artifact}}
  each: {command: [each], foreach: {items: [x, y]}, outputs: {t: artifact}}
  file: {copy: {artifact: one.t, to: Resources/t.csv}}
  dir: {copy: {artifact: one.d, to: Resources/d}}
  parts: {copy: {artifact: each.t, to: Resources/parts}}
`))
	file := func(text string) bine.ArtifactRef {
		hash := bine.HashOf([]byte(text))
		w.files.blobs[hash] = text
		return bine.ArtifactRef{Hash: hash, Kind: bine.ArtifactFile, Size: int64(len(text)), Name: "t.csv"}
	}
	give := func(ref activities.StepRef, artifacts map[string]bine.ArtifactRef) {
		w.resolve(ref)
		w.report(ref, bine.AttemptResult{State: bine.Succeeded, Values: map[string]json.RawMessage{}, Artifacts: artifacts})
	}
	give(at(ref, "one"), map[string]bine.ArtifactRef{"t": file("table"), "d": w.files.put(map[string]string{"a": "1", "b/c": "2"})})
	w.resolve(at(ref, "each"))
	for _, key := range []string{"x", "y"} {
		give(at(ref, "each", key), map[string]bine.ArtifactRef{"t": file("of " + key)})
	}
	_, err := w.engine.Gather(w.ctx(), at(ref, "each"))
	w.ok(err)
	for _, step := range []bine.StepName{"file", "dir", "parts"} {
		w.resolve(at(ref, step))
		_, err := w.engine.Perform(w.ctx(), at(ref, step))
		w.ok(err)
	}
	w.is("files", fmt.Sprint(map[string]string(w.project)), "map[Resources/d/a:ann: 1 Resources/d/b/c:ann: 2 Resources/parts/x:ann: of x Resources/parts/y:ann: of y Resources/t.csv:ann: table]")
}

func TestCopyOfWhoIsNoMemberAnyMoreIsRefused(t *testing.T) {
	w := newWorld(t)
	w.ok(w.store.CreateUser(w.ctx(), bine.User{Name: "bob"}, "hash"))
	ref := w.begin(w.pipeline("name: n\nsteps: {c: {copy: {from: Resources/a, to: Resources/b}}}\n"), func(n *store.NewRun) { n.By = "bob" })
	w.resolve(at(ref, "c"))
	_, err := w.engine.Perform(w.ctx(), at(ref, "c"))
	w.kind("copy", err, bine.Forbidden, "bob, who started the run, is no member")
}
