package ui_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/server/preview"
)

var now = time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)

func ptr[T any](v T) *T { return &v }

const dag = `{"name":"flights","params":[{"name":"horizon","type":"int","default":30},{"name":"title","type":"string"}],
"steps":[{"name":"ingest","kind":"python","action":{}},{"name":"train","needs":["ingest"],"foreach":{"items":["a","b"]},"kind":"python","action":{}},{"name":"register","needs":["train"],"kind":"model","action":{}}]}`

// fakeAPI answers as the REST API does, with canned records, and remembers
// what it was sent.
type fakeAPI struct {
	mu     sync.Mutex
	bodies map[string]string // last body by method and path
	asked  []string          // addresses with their query
	role   bine.Role
}

func newFakeAPI() *fakeAPI { return &fakeAPI{bodies: map[string]string{}, role: bine.DataOwner} }

func (f *fakeAPI) body(key string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bodies[key]
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	path := strings.TrimPrefix(r.URL.Path, "/api/v1")
	f.mu.Lock()
	f.bodies[r.Method+" "+path] = string(body)
	f.asked = append(f.asked, r.URL.RequestURI())
	f.mu.Unlock()
	if path == "/auth/login" {
		f.login(w, body)
		return
	}
	if c, err := r.Cookie("session"); err != nil || c.Value != "s1" {
		problem(w, http.StatusUnauthorized, bine.Unauthenticated, "nobody is signed in")
		return
	}
	answer, ok := f.answers()[r.Method+" "+path]
	if at := r.URL.Query().Get("path"); path == "/projects/demo/stat" && at != "gone" {
		answer, ok = client.File{Path: at, Name: at[strings.LastIndexByte(at, '/')+1:], Dir: at == "raw", Size: 100, Owner: "demo__ada", Group: "demo__data_scientist", Mode: 0o640, Modified: now}, true
	}
	if at := r.URL.Query().Get("path"); path == "/projects/demo/preview" {
		text, _ := f.answers()["GET /projects/demo/files/"+at].(string)
		shown, err := preview.Of(r.Context(), at, int64(len(text)), strings.NewReader(text))
		answer, ok = shown, err == nil
	}
	switch {
	case !ok:
		problem(w, http.StatusNotFound, bine.NotFound, "nothing is at "+path)
	case answer == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		send(w, answer)
	}
}

func (f *fakeAPI) login(w http.ResponseWriter, body []byte) {
	var in client.Login
	if json.Unmarshal(body, &in) != nil || in.Password != "right" {
		problem(w, http.StatusUnauthorized, bine.Unauthenticated, "the name or the password is wrong")
		return
	}
	http.SetCookie(w, &http.Cookie{Name: "session", Value: "s1", Path: "/", HttpOnly: true})
	send(w, client.Identity{User: in.User, Via: "session"})
}

func send(w http.ResponseWriter, answer any) {
	switch a := answer.(type) {
	case problemAnswer:
		problem(w, a.status, a.kind, a.message, a.details...)
	case string:
		io.WriteString(w, a)
	default:
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(a)
	}
}

type problemAnswer struct {
	status  int
	kind    bine.Kind
	message string
	details []bine.Detail
}

func problem(w http.ResponseWriter, status int, kind bine.Kind, message string, details ...bine.Detail) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(client.Problem{Title: http.StatusText(status), Status: status, Detail: message, Kind: kind, Errors: details})
}

// png is the smallest picture there is.
const png = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"

