package queue

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/bine-ml/bine/gpu/place"
)

// HomeState is what Homes.Make looks at.
type HomeState struct {
	State                                // Waiting in order; guests that wait for their turn at home need not be in it
	Reservations map[string]*Reservation // of the last plan, by owner
	Only         []string                // owners whose home is planned for; nil: all. Guests always are
	Kept         []Running               // that have a turn at home and are not there: their place is taken into account
	Turns        []Job                   // that wait for a turn at home, though they run or ran elsewhere, beside guests
}

// HomeStart is a job that starts now.
type HomeStart struct {
	Start
	Home  string // by whose right
	Guest bool   // it gives back when one comes whose home it is
}

// HomePlan is what happens now, where projects own cells.
type HomePlan struct {
	Starts       []HomeStart
	Back         []Running // guests that give back before the starts can be
	Turns        []Start   // of HomeState.Turns: whose turn at home has come, and where
	Reservations map[string]*Reservation
	Waits        map[string]string
}

// Make says who starts now. In each home those whose it is are planned for as in
// a cluster of its own, guests not counted; guests who are in the way give back.
// A job has a turn in its project's cells, or if it finds no place there in what
// nobody owns. Who is preemptible and finds none runs as a guest of others
// meanwhile, until the turn at home has come.
func (h *Homes) Make(s HomeState) (HomePlan, error) {
	p := &homePlanning{Homes: h, s: s, started: map[string]bool{}, back: map[string]bool{},
		plan: HomePlan{Reservations: map[string]*Reservation{}, Waits: map[string]string{}}}
	maps.Copy(p.plan.Reservations, s.Reservations)
	err := p.fill()
	for _, undo := range slices.Backward(p.undo) {
		if e := undo(); e != nil && err == nil {
			err = e
		}
	}
	return p.plan, err
}

type homePlanning struct {
	*Homes
	s       HomeState
	plan    HomePlan
	started map[string]bool // by id
	back    map[string]bool
	undo    []func() error
}

func (p *homePlanning) fill() error {
	snapshot := p.s.Cluster.Snapshot()
	for _, owner := range p.Owners() {
		if p.s.Only != nil && !slices.Contains(p.s.Only, owner) {
			continue
		}
		if err := p.home(snapshot, owner); err != nil {
			return err
		}
	}
	return p.guests()
}

// at gives the home of an owner with those who are there by right.
func (p *homePlanning) at(snapshot place.Snapshot, owner string) State {
	s := p.s.State
	s.Cluster, s.Running, s.Waiting = place.NewCluster(p.Snapshot(snapshot, owner), s.Cluster.Policy()), nil, nil
	s.Reserved = p.plan.Reservations[owner]
	for _, r := range slices.Concat(p.s.Running, p.s.Kept) {
		if !r.Guest && r.Home == owner && s.Cluster.Grant(r.Placement) == nil { // else the cells became others' while it runs
			s.Running = append(s.Running, r)
		}
	}
	return s
}

// home plans for one home, and takes guests out of the way.
func (p *homePlanning) home(snapshot place.Snapshot, owner string) error {
	s := p.at(snapshot, owner)
	for _, j := range p.s.Waiting {
		if own := p.HomeOf(j.Project); !p.started[j.ID] && (own == owner || owner == "") {
			s.Waiting = append(s.Waiting, j)
		}
	}
	turns := map[string]bool{}
	for _, j := range p.s.Turns {
		if p.HomeOf(j.Project) == owner {
			turns[j.ID] = true
			s.Waiting = among(s.Waiting, j)
		}
	}
	for _, r := range p.s.Running {
		if r.Guest && p.HomeOf(r.Project) == owner {
			s.Waiting = among(s.Waiting, r.Job)
		}
	}
	if len(s.Waiting) == 0 {
		delete(p.plan.Reservations, owner)
		return nil
	}
	plan, err := Make(s)
	if err != nil {
		return err
	}
	p.plan.Reservations[owner] = plan.Reservation
	for id, why := range plan.Waits {
		p.plan.Waits[id] = why
	}
	for _, start := range plan.Starts {
		if turns[start.ID] {
			p.plan.Turns = append(p.plan.Turns, start)
			continue
		}
		if err := p.comesHome(start, owner); err != nil {
			return err
		}
	}
	return nil
}

