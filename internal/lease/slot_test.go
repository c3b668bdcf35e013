package lease_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/lease"
	"github.com/bine-ml/bine/internal/store"
)

// world is a ledger in a database with the projects p and q.
type world struct {
	*lease.Ledger
	t  *testing.T
	db *database.DB
}

func eachWorld(t *testing.T, check func(w world)) {
	t.Helper()
	databasetest.Each(t, func(t *testing.T, db *database.DB) { check(newWorld(t, db)) })
}

func newWorld(t testing.TB, db *database.DB) world {
	t.Helper()
	s := store.New(db)
	if err := s.CreateUser(t.Context(), bine.User{Name: "ann"}, "hash"); err != nil {
		t.Fatal(err)
	}
	for _, p := range []bine.ProjectName{"p", "q"} {
		if err := s.CreateProject(t.Context(), bine.Project{Name: p, CreatedBy: "ann"}); err != nil {
			t.Fatal(err)
		}
	}
	own, _ := t.(*testing.T)
	return world{lease.New(db), own, db}
}

// ask asks for a step of a run of a project, which is its name up to the slash:
// p/train. It gives where it was granted, or what it waits for.
func (w world) ask(name string, r lease.Request) (bine.HostName, string) {
	w.t.Helper()
	g, reason, err := w.Ask(w.t.Context(), request(name, r))
	if err != nil {
		w.t.Fatalf("ask for %s: %v", name, err)
	}
	return g.Host, reason
}

func request(name string, r lease.Request) lease.Request {
	r.Owner = bine.Owner{Project: bine.ProjectName(name[:1]), Kind: bine.OwnerRun, Name: "run-" + name[2:]}
	r.Attempt, r.Workflow = bine.AttemptID(name), "w-"+name
	return r
}

// granted asks, and wants it to be granted or to wait.
func (w world) granted(name string, r lease.Request, want bool) {
	w.t.Helper()
	if host, reason := w.ask(name, r); (host != "") != want {
		w.t.Errorf("%s: granted %q, waits for %q; want granted %v", name, host, reason, want)
	}
}

// frees releases what one has, and wants others to be granted by it.
func (w world) frees(name string, want ...string) {
	w.t.Helper()
	grants, err := w.Release(w.t.Context(), bine.AttemptID(name))
	w.grants("released "+name, grants, err, want...)
}

func (w world) grants(what string, grants []lease.Grant, err error, want ...string) {
	w.t.Helper()
	var got []string
	for _, g := range grants {
		got = append(got, string(g.Attempt))
		if g.Host == "" || g.Workflow != "w-"+string(g.Attempt) {
			w.t.Errorf("%s: the grant %+v lacks its host or workflow", what, g)
		}
	}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Errorf("%s: granted %v, %v; want %v", what, got, err, want)
	}
}

func (w world) pool(name string, slots int, want ...string) {
	w.t.Helper()
	grants, err := w.SetPool(w.t.Context(), bine.ProjectName(name[:1]), bine.Pool{Name: bine.PoolName(name[2:]), Slots: slots})
	w.grants("pool "+name, grants, err, want...)
}

func (w world) host(name bine.HostName, n float64, want ...string) {
	w.t.Helper()
	grants, err := w.SetHost(w.t.Context(), name, bine.Resources{CPU: n, Memory: 1000 * gib}, true)
	w.grants("host "+string(name), grants, err, want...)
}

// slots asks for slots alone: pool:db:2 are two of the pool db of project p,
// key:a:1 is one of a key that at most one may have at once.
func slots(all ...string) (r lease.Request) {
	for _, text := range all {
		var kind, name string
		n := 0
		if _, err := fmt.Sscanf(text, "%4s:%1s:%d", &kind, &name, &n); err != nil {
			panic(err)
		}
		s := bine.Slot{Name: bine.PoolSlot("p", bine.PoolName(name)), Count: n}
		if kind == "keys" {
			s = bine.Slot{Name: bine.StepKeySlot("p", "flights", "train", name), Count: 1, Most: n}
		}
		r.Slots = append(r.Slots, s)
	}
	return r
}

