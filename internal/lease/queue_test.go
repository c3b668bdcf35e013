package lease_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/lease"
)

// asks asks for a project for some time, and gives the host and the reason to wait.
func asks(t *testing.T, l *lease.Ledger, id string, r bine.Resources, within time.Duration, p bine.Priority) (bine.HostName, string) {
	t.Helper()
	project, _, _ := strings.Cut(id, "/")
	g, reason, err := l.Ask(t.Context(), lease.Request{Attempt: bine.AttemptID(id), Owner: bine.Owner{Project: bine.ProjectName(project), Name: "run"}, Resources: r, Within: within, Priority: p})
	if err != nil {
		t.Fatal(err)
	}
	return g.Host, reason
}

func TestTheQueueSaysWhenEachStartsAndWhatIsKept(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		l, c := clocked(db)
		setDevices(t, l, "a", 4, "A100")
		asks(t, l, "p/1", gpus(2), time.Hour, "")
		_, reason := asks(t, l, "p/big", gpus(4), time.Hour, "")
		if !strings.Contains(reason, "its place is kept for 2026-01-01 13:00 UTC at the latest") {
			t.Errorf("the first is told %q", reason)
		}
		host, _ := asks(t, l, "q/short", words(2, "2 GPUs on 1 host for 30 minutes"), 2*time.Hour, "")
		want(t, "who is done by then", host, "a")
		_, reason = asks(t, l, "q/long", gpus(2), 3*time.Hour, "")
		if !strings.Contains(reason, "2 GPUs") {
			t.Errorf("the second is told %q", reason)
		}
		host, _ = asks(t, l, "q/cores", cores(1000), 0, "") // which leaves none to the first
		want(t, "who would take its cores", host, "")
		c.at = noon.Add(10 * time.Minute)
		all, err := l.Leases(t.Context())
		if err != nil || len(all) != 5 {
			t.Fatal(all, err)
		}
		big, short, long := all[1], all[2], all[3]
		if big.Place != 1 || big.StartsAt == nil || !big.StartsAt.Equal(noon.Add(time.Hour)) || big.Reservation == nil || !big.Reservation.At.Equal(noon.Add(time.Hour)) || !big.Reservation.Since.Equal(noon) || len(big.Reservation.Devices) != 4 {
			t.Errorf("the first: %+v, %+v", big, big.Reservation)
		}
		if short.EndsAt == nil || !short.EndsAt.Equal(noon.Add(30*time.Minute)) {
			t.Errorf("the one that runs ends at %v", short.EndsAt)
		}
		if long.Place != 2 || long.StartsAt == nil || !long.StartsAt.Equal(noon.Add(2*time.Hour)) || long.Reservation != nil {
			t.Errorf("the second: %+v", long)
		}
		v, err := l.Verdict(t.Context(), "q", gpus(1))
		if err != nil || v.Answer != bine.VerdictNotNow || v.Starts == nil || !v.Starts.Equal(noon.Add(2*time.Hour)) {
			t.Errorf("verdict %+v, %v", v, err)
		}
		c.at = noon.Add(20 * time.Minute)
		want(t, "sooner than it was said", release(t, l, "q/short"), []bine.AttemptID{})
		want(t, "and the other", release(t, l, "p/1"), []bine.AttemptID{"p/big"})
	})
}

func TestThePriorityOfWhoWaitsCanBeChanged(t *testing.T) {
	eachWorld(t, func(w world) {
		setDevices(w.t, w.Ledger, "a", 1, "A100")
		asks(w.t, w.Ledger, "p/0", gpus(1), 0, "")
		asks(w.t, w.Ledger, "p/1", gpus(1), 0, "")
		asks(w.t, w.Ledger, "p/2", gpus(1), 0, "")
		set := func(p bine.ProjectName, id bine.AttemptID) error {
			_, err := w.SetPriority(w.t.Context(), p, id, bine.PriorityHigh)
			return err
		}
		if err := set("p", "p/2"); err != nil {
			w.t.Error(err)
		}
		if err := set("p", "p/0"); !bine.IsKind(err, bine.Conflict) {
			w.t.Errorf("of one that was granted: %v, want a conflict", err)
		}
		for _, id := range []bine.AttemptID{"p/none", "p/1"} {
			if err := set("q", id); !bine.IsKind(err, bine.NotFound) {
				w.t.Errorf("of %s in another project: %v, want not found", id, err)
			}
		}
		w.frees2("p/0", "p/2")
		w.frees2("p/2", "p/1")
	})
}

