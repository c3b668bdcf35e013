package templates_test

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/templates"
	"github.com/bine-ml/bine/templates/assets"
)

// A story is one page with some data.
type story struct {
	name string
	page templates.Page
}

// nasty is put wherever people or programs choose a text.
const nasty = `"><script>alert(1)</script><img src=x onerror=alert(2)>{{.}}'--`

var now = time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)

func before(d time.Duration) time.Time   { return now.Add(-d) }
func beforeP(d time.Duration) *time.Time { t := before(d); return &t }
func raw(s string) json.RawMessage       { return json.RawMessage(s) }

// emptyStories are pages of which nothing is known but that they were asked for.
func emptyStories() []story {
	s := templates.Shell{Title: "Empty", User: "ada", Self: "/x", Now: now, Project: &bine.Project{Name: "demo", State: bine.ProjectReady}}
	return []story{
		{"sign-in", templates.SignInPage{}},
		{"error", templates.ErrorPage{}},
		{"home", templates.HomePage{Shell: templates.Shell{User: "ada"}}},
		{"project", templates.ProjectPage{Shell: s}},
		{"pipelines", templates.PipelinesPage{Shell: s}},
		{"pipeline", templates.PipelinePage{Shell: s}},
		{"runs", templates.RunsPage{Shell: s}},
		{"run", templates.RunPage{Shell: s}},
		{"history", templates.HistoryPage{Shell: s}},
		{"files", templates.FilesPage{PathPage: templates.PathPage{Shell: s}}},
		{"file", templates.FilePage{PathPage: templates.PathPage{Shell: s}}},
		{"files-usage", templates.FilesPage{PathPage: templates.PathPage{Shell: s, Tab: "usage"}, Map: &templates.UsageMap{Shell: s}}},
		{"file-changes", templates.FilePage{PathPage: templates.PathPage{Shell: s, Tab: "changes"}}},
		{"picker", templates.PickerPart{Shell: s}},
		{"datasets", templates.DatasetsPage{Shell: s}},
		{"access", templates.AccessPage{Shell: s}},
		{"trash", templates.TrashPage{Shell: s}},
		{"connectors", templates.ConnectorsPage{Shell: s}},
		{"snapshots", templates.SnapshotsPage{Shell: s}},
		{"artifact", templates.ArtifactPage{Shell: s}},
		{"jobs", templates.JobsPage{Shell: s}},
		{"job", templates.JobPage{Shell: s}},
		{"members", templates.MembersPage{Shell: s}},
		{"hosts", templates.HostsPage{Shell: s}},
		{"host", templates.HostPage{Shell: s}},
		{"ask", templates.AskPage{Shell: s}},
		{"shares", templates.SharesPage{Shell: s}},
		{"queue", templates.QueuePage{Shell: s}},
		{"lease", templates.LeasePage{Shell: s}},
		{"job-new", templates.NewJobPage{Shell: s}},
		{"environments", templates.EnvironmentsPage{Shell: s}},
		{"environment", templates.EnvironmentPage{Shell: s}},
		{"experiments", templates.ExperimentsPage{Shell: s}},
		{"experiment", templates.ExperimentPage{Shell: s}},
		{"models", templates.ModelsPage{Shell: s}},
		{"model", templates.ModelPage{Shell: s}},
		{"deployments", templates.DeploymentsPage{Shell: s}},
		{"deployment", templates.DeploymentPage{Shell: s}},
		{"schedules", templates.SchedulesPage{Shell: s}},
		{"schedule", templates.SchedulePage{Shell: s}},
		{"keys", templates.KeysPage{Shell: s}},
		{"account", templates.AccountPage{Shell: s}},
		{"users", templates.UsersPage{Shell: s}},
		{"audit", templates.AuditPage{Shell: s}},
	}
}

