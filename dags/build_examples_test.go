package dags_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/dags/plan"
)

type built = func() (dags.DAG, error)

// inGo gives the examples built in Go, by the name of their directory.
func inGo() map[string]built {
	return map[string]built{
		"approval": approvalInGo, "batch": batchInGo, "branch": branchInGo, "cache": cacheInGo, "failures": failuresInGo, "gpu": gpuInGo, "http": httpInGo, "lake": lakeInGo,
		"limits": limitsInGo, "nested": nestedInGo, "nightly": nightlyInGo, "notebook": notebookInGo, "parent": parentInGo,
		"per-item": perItemInGo, "sql": sqlInGo, "wait": waitInGo,
	}
}

func TestEveryExampleCanBeBuiltInGo(t *testing.T) {
	files, err := filepath.Glob("examples/*/pipeline.yml")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d examples were found (%v)", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(filepath.Dir(file))
		if name == "flights" { // examples/flights-go has a test of its own
			continue
		}
		build := inGo()[name]
		if build == nil {
			t.Errorf("%s has no twin in Go here", file)
			continue
		}
		got, err := build()
		if err != nil {
			t.Errorf("%s in Go: %v", name, err)
			continue
		}
		want := example(t, name)
		if !bytes.Equal(got.JSON(), want.JSON()) {
			t.Errorf("%s in Go is\n%s\nin YAML\n%s", name, indented(t, got), indented(t, want))
		}
	}
}

func indented(t *testing.T, d dags.DAG) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, d.JSON(), "", " "); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func approvalInGo() (dags.DAG, error) {
	score := dags.FloatParam("score").Default(0.91)
	ask := dags.Approval("ask", "The new model scores "+score.Value()+". Deploy it?").
		Form(
			dags.IntParam("share").Default(10).Between(1, 100).Describe("Percent of the traffic at first."),
			dags.StringParam("ticket").Describe("Number of the change request."),
		).
		By("data_owner").Deadline("2d", "reject").Remind("4h")
	deploy := dags.Values("deploy", map[string]any{
		"text": "deployed to " + ask.Value("share") + " % for " + ask.Value("ticket") + ", as " + ask.Value("by") + " said",
	}).Needs(ask)
	return dags.New("approval", dags.Description("Asks for leave to deploy, with a form."), score, ask, deploy,
		dags.Outputs(map[string]any{"text": deploy.Value("text")}))
}

func batchInGo() (dags.DAG, error) {
	n := dags.IntParam("n").Default(1000).Between(1, 100000)
	square := dags.Python("square", `import bine
for item in bine.items():
    item.outputs["square"] = item.value ** 2
`).Foreach(dags.Expr("range(params.n)"), "").Batch(100).Output("square", dags.Int).Retry(2)
	total := dags.Python("total", `from bine import outputs, rows
outputs["sum"] = sum(row["value"] for row in rows("squares"))
`).Input("squares", square.Out("square")).Output("sum", dags.Int)
	return dags.New("batch", dags.Description("Squares a thousand numbers, a hundred to a process."), n,
		dags.IntParam("size").Default(100), square, total, dags.Outputs(map[string]any{"sum": total.Value("sum")}))
}

func branchInGo() (dags.DAG, error) {
	short := dags.Values("short_way", map[string]any{"took": "short"})
	long := dags.Values("long_way", map[string]any{"took": "long"})
	nothing := dags.Values("nothing_to_do", map[string]any{"took": "nothing"})
	pick := dags.Branch("pick").Case(dags.Expr("params.rows > 1000"), long).Case(dags.Expr("params.rows > 0"), short).Else(nothing)
	report := dags.Values("report", map[string]any{
		"way": dags.Expr("has(steps.short_way.took) ? steps.short_way.took : has(steps.long_way.took) ? steps.long_way.took : steps.nothing_to_do.took"),
	}).Describe("Runs whichever way was taken; the others are skipped, not failed.").
		Needs(short, long, nothing).Join(plan.NoneFailed)
	first := dags.Values("first", map[string]any{"started": true}).
		Describe("Starts as soon as one of the ways has succeeded.").Needs(short, long, nothing).Join(plan.AnySucceeded)
	return dags.New("branch", dags.Description("Takes the short way for few rows and the long way for many."),
		dags.IntParam("rows").Default(10).AtLeast(0), pick, short, long, nothing, report, first,
		dags.Outputs(map[string]any{"way": report.Value("way")}))
}