func (f *fakeAPI) answers() map[string]any {
	list := bine.ACL{Owner: "demo__ada", Group: "demo__data_scientist", Mode: 0o750, Entries: []bine.ACLEntry{{Type: "user", Perm: "rwx"}, {Type: "user", Name: "demo__grace", Perm: "rwx"}, {Type: "group", Perm: "r-x"}, {Type: "mask", Perm: "r-x"}, {Type: "other", Perm: "---"}, {Default: true, Type: "user", Perm: "rwx"}, {Default: true, Type: "group", Perm: "r-x"}, {Default: true, Type: "other", Perm: "---"}}}
	p := bine.Project{Name: "demo", State: bine.ProjectReady, Role: f.role, CreatedBy: "ada", CreatedAt: now}
	run := bine.Run{ID: "flights-1", Project: "demo", Pipeline: "flights", Version: 1, Number: 1, State: bine.Failed, Reason: "step train failed", Params: json.RawMessage(`{"horizon":30}`), StartedBy: "ada", CreatedAt: now, StartedAt: &now, EndedAt: ptr(now.Add(time.Minute))}
	steps, items := f.steps()
	pipeline := bine.Pipeline{Name: "flights", Kind: bine.KindPipeline, Latest: 1, Runs: 1, LastRun: &run, UpdatedAt: now}
	version := bine.PipelineVersion{Pipeline: "flights", Version: 1, Source: "name: flights\n", DAG: json.RawMessage(dag), CreatedBy: "ada", CreatedAt: now}
	model := bine.ModelVersion{Model: "delay", Version: 1, Artifact: bine.ArtifactRef{Hash: bine.HashOf(nil), Kind: bine.ArtifactDir}, Metrics: map[string]float64{"auc": 0.7},
		Schema: json.RawMessage(`{"inputs":[{"name":"carrier","datatype":"BYTES"},{"name":"hour","datatype":"INT64"}]}`), Example: json.RawMessage(`{"carrier":"UA","hour":18}`), CreatedAt: now}
	deployment := bine.Deployment{Name: "delay", Project: "demo", Model: "delay", Version: 1, Serving: 1, State: bine.DeploymentReady, UpdatedAt: now}
	environment := bine.Environment{Version: 1, State: bine.EnvironmentReady, Current: true, Hosts: map[bine.HostName]string{"h": "ready"}, CreatedAt: now}
	schedule := bine.Schedule{Name: "nightly", Pipeline: "flights", Cron: "0 2 * * *", Next: []time.Time{now}, CreatedBy: "ada"}
	attempt := bine.Attempt{ID: "a", Number: 1, State: bine.Failed, LogSize: 30, StartedAt: &now}
	history := client.History{WorkflowID: "demo/run/flights-1", Type: "RunPipeline", Status: "completed", Events: []client.HistoryEvent{{ID: 1, At: now.Format(time.RFC3339Nano), Type: "WorkflowExecutionStarted", Group: 1}}}
	file := func(path string, dir bool) client.File {
		return client.File{Path: path, Name: path[strings.LastIndexByte(path, '/')+1:], Dir: dir, Size: 100, Modified: now}
	}
	approval := bine.Approval{Project: "demo", Run: "flights-1", Step: "ask", Pipeline: "flights", State: bine.ApprovalWaiting, Message: "Deploy <it>?", MayAnswer: true,
		Form: []bine.ApprovalField{{Name: "share", Type: "int", Default: json.RawMessage("10")}}, AskedAt: now}
	backfill := bine.Backfill{ID: "flights-b1", Project: "demo", Pipeline: "flights", Version: 1, Mode: bine.BackfillAll, Order: "oldest", Cap: 3, State: bine.BackfillRunning, Slots: map[bine.State]int{bine.Succeeded: 1}, CreatedAt: now}
	device := bine.DeviceStatus{Device: bine.Device{ID: "GPU-1", Model: "A100"}, Host: "h", State: bine.DeviceReady}
	machine := bine.HostPicture{Name: "h", Up: true, Rack: "r1", Total: bine.Resources{CPU: 4, GPUs: 1}, Devices: []bine.DevicePicture{{ID: "GPU-1", Model: "A100", State: bine.DeviceReady, Used: 1000, By: []bine.ProjectShares{{Project: "demo", Milli: 1000}}}}}
	one := "/projects/demo"
	all := map[string]any{
		"GET /auth/me":      client.Identity{User: "ada", Admin: true, Via: "session"},
		"POST /auth/logout": nil, "POST /auth/password": nil,
		"GET /users": []bine.User{{Name: "ada", Admin: true}}, "POST /users": bine.User{Name: "grace"}, "DELETE /users/grace": nil,
		"GET /keys": []bine.Key{{ID: "k1", Name: "ci"}, {ID: "k2", Name: "duck", S3: true}}, "POST /keys": client.CreatedKey{Key: "bine_k1_geheim", AccessKey: "k1", SecretKey: "geheim", Info: bine.Key{ID: "k1"}}, "DELETE /keys/k1": nil,
		"GET /audit":     client.Page[bine.Audit]{Items: []bine.Audit{{ID: 1, At: now, Action: "start-run"}}},
		"GET /leases/a1": client.LeaseHistory{Owner: bine.Owner{Project: "demo", Kind: bine.OwnerRun, Name: "flights-1", Step: "train"}, Asked: now, Live: &bine.Lease{Attempt: "a1", Owner: bine.Owner{Project: "demo", Kind: bine.OwnerRun, Name: "flights-1"}, Reason: "waits for 2 GPUs"}}, "PUT " + one + "/requests/a1/priority": nil,
		"GET /gpu-shares": client.GPUShares{From: now, To: now.Add(time.Hour), Step: 3600, Devices: 2, Projects: []bine.ProjectShare{{Project: "demo", Held: 1, Guaranteed: 1, Hours: []float64{0.5}, Total: 0.5}}}, "PUT " + one + "/quota": bine.Quota{},
		"GET /cluster": bine.Cluster{Hosts: 1, Total: bine.Resources{CPU: 4, GPUs: 1}, Available: 1, Waiting: 2}, "GET /cluster/picture": client.ClusterPicture{By: "host", Hosts: 1, Devices: 1, Models: []string{"A100"}, Labels: []string{"rack", "infiniband"}, Groups: []client.ClusterGroup{{Name: "r1", Hosts: 1, Total: bine.Resources{GPUs: 1}, Members: []bine.HostPicture{machine}}}},
		"GET /hosts/h": client.HostView{Picture: machine, Host: bine.Host{Name: "h", SeenAt: now}}, "PUT /hosts/h/cordon": nil, "POST " + one + "/verdict": bine.Verdict{Request: "2 GPUs on 1 host", Answer: bine.VerdictNotNow, Reason: "waits for 2 GPUs on 1 host"},
		"GET /hosts": []bine.Host{{Name: "h", State: bine.HostUp, Confine: "none: no Landlock", Capacity: bine.Resources{CPU: 4, Memory: 1 << 30}, SeenAt: now}}, "GET /devices": []bine.DeviceStatus{device}, "GET /devices/GPU-1": client.DeviceHistory{Device: device}, "PUT /devices/GPU-1/cordon": nil, "GET /leases": []bine.Lease{{Owner: bine.Owner{Project: "demo", Kind: bine.OwnerRun, Name: "flights-1", Step: "train"}}},
		"GET /projects": []bine.Project{p}, "POST /projects": p, "GET " + one: p, "DELETE " + one: nil,
		"GET " + one + "/members": []bine.Member{{User: "ada", Role: bine.DataOwner}}, "PUT " + one + "/members/grace": bine.Member{User: "grace"}, "DELETE " + one + "/members/grace": nil,
		"GET " + one + "/pipelines": []bine.Pipeline{pipeline}, "POST " + one + "/pipelines": version, "GET " + one + "/pipelines/flights": pipeline, "DELETE " + one + "/pipelines/flights": nil,
		"POST " + one + "/pipelines/check":           client.Checked{Name: "flights", Faults: []bine.Detail{{Message: "unknown key stesp: did you mean steps?", Line: 3, Column: 1}}},
		"GET " + one + "/pipelines/flights/versions": []bine.PipelineVersion{version}, "GET " + one + "/pipelines/flights/versions/0": version, "GET " + one + "/pipelines/flights/versions/1": version,
		"POST " + one + "/pipelines/flights/runs": run,
		"GET " + one + "/jobs":                    []bine.Pipeline{pipeline}, "POST " + one + "/jobs": version, "GET " + one + "/jobs/flights": pipeline, "POST " + one + "/jobs/flights/executions": run, "DELETE " + one + "/jobs/flights": nil,
		"GET " + one + "/runs": client.Page[bine.Run]{Items: []bine.Run{run}, Next: "c"}, "GET " + one + "/runs/flights-1": run, "DELETE " + one + "/runs/flights-1": nil,
		"POST " + one + "/runs/flights-1/cancel": problemAnswer{http.StatusConflict, bine.Conflict, "run flights-1 has ended", nil}, "POST " + one + "/runs/flights-1/retry": run,
		"GET " + one + "/runs/flights-1/steps": steps, "GET " + one + "/runs/flights-1/steps/train/items": client.Page[bine.Step]{Items: items, Next: "200"},
		"GET " + one + "/runs/flights-1/steps/train/items/z": bine.Step{Run: "flights-1", Name: "train", Item: "z", Kind: "python", State: bine.Failed, Reason: "out of memory", Attempts: 1, StartedAt: &now},
		"GET " + one + "/runs/flights-1/attempts":            []bine.Attempt{attempt}, "GET " + one + "/runs/flights-1/metrics": []bine.Metric{{Name: "=loss", Value: 0.5, At: now}},
		"GET " + one + "/runs/flights-1/logs": "\x1b[31mValueError: bad\x1b[0m\n",
		"GET " + one + "/history":             history, "GET " + one + "/usage": client.FileUsage{Bytes: 1}, "GET " + one + "/file-quotas": []client.FileLimit{{Path: "raw", Quota: client.FileQuota{Bytes: 4096, Names: 77}, Bytes: 1024, Names: 7}}, "PUT " + one + "/file-quotas": []client.FileLimit{}, "GET " + one + "/file-policy": client.FilePolicy{Name: "DB", Inline: 1 << 20, Path: "raw"}, "PUT " + one + "/file-policy": client.FilePolicy{}, "GET " + one + "/files": client.Page[client.File]{Items: []client.File{file("README.md", false), file("data.csv", false), file("raw", true)}},
		"GET " + one + "/files/data.csv": "a,b\n1,<script>\n", "GET " + one + "/files/README.md": "read *me* <script>alert(1)</script> [x](javascript:alert(2))", "GET " + one + "/files/plot.png": png, "GET " + one + "/files/fake.png": "<html><script>alert(1)</script>",
		"GET " + one + "/uploads": []client.PartialUpload{{Path: "big.bin", Size: 100, Offset: 40, Modified: &now}}, "GET " + one + "/files/a.ipynb": `{"nbformat":4,"cells":[{"cell_type":"markdown","source":"<img src=x onerror=alert(1)>"},{"cell_type":"code","source":"1","outputs":[{"output_type":"display_data","data":{"text/html":"<script>alert(2)</script>"}}]}]}`,
		"GET " + one + "/changes": client.Page[client.PathChange]{Items: []client.PathChange{{ID: 1, At: now, Op: "renamed", Path: "raw", From: "<old>", By: "demo__ada"}}, Next: "c"}, "GET " + one + "/usage-by-entry": client.UsageByEntry{FileUsage: client.FileUsage{Bytes: 10, Files: 3}, Entries: []client.EntryUsage{{Name: "<big>", Dir: true, Bytes: 7, Files: 1}}},
		"PATCH " + one + "/files/data.csv": file("data.csv", false), "PUT " + one + "/xattrs/data.csv": nil, "DELETE " + one + "/xattrs/data.csv": nil, "POST " + one + "/files-copy": file("raw/data.csv", false),
		"PUT " + one + "/files/raw/up.txt": file("raw/up.txt", false), "POST " + one + "/files/raw/new": file("raw/new", true), "POST " + one + "/files/data.csv": file("b.csv", false),
		"DELETE " + one + "/files/data.csv": nil, "DELETE " + one + "/files/raw": nil,
		"GET " + one + "/acls/raw": list, "PUT " + one + "/acls/raw": list, "DELETE " + one + "/acls/raw": bine.ACL{},
		"GET " + one + "/snapshot-dirs": []client.SnapshotDir{{Path: "raw", Snapshots: 1}}, "GET " + one + "/snapshots": []client.Snapshot{{Name: "before", Path: "raw/.snapshot/before"}},
		"GET " + one + "/snapshots-diff": []client.SnapshotDifference{{Kind: "renamed", Path: "old.csv", Target: "new.csv"}}, "POST " + one + "/snapshots": client.Snapshot{Name: "now"},
		"DELETE " + one + "/snapshots": nil, "PUT " + one + "/snapshot-dirs": nil, "DELETE " + one + "/snapshot-dirs": nil,
		"GET " + one + "/trash": client.Page[client.TrashedFile]{Items: []client.TrashedFile{{Number: 7, Path: "raw"}}}, "POST " + one + "/trash/7": file("Resources/old/raw", true), "DELETE " + one + "/trash/7": nil,
		"GET " + one + "/shares": []bine.Share{{Owner: "other", Dataset: "raw", To: "demo", Offered: bine.ShareRead}}, "GET /datasets": []bine.Share{},
		"GET " + one + "/connectors": []bine.Connector{{Name: "sea", Kind: bine.ConnectorS3, Bucket: "raw", Endpoint: "https://s3.example.com"}}, "PUT " + one + "/connectors/sea": bine.Connector{Name: "sea"},
		"POST " + one + "/connectors/sea/test": client.ConnectorTest{OK: true}, "DELETE " + one + "/connectors/sea": nil, "PUT " + one + "/sandboxed": bine.Project{Name: "demo"},
		"GET " + one + "/transfers":  client.Page[bine.Transfer]{Items: []bine.Transfer{{ID: "import-1", Direction: bine.Import, Connector: "sea", State: bine.TransferRunning}}},
		"POST " + one + "/transfers": bine.Transfer{ID: "import-1"}, "POST " + one + "/transfers/import-1/cancel": bine.Transfer{ID: "import-1"}, "POST " + one + "/transfers/import-1/retry": bine.Transfer{ID: "import-1"},
		"GET " + one + "/encryption": client.Encryption{}, "PUT " + one + "/encryption": client.Encryption{On: true, Keys: []client.KeyVersion{{Version: 1, Used: true}}},
		"PUT " + one + "/offers/raw/other": bine.Share{}, "PUT " + one + "/wishes/other/raw": bine.Share{},
		"GET " + one + "/artifacts/" + string(bine.HashOf(nil)): "text", "GET " + one + "/artifacts/" + string(bine.HashOf(nil)) + "/manifest": []bine.ArtifactEntry{{Path: "a"}},
		"GET " + one + "/artifacts/" + string(bine.HashOf([]byte("png"))): png, "GET " + one + "/artifacts/" + string(bine.HashOf([]byte("html"))): "<html><script>alert(1)</script>",
		"GET " + one + "/artifacts/" + string(bine.HashOf([]byte("table.csv"))): "a,b\n<b>,2\n", "GET " + one + "/artifacts/" + string(bine.HashOf([]byte("depth.json"))): `{"depth":3}`, "GET " + one + "/artifacts/" + string(bine.HashOf([]byte("large.csv"))): "0,1,2,3",
		"GET " + one + "/environments": []bine.Environment{environment}, "POST " + one + "/environments": environment, "GET " + one + "/environments/1": environment, "POST " + one + "/environments/1/use": environment,
		"GET " + one + "/environments/1/log": "installed\n",
		"GET " + one + "/models":             []bine.Model{{Name: "delay", Latest: 1, Newest: &model}}, "GET " + one + "/models/delay/versions": []bine.ModelVersion{model}, "GET " + one + "/models/delay/versions/0": model, "GET " + one + "/models/delay/versions/1": model,
		"GET " + one + "/deployments": []bine.Deployment{deployment}, "GET " + one + "/deployments/delay": deployment, "PUT " + one + "/deployments/delay": deployment, "POST " + one + "/deployments/delay/stop": deployment, "DELETE " + one + "/deployments/delay": nil,
		"POST " + one + "/deployments/delay/predict": client.Predictions{Model: "delay", Version: "1", Predictions: []json.RawMessage{json.RawMessage(`{"delayed":0.31}`)}},
		"GET " + one + "/triggers":                   []bine.Trigger{{Pipeline: "flights", Number: 1, Kind: bine.TriggerDataset, Source: "Resources/raw"}}, "POST " + one + "/pipelines/flights/triggers/1/pause": bine.Trigger{},
		"GET " + one + "/schedules/nightly/ticks": []client.ScheduleTick{{At: now, State: client.TickMissed, Reason: "the run before went on"}, {At: now, State: client.TickPlanned}},
		"GET " + one + "/experiments":             []bine.Experiment{{ID: 1, Name: "churn <b>", Runs: 2}}, "GET " + one + "/experiments/1": bine.Experiment{ID: 1, Name: "churn <b>", Runs: 2},
		"POST " + one + "/tracked-runs/search": client.TrackedPage{Runs: trackedRuns()}, "POST " + one + "/curves": []bine.Curve{{Run: trackedRuns()[0].ID, Metric: "loss", Of: 2, Points: []bine.Point{{Step: 1, Value: 2}, {Step: 2, Value: 1}}}},
		"GET " + one + "/pools": []bine.Pool{{Name: "db", Slots: 3, Used: 1}}, "GET " + one + "/quota": bine.Quota{Runs: 4}, "PUT " + one + "/pools/db": bine.Pool{}, "DELETE " + one + "/pools/db": nil,
		"GET /approvals": []bine.Approval{approval}, "GET " + one + "/approvals": client.Page[bine.Approval]{Items: []bine.Approval{approval}}, "POST /approvals/link": approval, "POST /approvals/link/answer": approval,
		"GET " + one + "/runs/flights-1/approvals/ask": approval, "POST " + one + "/runs/flights-1/approvals/ask/answer": approval,
		"GET " + one + "/backfills": client.Page[bine.Backfill]{Items: []bine.Backfill{backfill}}, "GET " + one + "/backfills/flights-b1": backfill,
		"GET " + one + "/backfills/flights-b1/slots":   client.Page[bine.BackfillSlot]{Items: []bine.BackfillSlot{{Key: now.Format(time.RFC3339), Tick: &now, State: bine.Succeeded, Run: "flights-1"}}},
		"POST " + one + "/pipelines/flights/backfills": client.BackfillPlan{Backfill: backfill, All: []bine.BackfillSlot{{Key: "a", State: bine.Pending}}},
		"POST " + one + "/backfills/flights-b1/pause":  backfill, "POST " + one + "/backfills/flights-b1/resume": backfill, "POST " + one + "/backfills/flights-b1/cancel": backfill,
		"POST " + one + "/runs/flights-1/continuation": bine.Continuation{Of: "flights-1", Version: 1, Steps: []bine.ContinuationStep{{Step: "train", Runs: true, Why: "it failed"}}, Diff: "-a\n+<b>\n"},
		"POST " + one + "/runs/flights-1/continue":     run,
		"GET " + one + "/runs/flights-1/comparison":    client.Compared{Left: run, Right: run, Steps: []client.StepChange{{Step: "train", Left: bine.Failed, Right: bine.Succeeded}}, Diff: "+x\n"},
		"GET " + one + "/schedules":                    []bine.Schedule{schedule}, "GET " + one + "/schedules/nightly": schedule, "PUT " + one + "/schedules/nightly": schedule, "POST " + one + "/schedules/nightly/trigger": nil, "DELETE " + one + "/schedules/nightly": nil,
	}
	return all
}