// stories are pages full of data. text stands in for what people choose: the
// words given, or something nasty.
func stories(text func(string) string) []story {
	f := &fixture{text: text}
	return []story{
		{"sign-in", templates.SignInPage{Shell: templates.Shell{Title: "Sign in", Assets: assets.Embedded()}, Next: text("/projects/demo"), Problem: text("The name or the password is wrong.")}},
		{"not-found", templates.ErrorPage{Shell: f.shell("", ""), Status: 404, Message: text("There is no run flights-99 in project demo."), Details: f.faults(), Request: "01J9"}},
		{"home", f.home()},
		{"project", f.project()},
		{"project-provisioning", f.provisioning()},
		{"pipelines", f.pipelines()},
		{"pipeline-start", f.pipeline("start")},
		{"pipeline-edit", f.pipeline("edit")},
		{"pipeline-versions", f.pipeline("versions")},
		{"pipeline-use", f.pipeline("use")},
		{"runs", templates.RunsPage{Shell: f.shell("Runs", "runs"), Runs: f.runs(), Pipelines: []bine.PipelineName{bine.PipelineName(text("flights"))}, Pipeline: bine.PipelineName(text("flights")), Next: text("cursor")}},
		{"run-log", f.run("log")},
		{"run-table", f.runTable()},
		{"run-wide", wideRun(3000)},
		{"run-wide-table", wideTable()},
		{"run-items", f.run("items")},
		{"run-inputs", f.run("inputs")},
		{"run-outputs", f.run("outputs")},
		{"run-attempts", f.run("attempts")},
		{"run-metrics", f.run("metrics")},
		{"history-compact", f.history("compact")},
		{"history-timeline", f.history("timeline")},
		{"history-full", f.history("full")},
		{"files", f.files()},
		{"datasets", f.datasets()},
		{"access", f.access()},
		{"connectors", f.connectors()},
		{"snapshots", templates.SnapshotsPage{Shell: f.shell("Snapshots", "files"), Dir: "Resources/" + f.text("data"), Allowed: true, From: f.text("one"), Snapshots: []client.Snapshot{{Name: f.text("one"), Path: "Resources/data/.snapshot/one", By: "demo__ada", At: before(time.Hour)}},
			Differences: []client.SnapshotDifference{{Kind: "modified", Dir: true}, {Kind: "renamed", Path: f.text("a.csv"), Target: f.text("b.csv")}}}},
		{"trash", templates.TrashPage{Shell: f.shell("Trash", "files"), Files: []client.TrashedFile{{Number: 7, Path: "Resources/" + f.text("old.csv"), Size: 4096, By: "demo__ada", Removed: before(time.Hour)}, {Number: 8, Path: "Jupyter", Dir: true, By: "demo__ada", Removed: before(time.Hour)}}, Next: "7"}},
		{"file", f.filePage("planes.parquet", client.FilePreview{Kind: "table", Header: []string{text("tailnum"), "year"}, Types: []string{text("string"), "int32"}, Rows: [][]string{{text("N10156"), "2004"}, {"N102UW", "1998"}}, Facts: []client.PreviewFact{{Name: "Rows", Value: text("3322")}}, Note: text("the column x is not shown"), Truncated: true})},
		{"file-text", f.filePage("notes.txt", client.FilePreview{Kind: "text", Text: text("some notes")})},
		{"file-image", templates.FilePage{PathPage: f.pathPage("plot.png", false, "preview"), Preview: templates.Preview{FilePreview: client.FilePreview{Kind: "image"}, Image: "/x.png"}}},
		{"file-markdown", f.filePage("README.md", client.FilePreview{Kind: "markdown", Text: text("# Flights\n\nSome *words*, `code` and\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n- one\n- two\n\n```\nx = 1\n```\n")})},
		{"file-notebook", f.filePage("explore.ipynb", f.notebook())},
		{"file-details", templates.FilePage{PathPage: f.pathPage("planes.csv", false, "details")}},
		{"file-changes", templates.FilePage{PathPage: f.pathPage("planes.csv", false, "changes")}},
		{"files-changes", templates.FilesPage{PathPage: f.pathPage("raw", true, "changes"), Dir: "Resources/raw"}},
		{"files-usage", f.usageMap()},
		{"files-details", templates.FilesPage{PathPage: f.pathPage("raw", true, "details"), Dir: "Resources/raw"}},
		{"picker", templates.PickerPart{Shell: f.shell("Folders", "files"), Dir: "Resources/" + text("raw"), Dirs: []string{text("a"), "b"}, More: true}},
		{"artifact", templates.ArtifactPage{Shell: f.shell("Artifact", "runs"), Name: text("clean"), Ref: f.ref("dir"), Entries: []bine.ArtifactEntry{{Path: text("part-0.csv"), Hash: bine.HashOf(nil), Size: 12345}}}},
		{"jobs", templates.JobsPage{Shell: f.shell("Jobs", "jobs"), Jobs: []bine.Pipeline{f.stored("cleanup", bine.Succeeded), f.stored("export", bine.Failed)}}},
		{"job", templates.JobPage{Shell: f.shell("Job", "jobs"), Job: f.stored("cleanup", bine.Succeeded), Version: f.version(), Definition: f.definition(), Runs: f.runs(), Gets: f.gets()}},
		{"members", templates.MembersPage{Shell: f.shell("Members", "members"), Members: []bine.Member{{User: "ada", Role: bine.DataOwner, AddedBy: "ada", AddedAt: before(40 * time.Hour)}, {User: bine.UserName(text("grace")), Role: bine.DataScientist, AddedBy: "ada", AddedAt: before(time.Hour)}}}},
		{"hosts", f.hosts()},
		{"hosts-100", f.hostsOf(100, false)},
		{"hosts-40", f.hostsOf(40, true)},
		{"hosts-1250", f.hostsOf(1250, false)},
		{"host", f.host()},
		{"shares", f.shares()},
		{"queue", f.queue("")},
		{"queue-back", f.queue("back")},
		{"queue-granted", f.queue("granted")},
		{"lease", f.lease(false)},
		{"lease-waits", f.lease(true)},
		{"ask", f.ask("now")},
		{"ask-not-now", f.ask("not_now")},
		{"ask-never", f.ask("never")},
		{"ask-fault", f.ask("fault")},
		{"job-new", templates.NewJobPage{Shell: f.shell("New job", "jobs"), Ask: templates.AskForm{Project: "demo", CPU: "1", Memory: "1", Choices: f.ask("now").Form.Choices}}},
		{"device", templates.DevicePage{Shell: f.shell("A100", "hosts"), DeviceHistory: client.DeviceHistory{Device: f.devices()[1], Grants: f.devices()[1].Grants,
			Events: []bine.DeviceEvent{{Device: "GPU-1", At: before(time.Hour), State: bine.DeviceCordoned, Reason: f.text("fan is loud"), User: "ada"}}}}},
		{"environments", templates.EnvironmentsPage{Shell: f.shell("Environment", "environments"), Environments: []bine.Environment{f.environment(3, bine.EnvironmentBuilding), f.environment(2, bine.EnvironmentReady), f.environment(1, bine.EnvironmentFailed)}}},
		{"environment", templates.EnvironmentPage{Shell: f.shell("Environment", "environments"), Environment: f.environment(2, bine.EnvironmentReady), Log: f.log(), Against: 1, Diff: []client.PackageChange{{Name: text("pandas"), From: "2.1.0", To: "2.2.3"}, {Name: "polars", To: "1.9.0"}, {Name: "six", From: "1.16"}}}},
		{"experiments", templates.ExperimentsPage{Shell: f.shell("Experiments", "experiments"), Address: "http://127.0.0.1:7070/mlflow/demo", Experiments: []bine.Experiment{
			{ID: 1, Name: text("churn"), Runs: 24, CreatedBy: "ada", CreatedAt: before(time.Hour)}, {ID: 0, Name: bine.DefaultExperiment, CreatedAt: before(48 * time.Hour)}}}},
		{"experiment", f.experiment(nil)},
		{"experiment-compared", f.experiment([]int{0, 2, 9})},
		{"models", templates.ModelsPage{Shell: f.shell("Models", "models"), Models: []bine.Model{{Name: bine.ModelName(text("delay")), Latest: 2, Versions: 2, Newest: f.modelVersion(2), CreatedAt: now}}}},
		{"model", templates.ModelPage{Shell: f.shell("Model", "models"), Name: bine.ModelName(text("delay")), Version: *f.modelVersion(2), Versions: []bine.ModelVersion{*f.modelVersion(2), *f.modelVersion(1)}, Deployments: []bine.Deployment{f.deployment(bine.DeploymentReady)}}},
		{"deployments", templates.DeploymentsPage{Shell: f.shell("Deployments", "deployments"), Deployments: []bine.Deployment{f.deployment(bine.DeploymentReady), f.deployment(bine.DeploymentUpdating), f.deployment(bine.DeploymentFailed), f.deployment(bine.DeploymentStopped)}, Models: []bine.Model{{Name: "delay"}}}},
		{"deployment", templates.DeploymentPage{Shell: f.shell("Deployment", "deployments"), Deployment: f.deployment(bine.DeploymentReady), Model: *f.modelVersion(2), Versions: []bine.ModelVersion{*f.modelVersion(2), *f.modelVersion(1)}, Result: &templates.TryResult{Answer: client.Predictions{Model: text("delay"), Version: "2", Predictions: []json.RawMessage{raw(`{"delayed": 0.31}`)}}, Took: "4ms"}}},
		{"schedules", templates.SchedulesPage{Shell: f.shell("Schedules", "schedules"), Schedules: []bine.Schedule{f.schedule(false), f.schedule(true)}, Pipelines: []bine.PipelineName{"flights"}}},
		{"schedule", templates.SchedulePage{Shell: f.shell("Schedule", "schedules"), Schedule: f.schedule(false), Pipelines: []bine.PipelineName{"flights"}, Runs: f.runs()}},
		{"keys", templates.KeysPage{Shell: f.shell("API keys", "keys"), Keys: []bine.Key{{ID: "k1", Name: text("notebook"), User: "ada", Scopes: []bine.Scope{bine.ScopeRun}, Project: "demo", CreatedAt: now, UsedAt: beforeP(time.Minute), ExpiresAt: beforeP(-time.Hour)}, {ID: "k2", Name: "ci", Scopes: []bine.Scope{bine.ScopeAll}}}, Projects: []bine.ProjectName{"demo"}, Made: "bine_k1_secret"}},
		{"account", templates.AccountPage{Shell: f.shell("Account", "")}},
		{"users", templates.UsersPage{Shell: f.shell("Users", "users"), Users: []bine.User{{Name: "ada", Admin: true, CreatedAt: now}, {Name: bine.UserName(text("grace")), CreatedAt: now}}}},
		{"audit", templates.AuditPage{Shell: f.shell("Audit", "audit"), Records: []bine.Audit{{ID: 1, At: now, Actor: "ada", Address: "127.0.0.1", Project: "demo", Action: "start-run", Object: text("flights-1"), Result: "done", Request: "01J9"}, {ID: 2, At: now, Actor: "grace", Action: "delete-project", Object: "demo", Result: "forbidden"}}, Next: "1"}},
	}
}

