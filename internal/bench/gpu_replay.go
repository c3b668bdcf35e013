package bench

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/bine-ml/bine/gpu/place"
	"github.com/bine-ml/bine/gpu/sim"
)

// What is replayed: work drawn from a list for a cluster of the trace's hosts,
// small enough that days of it take seconds.
const (
	replayHosts = 30
	replayLoad  = 0.9
)

// disciplines are the ways to choose who goes next that are compared.
var disciplines = []struct {
	name string
	o    sim.ReplayOptions
}{
	{"first come", sim.ReplayOptions{Strict: true}},
	{"backfill", sim.ReplayOptions{}},
	{"backfill and fair share", sim.ReplayOptions{Fair: true, HalfLife: 24 * time.Hour}},
}

// widths are the classes of tasks by how many devices they ask for.
var widths = []struct {
	name        string
	least, most int
}{{"1 or a part", 1, 1}, {"2 to 7", 2, 7}, {"8 and more", 8, 0}}

// compared is the discipline with which all policies of placement are replayed.
const compared = "backfill"

// replay compares disciplines on the same work, and with one of them policies.
func (b GPUBench) replay(ctx context.Context, list string, s place.Snapshot, pods []sim.Pod, policies []packed) ([]Row, error) {
	some := sim.Every(s, max(len(s.Hosts)/replayHosts, 1))
	work := sim.Invent(some, pods, sim.Invented{Tasks: cmp.Or(b.Tasks, 5_000), Load: replayLoad, Seed: 1})
	if len(work) == 0 {
		return nil, nil
	}
	var rows []Row
	first := map[string]float64{}
	for _, d := range disciplines {
		if err := ctx.Err(); err != nil {
			return rows, err
		}
		b.tell("%s: replaying with %s", list, d.name)
		o := d.o
		o.Policy = place.FGD
		r, err := sim.Replay(some, work, o)
		if err != nil {
			return rows, err
		}
		for i := range policies {
			if policies[i].policy == place.FGD && d.name == compared {
				policies[i].replayed = &r
			}
		}
		rows = append(rows, replayRows(list, d.name, r, o, first)...)
	}
	for i := range policies {
		if err := ctx.Err(); err != nil {
			return rows, err
		}
		if policies[i].replayed != nil {
			continue
		}
		b.tell("%s: replaying with %s, by %s", list, compared, policies[i].policy)
		r, err := sim.Replay(some, work, sim.ReplayOptions{Policy: policies[i].policy})
		if err != nil {
			return rows, err
		}
		policies[i].replayed = &r
	}
	return rows, nil
}

// replayRows tells of one discipline beside first come; first keeps that.
func replayRows(list, name string, r sim.Replayed, o sim.ReplayOptions, first map[string]float64) (rows []Row) {
	for _, w := range widths {
		waits := r.Wait(w.least, w.most)
		if len(waits) == 0 {
			continue
		}
		row := Row{Name: fmt.Sprintf("%s, %s: waiting for %s, mean", list, name, w.name), Size: len(waits), Value: minutes(waits), Unit: "min"}
		if o.Strict {
			first[w.name] = row.Value
		} else {
			row = row.Against(first[w.name])
		}
		rows = append(rows, row)
	}
	rows = append(rows,
		Row{Name: fmt.Sprintf("%s, %s: devices used", list, name), Value: percent(r.Used), Unit: "%"},
		Row{Name: fmt.Sprintf("%s, %s: evenness of slowdown between projects, Jain's index", list, name), Value: round(r.Fairness()), Unit: ""})
	if !o.Strict && !o.Fair {
		rows = append(rows, Row{Name: fmt.Sprintf("%s, %s: reservations delayed, of %d tasks that went before", list, name, r.Backfilled), Value: float64(r.Delayed), Unit: ""}.HeldTo(AtMost(0)))
	}
	return rows
}

// minutes gives the mean of some waits.
func minutes(waits []time.Duration) float64 {
	sum := 0.0
	for _, wait := range waits {
		sum += wait.Minutes()
	}
	return round(sum / float64(max(len(waits), 1)))
}
