package mlflow

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/filter"
)

func registryRoutes(read, own adder) {
	own(post, "registered-models/create", (*call).createModel)
	own(patch, "registered-models/update", (*call).updateModel)
	own(post, "registered-models/rename", refuse("registered models keep their names"))
	own(del, "registered-models/delete", refuse("registered models stay, because deployments and runs refer to them"))
	read(get, "registered-models/get", (*call).getModel)
	read(get, "registered-models/search", (*call).searchModels)
	read(post, "registered-models/get-latest-versions", (*call).latestVersions)
	read(get, "registered-models/get-latest-versions", (*call).latestVersions)
	own(post, "registered-models/set-tag", (*call).tagModel)
	own(del, "registered-models/delete-tag", (*call).untagModel)
	own(post, "registered-models/alias", (*call).setAlias)
	own(del, "registered-models/alias", (*call).deleteAlias)
	read(get, "registered-models/alias", (*call).versionByAlias)
	own(post, "model-versions/create", (*call).createVersion)
	own(patch, "model-versions/update", (*call).updateVersion)
	own(post, "model-versions/transition-stage", refuse("there are no stages: give the version an alias"))
	own(del, "model-versions/delete", refuse("versions of models stay, because deployments and runs refer to them"))
	read(get, "model-versions/get", (*call).getVersion)
	read(get, "model-versions/search", (*call).searchVersions)
	read(get, "model-versions/get-download-uri", (*call).downloadURI)
	own(post, "model-versions/set-tag", (*call).tagVersion)
	own(del, "model-versions/delete-tag", (*call).untagVersion)
}

func refuse(why string) func(*call) (any, error) {
	return func(*call) (any, error) { return nil, bine.Errorf(bine.Invalid, "this is not done: %s", why) }
}

const (
	modelKind   = "model"
	versionKind = "version"
)

// notes are what MLflow's clients write about a model or a version.
type notes struct {
	Name        string            `json:"name"`
	Version     int               `json:"version,omitempty"`
	Description string            `json:"description"`
	Tags        map[string]string `json:"tags"`
	Aliases     map[string]int    `json:"aliases,omitempty"` // of a model
	Source      string            `json:"source,omitempty"`  // of a version
	Run         string            `json:"run,omitempty"`
	Logged      string            `json:"logged,omitempty"`
	Created     int64             `json:"created"`
	Updated     int64             `json:"updated"`
}

// aModel is what names a model or a version in a request, and what is said of it.
type aModel struct {
	Name        string `json:"name"`
	Version     whole  `json:"version"`
	Alias       string `json:"alias"`
	Key         string `json:"key"`
	Value       string `json:"value"`
	Description string `json:"description"`
	Tags        []pair `json:"tags"`
	Source      string `json:"source"`
	Run         string `json:"run_id"`
	Logged      string `json:"model_id"`
}

// registered is a model with what is known of it.
type registered struct {
	model bine.Model
	notes notes
}

// models gives all models of the project: those with versions, and those that
// were only named.
func (c *call) models() (map[string]registered, error) {
	all := map[string]registered{}
	found, err := c.store().Models(c.ctx(), c.project)
	if err != nil {
		return nil, err
	}
	for _, m := range found {
		at := m.CreatedAt.UnixMilli()
		all[string(m.Name)] = registered{m, notes{Name: string(m.Name), Created: at, Updated: at}}
	}
	about, err := c.notes(modelKind)
	for _, n := range about {
		all[n.Name] = registered{all[n.Name].model, n}
	}
	return all, err
}

func (c *call) notes(kind string) (map[string]notes, error) {
	texts, err := c.store().Documents(c.ctx(), c.project, kind)
	all := map[string]notes{}
	for _, text := range texts {
		var n notes
		if err := json.Unmarshal(text, &n); err != nil {
			return nil, err
		}
		key := n.Name
		if n.Version > 0 {
			key += "/" + strconv.Itoa(n.Version)
		}
		all[key] = n
	}
	return all, err
}

