package mlflow

import (
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

// maxFiles bounds the files of a model.
const maxFiles = 10_000

// createVersion registers what was logged: the files become an artifact by their
// content, so that what is logged to the same place later changes no version.
func (c *call) createVersion() (any, error) {
	in, err := read[aModel](c)
	if err != nil {
		return nil, err
	}
	if err := bine.ModelName(in.Name).Check(); err != nil {
		return nil, err
	}
	if _, err := c.model(in.Name); err != nil {
		return nil, err
	}
	from, err := c.source(in.Source)
	if err != nil {
		return nil, err
	}
	v := bine.ModelVersion{Model: bine.ModelName(in.Name), Framework: "mlflow", Description: in.Description, CreatedBy: c.actor.Identity.User, CreatedAt: time.Now().UTC()}
	entries, err := c.collect(from)
	if err != nil {
		return nil, err
	}
	if v.Artifact, err = c.door.artifacts.PutManifest(c.ctx(), c.project, entries); err != nil {
		return nil, err
	}
	if err := c.describe(&v, in.Run, from); err != nil {
		return nil, err
	}
	if v, err = c.store().RegisterModel(c.ctx(), c.project, v, "mlflow/"+newID()); err != nil {
		return nil, err
	}
	if err := c.change(in.Name, v.Version, func(n *notes) error {
		n.Description, n.Tags, n.Source, n.Run, n.Logged = in.Description, mapOf(in.Tags), in.Source, in.Run, in.Logged
		return nil
	}); err != nil {
		return nil, err
	}
	return c.answerVersion(aModel{Name: in.Name, Version: whole(v.Version)})
}

// source gives the directory, below the root of artifacts, that an address of MLflow names.
func (c *call) source(uri string) (string, error) {
	if rest, ok := strings.CutPrefix(uri, scheme); ok {
		return strings.Trim(rest, "/"), nil
	}
	if rest, ok := strings.CutPrefix(uri, "runs:/"); ok {
		id, below, _ := strings.Cut(rest, "/")
		r, err := c.store().Tracked(c.ctx(), c.project, bine.TrackedID(id))
		return artifactsOf(r) + "/" + below, err
	}
	if rest, ok := strings.CutPrefix(uri, "models:/"); ok && strings.HasPrefix(rest, "m-") {
		m, err := c.loggedNamed(strings.TrimSuffix(rest, "/"))
		return m.files(), err
	}
	return "", bine.Errorf(bine.Invalid, "a model is registered from what was logged to this server, and %q is elsewhere: log it with mlflow's log_model first", uri)
}

// collect stores the files below a directory as artifacts.
func (c *call) collect(dir string) ([]bine.ArtifactEntry, error) {
	var entries []bine.ArtifactEntry
	var walk func(below string) error
	walk = func(below string) error {
		some, err := c.list(path.Join(dir, below))
		if err != nil {
			return err
		}
		for _, f := range some {
			name := path.Join(below, f.Path)
			if f.Dir {
				if err := walk(name); err != nil {
					return err
				}
				continue
			}
			if len(entries) == maxFiles {
				return bine.Errorf(bine.TooLarge, "the model has more than %d files", maxFiles)
			}
			ref, err := c.keep(path.Join(dir, name))
			if err != nil {
				return err
			}
			entries = append(entries, bine.ArtifactEntry{Path: name, Hash: ref.Hash, Size: ref.Size})
		}
		return nil
	}
	if err := walk(""); err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		return nil, bine.Errorf(bine.Invalid, "no files are at %s: log the model before you register it", dir)
	}
	slices.SortFunc(entries, func(a, b bine.ArtifactEntry) int { return strings.Compare(a.Path, b.Path) })
	return entries, nil
}

func (c *call) keep(relative string) (bine.ArtifactRef, error) {
	content, _, err := c.open(relative)
	if err != nil {
		return bine.ArtifactRef{}, err
	}
	defer content.Close()
	return c.door.artifacts.Put(c.ctx(), c.project, content)
}