func cacheInGo() (dags.DAG, error) {
	says := func(name, n string) *dags.StepBuilder {
		return dags.Command(name, "sh", "-c", `echo "{\"n\": `+n+`}" > "$BINE_OUTPUTS/values.json"`).Output("n", dags.Int)
	}
	seed := dags.IntParam("seed").Default(1)
	return dags.New("cache", dags.Description("The same step under different cache policies."), seed,
		says("always", "1").CacheMode("off"),
		says("usual", "2"),
		says("seedless", "3").Describe("The seed is given, but does not count.").With("seed", seed.Value()).CacheIgnores("with.seed").CacheFor("7d"),
		says("refreshed", "4").Describe("Never takes outputs, but leaves them for others.").CacheMode("write"),
	)
}

func failuresInGo() (dags.DAG, error) {
	flaky := dags.Shell("flaky", `if [ "$BINE_ATTEMPT" -lt 3 ]; then echo "attempt $BINE_ATTEMPT fails"; exit 1; fi
echo "{\"attempt\": $BINE_ATTEMPT}" > "$BINE_OUTPUTS/values.json"
`).Describe("Fails twice. Out of memory, it is tried once more; otherwise, up to five times within ten minutes.").
		Output("attempt", dags.Int).NoCache().
		Retry(2, bine.FailureMemory).OrRetry(5).Backoff("100ms", 2).Within("10m").
		Timeout("30s").TotalTimeout("5m")
	last := dags.Command("last", "sh", "-c", `test "$1" = false`, "-", dags.Expr("string(params.fail)")).Needs(flaky).NoCache()
	blame := dags.Values("blame", map[string]any{"text": dags.Expr(`"last is " + steps.last.state`)}).OnFailure()
	cleanup := dags.Values("cleanup", map[string]any{"was": dags.Expr("run.state")}).Finally()
	return dags.New("failures", dags.Description("Retries by kind of failure, with steps for failure and for the end in any case."),
		dags.BoolParam("fail").Default(false).Describe("Whether the last main step fails for good."),
		dags.Timeout("1h"), cleanup, blame, flaky, last, // what runs at the end may stand anywhere
		dags.Outputs(map[string]any{"attempt": flaky.Value("attempt")}))
}

func httpInGo() (dags.DAG, error) {
	url := dags.StringParam("url").Describe("Address that answers JSON with a number.")
	ask := dags.HTTP("ask", "POST", url.Value()).Header("X-Run", dags.Expr("run.id")).Body(map[string]string{"shop": "graz"}).Expect(200, 201)
	ask.Retry(5).Backoff("200ms", 2).Timeout("10s")
	report := dags.Command("report", "sh", "-c", `echo "the number is $1" > "$BINE_OUTPUTS/report"`, "-", dags.Expr("string(int(steps.ask.body.number))")).
		Output("report", dags.Artifact)
	file := dags.CopyArtifact("file", report.Out("report"), "Resources/reports/"+dags.Expr("run.id")+".txt")
	return dags.New("http", dags.Description("Asks a service for a number and files a report."), url, ask, report, file,
		dags.Outputs(map[string]any{"path": file.Value("path")}))
}

func lakeInGo() (dags.DAG, error) {
	day := dags.StringParam("day").Default("2026-01-31")
	fetch := dags.ImportFiles("fetch", "sea", "readings/"+dags.Expr("params.day"), "Resources/readings/"+dags.Expr("params.day"))
	count := dags.Command("count", "sh", "-c", `echo "$1 files" > "$BINE_OUTPUTS/report"`, "-", dags.Expr("string(steps.fetch.copied + steps.fetch.skipped)")).
		Output("report", dags.Artifact)
	file := dags.CopyArtifact("file", count.Out("report"), "Resources/reports/"+dags.Expr("params.day")+".txt")
	give := dags.ExportFiles("give", dags.Expr("steps.file.path"), "sea", "reports")
	return dags.New("lake", dags.Description("Imports the readings of a day, and exports a report of them."), day, fetch, count, file, give,
		dags.Outputs(map[string]any{"fetched": fetch.Value("copied"), "given": give.Value("copied")}))
}

