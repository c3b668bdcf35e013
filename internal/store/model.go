package store

import (
	"context"
	"database/sql"
	"errors"

	"gorm.io/gorm"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

type modelRow struct {
	Project  bine.ProjectName `gorm:"primaryKey"`
	Name     bine.ModelName   `gorm:"primaryKey"`
	Latest   int
	Created  int64 `gorm:"column:created_at"`
	Versions int   `gorm:"->"`
}

// TableName names the table.
func (modelRow) TableName() string { return "models" }

type modelVersionRow struct {
	Project         bine.ProjectName `gorm:"primaryKey"`
	Model           bine.ModelName   `gorm:"primaryKey"`
	Version         int              `gorm:"primaryKey;autoIncrement:false"`
	Request         string
	Artifact        doc[bine.ArtifactRef]
	Framework       string
	Metrics         doc[map[string]float64]
	Fields          raw
	Example         raw
	Description     string
	Run             bine.RunID
	Step            bine.StepName
	Pipeline        bine.PipelineName
	PipelineVersion int
	Code            bine.Hash
	Environment     int
	Data            doc[map[string]bine.ArtifactRef]
	CreatedBy       bine.UserName
	Created         int64 `gorm:"column:created_at"`
}

// TableName names the table.
func (modelVersionRow) TableName() string { return "model_versions" }

func (r modelVersionRow) version() bine.ModelVersion {
	return bine.ModelVersion{Model: r.Model, Version: r.Version, Artifact: r.Artifact.V, Framework: r.Framework, Metrics: r.Metrics.V, Schema: r.Fields.V,
		Example: r.Example.V, Description: r.Description, Run: r.Run, Step: r.Step, Pipeline: r.Pipeline, PipelineVersion: r.PipelineVersion, Code: r.Code,
		Environment: r.Environment, Data: r.Data.V, CreatedBy: r.CreatedBy, CreatedAt: database.Time(r.Created)}
}

func versions(found []modelVersionRow) []bine.ModelVersion {
	list := make([]bine.ModelVersion, len(found))
	for i, r := range found {
		list[i] = r.version()
	}
	return list
}

// RegisterModel adds a version of a model, which it makes where there is none,
// and gives it the next number. The key that an earlier call had answers the
// version of then, so a step that is done again registers nothing twice.
func (s *Store) RegisterModel(ctx context.Context, project bine.ProjectName, v bine.ModelVersion, key string) (bine.ModelVersion, error) {
	var row modelVersionRow
	err := s.write(ctx, func(t *tx) error {
		if err := t.lockProject(project); err != nil {
			return err
		}
		var err error
		row, err = gorm.G[modelVersionRow](t.gorm()).Where("project = ? AND request = ?", project, key).Take(ctx)
		if !errors.Is(err, gorm.ErrRecordNotFound) {
			return err
		}
		row = modelVersionRow{Project: project, Model: v.Model, Request: key, Artifact: docOf(v.Artifact), Framework: v.Framework, Metrics: docOf(v.Metrics),
			Fields: raw{v.Schema}, Example: raw{v.Example}, Description: v.Description, Run: v.Run, Step: v.Step, Pipeline: v.Pipeline,
			PipelineVersion: v.PipelineVersion, Code: v.Code, Environment: v.Environment, Data: docOf(v.Data), CreatedBy: v.CreatedBy, Created: orNow(v.CreatedAt, t.now)}
		if row.Version, err = t.nextModelVersion(project, v.Model); err != nil {
			return err
		}
		return gorm.G[modelVersionRow](t.gorm()).Create(ctx, &row)
	})
	return row.version(), forDomain(err, named("model", v.Model))
}

// nextModelVersion counts a version of a model, which it makes where there is none.
func (t *tx) nextModelVersion(project bine.ProjectName, name bine.ModelName) (int, error) {
	var latest int
	err := t.row("SELECT latest FROM models WHERE project = ? AND name = ?", project, name).Scan(&latest)
	if errors.Is(err, sql.ErrNoRows) {
		return 1, gorm.G[modelRow](t.gorm()).Select("Project", "Name", "Latest", "Created").Create(t.ctx, &modelRow{Project: project, Name: name, Latest: 1, Created: t.now})
	}
	if err == nil {
		_, err = t.exec("UPDATE models SET latest = ? WHERE project = ? AND name = ?", latest+1, project, name)
	}
	return latest + 1, err
}

// Models gives the models of a project by name, each with its newest version.
func (s *Store) Models(ctx context.Context, project bine.ProjectName) ([]bine.Model, error) {
	found, err := gorm.G[modelRow](s.read(ctx)).
		Select("models.*, (SELECT COUNT(*) FROM model_versions v WHERE v.project = models.project AND v.model = models.name) AS versions").
		Where("project = ?", project).Order("name").Find(ctx)
	if err != nil {
		return nil, s.db.Explain(err)
	}
	var newest []modelVersionRow
	err = s.read(ctx).Raw(`SELECT v.* FROM model_versions v JOIN models m ON m.project = v.project AND m.name = v.model AND m.latest = v.version
		WHERE v.project = ?`, project).Scan(&newest).Error
	if err != nil {
		return nil, s.db.Explain(err)
	}
	byName := map[bine.ModelName]*bine.ModelVersion{}
	for _, r := range newest {
		byName[r.Model] = new(r.version())
	}
	list := make([]bine.Model, len(found))
	for i, r := range found {
		list[i] = bine.Model{Name: r.Name, Latest: r.Latest, Versions: r.Versions, Newest: byName[r.Name], CreatedAt: database.Time(r.Created)}
	}
	return list, nil
}

// ModelVersions gives the versions of a model, newest first.
func (s *Store) ModelVersions(ctx context.Context, project bine.ProjectName, name bine.ModelName) ([]bine.ModelVersion, error) {
	found, err := gorm.G[modelVersionRow](s.read(ctx)).Where("project = ? AND model = ?", project, name).Order("version DESC").Find(ctx)
	if err == nil && len(found) == 0 {
		err = missing(named("model", name))
	}
	return versions(found), s.db.Explain(err)
}

// ModelVersion gives one version of a model; 0 is the newest.
func (s *Store) ModelVersion(ctx context.Context, project bine.ProjectName, name bine.ModelName, version int) (bine.ModelVersion, error) {
	query, what := gorm.G[modelVersionRow](s.read(ctx)).Where("project = ? AND model = ?", project, name), named("model", name)
	if version != 0 {
		query, what = query.Where("version = ?", version), numbered(what, version)
	}
	row, err := query.Order("version DESC").Limit(1).Take(ctx)
	return row.version(), forDomain(s.db.Explain(err), what)
}