// fixture makes records in which every free text went through text.
type fixture struct{ text func(string) string }

func (f *fixture) shell(title, section string) templates.Shell {
	s := templates.Shell{
		Title: title, User: "ada", Admin: true, Section: section, Self: "/projects/demo/x?step=train", Now: now,
		Address: "http://127.0.0.1:7070", Version: "dev", Assets: assets.Embedded(),
		Cluster: &bine.Cluster{Hosts: 2, Lost: 1, Waiting: 3, ForGPUs: 2, Available: 2.5, Used: bine.Resources{CPU: 5.5, Memory: 20 << 30, GPUs: 1}, Total: bine.Resources{CPU: 16, Memory: 64 << 30, GPUs: 4}},
	}
	if section != "" && section != "hosts" && section != "queue" && section != "shares" && section != "keys" && section != "users" && section != "audit" && section != "home" {
		p := f.projectRecord("demo", bine.ProjectReady)
		s.Project = &p
		s.Crumbs = []templates.Crumb{{Name: "demo", URL: "/projects/demo"}, {Name: title, URL: "/projects/demo/" + section}}
		s.Live = "/api/v1/projects/demo/events"
	}
	return s
}

func (f *fixture) projectRecord(name string, state bine.ProjectState) bine.Project {
	p := bine.Project{Name: bine.ProjectName(name), Description: f.text("Arrival delays of New York flights"), State: state, CreatedBy: "ada", CreatedAt: before(50 * time.Hour), Role: bine.DataOwner}
	if state == bine.ProjectFailed {
		p.Reason = f.text("no host could install numpy==99: no such version")
	}
	return p
}

func (f *fixture) runRecord(n int, state bine.State) bine.Run {
	r := bine.Run{
		ID: bine.RunID(fmt.Sprintf("flights-%d", n)), Project: "demo", Pipeline: "flights", Kind: bine.KindPipeline, Version: 3, Number: n, State: state,
		Params: raw(fmt.Sprintf(`{"horizon": 30, "carrier": %s}`, quote(f.text("all")))), StartedBy: "ada",
		CreatedAt: before(time.Duration(100-n) * time.Minute), StartedAt: beforeP(time.Duration(100-n) * time.Minute),
		Steps: map[bine.State]int{bine.Succeeded: 4, state: 1},
	}
	if state.Ended() {
		end := r.StartedAt.Add(83 * time.Second)
		r.EndedAt = &end
	}
	switch state {
	case bine.Failed:
		r.Reason = f.text("step train failed: item gbm ended with exit code 1: ValueError: could not convert string to float")
	case bine.Waiting:
		r.Reason = f.text("waits for 4 CPU on any host; 2.5 are free")
	case bine.Succeeded:
		r.Schedule = "nightly"
	}
	return r
}