func gpuInGo() (dags.DAG, error) {
	epochs, seconds := dags.IntParam("epochs").Default(20), dags.FloatParam("seconds").Default(0.05)
	prepare := dags.Values("prepare", map[string]any{"shards": 4})
	train := dags.Python("train", "train.py").Needs(prepare).With("epochs", epochs.Value()).With("seconds", seconds.Value()).
		Output("epochs", dags.Int).Output("resumed_from", dags.Int).Output("devices", dags.Int).
		CPU(0.2).Memory("128MiB").Accelerators("2 GPUs on 1 host preemptible")
	distributed := dags.Command("distributed", "python3", "code/ranks.py").Needs(prepare).
		Output("rank", dags.Int).Output("size", dags.Int).Output("hosts", dags.String).
		CPU(0.2).Memory("256MiB").Accelerators("4 GPUs on any host")
	half := dags.Command("half", "sh", "-c", `printf "{\"visible\": \"%s\"}" "$CUDA_VISIBLE_DEVICES" > "$BINE_OUTPUTS/values.json"`).Needs(prepare).
		Output("visible", dags.String).CPU(0.1).Memory("64MiB").GPUs(0.5)
	return dags.New("gpu", dags.Description("Training that takes GPUs, gives them up when it is asked to, and goes on where it was."), epochs, seconds,
		prepare, train, distributed, half, dags.Outputs(map[string]any{"devices": train.Value("devices"), "processes": distributed.Value("size")}))
}

func limitsInGo() (dags.DAG, error) {
	shop, hosts := dags.StringParam("shop").Default("graz"), dags.ListParam("hosts").Default([]string{"a", "b"})
	ask := dags.Command("ask", "sh", "-c", "sleep 0.2").
		Loop("host", hosts.Value(), "").Loop("page", dags.Expr("range(4)"), "").Limit("host/"+dags.Expr("item.host"), 2)
	load := dags.Command("load", "sh", "-c", "sleep 0.2").Needs(ask).Foreach(dags.Expr("range(6)"), "").Pool("warehouse", 1)
	return dags.New("limits", dags.Description("Concurrency keys for runs and items, and a pool that pipelines share."), dags.Priority(bine.PriorityHigh), dags.Limit(shop.Value(), 1), shop, hosts, ask, load)
}

func nestedInGo() (dags.DAG, error) {
	type shop struct {
		Name string   `json:"name"`
		Days []string `json:"days"`
	}
	shops := dags.ListParam("shops").Default([]shop{{"graz", []string{"mon", "tue"}}, {"wien", []string{"mon", "tue", "wed"}}})
	list := dags.Values("list", map[string]any{"shops": shops.Value()})
	count := dags.Values("count", map[string]any{"line": dags.Expr(`item.shop.name + " on " + item.day`)}).
		Loop("shop", list.Value("shops"), dags.Expr("item.shop.name")).Loop("day", dags.Expr("item.shop.days"), "").MaxParallel(4)
	all := dags.Values("all", map[string]any{"lines": dags.Expr("values(steps.count.line)"), "number": dags.Expr("size(steps.count.line)")})
	return dags.New("nested", dags.Description("Every day of every shop, each known by its key."), shops, list, count, all,
		dags.Outputs(map[string]any{"number": all.Value("number")}))
}

func nightlyInGo() (dags.DAG, error) {
	why := dags.StringParam("why").Default("schedule")
	work := dags.Values("work", map[string]any{"why": why.Value()})
	chat := dags.Slack("https://chat.example.com/hook")
	return dags.New("nightly", dags.Description("Schedules, triggers, deadlines and messages."),
		dags.Cron("30 2 * * *").In("Europe/Vienna").Overlap("skip").CatchUp("6h").Jitter("5m"), dags.Deadline("2h"),
		dags.OnDataset("Resources/incoming").Settle("2s").Params(map[string]any{"why": "files"}),
		dags.OnPipeline("branch", bine.Succeeded).Params(map[string]any{"why": dags.Expr("event.run")}),
		why, work,
		dags.Tell("failure", chat),
		dags.Tell("recovery", chat.Saying(dags.Expr("run.id")+" works again: "+dags.Expr("link"))),
		dags.Tell("late", dags.Mail("oncall@example.com")),
		dags.Outputs(map[string]any{"why": work.Value("why")}))
}