func (c *call) model(name string) (registered, error) {
	all, err := c.models()
	if err != nil {
		return registered{}, err
	}
	m, there := all[name]
	if !there {
		return m, bine.Errorf(bine.NotFound, "Registered Model with name=%s not found", name)
	}
	return m, nil
}

// change changes the notes of a model or, with a version, of that.
func (c *call) change(name string, version int, change func(n *notes) error) error {
	kind, key := modelKind, name
	if version > 0 {
		kind, key = versionKind, name+"/"+strconv.Itoa(version)
	}
	return c.store().ChangeDocument(c.ctx(), c.project, kind, key, 0, func(old json.RawMessage) (json.RawMessage, error) {
		n := notes{Name: name, Version: version, Created: time.Now().UnixMilli()}
		if old != nil {
			if err := json.Unmarshal(old, &n); err != nil {
				return nil, err
			}
		}
		n.Updated = time.Now().UnixMilli()
		if n.Tags == nil {
			n.Tags = map[string]string{}
		}
		if n.Aliases == nil {
			n.Aliases = map[string]int{}
		}
		if err := change(&n); err != nil {
			return nil, err
		}
		return json.Marshal(n)
	})
}

// written is how MLflow writes a model.
func (c *call) written(r registered, all map[string]notes) map[string]any {
	out := map[string]any{"name": r.notes.Name, "creation_timestamp": r.notes.Created, "last_updated_timestamp": r.notes.Updated, "description": r.notes.Description, "tags": pairsOf(r.notes.Tags)}
	var aliases []map[string]string
	for _, alias := range slices.Sorted(maps.Keys(r.notes.Aliases)) {
		aliases = append(aliases, map[string]string{"alias": alias, "version": strconv.Itoa(r.notes.Aliases[alias])})
	}
	out["aliases"] = aliases
	if r.model.Newest != nil {
		out["latest_versions"] = []any{c.writtenVersion(*r.model.Newest, all, r.notes)}
	}
	return out
}

func (c *call) writtenVersion(v bine.ModelVersion, all map[string]notes, model notes) map[string]any {
	n := all[string(v.Model)+"/"+strconv.Itoa(v.Version)]
	out := map[string]any{"name": string(v.Model), "version": strconv.Itoa(v.Version), "creation_timestamp": v.CreatedAt.UnixMilli(), "last_updated_timestamp": max(n.Updated, v.CreatedAt.UnixMilli()),
		"user_id": string(v.CreatedBy), "current_stage": "None", "description": cmp.Or(n.Description, v.Description), "source": cmp.Or(n.Source, scheme+modelFiles(v.Model, v.Version)), "run_id": n.Run,
		"status": "READY", "tags": pairsOf(n.Tags), "model_id": n.Logged}
	var aliases []string
	for _, alias := range slices.Sorted(maps.Keys(model.Aliases)) {
		if model.Aliases[alias] == v.Version {
			aliases = append(aliases, alias)
		}
	}
	out["aliases"] = aliases
	return out
}

func (c *call) createModel() (any, error) {
	in, err := read[aModel](c)
	if err != nil {
		return nil, err
	}
	if err := bine.ModelName(in.Name).Check(); err != nil {
		return nil, err
	}
	if _, err := c.model(in.Name); !bine.IsKind(err, bine.NotFound) {
		if err == nil {
			err = exists{bine.Errorf(bine.Conflict, "Registered Model (name=%s) already exists", in.Name)}
		}
		return nil, err
	}
	if err := c.change(in.Name, 0, func(n *notes) error {
		n.Description, n.Tags = in.Description, mapOf(in.Tags)
		return nil
	}); err != nil {
		return nil, err
	}
	return c.answerModel(in.Name)
}

func (c *call) answerModel(name string) (any, error) {
	m, err := c.model(name)
	if err != nil {
		return nil, err
	}
	all, err := c.notes(versionKind)
	return map[string]any{"registered_model": c.written(m, all)}, err
}

func (c *call) getModel() (any, error) {
	in, err := read[aModel](c)
	if err != nil {
		return nil, err
	}
	return c.answerModel(in.Name)
}