func quote(s string) string { b, _ := json.Marshal(s); return string(b) }

func (f *fixture) runs() []bine.Run {
	return []bine.Run{f.runRecord(9, bine.Running), f.runRecord(8, bine.Failed), f.runRecord(7, bine.Succeeded), f.runRecord(6, bine.Waiting), f.runRecord(5, bine.Succeeded), f.runRecord(4, bine.Cancelled), f.runRecord(3, bine.Succeeded)}
}

func (f *fixture) home() templates.HomePage {
	last := f.runRecord(9, bine.Running)
	bad := f.runRecord(8, bine.Failed)
	return templates.HomePage{Shell: f.shell("Projects", "home"),
		Projects: []templates.ProjectCard{{Project: f.projectRecord("demo", bine.ProjectReady), Last: &last}, {Project: f.projectRecord("churn", bine.ProjectProvisioning)}, {Project: f.projectRecord("vision", bine.ProjectFailed), Last: &bad}},
		Running:  []bine.Run{last, f.runRecord(6, bine.Waiting)}, Failed: []bine.Run{bad}}
}

func (f *fixture) project() templates.ProjectPage {
	env := f.environment(2, bine.EnvironmentReady)
	return templates.ProjectPage{Shell: f.shell("Overview", "overview"), Runs: f.runs(), Pipelines: 3, Deployments: []bine.Deployment{f.deployment(bine.DeploymentReady)}, Environment: &env,
		Readme: f.text("# Flights\n\nPredicts how late a flight arrives."), Usage: &client.FileUsage{Bytes: 130 << 20, Files: 214, Directories: 12, Quota: 1 << 30}}
}

func (f *fixture) provisioning() templates.ProjectPage {
	p := f.project()
	failed := f.projectRecord("demo", bine.ProjectProvisioning)
	failed.Reason = f.text("installing the environment")
	p.Project = &failed
	h := f.history("compact").History
	p.Progress = &h
	return p
}

const dag = `{"name":"flights","description":"Predicts arrival delay","params":[
{"name":"horizon","type":"int","description":"days to predict","default":30,"min":1,"max":90},
{"name":"learning_rate","type":"float","default":0.1},{"name":"balanced","type":"bool","default":true},
{"name":"carrier","type":"string","default":"all","choices":["all","UA","AA"]},{"name":"title","type":"string"},{"name":"models","type":"list","default":["gbm","logit"]}],
"steps":[{"name":"ingest","kind":"python","action":{}},{"name":"validate","needs":["ingest"],"kind":"python","action":{}},{"name":"split","needs":["ingest","validate"],"kind":"python","action":{}},
{"name":"train","needs":["split"],"foreach":{"items":["gbm"]},"kind":"python","action":{}},{"name":"evaluate","needs":["train","split"],"kind":"python","action":{}},
{"name":"register","needs":["evaluate"],"when":"evaluate.better","kind":"model","action":{}},{"name":"deploy","needs":["register"],"kind":"deploy","action":{}},{"name":"report","needs":["evaluate"],"kind":"command","action":{}}]}`

func (f *fixture) definition() templates.Definition {
	d := templates.ReadDefinition(raw(dag))
	d.Description = f.text(d.Description)
	d.Params[0].Description = f.text(d.Params[0].Description)
	d.Params[3].Choices = append(d.Params[3].Choices, raw(quote(f.text("B6"))))
	return d
}

func (f *fixture) stored(name string, state bine.State) bine.Pipeline {
	last := f.runRecord(8, state)
	return bine.Pipeline{Name: bine.PipelineName(name), Kind: bine.KindPipeline, Description: f.text("Predicts how late a flight arrives"), Latest: 3, Runs: 9, LastRun: &last, CreatedBy: "ada", UpdatedAt: before(3 * time.Hour)}
}

func (f *fixture) version() bine.PipelineVersion {
	return bine.PipelineVersion{Pipeline: "flights", Version: 3, Hash: bine.HashOf([]byte("x")), Code: bine.HashOf([]byte("c")), Source: f.text("name: flights"), DAG: raw(dag), CreatedBy: "ada", CreatedAt: before(3 * time.Hour)}
}

const source = `name: flights
description: Predicts how late a flight arrives

params:
  horizon: {type: int, default: 30, min: 1, max: 90}
  models: {type: list, default: [gbm, logit]}   # tried side by side

steps:
  ingest:
    python: ingest.py
    outputs: {table: artifact}
  validate:
    python: validate.py
    inputs: {table: ingest.table}
    resoures: {cpu: 2, memory: 4GiB}
  train:
    python: train.py
    foreach: ${{ params.models }}
    retry: {attempts: 3, backoff: 10s}
`

func (f *fixture) faults() []bine.Detail {
	return []bine.Detail{{Message: f.text("unknown key resoures: did you mean resources?"), Location: "steps.validate.resoures", Line: 15, Column: 5}, {Message: f.text("step deploy needs register, which does not exist"), Location: "steps.deploy"}}
}

func (f *fixture) pipeline(tab string) templates.PipelinePage {
	p := templates.PipelinePage{Shell: f.shell("flights", "pipelines"), Pipeline: f.stored("flights", bine.Failed), Version: f.version(), Versions: []bine.PipelineVersion{f.version()}, Definition: f.definition(),
		Runs: f.runs(), Schedules: []bine.Schedule{f.schedule(false)}, Source: f.text(source), Tab: tab}
	p.Checked, p.Faults = true, f.faults()
	return p
}