func notebookInGo() (dags.DAG, error) {
	n := dags.IntParam("n").Default(5)
	explore := dags.Notebook("explore", "explore.ipynb").With("n", n.Value()).Output("total", dags.Int)
	return dags.New("notebook", dags.Description("Executes a notebook with parameters."), n, explore,
		dags.Outputs(map[string]any{"total": explore.Value("total")}))
}

func parentInGo() (dags.DAG, error) {
	sizes := dags.ListParam("sizes").Default([]int{0, 10, 5000})
	each := dags.SubPipeline("each", "branch").Params(map[string]any{"rows": dags.Expr("item")}).Foreach(sizes.Value(), "").MaxParallel(2)
	greet := dags.Job("greet", "greet").Params(map[string]any{"who": dags.Expr("run.id")})
	ways := dags.Values("ways", map[string]any{"all": dags.Expr("values(steps.each.outputs).map(o, o.way)")})
	return dags.New("parent", dags.Description("Runs another pipeline once for each size, and a stored job."), sizes, each, greet, ways,
		dags.Outputs(map[string]any{"ways": ways.Value("all")}))
}

func perItemInGo() (dags.DAG, error) {
	shops := dags.ListParam("shops").Default([]string{"graz", "linz", "wien", "salzburg", "bregenz"})
	load := dags.Python("load", `from bine import item, outputs
outputs["rows"] = len(item) * 100
outputs.path("table").write_text("\n".join(str(i) for i in range(len(item))))
`).Foreach(shops.Value(), "").MaxParallel(3).Output("rows", dags.Int).Output("table", dags.Artifact)
	score := dags.Python("score", `from bine import inputs, outputs, params
numbers = [int(line) for line in inputs["table"].read_text().split()]
outputs["score"] = sum(numbers) / params["rows"]
`).Per(load).Input("table", load.Out("table")).With("rows", load.Value("rows")).Output("score", dags.Float)
	label := dags.Values("label", map[string]any{"text": dags.Expr(`item + ":" + string(steps.load.rows) + ":" + string(steps.score.score)`)}).Per(score)
	best := dags.Python("best", `from bine import outputs, rows
best = max(rows("scores"), key=lambda row: (row["value"], row["key"]))
outputs["shop"] = best["key"]
`).Input("scores", score.Out("score")).Output("shop", dags.String)
	return dags.New("per-item", dags.Description("Loads, scores and sums up every shop on its own."), shops, load, score, label, best,
		dags.Outputs(map[string]any{"best": best.Value("shop")}))
}

func sqlInGo() (dags.DAG, error) {
	rates := dags.Shell("rates", `mkdir "$BINE_OUTPUTS/table"
printf 'currency,rate\neur,1.0\nusd,0.9\n' > "$BINE_OUTPUTS/table/rates.csv"
`).Output("table", dags.Artifact)
	totals := dags.SQL("totals", `create table o as select * from orders;
select sum(amount * rate) as total, count(*) as n
from o join rates using (currency);
`).File("orders", "Resources/orders.csv").
		Input("rates", rates.Out("table")).Output("result", dags.Artifact).Output("total", dags.Float).Output("n", dags.Int)
	return dags.New("sql", dags.Description("Joins a file of the project with what a step has made."), rates, totals,
		dags.Outputs(map[string]any{"total": totals.Value("total")}))
}

func waitInGo() (dags.DAG, error) {
	hour := dags.StringParam("hour").Default("2026-01-01T05")
	moment := dags.WaitFor("moment", "1s")
	arrived := dags.WaitForFile("arrived", "Resources/arrivals/"+hour.Value()+".csv").Every("1s").TotalTimeout("1h")
	complete := dags.WaitForPartition("complete", "Resources/hours/"+hour.Value()).Every("1s").TotalTimeout("1h")
	goOn := dags.Values("go", map[string]any{"hour": hour.Value()}).Needs(moment, arrived, complete)
	return dags.New("wait", dags.Description("Goes on when an hour of data is complete."), hour, moment, arrived, complete, goOn,
		dags.Outputs(map[string]any{"hour": goOn.Value("hour")}))
}