// changeModel changes the notes of a model that is there.
func (c *call) changeModel(change func(in aModel, n *notes) error) (aModel, error) {
	in, err := read[aModel](c)
	if err != nil {
		return in, err
	}
	if _, err := c.model(in.Name); err != nil {
		return in, err
	}
	return in, c.change(in.Name, 0, func(n *notes) error { return change(in, n) })
}

func (c *call) updateModel() (any, error) {
	in, err := c.changeModel(func(in aModel, n *notes) error { n.Description = in.Description; return nil })
	if err != nil {
		return nil, err
	}
	return c.answerModel(in.Name)
}

func (c *call) tagModel() (any, error) {
	_, err := c.changeModel(func(in aModel, n *notes) error { n.Tags[in.Key] = in.Value; return nil })
	return nil, err
}

func (c *call) untagModel() (any, error) {
	_, err := c.changeModel(func(in aModel, n *notes) error { delete(n.Tags, in.Key); return nil })
	return nil, err
}

func (c *call) setAlias() (any, error) {
	in, err := read[aModel](c)
	if err != nil {
		return nil, err
	}
	if _, err := c.version(in); err != nil {
		return nil, err
	}
	_, err = c.changeModel(func(in aModel, n *notes) error { n.Aliases[in.Alias] = int(in.Version); return nil })
	return nil, err
}

func (c *call) deleteAlias() (any, error) {
	_, err := c.changeModel(func(in aModel, n *notes) error { delete(n.Aliases, in.Alias); return nil })
	return nil, err
}

func (c *call) versionByAlias() (any, error) {
	in, err := read[aModel](c)
	if err != nil {
		return nil, err
	}
	m, err := c.model(in.Name)
	if err != nil {
		return nil, err
	}
	in.Version = whole(m.notes.Aliases[in.Alias])
	if in.Version == 0 {
		return nil, bine.Errorf(bine.Invalid, "Registered model alias %s not found.", in.Alias)
	}
	return c.answerVersion(in)
}

func (c *call) searchModels() (any, error) {
	in, err := read[struct {
		Filter string   `json:"filter"`
		Max    whole    `json:"max_results"`
		Order  []string `json:"order_by"`
		Token  string   `json:"page_token"`
	}](c)
	if err != nil {
		return nil, err
	}
	byName, err := c.models()
	if err != nil {
		return nil, err
	}
	var all []registered
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		all = append(all, byName[name])
	}
	where, err := filter.Parse(in.Filter)
	if err != nil {
		return nil, err
	}
	// Prompts are kept elsewhere by MLflow; clients leave them out by this tag.
	where = slices.DeleteFunc(where, func(w filter.Condition) bool {
		return w.Of == filter.Tag && w.Name == "mlflow.prompt.is_prompt" && w.Op == "!="
	})
	if all, err = fitting(all, where, func(r registered) facts {
		return facts{tags: r.notes.Tags, texts: map[string]string{"name": r.notes.Name}}
	}); err != nil {
		return nil, err
	}
	if len(in.Order) > 0 && strings.HasSuffix(strings.ToUpper(in.Order[0]), " DESC") {
		slices.Reverse(all)
	}
	some, next, err := page(all, in.Token, in.Max)
	if err != nil {
		return nil, err
	}
	versions, err := c.notes(versionKind)
	models := []any{}
	for _, r := range some {
		models = append(models, c.written(r, versions))
	}
	return map[string]any{"registered_models": models, "next_page_token": next}, err
}

// version gives the version that a request names.
func (c *call) version(in aModel) (bine.ModelVersion, error) {
	if in.Version < 1 {
		return bine.ModelVersion{}, bine.Errorf(bine.Invalid, "which version of model %s? versions are numbers from 1", in.Name)
	}
	v, err := c.store().ModelVersion(c.ctx(), c.project, bine.ModelName(in.Name), int(in.Version))
	if bine.IsKind(err, bine.NotFound) {
		err = bine.Errorf(bine.NotFound, "Model Version (name=%s, version=%d) not found", in.Name, in.Version)
	}
	return v, err
}