func (f *fixture) pipelines() templates.PipelinesPage {
	runs := f.runs()
	return templates.PipelinesPage{Shell: f.shell("Pipelines", "pipelines"), Pipelines: []templates.PipelineRow{
		{Pipeline: f.stored("flights", bine.Failed), Last: runs, Schedules: []bine.Schedule{f.schedule(false)}},
		{Pipeline: f.stored("report", bine.Succeeded), Last: runs[2:5], Schedules: []bine.Schedule{f.schedule(true)}},
		{Pipeline: bine.Pipeline{Name: "new", Latest: 1, UpdatedAt: now}}}}
}

func (f *fixture) ref(kind bine.ArtifactKind) bine.ArtifactRef {
	return bine.ArtifactRef{Hash: bine.HashOf([]byte(kind)), Kind: kind, Size: 31_457_280, Name: f.text("table.parquet")}
}

// steps are those of a run of flights, which failed in the second of two items
// and waited for an hour in between.
func (f *fixture) steps() []bine.Step {
	at := func(s float64) *time.Time {
		t := before(100 * time.Minute).Add(time.Duration(s * float64(time.Second)))
		return &t
	}
	step := func(name, kind string, state bine.State, asked, start, end float64) bine.Step {
		s := bine.Step{Run: "flights-8", Name: bine.StepName(name), Kind: kind, State: state, CreatedAt: *at(asked)}
		if start >= 0 {
			s.StartedAt, s.Attempts = at(start), 1
			if end >= 0 {
				s.EndedAt = at(end)
			}
		}
		return s
	}
	train := step("train", "python", bine.Failed, 34, 36, 3720)
	train.Items, train.ItemStates, train.Reason = 4, map[bine.State]int{bine.Succeeded: 3, bine.Failed: 1}, f.text("1 of 4 items failed")
	split := step("split", "python", bine.Cached, 28, 28, 28.1)
	split.CachedFrom, split.Attempts = "flights-7", 0
	return []bine.Step{
		step("ingest", "python", bine.Succeeded, 0, 2.1, 20), step("validate", "python", bine.Succeeded, 20, 21, 28), split, train,
		step("evaluate", "python", bine.Skipped, 3720, -1, -1), step("register", "model", bine.Skipped, 3720, -1, -1), step("deploy", "deploy", bine.Pending, 3720, -1, -1), step("report", "command", bine.Running, 3720, 3721, -1),
	}
}

func (f *fixture) items() []bine.Step {
	all := f.steps()
	train := all[3]
	train.Items, train.ItemStates = 0, nil
	var items []bine.Step
	for i, key := range []string{"gbm", "logit", "forest", "tree"} {
		item := train
		item.Item, item.State, item.Reason = f.text(key), bine.Succeeded, ""
		if i == 0 {
			item.State, item.Reason = bine.Failed, f.text("exit code 1: ValueError: could not convert string to float: 'NA'")
		}
		start, end := train.StartedAt.Add(time.Duration(i)*time.Second), train.StartedAt.Add(time.Duration(9+i*3)*time.Second)
		item.StartedAt, item.EndedAt = &start, &end
		items = append(items, item)
	}
	again := items[0].StartedAt.Add(time.Hour)
	items[0].StartedAt = &again
	items[0].EndedAt = train.EndedAt
	return items
}

func (f *fixture) log() templates.Log {
	text := "reading table.parquet\n\x1b[32mok\x1b[0m 336776 rows\n" + f.text("training gbm with learning_rate 0.1") + "\n"
	for i := range 30 {
		text += fmt.Sprintf("epoch %d loss %.4f\n", i, 1/float64(i+1))
	}
	text += "Traceback (most recent call last):\n  File \"code/train.py\", line 41, in <module>\nValueError: could not convert string to float: 'NA'\n"
	l := templates.ReadLog([]byte(text), true)
	l.Download, l.Follow = "/api/v1/x", "/api/v1/y"
	return l
}

func (f *fixture) run(tab string) templates.RunPage {
	p := templates.RunPage{Shell: f.shell("flights-8", "runs"), Run: f.runRecord(8, bine.Failed), Steps: f.steps(), Definition: f.definition(), Items: f.items()}
	item := p.Items[0]
	item.Attempts = 2
	code := 1
	item.Inputs, item.Artifacts = map[string]bine.ArtifactRef{f.text("table"): f.ref("file")}, map[string]bine.ArtifactRef{f.text("model"): f.ref("dir")}
	item.Values, item.With = map[string]json.RawMessage{"rows": raw("336776"), "note": raw(quote(f.text("fine")))}, raw(`{"learning_rate":0.1,"name":`+quote(f.text("gbm"))+`}`)
	item.Metrics, item.Environment = map[string]float64{"loss": 0.03, "auc": 0.71}, 2
	attempt := bine.Attempt{ID: "a", Number: 1, State: bine.Lost, Failure: bine.FailureLost, Reason: f.text("host was not heard of"), Host: "gpu-1", Resources: bine.Resources{CPU: 2, Memory: 4 << 30}, StartedAt: item.StartedAt, EndedAt: item.EndedAt}
	second := attempt
	second.Number, second.State, second.Failure, second.Reason, second.ExitCode = 2, bine.Failed, bine.FailureError, "", &code
	second.Usage = &bine.Usage{CPUSeconds: 31.2, PeakMemory: 1 << 30}
	v := &templates.StepView{Step: item, Tab: tab, Attempts: []bine.Attempt{attempt, second}, Log: f.log()}
	if tab == "items" {
		v.Step = p.Steps[3]
		p.MoreItems = "/more"
	}
	for i := range 60 {
		v.Metrics = append(v.Metrics, bine.Metric{Name: f.text("loss"), Value: bine.Number(1 / float64(i+1)), Step: int64(i), At: now})
	}
	p.Step = v
	return p
}