// What no example has.
func TestBuildersOfTheRest(t *testing.T) {
	old := dags.WaitForRun("yesterday", "ingest", dags.Expr("tick"), "1d")
	ask := dags.Approval("ask", "Go on?").GoOn().By("alice").
		Escalate("1d", []string{"bob"}, dags.Mail("bob@example.com")).Tell(dags.Webhook("https://example.com/w"), dags.Slack("https://example.com/s"))
	got, err := dags.New("rest",
		dags.OnTopic("orders"), dags.Limit("", 3), dags.Priority(bine.PriorityNormal),
		old, ask,
		dags.WaitUntil("date", "2026-12-01T00:00:00Z"), dags.WaitFor("param", dags.Expr("'5' + 'm'")),
		dags.WaitForHTTP("up", "https://example.com/up", 200, 204).Every("1m"),
		dags.GoFunc("train", "pipeline", "train").With("n", 1).Pool("db", 2).Join("all_succeeded").CacheMode("read").CacheSalt("2"),
		dags.CopyFile("keep", "Resources/a", "Resources/b").Join(plan.AllDone).Needs(old),
		dags.SubPipeline("sub", "other").Version(3), dags.Send("tell", dags.Mail("a@example.com"), "done"),
	)
	if err != nil {
		t.Fatal(err)
	}
	want := parse(t, `
name: rest
triggers: [{topic: orders}]
concurrency: 3
priority: normal
steps:
  yesterday: {wait: {run: {pipeline: ingest, tick: "${{ tick }}", within: 1d}}}
  ask:
    approval: {message: Go on?, on_reject: go_on, by: alice, escalate: {after: 1d, to: bob, notify: [{mail: bob@example.com}]},
      notify: [{webhook: "https://example.com/w"}, {slack: "https://example.com/s"}]}
  date: {wait: {until: "2026-12-01T00:00:00Z"}}
  param: {wait: {for: "${{ '5' + 'm' }}"}}
  up: {wait: {http: {url: "https://example.com/up", expect: [200, 204]}, every: 1m}}
  train: {go: {program: pipeline, func: train}, with: {n: 1}, pools: {db: 2}, join: all_succeeded, cache: {mode: read, salt: 2}}
  keep: {needs: [yesterday], join: all_done, copy: {from: Resources/a, to: Resources/b}}
  sub: {pipeline: {name: other, version: 3}}
  tell: {notify: {mail: a@example.com, message: done}}
`)
	if !bytes.Equal(got.JSON(), want.JSON()) {
		t.Errorf("New gave\n%s\nParse\n%s", indented(t, got), indented(t, want))
	}
}

func TestBuildersReportWhatIsWrongWithAll(t *testing.T) {
	_, err := dags.New("wrong",
		dags.Timeout("soon"), dags.OnDataset("Resources/x").Settle("later"), dags.Outputs(map[string]any{"f": func() {}}),
		dags.Cron("@daily").Jitter("some"),
		dags.WaitFor("pause", "a while"),
		dags.Approval("ask", "Go on?").Form(dags.Python("no", "form.py")).Deadline("never", "reject"),
		dags.SubPipeline("sub", "other").Params(make(chan int)),
		dags.Command("x", "x").TotalTimeout("1x").CacheFor("1y").Retry(3).Within("z"),
	)
	var said strings.Builder
	if e, ok := errors.AsType[*bine.Error](err); ok {
		for _, d := range e.Details {
			said.WriteString(d.Location + ": " + d.Message + "\n")
		}
	}
	for _, want := range []string{"timeout: ", "triggers[0].settle: ", "outputs.f: ", "schedule.jitter: ", "steps.pause: ", "steps.ask: a form has params", "steps.sub: ", `"1x"`, `"1y"`, `"z"`} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("the faults lack %s:\n%s", want, said.String())
		}
	}
}
