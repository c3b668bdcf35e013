package mlflow

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/filter"
)

func loggedRoutes(read, change adder) {
	change(post, "logged-models", (*call).createLogged)
	read(post, "logged-models/search", (*call).searchLogged)
	read(get, "logged-models/{model}", (*call).getLogged)
	change(patch, "logged-models/{model}", (*call).finalizeLogged)
	change(del, "logged-models/{model}", (*call).deleteLogged)
	change(post, "logged-models/{model}/params", (*call).logLoggedParams)
	change(patch, "logged-models/{model}/tags", (*call).tagLogged)
	change(del, "logged-models/{model}/tags/{key}", (*call).untagLogged)
	read(get, "logged-models/{model}/artifacts/directories", (*call).listLogged)
}

const loggedKind = "logged-model"

// logged is a model that was written and is not registered yet, as it is kept.
type logged struct {
	ID         string            `json:"id"`
	Experiment int               `json:"experiment"`
	Name       string            `json:"name"`
	Run        string            `json:"run"`
	Status     string            `json:"status"`
	Type       string            `json:"type"`
	Params     map[string]string `json:"params"`
	Tags       map[string]string `json:"tags"`
	Created    int64             `json:"created"`
	Updated    int64             `json:"updated"`
}

func (m logged) files() string { return strconv.Itoa(m.Experiment) + "/models/" + m.ID + "/artifacts" }

// written is how MLflow writes one.
func (m logged) written() map[string]any {
	return map[string]any{
		"info": map[string]any{"model_id": m.ID, "experiment_id": strconv.Itoa(m.Experiment), "name": m.Name, "creation_timestamp_ms": m.Created, "last_updated_timestamp_ms": m.Updated,
			"artifact_uri": scheme + m.files(), "status": m.Status, "model_type": m.Type, "source_run_id": m.Run, "tags": pairsOf(m.Tags)},
		"data": map[string]any{"params": pairsOf(m.Params), "metrics": []metric{}},
	}
}

// statuses are the words of requests, by name or by number.
var statuses = []string{"LOGGED_MODEL_STATUS_UNSPECIFIED", "LOGGED_MODEL_PENDING", "LOGGED_MODEL_READY", "LOGGED_MODEL_UPLOAD_FAILED"}

func (c *call) createLogged() (any, error) {
	in, err := read[struct {
		Experiment string `json:"experiment_id"`
		Name       string `json:"name"`
		Type       string `json:"model_type"`
		Run        string `json:"source_run_id"`
		Params     []pair `json:"params"`
		Tags       []pair `json:"tags"`
	}](c)
	if err != nil {
		return nil, err
	}
	m := logged{ID: "m-" + newID(), Name: in.Name, Run: in.Run, Type: in.Type, Status: statuses[1], Params: mapOf(in.Params), Tags: mapOf(in.Tags), Created: time.Now().UnixMilli()}
	m.Updated = m.Created
	if m.Name == "" {
		m.Name = m.ID
	}
	if m.Experiment, err = experimentID(in.Experiment); err != nil {
		return nil, err
	}
	if _, err := c.store().Experiment(c.ctx(), c.project, m.Experiment); err != nil {
		return nil, err
	}
	err = c.store().ChangeDocument(c.ctx(), c.project, loggedKind, m.ID, m.Experiment, func(json.RawMessage) (json.RawMessage, error) { return json.Marshal(m) })
	return map[string]any{"model": m.written()}, err
}

func (c *call) loggedNamed(id string) (m logged, err error) {
	text, err := c.store().Document(c.ctx(), c.project, loggedKind, id)
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	return m, err
}

func (c *call) getLogged() (any, error) {
	m, err := c.loggedNamed(c.vars["model"])
	return map[string]any{"model": m.written()}, err
}

// changeLogged changes a logged model in one step.
func (c *call) changeLogged(change func(m *logged) error) (any, error) {
	var m logged
	err := c.store().ChangeDocument(c.ctx(), c.project, loggedKind, c.vars["model"], 0, func(old json.RawMessage) (json.RawMessage, error) {
		if old == nil {
			return nil, bine.Errorf(bine.NotFound, "there is no logged model %q", c.vars["model"])
		}
		m = logged{}
		if err := json.Unmarshal(old, &m); err != nil {
			return nil, err
		}
		m.Updated = time.Now().UnixMilli()
		if err := change(&m); err != nil {
			return nil, err
		}
		return json.Marshal(m)
	})
	return map[string]any{"model": m.written()}, err
}

