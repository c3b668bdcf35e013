package lease_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/lease"
)

const gib = 1 << 30

func cores(n float64) bine.Resources { return bine.Resources{CPU: n, Memory: gib} }

func each(t *testing.T, check func(t *testing.T, l *lease.Ledger)) {
	t.Helper()
	databasetest.Each(t, func(t *testing.T, db *database.DB) { check(t, lease.New(db)) })
}

// setHost gives a host of some cores and plenty of memory.
func setHost(t *testing.T, l *lease.Ledger, name bine.HostName, n float64, up bool) []bine.AttemptID {
	t.Helper()
	grants, err := l.SetHost(t.Context(), name, bine.Resources{CPU: n, Memory: 1000 * gib}, up)
	if err != nil {
		t.Fatal(err)
	}
	return attempts(grants)
}

func attempts(grants []lease.Grant) (ids []bine.AttemptID) {
	for _, g := range grants {
		ids = append(ids, g.Attempt)
	}
	return ids
}

func ask(t *testing.T, l *lease.Ledger, id bine.AttemptID, r bine.Resources, avoid ...bine.HostName) (bine.HostName, string) {
	t.Helper()
	g, reason, err := l.Ask(t.Context(), lease.Request{Attempt: id, Resources: r, Workflow: "w-" + string(id), Avoid: avoid})
	if err != nil {
		t.Fatalf("ask for %s: %v", id, err)
	}
	return g.Host, reason
}