func with(r lease.Request, res bine.Resources, priority ...bine.Priority) lease.Request {
	r.Resources = res
	for _, p := range priority {
		r.Priority = p
	}
	return r
}

func TestAPoolIsHeldByAsManyAsItHasSlots(t *testing.T) {
	eachWorld(t, func(w world) {
		w.pool("p/d", 3)
		w.granted("p/1", slots("pool:d:2"), true)
		w.granted("p/2", slots("pool:d:2"), false)
		w.granted("p/3", slots("pool:d:1"), false) // would fit, and delay the second
		if _, reason := w.ask("p/2", slots("pool:d:2")); reason != "waits for 2 slots of pool d (2 of 3 held)" {
			w.t.Errorf("reason %q", reason)
		}
		w.frees("p/1", "p/2", "p/3")
		w.frees("p/1")
	})
}

func TestAPoolThatChangesDoesSoForThoseThatWait(t *testing.T) {
	eachWorld(t, func(w world) {
		w.pool("p/d", 1)
		w.granted("p/1", slots("pool:d:1"), true)
		w.granted("p/2", slots("pool:d:2"), false)
		if _, reason := w.ask("p/2", slots("pool:d:2")); reason != "waits for 2 slots of pool d, which has only 1" {
			w.t.Errorf("reason %q", reason)
		}
		w.pool("p/d", 3, "p/2")
		w.pool("p/d", 0)
		w.granted("p/3", slots("pool:d:1"), false)
		w.frees("p/1")
		w.frees("p/2")
		w.pool("p/d", 1, "p/3")
		if err := w.DeletePool(w.t.Context(), "p", "d"); !bine.IsKind(err, bine.Conflict) {
			w.t.Errorf("removing a pool that is held: %v, want a conflict", err)
		}
		w.frees("p/3")
		if err := w.DeletePool(w.t.Context(), "p", "d"); err != nil {
			w.t.Error(err)
		}
		_, _, err := w.Ask(w.t.Context(), request("p/4", slots("pool:d:1")))
		if !bine.IsKind(err, bine.NoQuota) {
			w.t.Errorf("a pool that is not there: %v, want no quota", err)
		}
	})
}

func TestAtMostSoManyHaveTheSameKey(t *testing.T) {
	eachWorld(t, func(w world) {
		for i, want := range []bool{true, true, false} {
			w.granted(fmt.Sprint("p/", i), slots("keys:a:2"), want)
		}
		w.granted("p/other", slots("keys:b:2"), true)
		if _, reason := w.ask("p/2", slots("keys:a:2")); reason != "waits for its turn: at most 2 at a time for a" {
			w.t.Errorf("reason %q", reason)
		}
		if granted, reason, err := w.Standing(w.t.Context(), "p/2"); granted || reason == "" || err != nil {
			w.t.Errorf("stands at %v, %q, %v; want it to wait and say why", granted, reason, err)
		}
		w.frees("p/0", "p/2")
		for _, id := range []bine.AttemptID{"p/2", "p/nobody"} {
			if granted, _, err := w.Standing(w.t.Context(), id); !granted || err != nil {
				w.t.Errorf("%s stands at %v, %v; want it not to wait", id, granted, err)
			}
		}
	})
}

func TestWhoWaitsForAKeyHoldsNoPool(t *testing.T) {
	eachWorld(t, func(w world) {
		w.pool("p/d", 2)
		w.granted("p/1", slots("keys:a:1", "pool:d:1"), true)
		for i := range 5 {
			w.granted(fmt.Sprint("p/same", i), slots("pool:d:1", "keys:a:1"), false)
		}
		w.granted("p/other", slots("keys:b:1", "pool:d:1"), true)
		w.granted("p/third", slots("keys:c:1", "pool:d:1"), false)
		w.frees("p/other", "p/third")
		w.frees("p/1", "p/same0")
	})
}

