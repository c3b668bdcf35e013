package lease_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
)

func (w world) quota(project bine.ProjectName, q bine.Quota, want ...string) {
	w.t.Helper()
	grants, err := w.SetQuota(w.t.Context(), project, q, nil)
	w.grants("quota of "+string(project), grants, err, want...)
}

func TestTheProjectThatHoldsTheLeastGoesFirst(t *testing.T) {
	eachWorld(t, func(w world) {
		w.host("h", 2)
		for i := range 6 {
			w.granted(fmt.Sprint("p/", i), with(slots(), cores(1)), i < 2)
		}
		w.granted("q/0", with(slots(), cores(1)), false)
		w.granted("q/1", with(slots(), cores(1)), false)
		w.frees("p/0", "q/0") // asked last, and holds nothing
		w.frees("p/1", "p/2") // q holds one
		w.frees("p/2", "p/3")
		w.frees("q/0", "q/1")
	})
}

func TestAProjectOfMoreWeightHoldsMore(t *testing.T) {
	eachWorld(t, func(w world) {
		w.host("h", 4)
		w.quota("q", bine.Quota{Weight: 3})
		w.granted("p/all", with(slots(), cores(4)), true)
		for i := range 4 {
			w.granted(fmt.Sprint("p/", i), with(slots(), cores(1)), false)
			w.granted(fmt.Sprint("q/", i), with(slots(), cores(1)), false)
		}
		w.frees("p/all", "p/0", "q/0", "q/1", "q/2")
	})
}

func TestWithinAProjectPriorityGoesFirst(t *testing.T) {
	eachWorld(t, func(w world) {
		w.host("h", 1)
		w.granted("p/0", with(slots(), cores(1)), true)
		w.granted("p/low", with(slots(), cores(1), bine.PriorityLow), false)
		w.granted("p/plain", with(slots(), cores(1)), false)
		w.granted("p/high", with(slots(), cores(1), bine.PriorityHigh), false)
		all, err := w.Leases(w.t.Context())
		if err != nil || all[1].Priority != bine.PriorityLow || all[2].Priority != "" || all[3].Priority != bine.PriorityHigh {
			w.t.Errorf("leases %+v, %v", all, err)
		}
		w.frees("p/0", "p/high")
		w.frees("p/high", "p/plain")
		w.granted("p/plain2", with(slots(), cores(1)), false)
		w.frees("p/plain", "p/plain2") // low may wait for ever
		w.frees("p/plain2", "p/low")
	})
}

func TestABigOneIsNotStarvedByLittleOnesOfAnybody(t *testing.T) {
	eachWorld(t, func(w world) {
		w.host("h", 4)
		for i := range 4 {
			w.granted(fmt.Sprint("p/", i), with(slots(), cores(1)), true)
		}
		w.granted("q/big", with(slots(), cores(4)), false)
		for i := range 8 {
			w.granted(fmt.Sprint("p/more", i), with(slots(), cores(1)), false)
			w.granted(fmt.Sprint("q/more", i), with(slots(), cores(1)), false)
		}
		for i := range 3 {
			w.frees(fmt.Sprint("p/", i)) // kept for the big one
		}
		w.frees("p/3", "q/big")
	})
}

func TestWhoStandsBehindPassesOnlyWhereThatDelaysNoFirst(t *testing.T) {
	eachWorld(t, func(w world) {
		w.host("big", 8)
		w.host("little", 2)
		w.granted("p/running", with(slots(), cores(8)), true)
		w.granted("p/first", with(slots(), cores(8)), false) // keeps the big host
		w.granted("p/second", with(slots(), cores(3)), false)
		w.granted("p/third", with(slots(), cores(2)), true) // on the little one, which neither of them could take
		w.granted("q/first", with(slots(), cores(2)), false)
		w.frees("p/third", "q/first")
	})
}

