package store

import (
	"context"
	"encoding/json"
	"errors"

	"gorm.io/gorm"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// NewVersion is a version of a pipeline or job to be stored.
type NewVersion struct {
	Name        bine.PipelineName
	Kind        bine.PipelineKind
	Description string
	Hash        bine.Hash // of the checked definition and the code together
	Code        bine.Hash
	Source      string
	DAG         json.RawMessage
	Triggers    []bine.Trigger // with kind, source, on, settle and params
	By          bine.UserName
}

type pipelineRow struct {
	Project     bine.ProjectName  `gorm:"primaryKey"`
	Name        bine.PipelineName `gorm:"primaryKey"`
	Kind        bine.PipelineKind
	Description string
	Latest      int
	CreatedBy   bine.UserName
	Updated     int64 `gorm:"column:updated_at"`
	Runs        int   `gorm:"->"`
}

// TableName names the table.
func (pipelineRow) TableName() string { return "pipelines" }

func (r pipelineRow) pipeline() bine.Pipeline {
	return bine.Pipeline{Name: r.Name, Kind: r.Kind, Description: r.Description, Latest: r.Latest, Runs: r.Runs,
		CreatedBy: r.CreatedBy, UpdatedAt: database.Time(r.Updated)}
}

type versionRow struct {
	Project   bine.ProjectName  `gorm:"primaryKey"`
	Pipeline  bine.PipelineName `gorm:"primaryKey"`
	Version   int               `gorm:"primaryKey;autoIncrement:false"`
	Hash      bine.Hash
	Code      bine.Hash
	Source    string
	DAG       raw `gorm:"column:dag"`
	CreatedBy bine.UserName
	Created   int64 `gorm:"column:created_at"`
}

// TableName names the table.
func (versionRow) TableName() string { return "pipeline_versions" }

func (r versionRow) version() bine.PipelineVersion {
	return bine.PipelineVersion{Pipeline: r.Pipeline, Version: r.Version, Hash: r.Hash, Code: r.Code, Source: r.Source, DAG: r.DAG.V,
		CreatedBy: r.CreatedBy, CreatedAt: database.Time(r.Created)}
}

// StorePipeline stores a version. One with the hash of the newest answers that
// one. A name that a pipeline of the other kind has is a Conflict.
func (s *Store) StorePipeline(ctx context.Context, project bine.ProjectName, v NewVersion) (bine.PipelineVersion, error) {
	var stored versionRow
	err := s.write(ctx, func(t *tx) error {
		if err := t.lockProject(project); err != nil {
			return err
		}
		p, err := gorm.G[pipelineRow](t.gorm()).Select("pipelines.*, 0 AS runs").Where("project = ? AND name = ?", project, v.Name).Take(ctx)
		switch {
		case errors.Is(err, gorm.ErrRecordNotFound):
			if p, err = t.insertPipeline(project, v); err != nil {
				return err
			}
		case err != nil:
			return err
		case p.Kind != v.Kind:
			return bine.Errorf(bine.Conflict, "%q is the name of a %s already: choose another name", string(v.Name), p.Kind)
		default:
			stored, err = gorm.G[versionRow](t.gorm()).Where("project = ? AND pipeline = ? AND version = ?", project, v.Name, p.Latest).Take(ctx)
			if err != nil || stored.Hash == v.Hash {
				return err
			}
		}
		stored = versionRow{Project: project, Pipeline: v.Name, Version: p.Latest + 1, Hash: v.Hash, Code: v.Code, Source: v.Source, DAG: raw{v.DAG}, CreatedBy: v.By, Created: t.now}
		if err := gorm.G[versionRow](t.gorm()).Create(ctx, &stored); err != nil {
			return err
		}
		if _, err = t.exec("UPDATE pipelines SET latest = ?, description = ?, updated_at = ? WHERE project = ? AND name = ?", stored.Version, v.Description, t.now, project, v.Name); err != nil {
			return err
		}
		return t.putTriggers(project, v.Name, v.Triggers)
	})
	return stored.version(), forDomain(err, named(string(v.Kind), v.Name))
}

// insertPipeline makes the row of a pipeline, and its counter of runs where it
// has none of an earlier life.
func (t *tx) insertPipeline(project bine.ProjectName, v NewVersion) (pipelineRow, error) {
	row := pipelineRow{Project: project, Name: v.Name, Kind: v.Kind, Description: v.Description, CreatedBy: v.By, Updated: t.now}
	if err := gorm.G[pipelineRow](t.gorm()).Create(t.ctx, &row); err != nil {
		return row, err
	}
	n, err := t.exec("UPDATE run_numbers SET last = last WHERE project = ? AND pipeline = ?", project, v.Name)
	if err == nil && n == 0 {
		_, err = t.exec("INSERT INTO run_numbers (project, pipeline, last) VALUES (?, ?, 0)", project, v.Name)
	}
	return row, err
}

const pipelineColumns = "pipelines.*, (SELECT last FROM run_numbers n WHERE n.project = pipelines.project AND n.pipeline = pipelines.name) AS runs"

// Pipelines gives the pipelines or jobs of a project by name, each with its
// last run. An empty kind is both.
func (s *Store) Pipelines(ctx context.Context, project bine.ProjectName, kind bine.PipelineKind) ([]bine.Pipeline, error) {
	query := gorm.G[pipelineRow](s.read(ctx)).Select(pipelineColumns).Where("project = ?", project)
	if kind != "" {
		query = query.Where("kind = ?", kind)
	}
	found, err := query.Order("name").Find(ctx)
	if err != nil {
		return nil, s.db.Explain(err)
	}
	last, err := s.lastRuns(ctx, project)
	if err != nil {
		return nil, err
	}
	list := make([]bine.Pipeline, len(found))
	for i, r := range found {
		list[i] = r.pipeline()
		if run, ok := last[r.Name]; ok {
			list[i].LastRun = &run
		}
	}
	return list, nil
}

// lastRuns gives the newest run of each pipeline of a project.
func (s *Store) lastRuns(ctx context.Context, project bine.ProjectName) (map[bine.PipelineName]bine.Run, error) {
	runs, err := s.queryRuns(ctx, "seq IN (SELECT MAX(seq) FROM runs WHERE project = ? GROUP BY pipeline)", project)
	last := map[bine.PipelineName]bine.Run{}
	for _, run := range runs {
		last[run.Pipeline] = run.Run
	}
	return last, err
}

// Pipeline gives a pipeline or job with its last run.
func (s *Store) Pipeline(ctx context.Context, project bine.ProjectName, name bine.PipelineName) (bine.Pipeline, error) {
	row, err := gorm.G[pipelineRow](s.read(ctx)).Select(pipelineColumns).Where("project = ? AND name = ?", project, name).Take(ctx)
	if err != nil {
		return bine.Pipeline{}, forDomain(s.db.Explain(err), named("pipeline", name))
	}
	p := row.pipeline()
	runs, err := s.queryRuns(ctx, "project = ? AND pipeline = ? ORDER BY seq DESC LIMIT 1", project, name)
	if len(runs) > 0 {
		p.LastRun = &runs[0].Run
	}
	return p, err
}

// PipelineVersion gives one version; 0 is the newest.
func (s *Store) PipelineVersion(ctx context.Context, project bine.ProjectName, name bine.PipelineName, version int) (bine.PipelineVersion, error) {
	query := gorm.G[versionRow](s.read(ctx)).Where("project = ? AND pipeline = ?", project, name)
	what := named("pipeline", name)
	if version != 0 {
		query, what = query.Where("version = ?", version), numbered(what, version)
	}
	row, err := query.Order("version DESC").Limit(1).Take(ctx)
	return row.version(), forDomain(s.db.Explain(err), what)
}

// PipelineVersions gives all versions of a pipeline, newest first, without
// their source and definition.
func (s *Store) PipelineVersions(ctx context.Context, project bine.ProjectName, name bine.PipelineName) ([]bine.PipelineVersion, error) {
	found, err := gorm.G[versionRow](s.read(ctx)).Select("project, pipeline, version, hash, code, created_by, created_at").
		Where("project = ? AND pipeline = ?", project, name).Order("version DESC").Find(ctx)
	if err == nil && len(found) == 0 {
		err = missing(named("pipeline", name))
	}
	list := make([]bine.PipelineVersion, len(found))
	for i, r := range found {
		list[i] = r.version()
	}
	return list, s.db.Explain(err)
}

// VersionByHash gives the newest version that has a hash, of any pipeline of the project.
func (s *Store) VersionByHash(ctx context.Context, project bine.ProjectName, hash bine.Hash) (bine.PipelineVersion, error) {
	row, err := gorm.G[versionRow](s.read(ctx)).Where("project = ? AND hash = ?", project, hash).Order("created_at DESC").Limit(1).Take(ctx)
	return row.version(), forDomain(s.db.Explain(err), named("pipeline version", hash))
}

// DeletePipeline removes a pipeline with its versions and runs; a Conflict
// while a run of it has not ended or a schedule starts it. Numbers of its runs are never given again.
func (s *Store) DeletePipeline(ctx context.Context, project bine.ProjectName, name bine.PipelineName) error {
	return s.write(ctx, func(t *tx) error {
		what := named("pipeline", name)
		var kept, open int
		if err := t.row("SELECT latest FROM pipelines WHERE project = ? AND name = ?"+t.db.Dialect().ForUpdate(), project, name).Scan(&kept); err != nil {
			return forDomain(err, what)
		}
		if err := t.row("SELECT COUNT(*) FROM runs WHERE project = ? AND pipeline = ? AND ended_at IS NULL", project, name).Scan(&open); err != nil {
			return err
		}
		if open > 0 {
			return bine.Errorf(bine.Conflict, "%s has %d runs that have not ended: cancel them first", what, open)
		}
		if err := t.row("SELECT COUNT(*) FROM schedules WHERE project = ? AND pipeline = ?", project, name).Scan(&open); err != nil {
			return err
		}
		if open > 0 {
			return bine.Errorf(bine.Conflict, "%s has %d schedules: delete them first", what, open)
		}
		return t.change(what, "DELETE FROM pipelines WHERE project = ? AND name = ?", project, name)
	})
}