// trackedRuns are two that differ in a param.
func trackedRuns() []bine.TrackedRun {
	one := bine.TrackedRun{ID: "0123456789abcdef0123456789abcdef", Name: "first <i>", Kind: bine.TrackedClient, State: bine.Lost, Params: map[string]string{"lr": "0.1"},
		Metrics: map[string]bine.Latest{"loss": {Last: 1, Points: 2}}, StartedAt: now}
	two := bine.TrackedRun{ID: "1123456789abcdef0123456789abcdef", Name: "second", Kind: bine.TrackedStep, State: bine.Succeeded, Run: "flights-1", Step: "train", Params: map[string]string{"lr": "=0.2"}, StartedAt: now}
	return []bine.TrackedRun{one, two}
}

func (f *fakeAPI) steps() (steps, items []bine.Step) {
	step := func(name string, state bine.State) bine.Step {
		return bine.Step{Run: "flights-1", Name: bine.StepName(name), Kind: "python", State: state, Attempts: 1, CreatedAt: now, StartedAt: &now, EndedAt: ptr(now.Add(time.Minute))}
	}
	train := step("train", bine.Failed)
	train.Items, train.ItemStates = 2, map[bine.State]int{bine.Failed: 1, bine.Succeeded: 1}
	for i, key := range []string{"a", "b"} {
		item := step("train", bine.Succeeded)
		item.Item, item.Metrics = key, map[string]float64{"loss": 0.5}
		if i == 0 {
			item.State, item.Reason = bine.Failed, "exit code 1"
		}
		items = append(items, item)
	}
	ingest := step("ingest", bine.Succeeded)
	ingest.Artifacts = map[string]bine.ArtifactRef{}
	for name, size := range map[string]int64{"table.csv": 10, "depth.json": 11, "png.png": 33, "large.csv": 1 << 30, "gone.txt": 5} {
		ingest.Artifacts[name] = bine.ArtifactRef{Hash: bine.HashOf([]byte(strings.TrimSuffix(name, ".png"))), Kind: bine.ArtifactFile, Size: size, Name: name}
	}
	return []bine.Step{ingest, train, step("register", bine.Skipped)}, items
}