// frees2 is frees for those that have no workflow.
func (w world) frees2(id bine.AttemptID, next ...bine.AttemptID) {
	w.t.Helper()
	want(w.t, "granted by "+string(id), release(w.t, w.Ledger, id), next)
}

func TestWholeHostsBelongToAProject(t *testing.T) {
	eachWorld(t, func(w world) {
		l := w.Ledger
		for _, host := range []bine.HostName{"a", "b"} {
			setDevices(w.t, l, host, 2, "A100")
		}
		quota := bine.Quota{Cells: []bine.CellQuota{{Level: bine.CellHost, Model: "A100", Guaranteed: 1}}}
		w.quota("p", quota)
		if q, err := w.Quota(w.t.Context(), "p"); err != nil || fmt.Sprint(q) != fmt.Sprint(quota) {
			w.t.Errorf("quota %+v, %v", q, err)
		}
		host, _ := asks(w.t, l, "q/1", gpus(1), 0, "")
		want(w.t, "where it belongs to nobody", host, "b")
		host, reason := asks(w.t, l, "q/2", gpus(2), 0, "")
		want(w.t, "the host that is p's", host, "")
		if !strings.Contains(reason, "is kept for it when others give back") {
			w.t.Errorf("it is told %q", reason)
		}
		host, _ = asks(w.t, l, "q/3", words(2, "2 GPUs on 1 host preemptible"), 0, "")
		want(w.t, "what may be asked back", host, "a")
		host, _ = asks(w.t, l, "p/1", gpus(2), 0, "")
		want(w.t, "whose it is", host, "")
		ids, err := l.AskedBack(w.t.Context(), "a")
		want(w.t, "who has it makes room", fmt.Sprint(ids, err), "[q/3] <nil>")
		s, err := l.StandingOf(w.t.Context(), "p")
		if err != nil || s.Owed != 2 || s.Waiting != 1 || len(s.Cells) != 1 || s.Cells[0].Owed != 1 || fmt.Sprint(s.Cells[0].Hosts) != "[a]" {
			w.t.Errorf("standing %+v, %v", s, err)
		}
		if s, err = l.StandingOf(w.t.Context(), "q"); err != nil || s.Borrowed != 3 || s.Held.GPUs != 3 || s.Wanted != 2 {
			w.t.Errorf("standing %+v, %v", s, err)
		}
		w.frees2("q/3", "p/1")
		if s, err = l.StandingOf(w.t.Context(), "p"); err != nil || s.Borrowed != 0 || s.Owed != 0 || s.Cells[0].Held != 1 || s.Cells[0].Owed != 0 {
			w.t.Errorf("standing %+v, %v", s, err)
		}
		w.quota("p", bine.Quota{})
		w.frees2("p/1", "q/2")
	})
}

func TestWhoYieldsMakesRoomFirst(t *testing.T) {
	eachWorld(t, func(w world) {
		l, c := clocked(w.db)
		setDevices(w.t, l, "a", 3, "A100")
		w.quota("p", bine.Quota{Guaranteed: 2})
		preemptible := words(1, "1 GPU on 1 host preemptible")
		ask := func(id bine.AttemptID, yields bool) {
			if _, _, err := l.Ask(w.t.Context(), lease.Request{Attempt: id, Owner: bine.Owner{Project: "q"}, Resources: preemptible, Yields: yields}); err != nil {
				w.t.Fatal(err)
			}
		}
		ask("sweep", true)
		c.at = noon.Add(time.Hour)
		ask("idle", false)
		c.at = noon.Add(2 * time.Hour)
		ask("late", false) // which would lose the least
		if err := l.SetUse(w.t.Context(), []bine.DeviceUse{{Device: "a-1", At: c.at}}); err != nil {
			w.t.Fatal(err)
		}
		back := func() string {
			ids, err := l.AskedBack(w.t.Context(), "a")
			return fmt.Sprint(ids, err)
		}
		asks(w.t, l, "p/1", gpus(1), 0, "")
		want(w.t, "of those that yield, who loses the least", back(), "[idle] <nil>")
		want(w.t, "who has it", release(w.t, l, "idle"), []bine.AttemptID{"p/1"})
		asks(w.t, l, "p/2", gpus(1), 0, "")
		want(w.t, "a trial of a sweep", back(), "[sweep] <nil>")
	})
}