func (c *call) open(relative string) (io.ReadCloser, dfs.Info, error) {
	full, err := c.place(relative)
	if err != nil {
		return nil, dfs.Info{}, err
	}
	return c.door.Files.Open(c.ctx(), c.user(), full, 0, 0)
}

// describe takes over what is known of the model: the metrics and the step of
// its run, and what bine.save_model wrote beside it.
func (c *call) describe(v *bine.ModelVersion, run, dir string) error {
	if content, _, err := c.open(path.Join(dir, "model.json")); err == nil {
		defer content.Close()
		var about struct {
			Framework string             `json:"framework"`
			Metrics   map[string]float64 `json:"metrics"`
			Schema    json.RawMessage    `json:"schema"`
			Example   json.RawMessage    `json:"example"`
		}
		if json.NewDecoder(io.LimitReader(content, 1<<20)).Decode(&about) == nil && about.Framework != "" {
			v.Framework, v.Metrics, v.Schema, v.Example = about.Framework, about.Metrics, about.Schema, about.Example
		}
	} else if !bine.IsKind(err, bine.NotFound) {
		return err
	}
	if run == "" {
		return nil
	}
	r, err := c.store().Tracked(c.ctx(), c.project, bine.TrackedID(run))
	if bine.IsKind(err, bine.NotFound) {
		return nil // it was deleted; the model stands without it
	}
	v.Run, v.Step = r.Run, r.Step
	if v.Metrics == nil {
		v.Metrics = map[string]float64{}
	}
	for name, l := range r.Metrics {
		if l.Last.Finite() {
			v.Metrics[name] = float64(l.Last)
		}
	}
	return err
}

// modelFiles is where the files of a version are read.
func modelFiles(m bine.ModelName, version int) string {
	return fmt.Sprintf("%s/%s/%d", modelDir, m, version)
}

// versionAt gives the files of the version that a path leads to, and the rest of the path.
func (c *call) versionAt(at string) ([]bine.ArtifactEntry, string, error) {
	parts := strings.SplitN(at, "/", 4)
	if len(parts) < 3 {
		return nil, "", bine.Errorf(bine.NotFound, "there is no artifact %s", at)
	}
	n, err := strconv.Atoi(parts[2])
	if err != nil || n < 1 {
		return nil, "", bine.Errorf(bine.NotFound, "there is no artifact %s", at)
	}
	v, err := c.store().ModelVersion(c.ctx(), c.project, bine.ModelName(parts[1]), n)
	if err != nil {
		return nil, "", err
	}
	entries, err := c.door.artifacts.Manifest(c.ctx(), c.project, v.Artifact.Hash)
	return entries, strings.Trim(strings.Join(parts[3:], ""), "/"), err
}

// listModel lists what is in a directory of a version.
func (c *call) listModel(at string) ([]fileInfo, error) {
	entries, below, err := c.versionAt(at)
	files := []fileInfo{}
	seen := map[string]bool{}
	for _, e := range entries {
		rest := e.Path
		if below != "" {
			var under bool
			if rest, under = strings.CutPrefix(e.Path, below+"/"); !under {
				continue
			}
		}
		name, _, dir := strings.Cut(rest, "/")
		if seen[name] {
			continue
		}
		seen[name] = true
		f := fileInfo{Path: name, Dir: dir}
		if !dir {
			f.Size = new(e.Size)
		}
		files = append(files, f)
	}
	return files, err
}

func (c *call) downloadModel(at string) (any, error) {
	entries, below, err := c.versionAt(at)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Path != below {
			continue
		}
		content, size, err := c.door.artifacts.Open(c.ctx(), c.project, e.Hash, 0, 0)
		if err != nil {
			return nil, err
		}
		return nil, c.send(content, path.Base(below), size)
	}
	return nil, bine.Errorf(bine.NotFound, "there is no artifact %s", at)
}
