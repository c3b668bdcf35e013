package dags_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/dags/plan"
)

func parse(t testing.TB, text string) dags.DAG {
	t.Helper()
	d, err := dags.Parse([]byte(text))
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return d
}

func step(t *testing.T, d dags.DAG, name bine.StepName) dags.Step {
	t.Helper()
	s, ok := d.Step(name)
	if !ok {
		t.Fatalf("there is no step %s", name)
	}
	return s
}

func flights(t testing.TB) dags.DAG {
	t.Helper()
	d, err := dags.Parse(mustRead(t, "examples/flights/pipeline.yml"))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestFlightsPlan(t *testing.T) {
	p := flights(t).Plan()
	want := []plan.Step{
		{Name: "ingest", Kind: "python", Process: true},
		{Name: "validate", Kind: "python", Process: true, Needs: []int{0}},
		{Name: "split", Kind: "python", Process: true, Needs: []int{1, 0}},
		{Name: "train", Kind: "python", Process: true, Needs: []int{2}, Foreach: true, MaxParallel: 4},
		{Name: "evaluate", Kind: "python", Process: true, Needs: []int{3, 2}},
		{Name: "register", Kind: "model", Needs: []int{4}},
		{Name: "deploy", Kind: "deploy", Needs: []int{5}},
	}
	if !reflect.DeepEqual(p.Steps, want) {
		t.Errorf("Plan() = %+v\nwant %+v", p.Steps, want)
	}
}

func TestFlightsNamesItsFiles(t *testing.T) {
	files := flights(t).Files()
	if got, want := strings.Join(files, " "), "evaluate.py ingest.py split.py train.py validate.py"; got != want {
		t.Errorf("Files() = %s; want %s", got, want)
	}
	for _, f := range files {
		mustRead(t, filepath.Join("examples/flights", f))
	}
}

func TestPlanOrdersByNeeds(t *testing.T) {
	d := parse(t, string(mustRead(t, "testdata/order.yml")))
	var names []string
	for i, s := range d.Plan().Steps {
		names = append(names, string(s.Name))
		for _, n := range s.Needs {
			if n >= i {
				t.Errorf("step %s at %d needs %d", s.Name, i, n)
			}
		}
	}
	if got, want := strings.Join(names, " "), "first gate middle last"; got != want {
		t.Errorf("Plan() is in the order %s; want %s", got, want)
	}
}

func TestHashDependsOnDefinitionAndCode(t *testing.T) {
	d := flights(t)
	code := bine.HashOf([]byte("code"))
	other := parse(t, strings.Replace(string(mustRead(t, "examples/flights/pipeline.yml")), "depth: 4", "depth: 5", 1))
	for name, pair := range map[string][2]bine.Hash{
		"code":       {d.Hash(code), d.Hash("")},
		"definition": {d.Hash(code), other.Hash(code)},
	} {
		if pair[0] == pair[1] || pair[0].Check() != nil {
			t.Errorf("the hash does not depend on the %s: %v", name, pair)
		}
	}
	if d.Hash(code) != flights(t).Hash(code) {
		t.Error("the hash of the same pipeline differs")
	}
}

// The order in which keys are written does not matter, nor does white space.
func TestCanonicalFormForgetsHowItWasWritten(t *testing.T) {
	a := parse(t, "name: x\nsteps:\n  a: {with: {b: 1, a: 2}, command: [x], env: {}}\n")
	b := parse(t, "steps:\n  a:\n    command:\n    - x\n    with: {a: 2,   b: 1}\n    resources: {cpu: 0.5, memory: 512MiB}\nname: x\n")
	if !bytes.Equal(a.JSON(), b.JSON()) {
		t.Errorf("%s\n%s", a.JSON(), b.JSON())
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"an unknown key":       `{"name":"a","colour":1,"steps":[]}`,
		"an unknown kind":      `{"name":"a","steps":[{"name":"s","kind":"dance","action":{}}]}`,
		"an unknown step key":  `{"name":"a","steps":[{"name":"s","colour":1,"kind":"python","action":{"program":"a.py"}}]}`,
		"an unknown field":     `{"name":"a","steps":[{"name":"s","kind":"python","action":{"program":"a.py","x":1}}]}`,
		"no steps":             `{"name":"a","steps":[]}`,
		"a fault":              `{"name":"a","steps":[{"name":"s","kind":"python","action":{"program":"a"}}]}`,
		"a null action":        `{"name":"a","steps":[{"name":"s","kind":"values","action":null}]}`,
		"two documents":        `{"name":"a","steps":[{"name":"s","kind":"python","action":{"program":"a.py"}}]} {}`,
		"what is no JSON":      `name: a`,
		"a bad reference":      `{"name":"a","steps":[{"name":"s","inputs":{"x":"y"},"kind":"python","action":{"program":"a.py"}}]}`,
		"a negative resource":  `{"name":"a","steps":[{"name":"s","resources":{"cpu":-1,"memory":1},"kind":"python","action":{"program":"a.py"}}]}`,
		"an unknown retry":     `{"name":"a","steps":[{"name":"s","retry":{"attempts":2,"factor":2,"on":["lost"]},"kind":"python","action":{"program":"a.py"}}]}`,
		"an overlap of no use": `{"name":"a","schedule":{"cron":"@daily","time_zone":"UTC","overlap":"x","catch_up_seconds":1},"steps":[{"name":"s","kind":"python","action":{"program":"a.py"}}]}`,
	} {
		if d, err := dags.Decode([]byte(text)); !bine.IsKind(err, bine.Invalid) {
			t.Errorf("Decode of %s = %+v, %v; want a fault", name, d, err)
		}
	}
}

func TestParseRefusesWhatIsTooLarge(t *testing.T) {
	_, err := dags.Parse(bytes.Repeat([]byte("#"), dags.MaxText+1))
	if !bine.IsKind(err, bine.TooLarge) {
		t.Errorf("Parse = %v; want too_large", err)
	}
	var b strings.Builder
	b.WriteString("name: many\nsteps:\n")
	for i := range dags.MaxSteps + 1 {
		fmt.Fprintf(&b, "  s%d: {command: x}\n", i)
	}
	if _, err := dags.Parse([]byte(b.String())); err == nil || !strings.Contains(err.Error(), "at most 5000") {
		t.Errorf("Parse = %v; want a fault about the number of steps", err)
	}
}

func TestThreeThousandStepsAreCheckedInSeconds(t *testing.T) {
	began := time.Now()
	d := parse(t, manySteps(3000))
	t.Logf("3000 steps parsed and checked in %s", time.Since(began).Round(time.Millisecond))
	b, err := json.Marshal(d.Plan())
	if err != nil || len(b) > 512<<10 {
		t.Errorf("the plan is %d bytes, %v; want at most 512 KiB", len(b), err)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
}

func manySteps(n int) string {
	var b strings.Builder
	b.WriteString("name: many\nparams: {n: {type: int, default: 1}}\nsteps:\n  s0: {python: a.py, outputs: {rows: int, table: artifact}}\n")
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, "  s%d:\n    python: a.py\n    inputs: {table: s%d.table}\n    with: {n: \"${{ params.n + steps.s%d.rows }}\"}\n    outputs: {rows: int, table: artifact}\n    retry: 3\n", i, i-1, i/2)
	}
	return b.String()
}