func release(t *testing.T, l *lease.Ledger, id bine.AttemptID) []bine.AttemptID {
	t.Helper()
	grants, err := l.Release(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return attempts(grants)
}

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestWhatFitsIsGrantedAtOnceAndOnTheFullestHost(t *testing.T) {
	each(t, func(t *testing.T, l *lease.Ledger) {
		setHost(t, l, "a", 8, true)
		setHost(t, l, "b", 4, true)
		for i, host := range []bine.HostName{"b", "b", "a"} {
			got, _ := ask(t, l, bine.AttemptID(fmt.Sprint(i)), cores(2))
			want(t, fmt.Sprintf("request %d", i), got, host)
		}
	})
}

func TestAskingAgainAnswersTheSame(t *testing.T) {
	each(t, func(t *testing.T, l *lease.Ledger) {
		setHost(t, l, "a", 2, true)
		for range 2 {
			host, _ := ask(t, l, "one", cores(2))
			want(t, "the first", host, "a")
			host, reason := ask(t, l, "two", cores(1))
			want(t, "the second", host, "")
			if !strings.Contains(reason, "1 cores, 1 GiB of memory") {
				t.Errorf("reason %q does not say what it waits for", reason)
			}
		}
		leases, err := l.Leases(t.Context())
		if err != nil || len(leases) != 2 || leases[0].GrantedAt == nil || leases[1].GrantedAt != nil || leases[1].Reason == "" {
			t.Errorf("leases = %+v, %v; want one granted and one that waits", leases, err)
		}
	})
}

func TestTheLineIsServedInOrder(t *testing.T) {
	each(t, func(t *testing.T, l *lease.Ledger) {
		setHost(t, l, "a", 4, true)
		ask(t, l, "running", cores(3))
		host, _ := ask(t, l, "big", cores(4))
		want(t, "big", host, "")
		host, reason := ask(t, l, "small", cores(1))
		want(t, "small, which would fit but delay the big one", host, "")
		if !strings.Contains(reason, "others go before") {
			t.Errorf("reason %q does not say why", reason)
		}
		want(t, "granted when the first ends", release(t, l, "running"), []bine.AttemptID{"big"})
		want(t, "granted when the second ends", release(t, l, "big"), []bine.AttemptID{"small"})
		want(t, "releasing what is gone", release(t, l, "big"), []bine.AttemptID{})
	})
}

func TestASmallOnePassesWhereThatDelaysNobody(t *testing.T) {
	each(t, func(t *testing.T, l *lease.Ledger) {
		setHost(t, l, "large", 8, true)
		setHost(t, l, "little", 2, true)
		ask(t, l, "running", cores(8))
		ask(t, l, "big", cores(8))
		host, _ := ask(t, l, "small", cores(1))
		want(t, "small, on a host too little for the big one", host, "little")
	})
}

func TestOneThatLeavesTheLineMakesRoom(t *testing.T) {
	each(t, func(t *testing.T, l *lease.Ledger) {
		setHost(t, l, "a", 4, true)
		ask(t, l, "running", cores(3))
		ask(t, l, "big", cores(4))
		ask(t, l, "small", cores(1))
		want(t, "granted when the big one gives up", release(t, l, "big"), []bine.AttemptID{"small"})
	})
}

func TestWhatNoHostCanGiveIsRefused(t *testing.T) {
	each(t, func(t *testing.T, l *lease.Ledger) {
		host, reason := ask(t, l, "early", cores(64))
		if host != "" || !strings.Contains(reason, "come up") {
			t.Errorf("before any host: %q, %q; want it to wait for one", host, reason)
		}
		setHost(t, l, "a", 4, true)
		for _, id := range []bine.AttemptID{"early", "late"} {
			_, _, err := l.Ask(t.Context(), lease.Request{Attempt: id, Resources: cores(64)})
			if !bine.IsKind(err, bine.NoQuota) || !strings.Contains(err.Error(), "the largest, a, has 4 cores") {
				t.Errorf("%s: %v; want no quota that names the largest host", id, err)
			}
		}
		if leases, err := l.Leases(t.Context()); err != nil || len(leases) != 0 {
			t.Errorf("leases = %v, %v; want none", leases, err)
		}
	})
}

func TestHostsThatComeUpTakeWhoWaits(t *testing.T) {
	each(t, func(t *testing.T, l *lease.Ledger) {
		setHost(t, l, "a", 4, false)
		host, _ := ask(t, l, "one", cores(3))
		want(t, "while the host is lost", host, "")
		ask(t, l, "two", cores(3))
		want(t, "granted as it comes up", setHost(t, l, "a", 4, true), []bine.AttemptID{"one"})
		want(t, "granted as it grows", setHost(t, l, "a", 8, true), []bine.AttemptID{"two"})
		want(t, "granted as nothing changes", setHost(t, l, "a", 8, true), []bine.AttemptID{})
	})
}

func TestAHostIsAvoidedWhereThereIsAnother(t *testing.T) {
	each(t, func(t *testing.T, l *lease.Ledger) {
		setHost(t, l, "a", 2, true)
		host, _ := ask(t, l, "one", cores(1), "a")
		want(t, "with no other host", host, "a")
		setHost(t, l, "b", 2, true)
		host, _ = ask(t, l, "two", cores(1), "a")
		want(t, "with another", host, "b")
	})
}

func TestTheDeadAreReaped(t *testing.T) {
	each(t, func(t *testing.T, l *lease.Ledger) {
		setHost(t, l, "a", 2, true)
		ask(t, l, "dead", cores(2))
		ask(t, l, "dead too", cores(2))
		ask(t, l, "alive", cores(2))
		grants, err := l.Reap(t.Context(), func(l bine.Lease) bool { return l.Attempt == "alive" })
		want(t, "granted", attempts(grants), []bine.AttemptID{"alive"})
		if err != nil || len(grants) != 1 || grants[0].Workflow != "w-alive" || grants[0].Host != "a" {
			t.Errorf("reap = %v, %v", grants, err)
		}
	})
}

// holder counts what is granted on each host at any moment.
type holder struct {
	mu   sync.Mutex
	held map[bine.AttemptID]lease.Grant
	used map[bine.HostName]float64
	t    *testing.T
}

func (h *holder) take(g lease.Grant, want map[bine.AttemptID]float64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, twice := h.held[g.Attempt]; twice {
		return // told by the grant and by asking again
	}
	h.held[g.Attempt] = g
	h.used[g.Host] += want[g.Attempt]
	if h.used[g.Host] > 4 {
		h.t.Errorf("host %s has 4 cores, but %v are held", g.Host, h.used[g.Host])
	}
}

// give takes one that is held out, before it is released.
func (h *holder) give(want map[bine.AttemptID]float64) (bine.AttemptID, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, g := range h.held {
		if g.Host == "" {
			continue
		}
		h.used[g.Host] -= want[id]
		h.held[id] = lease.Grant{Attempt: id}
		return id, true
	}
	return "", false
}

func TestNothingIsEverGrantedTwice(t *testing.T) {
	each(t, func(t *testing.T, l *lease.Ledger) {
		const workers, requests = 8, 15
		for _, host := range []bine.HostName{"a", "b", "c"} {
			setHost(t, l, host, 4, true)
		}
		want := map[bine.AttemptID]float64{}
		for i := range workers * requests {
			want[bine.AttemptID(fmt.Sprint(i))] = 0.5 + float64(rand.IntN(6))/2
		}
		h := &holder{held: map[bine.AttemptID]lease.Grant{}, used: map[bine.HostName]float64{}, t: t}
		free := func() {
			id, ok := h.give(want)
			if !ok {
				return
			}
			grants, err := l.Release(context.WithoutCancel(t.Context()), id)
			if err != nil {
				t.Error(err)
			}
			for _, g := range grants {
				h.take(g, want)
			}
		}
		var wait sync.WaitGroup
		for w := range workers {
			wait.Go(func() {
				for i := range requests {
					id := bine.AttemptID(fmt.Sprint(w*requests + i))
					g, _, err := l.Ask(t.Context(), lease.Request{Attempt: id, Resources: cores(want[id])})
					if err != nil {
						t.Error(err)
						return
					}
					if g.Host != "" {
						h.take(g, want)
					}
					free()
				}
			})
		}
		wait.Wait()
		for range workers * requests {
			free()
		}
		leases, err := l.Leases(t.Context())
		if err != nil || len(leases) != 0 || len(h.held) != workers*requests {
			t.Errorf("at the end %d leases, %d of %d requests granted, %v; want none left and each granted", len(leases), len(h.held), workers*requests, err)
		}
	})
}

func TestGrantsJoinATransaction(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		l := lease.New(db)
		setHost(t, l, "a", 2, true)
		fault := fmt.Errorf("second thoughts")
		err := db.Together(t.Context(), func(ctx context.Context) error {
			if _, _, err := l.Ask(ctx, lease.Request{Attempt: "one", Resources: cores(2)}); err != nil {
				return err
			}
			return fault
		})
		leases, _ := l.Leases(t.Context())
		if err == nil || len(leases) != 0 {
			t.Errorf("an undone transaction: %v, leases %v; want none", err, leases)
		}
	})
}

