package agent_test

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/internal/agent"
)

func TestOutputsAreCheckedAndStored(t *testing.T) {
	s := newServer(t)
	a, _ := startAgent(t, s)
	p := python("import json, os",
		"out = os.environ['BINE_OUTPUTS']",
		"os.makedirs(out + '/model/deep')",
		"open(out + '/model/deep/weights', 'w').write('w')",
		"open(out + '/model/run', 'w').write('r'); os.chmod(out + '/model/run', 0o755)",
		"open(out + '/table', 'w').write('a,b')",
		"json.dump({'rows': 3, 'auc': 0.5, 'name': 'x', 'ok': True, 'more': [1], 'extra': 1}, open(out + '/values.json', 'w'))",
		`open(out + '/metrics.jsonl', 'w').write('{"name":"loss","value":0.5,"step":1,"at":"2026-01-01T00:00:00Z"}\nnot json\n{"name":"loss","value":0.4,"step":2,"at":"2026-01-01T00:00:01Z"}\n')`)
	p.Outputs = map[string]string{"table": "artifact", "model": "artifact", "rows": "int", "auc": "float", "name": "string", "ok": "bool", "more": "json"}
	attempt, got := run(t, s, a, "outputs", p)
	if got.State != bine.Succeeded {
		t.Fatalf("result = %+v\n%s", got, s.log(attempt))
	}
	if names := slices.Sorted(maps.Keys(got.Values)); !slices.Equal(names, []string{"auc", "more", "name", "ok", "rows"}) || string(got.Values["rows"]) != "3" {
		t.Errorf("values = %s", names)
	}
	if table := got.Artifacts["table"]; table.Hash != bine.HashOf([]byte("a,b")) || table.Kind != bine.ArtifactFile || table.Name != "table" {
		t.Errorf("table = %+v", table)
	}
	var entries []bine.ArtifactEntry
	if err := json.Unmarshal(s.artifacts[got.Artifacts["model"].Hash], &entries); err != nil {
		t.Fatal(err)
	}
	want := []bine.ArtifactEntry{{Path: "deep/weights", Hash: bine.HashOf([]byte("w")), Size: 1}, {Path: "run", Hash: bine.HashOf([]byte("r")), Size: 1, Executable: true}}
	if !slices.Equal(entries, want) {
		t.Errorf("model = %+v, want %+v", entries, want)
	}
	if len(got.Metrics) != 2 || got.Metrics[1].Value != 0.4 || got.Metrics[1].Step != 2 {
		t.Errorf("metrics = %+v", got.Metrics)
	}
	puts := s.puts
	if _, again := run(t, s, a, "outputs-again", p); again.State != bine.Succeeded || s.puts != puts {
		t.Errorf("the same outputs were sent again: %d more", s.puts-puts)
	}
}

func TestOutputsThatAreNotWhatWasDeclaredFailTheStep(t *testing.T) {
	s := newServer(t)
	a, _ := startAgent(t, s)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ script, kind, reason string }{
		"missing value":     {`echo '{"row":1}' > $BINE_OUTPUTS/values.json`, "int", `output "x" (int) is missing: the program must set it; it gave row`},
		"nothing":           {`true`, "string", `it gave no values`},
		"wrong type":        {`echo '{"x":"three"}' > $BINE_OUTPUTS/values.json`, "int", `output "x" is declared as int, and the program gave "three"`},
		"fraction":          {`echo '{"x":1.5}' > $BINE_OUTPUTS/values.json`, "int", `gave 1.5`},
		"no JSON":           {`echo oops > $BINE_OUTPUTS/values.json`, "int", `not a JSON object`},
		"too large":         {`printf '{"x":"%20000s"}' a > $BINE_OUTPUTS/values.json`, "string", `larger than 16384 bytes`},
		"missing artifact":  {`true`, "artifact", `output "x" (artifact) is missing`},
		"link out of it":    {`ln -s ` + secret + ` $BINE_OUTPUTS/x`, "artifact", `output "x" cannot be read`},
		"link inside":       {`mkdir $BINE_OUTPUTS/x; ln -s ` + secret + ` $BINE_OUTPUTS/x/y`, "artifact", `output "x"`},
		"outputs replaced":  {`rm -r outputs; ln -s ` + filepath.Dir(secret) + ` outputs`, "artifact", `directory of outputs is gone`},
		"name not in UTF-8": {`mkdir $BINE_OUTPUTS/x; touch $BINE_OUTPUTS/x/$(printf '\377')`, "artifact", `not a name in UTF-8`},
		"a pipe":            {`mkfifo $BINE_OUTPUTS/x`, "artifact", `not a regular file`},
		"values are a pipe": {`mkfifo $BINE_OUTPUTS/values.json`, "int", `not a regular file`},
	} {
		t.Run(name, func(t *testing.T) {
			p := shell(c.script)
			p.Outputs = map[string]string{"x": c.kind}
			attempt, got := run(t, s, a, name, p)
			if got.State != bine.Failed || got.Failure != bine.FailureOutput || !strings.Contains(got.Reason, c.reason) {
				t.Errorf("result = %s %s %q, want output …%s…\n%s", got.State, got.Failure, got.Reason, c.reason, s.log(attempt))
			}
		})
	}
	if _, leaked := s.artifacts[bine.HashOf([]byte("secret"))]; leaked {
		t.Error("a file that the process may not read was stored")
	}
}

