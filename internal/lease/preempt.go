package lease

import (
	"context"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu"
	"github.com/bine-ml/bine/gpu/place"
	"github.com/bine-ml/bine/gpu/queue"
	"github.com/bine-ml/bine/internal/database"
)

// askBack asks those that are preemptible to make room for e, where e may take
// what they hold (queue.MayTake) and that is what it lacks. Nothing is taken:
// their agents end them, they give back as they always do, and e is granted then.
func (t *tx) askBack(p *picture, e *entry) error {
	asked := 0
	if err := t.row("SELECT COUNT(*) FROM leases WHERE back_for = ?", e.Attempt).Scan(&asked); err != nil || asked > 0 {
		return err
	}
	running, err := t.running(p)
	if err != nil {
		return err
	}
	task, err := e.task()
	if err != nil {
		return nil // it was refused when it was asked
	}
	shares := map[string]queue.Share{}
	for project, q := range p.quotas {
		shares[string(project)] = queue.Share{Weight: q.weight, Guaranteed: int(q.guaranteed), Limit: int(q.gpus)}
	}
	job := queue.Job{ID: string(e.Attempt), Project: string(e.project), Task: task, Priority: -e.priority}
	victims, _, err := queue.Victims(place.NewCluster(p.board.snapshot(unkept, task.Request.Preemptible), policy), running, job, shares, database.Time(t.now))
	if err != nil {
		return nil // the board is not as the ledger says, since a host has other devices now: no grounds to end anybody
	}
	for _, v := range victims {
		if _, err := t.exec("UPDATE leases SET asked_back = ?, back_for = ? WHERE attempt = ? AND asked_back IS NULL", t.now, e.Attempt, v.ID); err != nil {
			return err
		}
	}
	return nil
}

// running reads who holds devices, with the places that they have.
func (t *tx) running(p *picture) ([]queue.Running, error) {
	var all []queue.Running
	at := map[bine.AttemptID]int{}
	var faulty error
	err := t.each(func(row scanner) error {
		var id bine.AttemptID
		var project bine.ProjectName
		var w want
		var granted, rank int64
		if err := row.Scan(&id, &project, &w.milli, &w.memory, &w.gpus, &w.request, &granted, &rank); err != nil {
			return err
		}
		request, err := gpu.Of(bine.Resources{GPUs: float64(w.gpus) / whole, GPU: w.request})
		if err != nil {
			faulty = err
		}
		at[id] = len(all)
		all = append(all, queue.Running{Job: queue.Job{ID: string(id), Project: string(project), Priority: int(-rank),
			Task: place.Task{Request: request, CPU: w.milli, Memory: w.memory}}, Started: database.Time(granted)})
		return nil
	}, "SELECT attempt, project, cpu_milli, memory, gpu_milli, request, granted_at, priority FROM leases WHERE host > ? AND gpu_milli > 0 AND (gang = '' OR gang = attempt) ORDER BY place", NoHost)
	if err != nil || faulty != nil {
		return nil, err
	}
	return all, t.each(func(row scanner) error {
		var process, first bine.AttemptID
		var part place.Part
		s := place.Share{}
		if err := row.Scan(&process, &first, &s.Host, &s.CPU, &s.Memory, &part.Device, &part.Milli); err != nil {
			return err
		}
		if first == "" {
			first = process
		}
		i, known := at[first]
		if !known {
			return nil
		}
		shares := all[i].Placement.Shares
		if n := len(shares); n == 0 || shares[n-1].Host != s.Host {
			shares = append(shares, s)
		}
		shares[len(shares)-1].Devices = append(shares[len(shares)-1].Devices, part)
		all[i].Placement.Shares = shares
		return nil
	}, "SELECT l.attempt, l.gang, l.host, l.cpu_milli, l.memory, g.device, g.milli FROM lease_grants g JOIN leases l ON l.attempt = g.attempt WHERE g.ended_at IS NULL ORDER BY l.place, l.host, g.device")
}

// AskedBack gives the attempts on a host that are to make room for others.
func (l *Ledger) AskedBack(ctx context.Context, host bine.HostName) (ids []bine.AttemptID, err error) {
	v := view{l.db.Reader(ctx), ctx}
	err = v.each(func(row scanner) error {
		var id bine.AttemptID
		err := row.Scan(&id)
		ids = append(ids, id)
		return err
	}, "SELECT l.attempt FROM leases l WHERE l.host = ? AND (l.asked_back IS NOT NULL OR l.gang <> '' AND EXISTS (SELECT 1 FROM leases f WHERE f.attempt = l.gang AND f.asked_back IS NOT NULL)) ORDER BY l.place", host)
	return ids, l.db.Explain(err)
}

// PruneGrants forgets grants that ended, and events of devices, before a time.
func (l *Ledger) PruneGrants(ctx context.Context, before time.Time) error {
	return l.write(ctx, func(t *tx) error {
		if _, err := t.exec("DELETE FROM lease_grants WHERE ended_at < ?", database.Micros(before)); err != nil {
			return err
		}
		_, err := t.exec("DELETE FROM device_events WHERE at < ?", database.Micros(before))
		return err
	})
}
