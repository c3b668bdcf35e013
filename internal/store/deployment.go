package store

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// Route says where the requests of a deployment go.
type Route struct {
	Attempt bine.AttemptID
	Version int
	Address string // host:port
	Secret  string // that the model server asks for
}

type deploymentRow struct {
	Project   bine.ProjectName    `gorm:"primaryKey"`
	Name      bine.DeploymentName `gorm:"primaryKey"`
	Model     bine.ModelName
	Version   int
	Serving   int
	State     bine.DeploymentState
	Reason    string
	Resources doc[bine.Resources]
	Restarts  int
	Attempt   bine.AttemptID
	Served    string
	Address   string
	Secret    string
	CreatedBy bine.UserName
	Created   int64 `gorm:"column:created_at"`
	Updated   int64 `gorm:"column:updated_at"`
}

// TableName names the table.
func (deploymentRow) TableName() string { return "deployments" }

func (r deploymentRow) deployment() bine.Deployment {
	return bine.Deployment{Name: r.Name, Project: r.Project, Model: r.Model, Version: r.Version, Serving: r.Serving, State: r.State, Reason: r.Reason,
		Resources: r.Resources.V, Restarts: r.Restarts, Attempt: r.Attempt, Address: r.Address, CreatedBy: r.CreatedBy,
		CreatedAt: database.Time(r.Created), UpdatedAt: database.Time(r.Updated)}
}

// PutDeployment makes a deployment, or changes which version it is to serve:
// it is starting, or updating while a version answers. Asked for what stands
// already, ready or on its way, it changes nothing. Another model is a Conflict.
func (s *Store) PutDeployment(ctx context.Context, project bine.ProjectName, d bine.Deployment) (bine.Deployment, error) {
	var row deploymentRow
	err := s.write(ctx, func(t *tx) error {
		var err error
		if row, err = t.deployment(project, d.Name); errors.Is(err, gorm.ErrRecordNotFound) {
			row = deploymentRow{Project: project, Name: d.Name, Model: d.Model, Version: d.Version, State: bine.DeploymentStarting,
				Resources: docOf(d.Resources), CreatedBy: d.CreatedBy, Created: orNow(d.CreatedAt, t.now), Updated: t.now}
			t.event(project, objectDeployment, string(d.Name), string(row.State))
			return gorm.G[deploymentRow](t.gorm()).Create(ctx, &row)
		}
		if err != nil {
			return err
		}
		if row.Model != d.Model {
			return bine.Errorf(bine.Conflict, "deployment %q serves model %q: delete it first, or choose another name", string(d.Name), string(row.Model))
		}
		live := row.State != bine.DeploymentStopped && row.State != bine.DeploymentFailed
		if live && row.Version == d.Version && row.Resources.V == d.Resources {
			return nil
		}
		row.Version, row.Resources, row.Restarts, row.Reason, row.Updated, row.State = d.Version, docOf(d.Resources), 0, "", t.now, bine.DeploymentStarting
		if row.Attempt != "" {
			row.State = bine.DeploymentUpdating
		}
		t.event(project, objectDeployment, string(d.Name), string(row.State))
		return t.gorm().Save(&row).Error
	})
	if s.db.IsForeign(err) {
		err = missing(named("project", project))
	}
	return row.deployment(), forDomain(err, named("deployment", d.Name))
}

// deployment reads a deployment that nobody else changes until the transaction ends.
func (t *tx) deployment(project bine.ProjectName, name bine.DeploymentName) (deploymentRow, error) {
	var row deploymentRow
	err := t.gorm().Raw("SELECT * FROM deployments WHERE project = ? AND name = ?"+t.db.Dialect().ForUpdate(), project, name).Take(&row).Error
	return row, err
}

// changeDeployment changes a deployment that is there, and leaves word when its state changed.
func (s *Store) changeDeployment(ctx context.Context, project bine.ProjectName, name bine.DeploymentName, change func(row *deploymentRow) error) error {
	return s.write(ctx, func(t *tx) error {
		row, err := t.deployment(project, name)
		if err != nil {
			return forDomain(err, named("deployment", name))
		}
		old := row
		if err := change(&row); err != nil || row == old {
			return err
		}
		row.Updated = t.now
		if row.State != old.State || row.Attempt != old.Attempt {
			t.event(project, objectDeployment, string(name), string(row.State))
		}
		return t.gorm().Save(&row).Error
	})
}

