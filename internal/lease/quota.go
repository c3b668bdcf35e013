package lease

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/bine-ml/bine"
)

// Quota gives what a project may have in progress at once; one without a quota
// has the zero one.
func (l *Ledger) Quota(ctx context.Context, project bine.ProjectName) (bine.Quota, error) {
	var q bine.Quota
	var milli, gpus, guaranteed int64
	var cells text[[]bine.CellQuota]
	err := l.db.Reader(ctx).QueryRowContext(ctx, "SELECT runs, steps, cpu_milli, memory, gpu_milli, gpu_guaranteed, weight, cells FROM quotas WHERE project = ?", project).
		Scan(&q.Runs, &q.Steps, &milli, &q.Memory, &gpus, &guaranteed, &q.Weight, &cells)
	if errors.Is(err, sql.ErrNoRows) {
		return bine.Quota{}, nil
	}
	q.CPU, q.GPUs, q.Guaranteed = float64(milli)/1000, float64(gpus)/whole, float64(guaranteed)/whole
	q.Cells = cells.V
	return q, l.db.Explain(err)
}

// SetQuota sets what a project may have in progress at once, and gives the
// grants that follow. What is granted stays granted. going are the runs that
// are under way: they count from now on.
func (l *Ledger) SetQuota(ctx context.Context, project bine.ProjectName, q bine.Quota, going []bine.RunID) ([]Grant, error) {
	grants, err := l.change(ctx, func(t *tx) error {
		if _, err := t.exec("DELETE FROM quotas WHERE project = ?", project); err != nil {
			return err
		}
		c := capacityOf(bine.Resources{CPU: q.CPU, GPUs: q.GPUs})
		_, err := t.exec("INSERT INTO quotas (project, runs, steps, cpu_milli, memory, gpu_milli, gpu_guaranteed, weight, cells) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
			project, q.Runs, q.Steps, c.milli, q.Memory, c.gpus, capacityOf(bine.Resources{GPUs: q.Guaranteed}).gpus, q.Weight, text[[]bine.CellQuota]{q.Cells})
		for _, run := range going {
			if err == nil && q.Runs > 0 {
				err = t.going(project, run)
			}
		}
		t.freed = append(t.freed, bine.RunsSlot(project))
		return err
	})
	return grants, l.noProject(err, project)
}

// going makes a run that goes on hold a slot of the project's quota of runs, or
// ask for it where it waits for another slot.
func (t *tx) going(project bine.ProjectName, run bine.RunID) error {
	owner := bine.Owner{Project: project, Kind: bine.OwnerRun, Name: string(run)}
	r := Request{Attempt: bine.NewAttemptID(owner, 0), Owner: owner, Slots: []bine.Slot{{Name: bine.RunsSlot(project), Count: 1}}}
	e, err := t.find(r.Attempt)
	if err != nil {
		return err
	}
	if e != nil {
		if slices.ContainsFunc(e.slots, func(s slot) bool { return s.Name == r.Slots[0].Name }) {
			return nil
		}
		_, err = t.exec("INSERT INTO lease_slots (attempt, slot, count, most, held) VALUES (?, ?, 1, 0, ?)", r.Attempt, r.Slots[0].Name, e.Host != "")
		return err
	}
	e = t.newEntry(r)
	e.Host, e.slots[0].held = NoHost, true
	return t.save(e, r)
}

// SetPriority changes the priority of a request of a project that waits, and
// gives the grants that follow. NotFound: the project has no such request;
// Conflict: it does not wait any more.
func (l *Ledger) SetPriority(ctx context.Context, project bine.ProjectName, id bine.AttemptID, priority bine.Priority) ([]Grant, error) {
	return l.change(ctx, func(t *tx) error {
		e, err := t.find(id)
		if err != nil {
			return err
		}
		if e == nil || e.project != project {
			return bine.Errorf(bine.NotFound, "project %s has no request %q: bine host queue shows those that wait", project, string(id))
		}
		if e.Host != "" {
			return bine.Errorf(bine.Conflict, "request %s does not wait any more", id)
		}
		if e.line != "" {
			t.freed = append(t.freed, e.line)
		}
		_, err = t.exec("UPDATE leases SET priority = ? WHERE attempt = ?", -priority.Rank(), id)
		return err
	})
}