func (c *call) answerVersion(in aModel) (any, error) {
	v, err := c.version(in)
	if err != nil {
		return nil, err
	}
	all, err := c.notes(versionKind)
	if err != nil {
		return nil, err
	}
	m, err := c.model(in.Name)
	return map[string]any{"model_version": c.writtenVersion(v, all, m.notes)}, err
}

func (c *call) getVersion() (any, error) {
	in, err := read[aModel](c)
	if err != nil {
		return nil, err
	}
	return c.answerVersion(in)
}

func (c *call) downloadURI() (any, error) {
	in, err := read[aModel](c)
	if err != nil {
		return nil, err
	}
	v, err := c.version(in)
	return map[string]string{"artifact_uri": scheme + modelFiles(v.Model, v.Version)}, err
}

func (c *call) changeVersion(change func(in aModel, n *notes)) (aModel, error) {
	in, err := read[aModel](c)
	if err != nil {
		return in, err
	}
	if _, err := c.version(in); err != nil {
		return in, err
	}
	return in, c.change(in.Name, int(in.Version), func(n *notes) error { change(in, n); return nil })
}

func (c *call) updateVersion() (any, error) {
	in, err := c.changeVersion(func(in aModel, n *notes) { n.Description = in.Description })
	if err != nil {
		return nil, err
	}
	return c.answerVersion(in)
}

func (c *call) tagVersion() (any, error) {
	_, err := c.changeVersion(func(in aModel, n *notes) { n.Tags[in.Key] = in.Value })
	return nil, err
}

func (c *call) untagVersion() (any, error) {
	_, err := c.changeVersion(func(in aModel, n *notes) { delete(n.Tags, in.Key) })
	return nil, err
}

// allVersions gives the versions of all models, newest first.
func (c *call) allVersions() ([]bine.ModelVersion, error) {
	models, err := c.store().Models(c.ctx(), c.project)
	if err != nil {
		return nil, err
	}
	var all []bine.ModelVersion
	for _, m := range models {
		some, err := c.store().ModelVersions(c.ctx(), c.project, m.Name)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	slices.SortStableFunc(all, func(a, b bine.ModelVersion) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return all, nil
}

func (c *call) searchVersions() (any, error) {
	in, err := read[struct {
		Filter string `json:"filter"`
		Max    whole  `json:"max_results"`
		Token  string `json:"page_token"`
	}](c)
	if err != nil {
		return nil, err
	}
	all, err := c.allVersions()
	if err != nil {
		return nil, err
	}
	about, err := c.notes(versionKind)
	if err != nil {
		return nil, err
	}
	where, err := filter.Parse(in.Filter)
	if err != nil {
		return nil, err
	}
	where = slices.DeleteFunc(where, func(w filter.Condition) bool {
		return w.Of == filter.Tag && w.Name == "mlflow.prompt.is_prompt" && w.Op == "!="
	})
	if all, err = fitting(all, where, func(v bine.ModelVersion) facts {
		n := about[fmt.Sprintf("%s/%d", v.Model, v.Version)]
		return facts{tags: n.Tags, texts: map[string]string{"name": string(v.Model), "run_id": n.Run, "source_path": n.Source, "version": strconv.Itoa(v.Version), "version_number": strconv.Itoa(v.Version)}}
	}); err != nil {
		return nil, err
	}
	some, next, err := page(all, in.Token, in.Max)
	if err != nil {
		return nil, err
	}
	models, err := c.notes(modelKind)
	out := []any{}
	for _, v := range some {
		out = append(out, c.writtenVersion(v, about, models[string(v.Model)]))
	}
	return map[string]any{"model_versions": out, "next_page_token": next}, err
}

func (c *call) latestVersions() (any, error) {
	in, err := read[aModel](c)
	if err != nil {
		return nil, err
	}
	m, err := c.model(in.Name)
	if err != nil {
		return nil, err
	}
	about, err := c.notes(versionKind)
	out := []any{}
	if m.model.Newest != nil {
		out = append(out, c.writtenVersion(*m.model.Newest, about, m.notes))
	}
	return map[string]any{"model_versions": out}, err
}