// runTable is the run with its steps as a list, and outputs that can be shown.
func (f *fixture) runTable() templates.RunPage {
	p := f.run("outputs")
	p.View, p.Filter, p.Chosen = "table", templates.StepFilter{Text: f.text("a")}, true
	if f.text("a") != "a" {
		p.Filter.Text = ""
	}
	table := f.ref("file")
	table.Hash = bine.HashOf([]byte("table"))
	p.Step.Artifacts[f.text("rows")] = table
	p.Step.Previews = map[bine.Hash]templates.Preview{
		f.ref("dir").Hash: {FilePreview: client.FilePreview{Kind: "text", Text: f.text("{\n  \"auc\": 0.71\n}")}},
		table.Hash:        {FilePreview: client.FilePreview{Kind: "table", Header: []string{"carrier", "rows"}, Rows: [][]string{{f.text("UA"), "58665"}, {"AA", "32729"}}, Truncated: true}},
	}
	return p
}

func wideTable() templates.RunPage {
	p := wideRun(3000)
	p.View, p.Self = "table", "/projects/demo/runs/wide-1?view=table"
	return p
}

func (f *fixture) history(view string) templates.HistoryPage {
	at := func(s float64) string {
		return before(time.Hour).Add(time.Duration(s * float64(time.Second))).Format(time.RFC3339Nano)
	}
	return templates.HistoryPage{Shell: f.shell("History", "runs"), Workflow: "run/flights-8", View: view, History: client.History{
		WorkflowID: "demo/run/flights-8", RunID: "0190", Type: "RunPipeline", Status: "running", Exported: true,
		Events: []client.HistoryEvent{
			{ID: 1, At: at(0), Type: "WorkflowExecutionStarted", Summary: "Run flights-8", Group: 1, Attributes: map[string]any{"input": map[string]any{"run": f.text("flights-8"), "steps": 8}}},
			{ID: 2, At: at(0.01), Type: "WorkflowTaskScheduled", Group: 2},
			{ID: 5, At: at(0.1), Type: "ActivityTaskScheduled", Summary: f.text("make the directory tree"), Group: 5, Attributes: map[string]any{"input": f.text("x")}},
			{ID: 6, At: at(0.2), Type: "ActivityTaskStarted", Group: 5},
			{ID: 7, At: at(1.4), Type: "ActivityTaskCompleted", Group: 5},
			{ID: 9, At: at(1.5), Type: "StartChildWorkflowExecutionInitiated", Summary: "step ingest", Group: 9, Link: "demo/run/flights-8/ingest"},
			{ID: 10, At: at(1.6), Type: "ChildWorkflowExecutionStarted", Group: 9},
			{ID: 12, At: at(19), Type: "ChildWorkflowExecutionFailed", Group: 9},
			{ID: 13, At: at(20), Type: "ActivityTaskScheduled", Summary: "install the environment on gpu-1", Group: 13},
		}}}
}

func (f *fixture) file(name string, dir bool) client.File {
	return client.File{Path: "Resources/" + f.text(name), Name: f.text(name), Dir: dir, Size: 31_457_280, Owner: "demo__ada", Modified: before(time.Hour), Attrs: map[string]string{f.text("origin"): f.text("nycflights13")}}
}

func (f *fixture) access() templates.AccessPage {
	list, err := bine.ParseACL("user::rwx,user:demo__maria:rwx,group::r-x,mask::r-x,other::---,default:user::rwx,default:group::r-x,default:other::---", true)
	if err != nil {
		panic(err)
	}
	list[1].Name = "demo__" + f.text("maria")
	return templates.AccessPage{Shell: f.shell("Access", "files"), File: f.file("raw", true), Path: "Resources/" + f.text("raw"), ACL: bine.ACL{Owner: "demo__ada", Group: "demo__data_scientist", Mode: 0o750, Entries: list}}
}

func (f *fixture) files() templates.FilesPage {
	p := templates.FilesPage{PathPage: templates.PathPage{Shell: f.shell("Files", "files"), File: client.File{Path: "Resources", Name: "Resources", Dir: true}, Tab: "files"}, Dir: "Resources", Filter: f.text("pl"), Note: f.text("only the first are sorted"), Begun: []client.PartialUpload{{Path: "Resources/" + f.text("big.bin"), Size: 1 << 30, Offset: 1 << 29, Modified: beforeP(time.Hour)}}, Files: []client.File{f.file("raw", true), f.file("planes.csv", false), f.file("notes.txt", false)}, Readme: templates.Preview{FilePreview: client.FilePreview{Kind: "text", Text: f.text("What is in here")}}, Next: "c", Usage: &client.FileUsage{Bytes: 130 << 20, Files: 214, Quota: 1 << 30}}
	p.Limits = []client.FileLimit{{Quota: client.FileQuota{Bytes: 1 << 30}, Bytes: 900 << 20}, {Path: "Resources", Quota: client.FileQuota{Bytes: 200 << 20, Names: 5000}, Bytes: 130 << 20, Names: 217}, {Path: "Resources/new", Counting: true}}
	p.Crumbs = p.FileCrumbs("Resources")
	return p
}

func (f *fixture) pathPage(name string, dir bool, tab string) templates.PathPage {
	file := f.file(name, dir)
	file.Group, file.Mode = "demo__data_scientist", 0o640
	file.Attrs["user.tag."+f.text("source")] = f.text("BTS")
	p := templates.PathPage{Shell: f.shell("File", "files"), File: file, Tab: tab, More: "older"}
	for i, op := range []string{"written", "renamed", "created", "removed", "altered"} {
		c := client.PathChange{ID: int64(i), At: before(time.Duration(i) * time.Hour), Op: op, Path: "Resources/" + f.text(name), Size: 31_457_280, By: "demo__ada"}
		if op == "renamed" {
			c.From = "Resources/" + f.text("old.csv")
		}
		p.Changes = append(p.Changes, c)
	}
	p.Policy = &client.FilePolicy{Name: "DB", Inline: 1 << 20, Path: "Resources/" + f.text(name)}
	p.Limits = []client.FileLimit{{Quota: client.FileQuota{Names: 5000}, Names: 4000}, {Path: "Resources/" + f.text("raw"), Counting: true}}
	return p
}