func TestAProjectOverItsQuotaWaitsWithoutKeepingHosts(t *testing.T) {
	eachWorld(t, func(w world) {
		w.host("h", 8)
		w.quota("p", bine.Quota{CPU: 4, Steps: 3, Memory: 3 * gib})
		w.granted("p/1", with(slots(), cores(3)), true)
		w.granted("p/2", with(slots(), cores(2)), false)
		if _, reason := w.ask("p/2", with(slots(), cores(2))); reason != "the project's quota of 4 cores is used up" {
			w.t.Errorf("reason %q", reason)
		}
		w.granted("p/3", with(slots(), cores(1)), false) // the second goes before
		w.granted("q/1", with(slots(), cores(5)), true)
		all, err := w.Leases(w.t.Context())
		if err != nil || all[1].Reason != "the project's quota of 4 cores is used up" {
			w.t.Errorf("leases %+v, %v", all, err)
		}
		w.frees("q/1")
		w.quota("p", bine.Quota{CPU: 5, Steps: 3, Memory: 3 * gib}, "p/2")
		w.quota("p", bine.Quota{Steps: 2})
		if _, reason := w.ask("p/3", with(slots(), cores(1))); reason != "the project's quota of 2 processes at once is used up" {
			w.t.Errorf("reason %q", reason)
		}
		w.quota("p", bine.Quota{Memory: 2 * gib})
		if _, reason := w.ask("p/3", with(slots(), cores(1))); reason != "the project's quota of 2 GiB of memory is used up" {
			w.t.Errorf("reason %q", reason)
		}
		_, _, err = w.Ask(w.t.Context(), request("p/4", with(slots(), bine.Resources{CPU: 1, Memory: 3 * gib})))
		if !bine.IsKind(err, bine.NoQuota) || !strings.Contains(err.Error(), "quota of project p") {
			w.t.Errorf("more than the quota in all: %v; want no quota", err)
		}
		w.quota("p", bine.Quota{}, "p/3")
		q, err := w.Quota(w.t.Context(), "p")
		if err != nil || !q.Zero() {
			w.t.Errorf("quota %+v, %v", q, err)
		}
	})
}

func TestRunsAreBoundByAQuotaThatCountsThoseThatGoOn(t *testing.T) {
	eachWorld(t, func(w world) {
		runs := slots()
		runs.Slots = []bine.Slot{{Name: bine.RunsSlot("p"), Count: 1}}
		w.granted("p/before", runs, true) // there is no quota yet
		for range 2 {
			grants, err := w.SetQuota(w.t.Context(), "p", bine.Quota{Runs: 2}, []bine.RunID{"going-1"})
			w.grants("quota", grants, err)
		}
		w.granted("p/third", runs, false)
		if _, reason := w.ask("p/third", runs); reason != "the quota of project p of 2 runs at once is used up" {
			w.t.Errorf("reason %q", reason)
		}
		grants, err := w.ReleaseRun(w.t.Context(), "p", "going-1")
		w.grants("a run ended", grants, err, "p/third")
		if _, err := w.SetQuota(w.t.Context(), "nowhere", bine.Quota{Runs: 2}, nil); !bine.IsKind(err, bine.NotFound) {
			w.t.Errorf("a project that is not there: %v; want not found", err)
		}
	})
}

func TestManyThatWaitDelayNobodyElse(t *testing.T) {
	eachWorld(t, func(w world) {
		w.host("h", 1)
		w.queue("p", 200)
		w.queue("q", 100)
		w.granted("r/first", with(slots(), cores(1)), false)
		has := "p/0"
		for _, next := range []string{"p/1", "q/0", "r/first", "p/2", "q/1", "p/3"} {
			w.frees(has, next)
			has = next
		}
		counts, err := w.Counts(w.t.Context())
		sums := map[string]int{}
		for _, c := range counts {
			sums[fmt.Sprint(c.For, c.Granted)] = c.N
		}
		if err != nil || sums["hostfalse"] != 294 || sums["processtrue"] != 1 {
			w.t.Errorf("counts %v, %v; want 294 waiting and one process", counts, err)
		}
	})
}