// Deployment gives a deployment.
func (s *Store) Deployment(ctx context.Context, project bine.ProjectName, name bine.DeploymentName) (bine.Deployment, error) {
	row, err := gorm.G[deploymentRow](s.read(ctx)).Where("project = ? AND name = ?", project, name).Take(ctx)
	return row.deployment(), forDomain(s.db.Explain(err), named("deployment", name))
}

// Deployments gives the deployments of a project by name.
func (s *Store) Deployments(ctx context.Context, project bine.ProjectName) ([]bine.Deployment, error) {
	found, err := gorm.G[deploymentRow](s.read(ctx)).Where("project = ?", project).Order("name").Find(ctx)
	if err != nil {
		return nil, s.db.Explain(err)
	}
	list := make([]bine.Deployment, len(found))
	for i, r := range found {
		list[i] = r.deployment()
	}
	return list, nil
}

// MoveDeployment changes the state of a deployment that is in one of from. One
// that stopped answers no longer.
func (s *Store) MoveDeployment(ctx context.Context, project bine.ProjectName, name bine.DeploymentName, from []bine.DeploymentState, to bine.DeploymentState, reason string) error {
	return s.changeDeployment(ctx, project, name, func(row *deploymentRow) error {
		var met int64
		for _, state := range from {
			if state == row.State {
				met = 1
			}
		}
		changed, err := moved(met, named("deployment", name), to, func() (bine.DeploymentState, error) { return row.State, nil })
		if err != nil || !changed {
			return err
		}
		row.State, row.Reason = to, reason
		if to == bine.DeploymentStopped {
			row.Serving, row.Attempt, row.Address, row.Secret = 0, "", "", ""
		}
		return nil
	})
}

// SetServing moves the route of a deployment to a server that is ready. When it
// serves the version asked for, the deployment is ready; when it takes the
// place of another server of the same version, that was a restart.
func (s *Store) SetServing(ctx context.Context, project bine.ProjectName, name bine.DeploymentName, r Route) error {
	return s.changeDeployment(ctx, project, name, func(row *deploymentRow) error {
		if row.State == bine.DeploymentStopped {
			return bine.Errorf(bine.Conflict, "deployment %q is stopped", string(name))
		}
		was := row.Served
		row.Served = fmt.Sprintf("%d@%s", r.Version, r.Attempt)
		if version := fmt.Sprintf("%d@", r.Version); len(was) > len(version) && was[:len(version)] == version && was != row.Served {
			row.Restarts++
		}
		row.Serving, row.Attempt, row.Address, row.Secret = r.Version, r.Attempt, r.Address, r.Secret
		if r.Version == row.Version {
			row.State, row.Reason = bine.DeploymentReady, ""
		}
		return nil
	})
}

// ClearServing takes the route from a server that ended, unless another one
// has it by now. What was ready or updating is starting then.
func (s *Store) ClearServing(ctx context.Context, project bine.ProjectName, name bine.DeploymentName, attempt bine.AttemptID) error {
	return s.changeDeployment(ctx, project, name, func(row *deploymentRow) error {
		if row.Attempt != attempt {
			return nil
		}
		row.Serving, row.Attempt, row.Address, row.Secret = 0, "", "", ""
		if row.State == bine.DeploymentReady || row.State == bine.DeploymentUpdating {
			row.State = bine.DeploymentStarting
		}
		return nil
	})
}

// Route says where the requests of a deployment go, if anything answers.
func (s *Store) Route(ctx context.Context, project bine.ProjectName, name bine.DeploymentName) (Route, bool, error) {
	row, err := gorm.G[deploymentRow](s.read(ctx)).Where("project = ? AND name = ?", project, name).Take(ctx)
	if err != nil {
		return Route{}, false, forDomain(s.db.Explain(err), named("deployment", name))
	}
	return Route{Attempt: row.Attempt, Version: row.Serving, Address: row.Address, Secret: row.Secret}, row.Attempt != "", nil
}

// DeleteDeployment removes a deployment. One that is not there is no error.
func (s *Store) DeleteDeployment(ctx context.Context, project bine.ProjectName, name bine.DeploymentName) error {
	return s.write(ctx, func(t *tx) error {
		n, err := t.exec("DELETE FROM deployments WHERE project = ? AND name = ?", project, name)
		if n > 0 {
			t.event(project, objectDeployment, string(name), "deleted")
		}
		return err
	})
}