func (f *fixture) filePage(name string, p client.FilePreview) templates.FilePage {
	return templates.FilePage{PathPage: f.pathPage(name, false, "preview"), Preview: templates.Preview{FilePreview: p}}
}

func (f *fixture) notebook() client.FilePreview {
	one := 1
	return client.FilePreview{Kind: "notebook", Cells: []client.NotebookCell{
		{Kind: "markdown", Text: f.text("# Explore\n\nWhat is in the *data*")},
		{Kind: "code", Count: &one, Text: f.text("df.head()"), Outputs: []client.NotebookOutput{{Kind: "text", Text: f.text("   a\n0  1")}, {Kind: "image", Type: "image/png", Image: []byte("\x89PNG")}, {Kind: "error", Text: f.text("\x1b[31mValueError\x1b[0m: no")}}},
		{Kind: "raw", Text: f.text("raw")}}}
}

func (f *fixture) usageMap() templates.FilesPage {
	p := templates.FilesPage{PathPage: f.pathPage("raw", true, "usage"), Dir: ""}
	u := client.UsageByEntry{FileUsage: client.FileUsage{Bytes: 1_000_000, Files: 700}}
	for i, name := range []string{f.text("train"), "test", ".trash", "images", ".uploads", "notes.txt"} {
		u.Entries = append(u.Entries, client.EntryUsage{Name: name, Dir: i < 5, Bytes: 480_000 >> i, Files: 300 >> i})
	}
	p.Map = &templates.UsageMap{Shell: p.Shell, Dir: "", Usage: u}
	return p
}

func (f *fixture) datasets() templates.DatasetsPage {
	at := before(time.Hour)
	return templates.DatasetsPage{Shell: f.shell("Shared datasets", "files"), Own: []string{"Resources", f.text("stations")}, Shares: []bine.Share{
		{Owner: "weather", Dataset: f.text("stations"), To: "demo", Offered: bine.ShareWrite, Wanted: bine.ShareRead, Access: bine.ShareRead, OfferedBy: "grace", WantedBy: "ada", At: at},
		{Owner: "weather", Dataset: "radar", To: "demo", Offered: bine.ShareRead, OfferedBy: "grace", At: at},
		{Owner: "demo", Dataset: f.text("sales"), To: bine.Everyone, Offered: bine.ShareRead, Wanted: bine.ShareRead, Access: bine.ShareRead, OfferedBy: "ada", At: at},
		{Owner: "demo", Dataset: "Models", To: "shop", Wanted: bine.ShareWrite, WantedBy: "eve", At: at},
	}, Offered: []bine.Share{{Owner: "city", Dataset: "streets", To: bine.Everyone, Offered: bine.ShareRead, OfferedBy: "joan", At: at}}}
}

func (f *fixture) devices() []bine.DeviceStatus {
	of := func(n int, d bine.DeviceStatus) bine.DeviceStatus {
		d.Device = bine.Device{ID: bine.DeviceID(fmt.Sprint("GPU-", n)), Vendor: bine.VendorNvidia, Model: f.text("A100-SXM4-80GB"), Index: n, Memory: 80 << 30, Compute: "8.0", Driver: "550.54", Bus: "0000:17:00.0"}
		d.Host, d.Since = "gpu-1.example", before(time.Hour)
		return d
	}
	grant := func(o bine.Owner) []bine.GrantRecord {
		return []bine.GrantRecord{{DeviceGrant: bine.DeviceGrant{Device: "GPU-1", Milli: 1000, Epoch: 7}, Owner: o, GrantedAt: before(time.Minute), Busy: 0.83, MemoryPeak: 60 << 30}}
	}
	return []bine.DeviceStatus{
		of(0, bine.DeviceStatus{State: bine.DeviceReady}),
		of(1, bine.DeviceStatus{State: bine.DeviceReady, Used: 1000, Epoch: 7, Grants: grant(bine.Owner{Project: "demo", Kind: bine.OwnerRun, Name: "flights-9", Step: "train", Item: f.text("gbm")}), Use: &bine.DeviceUse{At: before(time.Second), Busy: 0.91, MemoryUsed: 62 << 30}}),
		of(2, bine.DeviceStatus{State: bine.DeviceReady, Used: 500, Epoch: 3, Grants: grant(bine.Owner{}), Cordoned: true}),
		of(3, bine.DeviceStatus{State: bine.DeviceTesting, Reason: f.text("XID 79: GPU has fallen off the bus")}),
	}
}

func (f *fixture) environment(n int, state bine.EnvironmentState) bine.Environment {
	e := bine.Environment{Version: n, State: state, Base: n - 1, Python: "3.11.7", Add: []string{f.text("pandas==2.2.3"), "scikit-learn"}, Remove: []string{"six"}, Requires: []string{f.text("pandas==2.2.3"), "scikit-learn", "joblib"},
		Packages: []bine.Package{{Name: f.text("pandas"), Version: "2.2.3"}, {Name: "joblib", Version: "1.4.2"}}, Hosts: map[bine.HostName]string{"gpu-1": "ready", "old": f.text("installing")}, Current: n == 2, CreatedBy: "ada", CreatedAt: before(time.Hour)}
	if state == bine.EnvironmentFailed {
		e.Reason = f.text("no version of nosuchpackage is on the index")
	}
	return e
}

