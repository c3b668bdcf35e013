package mlflow

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/filter"
	"github.com/bine-ml/bine/internal/store"
)

func runRoutes(read, change, log adder) {
	change(post, "runs/create", (*call).createRun)
	read(get, "runs/get", (*call).getRun)
	change(post, "runs/update", (*call).updateRun)
	change(post, "runs/delete", (*call).deleteRun)
	change(post, "runs/restore", (*call).restoreRun)
	read(post, "runs/search", (*call).searchRuns)
	log(post, "runs/log-metric", (*call).logMetric)
	log(post, "runs/log-parameter", (*call).logParam)
	log(post, "runs/log-batch", (*call).logBatch)
	log(post, "runs/set-tag", (*call).setTag)
	log(post, "runs/delete-tag", (*call).deleteTag)
	log(post, "runs/log-inputs", (*call).logInputs)
	log(post, "runs/outputs", (*call).logOutputs)
	log(post, "runs/log-model", (*call).logModel)
	read(get, "metrics/get-history", (*call).history)
	read(get, "metrics/get-history-bulk-interval", (*call).histories)
	read(get, "artifacts/list", (*call).listRunArtifacts)
}

// patience is how long a run of MLflow may be silent before it is lost: its
// clients send no sign of life but what they log. Logging again brings it back.
const patience = time.Hour

type runInfo struct {
	ID         string `json:"run_id"`
	UUID       string `json:"run_uuid"`
	Name       string `json:"run_name"`
	Experiment string `json:"experiment_id"`
	User       string `json:"user_id"`
	Status     string `json:"status"`
	Start      int64  `json:"start_time"`
	End        int64  `json:"end_time,omitempty"`
	Artifacts  string `json:"artifact_uri"`
	Stage      string `json:"lifecycle_stage"`
}

type metric struct {
	Key   string      `json:"key"`
	Value bine.Number `json:"value"`
	At    whole       `json:"timestamp"`
	Step  whole       `json:"step"`
	Run   string      `json:"run_id,omitempty"`
}

type runData struct {
	Metrics []metric `json:"metrics"`
	Params  []pair   `json:"params"`
	Tags    []pair   `json:"tags"`
}

type dataset struct {
	Name       string `json:"name"`
	Digest     string `json:"digest"`
	SourceType string `json:"source_type"`
	Source     string `json:"source"`
	Schema     string `json:"schema,omitempty"`
	Profile    string `json:"profile,omitempty"`
}

type datasetInput struct {
	Tags    []pair  `json:"tags"`
	Dataset dataset `json:"dataset"`
}

type run struct {
	Info    runInfo        `json:"info"`
	Data    runData        `json:"data"`
	Inputs  map[string]any `json:"inputs"`
	Outputs map[string]any `json:"outputs,omitempty"`
}

// statusOf is MLflow's word for a state. It knows no lost runs: what is lost was killed.
func statusOf(s bine.State) string {
	switch s {
	case bine.Running:
		return "RUNNING"
	case bine.Succeeded, bine.Cached:
		return "FINISHED"
	case bine.Failed:
		return "FAILED"
	case bine.Pending, bine.Waiting:
		return "SCHEDULED"
	}
	return "KILLED"
}

func stateOf(status string) bine.State {
	switch status {
	case "FINISHED":
		return bine.Succeeded
	case "FAILED":
		return bine.Failed
	case "KILLED":
		return bine.Cancelled
	case "RUNNING", "SCHEDULED":
		return bine.Running
	}
	return ""
}

// nameTag is where clients keep the name of a run.
const nameTag = "mlflow.runName"

// outputsTag keeps which models a run logged.
const outputsTag = "bine.mlflow.outputs"