func TestWhoNeedsMuchIsNotPassedForEver(t *testing.T) {
	eachWorld(t, func(w world) {
		w.pool("p/d", 2)
		w.pool("p/e", 1)
		w.granted("p/1", slots("pool:d:1"), true)
		w.granted("p/2", slots("pool:d:1"), true)
		w.granted("p/e", slots("pool:e:1"), true)
		w.granted("p/much", slots("pool:d:2", "pool:e:1"), false)
		for i := range 4 { // each would fit as soon as one ends
			w.granted(fmt.Sprint("p/d", i), slots("pool:d:1"), false)
			w.granted(fmt.Sprint("p/e", i), slots("pool:e:1"), false)
		}
		w.frees("p/1")
		w.frees("p/2") // it has both of d now, and stands in the line of e
		w.frees("p/e", "p/much")
		w.frees("p/much", "p/d0", "p/d1", "p/e0")
	})
}

func TestSlotsAreGivenByPriorityAndTakenOverFromWhoHasNotBegun(t *testing.T) {
	eachWorld(t, func(w world) {
		w.host("h", 2)
		w.pool("p/d", 1)
		w.granted("p/busy", with(slots(), cores(2)), true)
		w.granted("p/low", with(slots("pool:d:1"), cores(1), bine.PriorityLow), false) // has the slot, waits for the host
		w.granted("p/high", with(slots("pool:d:1"), cores(1), bine.PriorityHigh), false)
		w.granted("p/plain", with(slots("pool:d:1"), cores(1)), false)
		w.frees("p/busy", "p/high")
		w.frees("p/high", "p/plain")
		w.frees("p/plain", "p/low")
	})
}

func TestSlotsAndResourcesAreGrantedTogether(t *testing.T) {
	eachWorld(t, func(w world) {
		w.host("h", 4)
		w.pool("p/d", 1)
		w.granted("p/1", with(slots("pool:d:1"), cores(1)), true)
		w.granted("p/2", with(slots("pool:d:1"), cores(3)), false)
		w.granted("p/3", with(slots(), cores(3)), true) // who waits for a slot keeps no host
		w.frees("p/1")
		if _, reason := w.ask("p/2", with(slots("pool:d:1"), cores(3))); reason != "waits for 3 cores, 1 GiB of memory to become free" {
			w.t.Errorf("reason %q", reason)
		}
		w.granted("p/4", slots("pool:d:1"), false)
		w.frees("p/3", "p/2")
		w.frees("p/2", "p/4")
		all, err := w.Leases(w.t.Context())
		if err != nil || len(all) != 1 || all[0].Host != "" || all[0].GrantedAt == nil || len(all[0].Slots) != 1 || all[0].Slots[0].Count != 1 {
			w.t.Errorf("leases %+v, %v; want one with a slot and no host", all, err)
		}
	})
}

