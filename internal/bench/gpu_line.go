package bench

import (
	"cmp"
	"fmt"

	"github.com/bine-ml/bine/gpu/place"
	"github.com/bine-ml/bine/gpu/sim"
)

// The goals of the workload of Kueue's scalability test, which Kueue itself
// takes 351 s for (58.7 % and 6.7 s), through an API server.
const (
	kueueWall       = 351
	mostCohortWall  = 80
	leastCohortUse  = 85
	mostCohortLarge = 2
)

// lines measures the queue: Kueue's workload, and whether sharing a cluster
// makes anybody wait who would not have to in one of their own.
func (b GPUBench) lines() ([]Row, error) {
	var rows []Row
	for _, silent := range []bool{false, true} {
		w := sim.KueueBaseline()
		w.Silent, w.Cohorts = silent, cmp.Or(b.Cohorts, w.Cohorts)
		name := "Kueue's own workload"
		if silent {
			name += ", run times not told"
		}
		b.tell("%s", name)
		a, err := sim.Admit(w)
		if err != nil {
			return rows, err
		}
		rows = append(rows,
			Row{Name: name + ": until the last is done", Size: a.Pieces, Value: round(a.Wall.Seconds()), Unit: "s"}.Against(kueueWall).HeldTo(AtMost(mostCohortWall)),
			Row{Name: name + ": least use of a queue", Value: percent(a.LeastUse), Unit: "%"}.HeldTo(AtLeast(leastCohortUse)),
			Row{Name: name + ": mean time to admission of large", Value: round(a.Waited["large"].Seconds()), Unit: "s"}.HeldTo(AtMost(mostCohortLarge)),
			Row{Name: name + ": of medium", Value: round(a.Waited["medium"].Seconds()), Unit: "s"},
			Row{Name: name + ": of small", Value: round(a.Waited["small"].Seconds()), Unit: "s"},
			Row{Name: name + ": time of deciding, on the clock", Size: a.Plans, Value: round(a.Deciding.Seconds()), Unit: "s"})
	}
	b.tell("sharing a cluster beside having a part of it")
	s, work, cells := sim.Tenants(24, cmp.Or(b.Tasks, 1_500), 0.9, 1)
	all, err := sim.Anomaly(s, work, cells, place.FGD)
	for _, a := range all {
		worse := Row{Name: fmt.Sprintf("shared by %s: tasks that wait longer than in a cluster of their own", a.Rule), Size: a.Tasks, Value: float64(a.Worse)}
		if a.Rule == "cells" {
			worse = worse.HeldTo(AtMost(0))
		}
		rows = append(rows, worse,
			Row{Name: fmt.Sprintf("shared by %s: the most that one waits longer", a.Rule), Value: round(a.Extra.Minutes()), Unit: "min"},
			Row{Name: fmt.Sprintf("shared by %s: waiting, mean", a.Rule), Value: round(a.Wait.Minutes()), Unit: "min"}.Against(round(a.Private.Minutes())))
	}
	return rows, err
}