func runOf(r bine.TrackedRun) run {
	info := runInfo{ID: string(r.ID), UUID: string(r.ID), Name: r.Name, Experiment: strconv.Itoa(r.Experiment), User: string(r.CreatedBy), Status: statusOf(r.State),
		Start: r.StartedAt.UnixMilli(), Artifacts: scheme + artifactsOf(r), Stage: stage(r.Removed)}
	if r.EndedAt != nil {
		info.End = r.EndedAt.UnixMilli()
	}
	data := runData{Metrics: []metric{}, Params: pairsOf(r.Params)}
	for name, l := range r.Metrics {
		data.Metrics = append(data.Metrics, metric{Key: name, Value: l.Last, At: whole(l.At.UnixMilli()), Step: whole(l.Step)})
	}
	out := run{Info: info}
	tags := map[string]string{nameTag: r.Name}
	for k, v := range r.Tags {
		if k == outputsTag {
			out.Outputs = map[string]any{"model_outputs": modelOutputs(v)}
			continue
		}
		if k != nameTag {
			tags[k] = v
		}
	}
	if r.State == bine.Lost {
		tags["bine.state"] = string(bine.Lost)
	}
	data.Tags = pairsOf(tags)
	inputs := []datasetInput{}
	for _, in := range r.Inputs {
		inputs = append(inputs, datasetInput{Tags: pairsOf(in.Tags), Dataset: dataset{in.Name, in.Digest, in.SourceType, in.Source, in.Schema, in.Profile}})
	}
	out.Data, out.Inputs = data, map[string]any{"dataset_inputs": inputs}
	return out
}

func artifactsOf(r bine.TrackedRun) string { return fmt.Sprintf("%d/%s/artifacts", r.Experiment, r.ID) }

// aRun is what names a run in a request.
type aRun struct {
	ID   string `json:"run_id"`
	UUID string `json:"run_uuid"`
}

func (r aRun) id() (bine.TrackedID, error) {
	id := bine.TrackedID(r.ID)
	if id == "" {
		id = bine.TrackedID(r.UUID)
	}
	if id.Check() != nil {
		return id, bine.Errorf(bine.NotFound, "there is no run %q", string(id))
	}
	return id, nil
}

func newID() string {
	b := make([]byte, 16)
	rand.Read(b)
	return hex.EncodeToString(b)
}

func (c *call) createRun() (any, error) {
	in, err := read[struct {
		Experiment string `json:"experiment_id"`
		Name       string `json:"run_name"`
		Start      whole  `json:"start_time"`
		Tags       []pair `json:"tags"`
	}](c)
	if err != nil {
		return nil, err
	}
	tags := mapOf(in.Tags)
	r := bine.TrackedRun{ID: bine.TrackedID(newID()), Name: in.Name, Kind: bine.TrackedClient, State: bine.Running, Fence: 1, Patience: patience.Seconds(), CreatedBy: c.actor.Identity.User}
	if r.Name == "" {
		r.Name = tags[nameTag]
	}
	if r.Name == "" {
		r.Name = "run-" + string(r.ID[:8])
	}
	if in.Start > 0 {
		r.StartedAt = time.UnixMilli(int64(in.Start))
	}
	if in.Experiment != "" {
		if r.Experiment, err = experimentID(in.Experiment); err != nil {
			return nil, err
		}
	}
	if _, err := c.store().StartTracked(c.ctx(), c.project, r); err != nil {
		return nil, err
	}
	delete(tags, nameTag)
	if len(tags) > 0 {
		if _, err := c.store().Report(c.ctx(), c.project, r.ID, bine.Report{Tags: tags}); err != nil {
			return nil, err
		}
	}
	made, err := c.store().Tracked(c.ctx(), c.project, r.ID)
	return map[string]any{"run": runOf(made)}, err
}

// named gives the run that a request names. That of the step which asks is made
// if it is not there yet: a program in a step finds it by MLFLOW_RUN_ID.
func (c *call) named() (bine.TrackedRun, error) {
	in, err := read[aRun](c)
	if err != nil {
		return bine.TrackedRun{}, err
	}
	id, err := in.id()
	if err != nil {
		return bine.TrackedRun{}, err
	}
	r, err := c.store().Tracked(c.ctx(), c.project, id)
	if bine.IsKind(err, bine.NotFound) && c.actor.Identity.Attempt != "" {
		if own, fault := c.store().TrackStep(c.ctx(), c.actor.Identity.Attempt); fault == nil && own.ID == id {
			return own, nil
		}
	}
	return r, err
}

func (c *call) getRun() (any, error) {
	r, err := c.named()
	return map[string]any{"run": runOf(r)}, err
}

func (c *call) updateRun() (any, error) {
	in, err := read[struct {
		aRun
		Status string `json:"status"`
		End    whole  `json:"end_time"`
		Name   string `json:"run_name"`
	}](c)
	if err != nil {
		return nil, err
	}
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	change := store.TrackedChange{State: stateOf(in.Status)}
	if in.Status != "" && change.State == "" {
		return nil, bine.Errorf(bine.Invalid, "there is no status %q", in.Status)
	}
	if in.End > 0 {
		change.EndedAt = new(time.UnixMilli(int64(in.End)))
	}
	if in.Name != "" {
		change.Name = &in.Name
	}
	r, err := c.store().ChangeTracked(c.ctx(), c.project, id, change)
	return map[string]any{"run_info": runOf(r).Info}, err
}