func BenchmarkParse(b *testing.B) {
	text := mustRead(b, "examples/flights/pipeline.yml")
	for b.Loop() {
		if _, err := dags.Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}

// A module of its own, as a user has one, compiles against the builder, and
// what it builds is what the YAML with the same meaning gives.
func TestAnotherModuleBuildsAPipeline(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs the compiler")
	}
	program := filepath.Join(t.TempDir(), "pipelines")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	build.Dir = "testdata/module"
	build.Env = append(build.Environ(), "GOFLAGS=-mod=readonly", "GOPROXY=off", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s\n(after a change of go.mod: run go mod tidy in dags/testdata/module)", err, out)
	}
	got, err := exec.CommandContext(t.Context(), program).Output()
	if err != nil {
		t.Fatalf("%s: %v", program, err)
	}
	want := parse(t, string(mustRead(t, "testdata/sales.yml"))).JSON()
	if !bytes.Equal(bytes.TrimSpace(got), want) {
		t.Errorf("the module built\n%s\nthe YAML is\n%s", got, want)
	}
}

func TestNewReportsEveryFault(t *testing.T) {
	train := dags.Python("train", "train.py").Output("model", dags.Artifact).Timeout("soon").Memory("lots")
	_, err := dags.New("Faulty",
		dags.IntParam("n").Default(9).Between(0, 5),
		dags.StringParam("who").OneOf("me").Default("you"),
		train, train,
		dags.Model("register", "delay", train.Out("modle")).When("steps.train.ok"),
		dags.Deploy("deploy", "delay", "delay").Version(dags.Expr("steps.registr.version")),
		dags.Command("tell").With("f", func() {}),
		dags.Cron("every day").In("Mars/Olympus").CatchUp("later"),
		dags.OnEnd("nowhere"),
	)
	got := faults(t, err)
	for _, want := range []string{
		`name: pipeline "Faulty" is not a name`,
		`params.n.default: a number from 0 to 5 is expected, not 9`,
		`params.who.default: one of "me" is expected, not "you"`,
		`steps.train: "soon" is not a duration`,
		`steps.train: "lots" is not an amount of memory`,
		`steps.register.model.artifact: step train has no output "modle"; did you mean model?`,
		`steps.register.when: a condition is an expression: write ${{ steps.train.ok }}`,
		`steps.deploy.deploy.version: there is no step "registr"; did you mean register?`,
		`steps.tell: a func() cannot be written as JSON`,
		`schedule.cron: "every day" is not a cron expression`,
		`schedule.catch_up: "later" is not a duration`,
		`schedule.time_zone: "Mars/Olympus" is not a time zone`,
		`notify[0].webhook: "nowhere" is not an address`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the faults lack %s", want)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
}

func TestBuilderKeepsDecimals(t *testing.T) {
	d, err := dags.New("decimals", dags.Python("a", "a.py").With("x", 1.0).With("y", 1).With("z", []any{2.0, map[string]any{"w": 3.0}}))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(step(t, d, "a").With), `{"x":1.0,"y":1,"z":[2.0,{"w":3.0}]}`; got != want {
		t.Errorf("with is %s; want %s", got, want)
	}
}

func TestNotifyWants(t *testing.T) {
	events := []bine.NoticeEvent{bine.NoticeFailure, bine.NoticeSuccess, bine.NoticeRecovery, bine.NoticeLate}
	for on, want := range map[string][4]bool{
		"failure": {true}, "success": {false, true}, "always": {true, true}, "recovery": {false, false, true}, "late": {false, false, false, true},
	} {
		for i, event := range events {
			if got := (dags.Notify{On: on}).Wants(event); got != want[i] {
				t.Errorf("a notification on %s wants %s: %v; want %v", on, event, got, want[i])
			}
		}
	}
}

func TestUnits(t *testing.T) {
	for text, want := range map[string]time.Duration{"90s": 90 * time.Second, "1h30m": 90 * time.Minute, "2d": 48 * time.Hour, "1.5h": 90 * time.Minute, "500ms": time.Second / 2} {
		if got, err := dags.ParseDuration(text); got != want || err != nil {
			t.Errorf("ParseDuration(%s) = %s, %v; want %s", text, got, err, want)
		}
	}
	for text, want := range map[string]int64{"512MiB": 512 << 20, "1.5GiB": 3 << 29, "2GB": 2e9, "1 TiB": 1 << 40, "64KiB": 64 << 10} {
		if got, err := dags.ParseMemory(text); got != want || err != nil {
			t.Errorf("ParseMemory(%s) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "5", "-1s", "1h ", "1y", "400d", "s", "1e3s", strings.Repeat("1s", 40)} {
		if got, err := dags.ParseDuration(text); err == nil {
			t.Errorf("ParseDuration(%q) = %s; want an error", text, got)
		}
	}
	for _, text := range []string{"", "5", "-1GiB", "2G", "9999999TiB"} {
		if got, err := dags.ParseMemory(text); err == nil {
			t.Errorf("ParseMemory(%q) = %d; want an error", text, got)
		}
	}
	for bytes, want := range map[int64]string{512 << 20: "512MiB", 3 << 29: "1.5GiB", 1 << 10: "1KiB"} {
		if got := dags.FormatMemory(bytes); got != want {
			t.Errorf("FormatMemory(%d) = %s; want %s", bytes, got, want)
		}
	}
}

func TestKindsAreDocumented(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range dags.Kinds() {
		if k.Name == "" || k.Doc == "" || (k.Form == "") == (len(k.Fields) == 0) || seen[k.Name] {
			t.Errorf("kind %q is not documented, or twice there: %+v", k.Name, k)
		}
		seen[k.Name] = true
		for _, f := range k.Fields {
			if f.Name == "" || f.Doc == "" {
				t.Errorf("a field of kind %s is not documented: %+v", k.Name, f)
			}
		}
	}
}
