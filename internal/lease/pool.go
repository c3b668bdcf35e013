package lease

import (
	"context"
	"database/sql"
	"errors"

	"github.com/bine-ml/bine"
)

// Pools gives the pools of a project by name.
func (l *Ledger) Pools(ctx context.Context, project bine.ProjectName) ([]bine.Pool, error) {
	v := view{l.db.Reader(ctx), ctx}
	var all []bine.Pool
	err := v.each(func(row scanner) error {
		var p bine.Pool
		err := row.Scan(&p.Name, &p.Slots, &p.Description)
		all = append(all, p)
		return err
	}, "SELECT name, slots, description FROM pools WHERE project = ? ORDER BY name", project)
	for i := range all {
		if err == nil {
			err = v.usage(project, &all[i])
		}
	}
	return all, l.db.Explain(err)
}

// usage fills in how much of a pool is held, and how many wait for it.
func (v view) usage(project bine.ProjectName, p *bine.Pool) (err error) {
	name := bine.PoolSlot(project, p.Name)
	if p.Used, err = v.held(name); err != nil {
		return err
	}
	return v.row("SELECT COUNT(*) FROM leases WHERE host = '' AND line = ? AND project = ?", name, project).Scan(&p.Waiting)
}

// Pool gives one pool.
func (l *Ledger) Pool(ctx context.Context, project bine.ProjectName, name bine.PoolName) (bine.Pool, error) {
	v := view{l.db.Reader(ctx), ctx}
	p := bine.Pool{Name: name}
	err := v.row("SELECT slots, description FROM pools WHERE project = ? AND name = ?", project, name).Scan(&p.Slots, &p.Description)
	if errors.Is(err, sql.ErrNoRows) {
		return p, bine.Errorf(bine.NotFound, "there is no pool %q", string(name))
	}
	if err == nil {
		err = v.usage(project, &p)
	}
	return p, l.db.Explain(err)
}

// SetPool makes a pool or changes how many slots it has, and gives the grants
// that follow. What is granted stays granted, also where that is more than there are now.
func (l *Ledger) SetPool(ctx context.Context, project bine.ProjectName, p bine.Pool) ([]Grant, error) {
	grants, err := l.change(ctx, func(t *tx) error {
		n := 0
		err := t.row("SELECT COUNT(*) FROM pools WHERE project = ? AND name = ?", project, p.Name).Scan(&n)
		switch {
		case err != nil:
		case n > 0:
			_, err = t.exec("UPDATE pools SET slots = ?, description = ? WHERE project = ? AND name = ?", p.Slots, p.Description, project, p.Name)
		default:
			_, err = t.exec("INSERT INTO pools (project, name, slots, description) VALUES (?, ?, ?, ?)", project, p.Name, p.Slots, p.Description)
		}
		if err != nil {
			return err
		}
		t.freed = append(t.freed, bine.PoolSlot(project, p.Name))
		return t.shrink(bine.PoolSlot(project, p.Name))
	})
	return grants, l.noProject(err, project)
}

// DeletePool removes a pool. One that is held or waited for is a Conflict; one
// that is not there is no error.
func (l *Ledger) DeletePool(ctx context.Context, project bine.ProjectName, name bine.PoolName) error {
	return l.write(ctx, func(t *tx) error {
		n := 0
		if err := t.row("SELECT COUNT(*) FROM lease_slots WHERE slot = ?", bine.PoolSlot(project, name)).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return bine.Errorf(bine.Conflict, "pool %s is held or waited for by %d: wait for them, or cancel their runs", name, n)
		}
		_, err := t.exec("DELETE FROM pools WHERE project = ? AND name = ?", project, name)
		return err
	})
}

// noProject gives an error the kind that says so where there is no such project.
func (l *Ledger) noProject(err error, project bine.ProjectName) error {
	if l.db.IsForeign(err) {
		return bine.Errorf(bine.NotFound, "there is no project %q", string(project))
	}
	return err
}