func TestOutputsOfAnAttemptThatTheServerEndedAreGivenUp(t *testing.T) {
	s := newServer(t)
	a, _ := startAgent(t, s)
	s.set(func() { s.over = true })
	p := shell("echo x > $BINE_OUTPUTS/table")
	p.Outputs = map[string]string{"table": "artifact"}
	if _, got := run(t, s, a, "over", p); got.State != bine.Lost || len(s.artifacts) != 0 {
		t.Errorf("result = %+v with %d artifacts, want lost and none", got, len(s.artifacts))
	}
}

func TestABatchGivesWhatEachItemGave(t *testing.T) {
	s := newServer(t)
	a, _ := startAgent(t, s)
	p := python("import json, os",
		"for item in json.load(open(os.environ['BINE_BATCH'])):",
		"    out = os.environ['BINE_OUTPUTS'] + '/items/' + item['key']; os.makedirs(out)",
		"    if item['with']['n'] == 3: continue",
		"    json.dump({'twice': 2 * item['with']['n'] + len(item.get('item', ''))}, open(out + '/values.json', 'w'))")
	p.Outputs = map[string]string{"twice": "int"}
	p.Batch = []bine.BatchItem{{Key: "a", With: json.RawMessage(`{"n":1}`)}, {Key: "b", With: json.RawMessage(`{"n":2}`), Item: json.RawMessage(`"x"`)}}
	if _, got := run(t, s, a, "batch", p); got.State != bine.Succeeded || string(got.Items["b"].Values["twice"]) != "5" {
		t.Errorf("result = %+v", got)
	}
	p.Batch = append(p.Batch, bine.BatchItem{Key: "c", With: json.RawMessage(`{"n":3}`)})
	_, got := run(t, s, a, "batch-fault", p)
	if got.Failure != bine.FailureOutput || string(got.Items["a"].Values["twice"]) != "2" || !strings.Contains(got.Items["c"].Reason, `"twice"`) {
		t.Errorf("result = %+v", got)
	}
}

func TestAProcessFindsItsItemAndWhatTheEngineAsksOfIt(t *testing.T) {
	s := newServer(t)
	a, _ := startAgent(t, s)
	p := python("import json, os",
		"print(json.load(open(os.environ['BINE_ITEM_VALUE'])), os.environ.get('BINE_SQL'), os.environ.get('BINE_OTHER'))")
	p.Item = json.RawMessage(`{"name":"graz"}`)
	p.Env = map[string]string{"BINE_SQL": "asked", "BINE_OTHER": "not asked"}
	attempt, got := run(t, s, a, "item", p)
	if want := "{'name': 'graz'} asked None\n"; got.State != bine.Succeeded || s.log(attempt) != want {
		t.Errorf("result = %+v, log %q, want %q", got, s.log(attempt), want)
	}
}

func TestWhatExplainsAFailureIsKept(t *testing.T) {
	s := newServer(t)
	a, _ := startAgent(t, s)
	p := python("import os, sys",
		"open(os.environ['BINE_OUTPUTS'] + '/notebook', 'w').write('as far as it came')",
		"sys.exit(1)")
	p.Outputs = map[string]string{"notebook": "artifact", "html": "artifact", "total": "int"}
	p.Keep = []string{"notebook", "html"}
	_, got := run(t, s, a, "kept", p)
	if got.State != bine.Failed || got.Failure != bine.FailureError || len(got.Artifacts) != 1 || got.Artifacts["notebook"].Size != 17 {
		t.Errorf("result = %+v, want a failure with the notebook", got)
	}
	p.Keep = nil
	if _, got := run(t, s, a, "not-kept", p); got.State != bine.Failed || got.Artifacts != nil {
		t.Errorf("result = %+v, want a failure without artifacts", got)
	}
}

