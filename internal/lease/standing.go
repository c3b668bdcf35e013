package lease

import (
	"context"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu/place"
	"github.com/bine-ml/bine/gpu/queue"
	"github.com/bine-ml/bine/internal/database"
)

// Standings says what projects hold, have borrowed, are owed and have had, by
// name: those that hold or wait for something, have had something, or have a quota.
func (l *Ledger) Standings(ctx context.Context) ([]bine.Standing, error) {
	v := view{l.db.Reader(ctx), ctx}
	all, err := v.standings(database.Micros(l.now()), l.halfLife.Seconds())
	return all, l.db.Explain(err)
}

// StandingOf says it of one project.
func (l *Ledger) StandingOf(ctx context.Context, project bine.ProjectName) (bine.Standing, error) {
	all, err := l.Standings(ctx)
	if i := slices.IndexFunc(all, func(s bine.Standing) bool { return s.Project == project }); i >= 0 {
		return all[i], nil
	}
	return bine.Standing{Project: project, Weight: 1, Used: bine.UsedResources{HalfLife: l.halfLife.Seconds()}}, err
}

func (v view) standings(now int64, halfLife float64) ([]bine.Standing, error) {
	p, err := v.look()
	if err != nil {
		return nil, err
	}
	m, err := v.meterNow()
	if err != nil {
		return nil, err
	}
	used, err := v.used(m, p.amounts(), now)
	if err != nil {
		return nil, err
	}
	running, err := v.running(p)
	if err != nil {
		return nil, err
	}
	books := queue.NewBooks(p.board.snapshot(free, false), running, p.shares())
	by := map[bine.ProjectName]*bine.Standing{}
	of := func(project bine.ProjectName) *bine.Standing {
		if by[project] == nil {
			by[project] = &bine.Standing{Project: project, Weight: 1}
		}
		return by[project]
	}
	for project, h := range p.held {
		of(project).Held = h.resources()
	}
	for project, q := range p.quotas {
		s := of(project)
		if q.weight > 0 {
			s.Weight = q.weight
		}
		s.Limit, s.Guaranteed = float64(q.gpus)/whole, float64(q.guaranteed)/whole
	}
	for project, u := range used {
		of(project).Used = bine.UsedResources{GPUSeconds: u.gpu, CPUSeconds: u.cpu}
	}
	if err := v.waitingStandings(p, books, of); err != nil {
		return nil, err
	}
	var all []bine.Standing
	for project, s := range by {
		s.Used.HalfLife = halfLife
		s.Borrowed = float64(books.Borrowed(string(project))) / whole
		s.Load = (s.Used.GPUSeconds/halfLife + s.Held.GPUs) / s.Weight
		s.Cells = cellStandings(books, project, p.quotas[project].cells)
		if project != "" {
			all = append(all, *s)
		}
	}
	slices.SortFunc(all, func(a, b bine.Standing) int { return strings.Compare(string(a.Project), string(b.Project)) })
	return all, nil
}

// waitingStandings adds who waits, and what of that is the project's own.
func (v view) waitingStandings(p *picture, books *queue.Books, of func(bine.ProjectName) *bine.Standing) error {
	ahead := map[bine.ProjectName]int{}
	return v.each(func(row scanner) error {
		var project bine.ProjectName
		w := want{}
		if err := row.Scan(&project, &w.gpus, &w.request); err != nil {
			return err
		}
		s := of(project)
		s.Waiting++
		s.Wanted += float64(w.gpus) / whole
		if task, err := w.task(); err == nil && w.gpus > 0 {
			j := queue.Job{Project: string(project), Task: place.Task{Request: task.Request}}
			if books.Entitled(j, ahead[project]) {
				ahead[project] += int(w.gpus)
				s.Owed += float64(w.gpus) / whole
			}
		}
		return nil
	}, "SELECT project, gpu_milli, request FROM leases WHERE host = '' AND line = '' ORDER BY project, priority, place")
}

func cellStandings(books *queue.Books, project bine.ProjectName, cells []bine.CellQuota) (all []bine.CellStanding) {
	for i, c := range cells {
		held, hosts, count := books.Stake(string(project), i)
		s := bine.CellStanding{CellQuota: c, Held: held, Hosts: hosts}
		s.Borrowed = max(held-float64(c.Guaranteed), 0)
		s.Owed = max(float64(c.Guaranteed)-min(held, count), 0)
		all = append(all, s)
	}
	return all
}