func BenchmarkAskAndRelease(b *testing.B) {
	for name, db := range map[string]*database.DB{"SQLite": databasetest.SQLite(b), "MariaDB": databasetest.MariaDB(b)} {
		l := lease.New(db)
		for i := range 10 {
			if _, err := l.SetHost(b.Context(), bine.HostName(fmt.Sprintf("h%d", i)), bine.Resources{CPU: 16, Memory: 64 * gib}, true); err != nil {
				b.Fatal(err)
			}
		}
		for i := range 300 { // half of them wait
			if _, _, err := l.Ask(b.Context(), lease.Request{Attempt: bine.AttemptID(fmt.Sprintf("old-%d", i)), Resources: cores(1)}); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(name+"/busy", func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				id := bine.AttemptID(fmt.Sprintf("%s-%d", b.Name(), i))
				if _, _, err := l.Ask(b.Context(), lease.Request{Attempt: id, Resources: cores(1)}); err != nil {
					b.Fatal(err)
				}
				if _, err := l.Release(b.Context(), id); err != nil {
					b.Fatal(err)
				}
			}
		})
		leases, err := l.Leases(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		slices.Reverse(leases)
		for _, v := range leases {
			if _, err := l.Release(b.Context(), v.Attempt); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(name+"/free", func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				id := bine.AttemptID(fmt.Sprintf("%s-%d", b.Name(), i))
				if g, _, err := l.Ask(b.Context(), lease.Request{Attempt: id, Resources: cores(1)}); err != nil || g.Host == "" {
					b.Fatal(g, err)
				}
				if _, err := l.Release(b.Context(), id); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