func (c *call) finalizeLogged() (any, error) {
	in, err := read[struct {
		Status json.RawMessage `json:"status"`
	}](c)
	if err != nil {
		return nil, err
	}
	return c.changeLogged(func(m *logged) error {
		var name string
		var n int
		if json.Unmarshal(in.Status, &n) == nil && n > 0 && n < len(statuses) {
			name = statuses[n]
		} else if json.Unmarshal(in.Status, &name) != nil || !slices.Contains(statuses, name) {
			return bine.Errorf(bine.Invalid, "there is no status %s", in.Status)
		}
		m.Status = name
		return nil
	})
}

func (c *call) logLoggedParams() (any, error) {
	in, err := read[struct {
		Params []pair `json:"params"`
	}](c)
	if err != nil {
		return nil, err
	}
	return c.changeLogged(func(m *logged) error {
		for _, p := range in.Params {
			if m.Params == nil {
				m.Params = map[string]string{}
			}
			m.Params[p.Key] = p.Value
		}
		return nil
	})
}

func (c *call) tagLogged() (any, error) {
	in, err := read[struct {
		Tags []pair `json:"tags"`
	}](c)
	if err != nil {
		return nil, err
	}
	return c.changeLogged(func(m *logged) error {
		for _, p := range in.Tags {
			if m.Tags == nil {
				m.Tags = map[string]string{}
			}
			m.Tags[p.Key] = p.Value
		}
		return nil
	})
}

func (c *call) untagLogged() (any, error) {
	return c.changeLogged(func(m *logged) error {
		delete(m.Tags, c.vars["key"])
		return nil
	})
}

func (c *call) deleteLogged() (any, error) {
	return nil, c.store().ChangeDocument(c.ctx(), c.project, loggedKind, c.vars["model"], 0, func(old json.RawMessage) (json.RawMessage, error) {
		if old == nil {
			return nil, bine.Errorf(bine.NotFound, "there is no logged model %q", c.vars["model"])
		}
		return nil, nil
	})
}

func (c *call) searchLogged() (any, error) {
	in, err := read[struct {
		Experiments []string `json:"experiment_ids"`
		Filter      string   `json:"filter"`
		Max         whole    `json:"max_results"`
		Token       string   `json:"page_token"`
	}](c)
	if err != nil {
		return nil, err
	}
	texts, err := c.store().Documents(c.ctx(), c.project, loggedKind)
	if err != nil {
		return nil, err
	}
	var all []logged
	for _, text := range texts {
		var m logged
		if err := json.Unmarshal(text, &m); err != nil {
			return nil, err
		}
		if slices.Contains(in.Experiments, strconv.Itoa(m.Experiment)) {
			all = append(all, m)
		}
	}
	where, err := filter.Parse(in.Filter)
	if err != nil {
		return nil, err
	}
	if all, err = fitting(all, where, func(m logged) facts {
		return facts{tags: m.Tags, params: m.Params, texts: map[string]string{"name": m.Name, "model_id": m.ID, "model_type": m.Type, "source_run_id": m.Run, "status": m.Status}}
	}); err != nil {
		return nil, err
	}
	some, next, err := page(all, in.Token, in.Max)
	models := []any{}
	for _, m := range some {
		models = append(models, m.written())
	}
	return map[string]any{"models": models, "next_page_token": next}, err
}

func (c *call) listLogged() (any, error) {
	in, err := read[struct {
		Path string `json:"artifact_directory_path"`
	}](c)
	if err != nil {
		return nil, err
	}
	m, err := c.loggedNamed(c.vars["model"])
	if err != nil {
		return nil, err
	}
	files, err := c.list(m.files() + "/" + in.Path)
	return map[string]any{"root_uri": scheme + m.files(), "files": files}, err
}

// modelOutputs are the models of a run, as a tag keeps them.
func modelOutputs(tag string) []any {
	var list []any
	if json.Unmarshal([]byte(tag), &list) != nil {
		return []any{}
	}
	return list
}

// logOutputs notes which models a run made.
func (c *call) logOutputs() (any, error) {
	in, err := read[struct {
		aRun
		Models []any `json:"models"`
	}](c)
	if err != nil {
		return nil, err
	}
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	r, err := c.store().Tracked(c.ctx(), c.project, id)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(append(modelOutputs(r.Tags[outputsTag]), in.Models...))
	if err != nil {
		return nil, err
	}
	_, err = c.store().Report(c.ctx(), c.project, id, bine.Report{Tags: map[string]string{outputsTag: string(text)}})
	return nil, err
}