func TestCodeAndInputsAreInPlace(t *testing.T) {
	s := newServer(t)
	a, dir := startAgent(t, s)
	p := bine.Process{Python: "steps/train.py", Code: s.putDir(map[string]string{
		"steps/train.py": strings.Join([]string{"import json, os, subprocess, lib.more, helper",
			"inputs = json.load(open(os.environ['BINE_INPUTS']))",
			"assert open(inputs['table']).read() == 'a,b' and inputs['table'].endswith('/table.csv'), inputs",
			"assert sorted(os.listdir(inputs['model'])) == ['json', 'weights']",
			"assert sorted(os.listdir(inputs['parts'])) == ['x=1', 'x=2']",
			"assert open(inputs['parts'] + '/x=1').read() == 'one'",
			"assert open(inputs['parts'] + '/x=2/weights').read() == 'w'",
			"assert json.load(open(os.environ['BINE_WITH'])) == {'depth': 3}",
			"for path in [inputs['table'], inputs['model'] + '/weights', 'code/lib/more.py']:",
			"    try: open(path, 'a'); raise SystemExit('could write ' + path)",
			"    except OSError: pass",
			"subprocess.run(['code/tool.sh'], check=True)"}, "\n"),
		"steps/helper.py": "", "lib/more.py": "", "tool.sh": "#!/bin/sh\necho tool ran\n"}).Hash,
		With: json.RawMessage(`{"depth":3}`),
		Inputs: map[string]bine.ArtifactRef{
			"table": s.putFile("table.csv", "a,b"),
			"model": s.putDir(map[string]string{"weights": "w", "json": "{}"}),
			"parts": {Parts: map[string]bine.ArtifactRef{"x=1": s.putFile("part", "one"), "x=2": s.putDir(map[string]string{"weights": "w"})}},
		}}
	attempt, got := run(t, s, a, "inputs", p)
	if got.State != bine.Succeeded || s.log(attempt) != "tool ran\n" {
		t.Fatalf("result = %+v\n%s", got, s.log(attempt))
	}
	s.set(func() { clear(s.artifacts) }) // all is in the cache by now
	if _, got := run(t, s, a, "inputs-again", p); got.State != bine.Succeeded {
		t.Errorf("second run = %+v", got)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "cache", "demo", ".partial*")); len(left) > 0 {
		t.Errorf("half-made entries are left: %v", left)
	}
}

func TestAnInputThatIsNotThereFailsTheSetup(t *testing.T) {
	s := newServer(t)
	a, _ := startAgent(t, s)
	p := shell("true")
	p.Inputs = map[string]bine.ArtifactRef{"table": {Hash: bine.HashOf([]byte("gone")), Kind: bine.ArtifactFile}}
	if _, got := run(t, s, a, "gone", p); got.Failure != bine.FailureSetup || !strings.Contains(got.Reason, "input table") {
		t.Errorf("result = %+v, want a failed setup", got)
	}
}

// builder installs environments that are a link to the system's Python. With
// wait, it says so and then takes for ever.
type builder struct {
	installs int
	wait     chan struct{}
}

func (b *builder) Lock(_ context.Context, python string, requires []string, log io.Writer) (activities.LockEnvironmentResult, error) {
	_, _ = io.WriteString(log, "resolved\n")
	return activities.LockEnvironmentResult{Lock: strings.Join(requires, "\n"), Python: "3.11"}, nil
}

func (b *builder) Install(ctx context.Context, lock, _, dir string, log io.Writer) error {
	if b.wait != nil {
		close(b.wait)
		<-ctx.Done()
		return ctx.Err()
	}
	b.installs++
	_, _ = io.WriteString(log, "installed "+lock+"\n")
	if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o755); err != nil {
		return err
	}
	return os.Symlink("/usr/bin/python3", b.PythonPath(dir))
}

func (b *builder) Installed(dir string) bool {
	_, err := os.Stat(b.PythonPath(dir))
	return err == nil
}
func (b *builder) Remove(dir string) error       { return os.RemoveAll(dir) }
func (b *builder) PythonPath(dir string) string  { return filepath.Join(dir, "bin", "python") }
func (b *builder) ReadPaths(dir string) []string { return []string{dir} }

func TestEnvironmentsAreInstalledWhereTheyAreMissing(t *testing.T) {
	s := newServer(t)
	b := &builder{}
	a, dir := startAgent(t, s, func(o *agent.Options) { o.Environments = b })
	p := bine.Process{Command: []string{"python", "-c", "import sys; print(sys.executable)"}, Environment: 7}
	for _, word := range []string{"first", "second"} {
		attempt, got := run(t, s, a, word, p)
		if want := filepath.Join(dir, "environments", "demo", "7", "bin", "python") + "\n"; got.State != bine.Succeeded || s.log(attempt) != want {
			t.Errorf("%s = %+v, log %q, want %q", word, got, s.log(attempt), want)
		}
	}
	if b.installs != 1 || !strings.Contains(s.installs, "installed") {
		t.Errorf("%d installations, log %q", b.installs, s.installs)
	}
	if _, err := a.LockEnvironment(t.Context(), activities.LockEnvironmentInput{Project: "demo", Version: 8, Requires: []string{"numpy"}}); err != nil || !strings.Contains(s.installs, "resolved") {
		t.Errorf("LockEnvironment = %v, log %q", err, s.installs)
	}
	for range 2 {
		if err := a.RemoveEnvironments(t.Context(), activities.ProjectInput{Project: "demo"}); err != nil {
			t.Errorf("RemoveEnvironments = %v", err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "environments", "demo")); err == nil {
		t.Error("the environments are still there")
	}
}