func (f *fixture) modelVersion(n int) *bine.ModelVersion {
	return &bine.ModelVersion{Model: "delay", Version: n, Artifact: f.ref("dir"), Framework: "sklearn", Metrics: map[string]float64{"roc_auc": 0.7312, f.text("baseline"): 0.6121},
		Schema:  raw(`{"inputs":[{"name":` + quote(f.text("carrier")) + `,"datatype":"BYTES"},{"name":"distance","datatype":"FP64"},{"name":"hour","datatype":"INT64"}],"outputs":[{"name":"delayed","datatype":"FP64"}]}`),
		Example: raw(`{"carrier": ` + quote(f.text("UA")) + `, "distance": 1400, "hour": 18}`), Description: f.text("gradient boosting"), Run: "flights-7", Step: "register", Pipeline: "flights", PipelineVersion: 3,
		Code: bine.HashOf(nil), Environment: 2, Data: map[string]bine.ArtifactRef{"table": f.ref("file")}, CreatedBy: "ada", CreatedAt: before(time.Hour)}
}

func (f *fixture) deployment(state bine.DeploymentState) bine.Deployment {
	d := bine.Deployment{Name: "delay", Project: "demo", Model: "delay", Version: 2, Serving: 1, State: state, Resources: bine.Resources{CPU: 1, Memory: 1 << 30}, Restarts: 1, CreatedBy: "ada", CreatedAt: before(time.Hour), UpdatedAt: before(time.Minute)}
	if state == bine.DeploymentFailed {
		d.Reason = f.text("the server of version 2 was not ready within 60 seconds: ModuleNotFoundError: lightgbm")
	}
	return d
}

func (f *fixture) schedule(paused bool) bine.Schedule {
	return bine.Schedule{Name: "nightly", Pipeline: "flights", Cron: "0 2 * * *", TimeZone: "Europe/Berlin", Overlap: "skip", CatchUp: 3600, Params: raw(`{"horizon": 7}`), Paused: paused, Note: f.text("for the morning report"), Next: []time.Time{now.Add(16 * time.Hour), now.Add(40 * time.Hour)}, CreatedBy: "ada", CreatedAt: now}
}

func (f *fixture) connectors() templates.ConnectorsPage {
	sea := bine.Connector{Name: "sea", Kind: bine.ConnectorS3, Description: f.text("sensor data"), Access: bine.ConnectorOwners, Endpoint: "https://s3.example.com", Bucket: f.text("raw"), Root: f.text("2026"), HasSecret: true, CreatedBy: "ada"}
	return templates.ConnectorsPage{Shell: f.shell("Connectors", "files"), Edit: sea,
		Connectors: []bine.Connector{sea, {Name: "far", Kind: bine.ConnectorWebHDFS, Access: bine.ConnectorMembers, Endpoint: "https://hdfs.example.com/webhdfs/v1", Root: "/data"}, {Name: "host", Kind: bine.ConnectorDirectory, Access: bine.ConnectorRead, Root: f.text("/srv/data")}},
		Encryption: client.Encryption{On: true, Keys: []client.KeyVersion{{Version: 2, Used: true, CreatedAt: before(time.Hour)}, {Version: 1, CreatedAt: before(48 * time.Hour)}}},
		Transfers: []bine.Transfer{
			{ID: "relocate-4", Direction: bine.Relocate, Files: f.text("archive"), State: bine.TransferRunning, Progress: bine.Progress{Copied: 12, Bytes: 3 << 30, Current: f.text("2019/a.parquet"), Moving: 1 << 27}, CreatedBy: "ada", CreatedAt: before(time.Minute)},
			{ID: "export-3", Direction: bine.Export, Connector: "sea", Path: f.text("models"), Files: "Models", State: bine.TransferFailed, Reason: f.text("2 files were not copied; what was is left as it is"), Progress: bine.Progress{Copied: 10, Bytes: 1 << 20, Failed: 2}, CreatedBy: "ada", CreatedAt: before(time.Hour)},
			{ID: "import-2", Direction: bine.Import, Connector: "sea", Path: f.text("2026"), Files: f.text("sensors"), State: bine.TransferRunning, Progress: bine.Progress{Copied: 4096, Bytes: 7 << 30, Skipped: 12, Current: f.text("03/14.parquet"), Moving: 64 << 20}, CreatedBy: "ada", CreatedAt: before(time.Minute)},
			{ID: "import-1", Direction: bine.Import, Connector: "far", Files: "far", State: bine.TransferSucceeded, CreatedBy: "ada", CreatedAt: before(24 * time.Hour)},
		}}
}

// experiment has 24 tracked runs, some of which are chosen.
func (f *fixture) experiment(chosen []int) templates.ExperimentPage {
	p := templates.ExperimentPage{Shell: f.shell("Experiment", "experiments"), Experiment: bine.Experiment{ID: 1, Name: f.text("churn"), Runs: 24}, Filter: f.text("metrics.auc > 0.5"), Order: "metrics.auc DESC"}
	states := []bine.State{bine.Succeeded, bine.Running, bine.Lost, bine.Failed}
	for n := range 24 {
		r := bine.TrackedRun{ID: bine.TrackedID(fmt.Sprintf("%032x", n)), Name: f.text(fmt.Sprintf("run %d", n)), Kind: bine.TrackedClient, State: states[n%4], StartedAt: before(time.Duration(n) * time.Hour),
			Params: map[string]string{f.text("depth"): fmt.Sprint(n % 5), "optimizer": f.text("adam")}, Metrics: map[string]bine.Latest{f.text("auc"): {Last: bine.Number(0.9 - float64(n)/100), Points: 40}, "loss": {Last: bine.Number(float64(n) / 50), Points: 40}}}
		if n%4 == 3 {
			r.Reason = f.text("ValueError: no rows")
		}
		p.Runs = append(p.Runs, r)
		for name := range r.Metrics {
			c := bine.Curve{Run: r.ID, Metric: name, Of: 40}
			for i := range 40 {
				c.Points = append(c.Points, bine.Point{Step: int64(i), Value: bine.Number(float64(n+1) / float64(i+2))})
			}
			p.Curves = append(p.Curves, c)
		}
	}
	for _, n := range chosen {
		p.Chosen = append(p.Chosen, p.Runs[n].ID)
	}
	return p
}