func (c *call) changeRun(change store.TrackedChange) (any, error) {
	in, err := read[aRun](c)
	if err != nil {
		return nil, err
	}
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	_, err = c.store().ChangeTracked(c.ctx(), c.project, id, change)
	return nil, err
}

func (c *call) deleteRun() (any, error) { return c.changeRun(store.TrackedChange{Removed: new(true)}) }

func (c *call) restoreRun() (any, error) {
	return c.changeRun(store.TrackedChange{Removed: new(false)})
}

func (c *call) searchRuns() (any, error) {
	in, err := read[struct {
		Experiments []string `json:"experiment_ids"`
		Filter      string   `json:"filter"`
		View        string   `json:"run_view_type"`
		Max         whole    `json:"max_results"`
		Order       []string `json:"order_by"`
		Token       string   `json:"page_token"`
	}](c)
	if err != nil {
		return nil, err
	}
	q := store.TrackedSearch{Limit: int(in.Max)}
	switch in.View {
	case "DELETED_ONLY":
		q.Removed = new(true)
	case "ALL":
	default:
		q.Removed = new(false)
	}
	if q.Limit == 0 {
		q.Limit = 1000
	}
	for _, text := range in.Experiments {
		id, err := experimentID(text)
		if err != nil {
			return nil, err
		}
		q.Experiments = append(q.Experiments, id)
	}
	if q.Where, err = filter.Parse(in.Filter); err != nil {
		return nil, err
	}
	for i, w := range q.Where { // the name of a run is kept once
		if w.Of == filter.Tag && w.Name == nameTag {
			q.Where[i].Of, q.Where[i].Name = filter.Attribute, "name"
		}
	}
	for _, text := range in.Order {
		o, err := filter.ParseOrder(text)
		if err != nil {
			return nil, err
		}
		q.Order = append(q.Order, o)
	}
	if q.Offset, err = place(in.Token); err != nil {
		return nil, err
	}
	runs := []run{}
	if len(q.Experiments) == 0 {
		return map[string]any{"runs": runs}, nil
	}
	found, more, err := c.store().SearchTracked(c.ctx(), c.project, q)
	for _, r := range found {
		runs = append(runs, runOf(r))
	}
	out := map[string]any{"runs": runs}
	if more {
		out["next_page_token"] = strconv.Itoa(q.Offset + len(found))
	}
	return out, err
}

// log reports what a run logs.
func (c *call) log(of aRun, r bine.Report) (any, error) {
	id, err := of.id()
	if err != nil {
		return nil, err
	}
	for name := range r.Tags {
		if strings.HasPrefix(name, outputsTag) {
			return nil, bine.Errorf(bine.Invalid, "the tag %s is kept by the server", name)
		}
	}
	if name := r.Tags[nameTag]; name != "" {
		if _, err := c.store().ChangeTracked(c.ctx(), c.project, id, store.TrackedChange{Name: &name}); err != nil {
			return nil, err
		}
	}
	if c.actor.Identity.Attempt != "" {
		own, err := c.store().TrackStep(c.ctx(), c.actor.Identity.Attempt)
		if err != nil && !bine.IsKind(err, bine.Invalid) {
			return nil, err
		}
		if own.ID == id {
			r.Fence = own.Fence
		}
	}
	_, err = c.store().Report(c.ctx(), c.project, id, r)
	return nil, err
}

func metricOf(m metric) bine.Metric {
	return bine.Metric{Name: m.Key, Value: m.Value, Step: int64(m.Step), At: time.UnixMilli(int64(m.At))}
}

func (c *call) logMetric() (any, error) {
	in, err := read[struct {
		aRun
		Key   string      `json:"key"`
		Value bine.Number `json:"value"`
		At    whole       `json:"timestamp"`
		Step  whole       `json:"step"`
	}](c)
	if err != nil {
		return nil, err
	}
	return c.log(in.aRun, bine.Report{Metrics: []bine.Metric{metricOf(metric{Key: in.Key, Value: in.Value, At: in.At, Step: in.Step})}})
}

func (c *call) logParam() (any, error) {
	in, err := read[struct {
		aRun
		pair
	}](c)
	if err != nil {
		return nil, err
	}
	return c.log(in.aRun, bine.Report{Params: map[string]string{in.Key: in.Value}})
}