// among puts a job where its turn is among those of its project: by priority,
// then by who asked first.
func among(line []Job, j Job) []Job {
	at := slices.IndexFunc(line, func(o Job) bool {
		return o.Project == j.Project && cmp.Or(cmp.Compare(o.Priority, j.Priority), j.Since.Compare(o.Since), strings.Compare(j.ID, o.ID)) < 0
	})
	if at < 0 {
		return append(line, j)
	}
	return slices.Insert(line, at, j)
}

// comesHome starts a job at home: it is no guest any more, and guests that are
// where it goes give back, those with the least to lose first.
func (p *homePlanning) comesHome(start Start, owner string) error {
	for _, r := range p.s.Running {
		if r.Guest && r.ID == start.ID {
			if err := p.giveBack(r); err != nil {
				return err
			}
		}
	}
	for _, guest := range p.inTheWay(start.Placement) {
		if p.s.Cluster.Free(start.Placement) {
			break
		}
		if err := p.giveBack(guest); err != nil {
			return err
		}
	}
	if p.s.Cluster.Grant(start.Placement) != nil {
		p.plan.Waits[start.ID] = "others who are not asked to give back run in its cells, which were not its project's when they began"
		return nil
	}
	p.undo = append(p.undo, func() error { return p.s.Cluster.Release(start.Placement) })
	p.started[start.ID] = true
	delete(p.plan.Waits, start.ID)
	p.plan.Starts = append(p.plan.Starts, HomeStart{start, owner, false})
	return nil
}

func (p *homePlanning) giveBack(r Running) error {
	if p.back[r.ID] {
		return nil
	}
	if err := p.s.Cluster.Release(r.Placement); err != nil {
		return err
	}
	p.undo = append(p.undo, func() error { return p.s.Cluster.Grant(r.Placement) })
	p.back[r.ID] = true
	p.plan.Back = append(p.plan.Back, r)
	return nil
}

// inTheWay gives the guests on the hosts of a place: those on its devices
// first, then those that lose the least.
func (p *homePlanning) inTheWay(where place.Placement) (all []Running) {
	wanted := map[string]bool{}
	for _, s := range where.Shares {
		wanted["host "+string(s.Host)] = true
		for _, d := range s.Devices {
			wanted[string(d.Device)] = true
		}
	}
	near := map[string]int{}
	for _, r := range p.s.Running {
		if !r.Guest || !r.Task.Request.Preemptible || p.back[r.ID] {
			continue
		}
		for _, s := range r.Placement.Shares {
			if wanted["host "+string(s.Host)] {
				near[r.ID] = max(near[r.ID], 1)
			}
			for _, d := range s.Devices {
				if wanted[string(d.Device)] {
					near[r.ID] = 2
				}
			}
		}
		if near[r.ID] > 0 {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b Running) int {
		return cmp.Or(near[b.ID]-near[a.ID], yields(a)-yields(b), cmp.Compare(a.lost(p.s.Now), b.lost(p.s.Now)), strings.Compare(a.ID, b.ID))
	})
	return all
}

// guests lets those run elsewhere who found no place at home, and may.
func (p *homePlanning) guests() error {
	s := p.s.State
	s.Waiting, s.Reserved = nil, nil
	s.Running = slices.DeleteFunc(slices.Clone(p.s.Running), func(r Running) bool { return p.back[r.ID] })
	for _, start := range p.plan.Starts {
		s.Running = append(s.Running, Running{Job: start.Job, Placement: start.Placement, Started: p.s.Now})
	}
	for _, j := range p.s.Waiting {
		if !p.started[j.ID] && j.Task.Request.Preemptible {
			s.Waiting = append(s.Waiting, j)
		}
	}
	if len(s.Waiting) == 0 {
		return nil
	}
	plan, err := Make(s)
	if err != nil {
		return err
	}
	for _, start := range plan.Starts {
		p.started[start.ID] = true
		delete(p.plan.Waits, start.ID)
		p.plan.Starts = append(p.plan.Starts, HomeStart{start, p.HomeOf(start.Project), true})
	}
	return nil
}