func TestSlotsOfACancelledRunComeBackDagster32560(t *testing.T) {
	eachWorld(t, func(w world) {
		w.pool("p/d", 2)
		w.host("h", 4)
		ask := func(name, run string, want bool) {
			w.t.Helper()
			r := request(name, slots("pool:d:1"))
			r.Owner.Name = run
			if g, _, err := w.Ask(w.t.Context(), r); err != nil || (g.Host != "") != want {
				w.t.Errorf("%s: %+v, %v; want granted %v", name, g, err, want)
			}
		}
		ask("p/1", "flights-1", true)
		ask("p/2", "flights-1", true)
		ask("p/3", "flights-1", false)
		ask("p/4", "flights-2", false)
		ask("p/5", "flights-2", false)
		process := request("p/6", with(slots(), cores(1)))
		process.Owner.Name = "flights-1"
		if g, _, err := w.Ask(w.t.Context(), process); err != nil || g.Host != "h" {
			w.t.Errorf("a process: %+v, %v", g, err)
		}
		for _, want := range [][]string{{"p/4", "p/5"}, nil} {
			grants, err := w.ReleaseRun(w.t.Context(), "p", "flights-1")
			w.grants("the run was cancelled", grants, err, want...)
		}
		pool, err := w.Pool(w.t.Context(), "p", "d")
		if err != nil || pool.Used != 2 || pool.Waiting != 0 {
			w.t.Errorf("pool %+v, %v; want both slots with the other run", pool, err)
		}
		all, err := w.Leases(w.t.Context())
		if err != nil || len(all) != 3 {
			w.t.Errorf("%d leases, %v; want that of the process, which still goes on, and the other run's", len(all), err)
		}
		grants, err := w.Reap(w.t.Context(), func(l bine.Lease) bool { return l.Owner.Name != "flights-2" })
		w.grants("the other run died", grants, err)
		if pool, _ = w.Pool(w.t.Context(), "p", "d"); pool.Used != 0 {
			w.t.Errorf("pool %+v; want nothing held", pool)
		}
	})
}

func TestTwoServersNeverGiveMoreThanAPoolHasKestra14196(t *testing.T) {
	address := databasetest.MariaDBAddress(t)
	var servers []world
	for i := range 2 {
		db, err := database.Open(t.Context(), address, database.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		if i == 0 {
			servers = append(servers, newWorld(t, db))
		} else {
			servers = append(servers, world{lease.New(db), t, db})
		}
	}
	const slotsOfPool, steps = 3, 40
	servers[0].pool("p/d", slotsOfPool)
	held := &tally{t: t, most: slotsOfPool, now: map[bine.AttemptID]bool{}, ever: map[bine.AttemptID]bool{}}
	var wait sync.WaitGroup
	for i := range steps {
		wait.Go(func() {
			w := servers[i%2]
			g, _, err := w.Ask(t.Context(), request(fmt.Sprintf("p/%d", i), slots("pool:d:1")))
			if err != nil {
				t.Error(err)
				return
			}
			held.run(w, g)
		})
	}
	wait.Wait()
	if len(held.ever) != steps || len(held.now) != 0 {
		t.Errorf("%d of %d were granted, %d are held at the end", len(held.ever), steps, len(held.now))
	}
}

// tally counts who holds a slot at any moment.
type tally struct {
	t         *testing.T
	mu        sync.Mutex
	most      int
	now, ever map[bine.AttemptID]bool
}

// run holds what was granted for a moment, and goes on with who follows.
func (y *tally) run(w world, g lease.Grant) {
	if g.Host == "" || !y.take(g.Attempt) {
		return
	}
	y.mu.Lock()
	delete(y.now, g.Attempt)
	y.mu.Unlock()
	next, err := w.Release(y.t.Context(), g.Attempt)
	if err != nil {
		y.t.Error(err)
	}
	for _, g := range next {
		y.run(w, g)
	}
}

func (y *tally) take(id bine.AttemptID) bool {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.ever[id] {
		return false // granted and told twice
	}
	y.now[id], y.ever[id] = true, true
	if len(y.now) > y.most {
		y.t.Errorf("%d hold the pool of %d slots", len(y.now), y.most)
	}
	return true
}

// queue lets many of a project ask for a core each, in one transaction.
func (w world) queue(project string, n int) {
	w.t.Helper()
	err := w.db.Together(w.t.Context(), func(ctx context.Context) error { return fill(ctx, w.Ledger, project, n) })
	if err != nil {
		w.t.Fatal(err)
	}
}

func fill(ctx context.Context, l *lease.Ledger, project string, n int) error {
	for i := range n {
		if _, _, err := l.Ask(ctx, request(fmt.Sprintf("%s/%d", project, i), with(slots(), cores(1)))); err != nil {
			return err
		}
	}
	return nil
}