func (c *call) setTag() (any, error) {
	in, err := read[struct {
		aRun
		pair
	}](c)
	if err != nil {
		return nil, err
	}
	return c.log(in.aRun, bine.Report{Tags: map[string]string{in.Key: in.Value}})
}

func (c *call) deleteTag() (any, error) {
	in, err := read[struct {
		aRun
		Key string `json:"key"`
	}](c)
	if err != nil {
		return nil, err
	}
	r, err := c.named()
	if err != nil {
		return nil, err
	}
	if _, there := r.Tags[in.Key]; !there {
		return nil, bine.Errorf(bine.NotFound, "run %s has no tag %q", r.ID, in.Key)
	}
	return c.changeRun(store.TrackedChange{Without: []string{in.Key}})
}

func (c *call) logBatch() (any, error) {
	in, err := read[struct {
		aRun
		Metrics []metric `json:"metrics"`
		Params  []pair   `json:"params"`
		Tags    []pair   `json:"tags"`
	}](c)
	if err != nil {
		return nil, err
	}
	r := bine.Report{Params: mapOf(in.Params), Tags: mapOf(in.Tags)}
	if len(r.Params) < len(in.Params) {
		for _, p := range in.Params {
			if r.Params[p.Key] != p.Value {
				return nil, bine.Errorf(bine.Invalid, "param %q has two values in one batch", p.Key)
			}
		}
	}
	for _, m := range in.Metrics {
		r.Metrics = append(r.Metrics, metricOf(m))
	}
	return c.log(in.aRun, r)
}

func (c *call) logInputs() (any, error) {
	in, err := read[struct {
		aRun
		Datasets []datasetInput `json:"datasets"`
	}](c)
	if err != nil {
		return nil, err
	}
	var r bine.Report
	for _, d := range in.Datasets {
		s := d.Dataset
		r.Inputs = append(r.Inputs, bine.TrackedInput{Name: s.Name, Digest: s.Digest, SourceType: s.SourceType, Source: s.Source, Schema: s.Schema, Profile: s.Profile, Tags: mapOf(d.Tags)})
	}
	return c.log(in.aRun, r)
}

// logModel is what clients before logged models told of a model; the same is in
// its directory and in a tag.
func (c *call) logModel() (any, error) {
	in, err := read[struct {
		aRun
		Model string `json:"model_json"`
	}](c)
	if err != nil {
		return nil, err
	}
	return c.log(in.aRun, bine.Report{Tags: map[string]string{"mlflow.log-model.history": "[" + in.Model + "]"}})
}

// history gives all points of a metric.
func (c *call) history() (any, error) {
	in, err := read[struct {
		aRun
		Key   string `json:"metric_key"`
		Max   whole  `json:"max_results"`
		Token string `json:"page_token"`
	}](c)
	if err != nil {
		return nil, err
	}
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	if _, err := c.store().Tracked(c.ctx(), c.project, id); err != nil {
		return nil, err
	}
	all, err := c.points([]bine.TrackedID{id}, in.Key, 0)
	if err != nil {
		return nil, err
	}
	if in.Max == 0 {
		in.Max = whole(len(all))
	}
	some, next, err := page(all, in.Token, in.Max)
	return map[string]any{"metrics": some, "next_page_token": next}, err
}

// histories gives points of a metric of several runs, thinned out.
func (c *call) histories() (any, error) {
	in, err := read[struct {
		Runs []string `json:"run_ids"`
		Key  string   `json:"metric_key"`
		Max  whole    `json:"max_results"`
	}](c)
	if err != nil {
		return nil, err
	}
	var ids []bine.TrackedID
	for _, id := range in.Runs {
		ids = append(ids, bine.TrackedID(id))
	}
	if in.Max == 0 {
		in.Max = 2500
	}
	all, err := c.points(ids, in.Key, int(in.Max))
	return map[string]any{"metrics": all}, err
}

func (c *call) points(ids []bine.TrackedID, key string, most int) ([]metric, error) {
	curves, err := c.store().Curves(c.ctx(), c.project, ids, []string{key}, most)
	all := []metric{}
	for _, curve := range curves {
		for _, p := range curve.Points {
			all = append(all, metric{Key: key, Value: p.Value, At: whole(p.At.UnixMilli()), Step: whole(p.Step), Run: string(curve.Run)})
		}
	}
	return all, err
}
