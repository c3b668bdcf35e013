package lease

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
)

// equip makes hosts of 4 devices.
func equip(t testing.TB, l *Ledger, hosts int) {
	t.Helper()
	for i := range hosts {
		name := bine.HostName(fmt.Sprintf("h%d", i))
		_, err := l.SetHost(t.Context(), name, bine.Resources{CPU: 16, Memory: 64 << 30}, true)
		if err == nil {
			_, err = l.SetDevices(t.Context(), name, []string{fmt.Sprintf("rack=%d", i/2)}, devicesOf(name, 4))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func devicesOf(host bine.HostName, n int) (all []bine.Device) {
	for i := range n {
		all = append(all, bine.Device{ID: bine.DeviceID(fmt.Sprintf("%s-%d", host, i)), Vendor: bine.VendorSimulated, Model: "A100", Index: i})
	}
	return all
}

// difference says in what the picture that a ledger keeps differs from the rows.
func difference(ctx context.Context, l *Ledger) (told string, err error) {
	err = l.write(ctx, func(t *tx) error {
		kept, err := t.picture()
		if err != nil {
			return err
		}
		read, err := t.look()
		if err != nil {
			return err
		}
		told = differ(kept, read)
		return nil
	})
	return told, err
}

func differ(kept, read *picture) string {
	for project, h := range kept.held {
		if h == (holding{}) {
			delete(kept.held, project)
		}
	}
	if !reflect.DeepEqual(kept.held, read.held) || !reflect.DeepEqual(kept.quotas, read.quotas) {
		return fmt.Sprintf("held %v, quotas %v; want %v, %v", kept.held, kept.quotas, read.held, read.quotas)
	}
	if len(kept.board.hosts) != len(read.board.hosts) || len(kept.board.devices) != len(read.board.devices) || kept.board.probation != read.board.probation {
		return fmt.Sprintf("%d hosts, %d devices, %d on probation; want %d, %d, %d", len(kept.board.hosts), len(kept.board.devices), kept.board.probation,
			len(read.board.hosts), len(read.board.devices), read.board.probation)
	}
	for i, h := range kept.board.hosts {
		o := read.board.hosts[i]
		if h.name != o.name || h.up != o.up || h.cordoned != o.cordoned || h.capacity != o.capacity || h.free != o.free || h.kept || !slices.Equal(h.labels, o.labels) || len(h.devices) != len(o.devices) {
			return fmt.Sprintf("host %+v, want %+v", h, o)
		}
		for j, d := range h.devices {
			if !reflect.DeepEqual(d, o.devices[j]) || kept.board.devices[d.ID] != d {
				return fmt.Sprintf("device %+v, want %+v", d, o.devices[j])
			}
		}
	}
	for preemptible := range 2 { // what is searched is what is there
		c := kept.board.index(preemptible == 1).Snapshot()
		if want := read.board.index(preemptible == 1).Snapshot(); !reflect.DeepEqual(c, want) {
			return fmt.Sprintf("the index has %+v, want %+v", c, want)
		}
	}
	return ""
}

// audit checks by the rows alone that nothing is granted twice.
func audit(t *testing.T, db *database.DB) {
	t.Helper()
	rows, err := db.Read().Query("SELECT d.id, d.used, COALESCE(SUM(g.milli), 0), COUNT(DISTINCT g.epoch), COUNT(g.epoch), COALESCE(MAX(g.epoch), 0), d.epoch FROM lease_devices d LEFT JOIN lease_grants g ON g.device = d.id AND g.ended_at IS NULL GROUP BY d.id, d.used, d.epoch")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var used, milli, epochs, grants, last, epoch int64
		if err := rows.Scan(&id, &used, &milli, &epochs, &grants, &last, &epoch); err != nil {
			t.Fatal(err)
		}
		if used != milli || milli > whole || epochs != grants || last > epoch {
			t.Errorf("device %s: %d are used, %d granted in %d grants of %d epochs up to %d, its own is %d", id, used, milli, grants, epochs, last, epoch)
		}
	}
	orphans := 0
	if err := db.Read().QueryRow("SELECT COUNT(*) FROM lease_grants g WHERE g.ended_at IS NULL AND NOT EXISTS (SELECT 1 FROM leases l WHERE l.attempt = g.attempt AND l.host = g.host)").Scan(&orphans); err != nil || orphans > 0 {
		t.Errorf("%d grants of nobody, %v", orphans, err)
	}
}

// twin plays with two ledgers on one database, as two servers do.
type twin struct {
	t       *testing.T
	db      *database.DB
	ledgers [2]*Ledger
	rand    *rand.Rand
	asked   []bine.AttemptID
	next    int
}

func (w *twin) step() error {
	l, ctx := w.ledgers[w.rand.IntN(2)], w.t.Context()
	host := bine.HostName(fmt.Sprintf("h%d", w.rand.IntN(4)))
	var err error
	switch n := w.rand.IntN(24); {
	case n < 11:
		err = w.ask(ctx, l)
	case n < 18 && len(w.asked) > 0:
		i := w.rand.IntN(len(w.asked))
		_, err = l.Release(ctx, w.asked[i])
		w.asked = slices.Delete(w.asked, i, i+1)
	case n == 18:
		_, err = l.SetHost(ctx, host, bine.Resources{CPU: float64(8 + w.rand.IntN(16)), Memory: 64 << 30}, w.rand.IntN(4) > 0)
	case n == 19:
		_, err = l.SetDevices(ctx, host, []string{fmt.Sprintf("rack=%d", w.rand.IntN(3))}, devicesOf("h0", 1+w.rand.IntN(4))) // they move between hosts
	case n == 20:
		_, err = l.Cordon(ctx, bine.DeviceID(fmt.Sprintf("%s-%d", host, w.rand.IntN(2))), w.rand.IntN(2) == 0, "", "ada")
	case n == 21:
		_, err = l.CordonHost(ctx, host, w.rand.IntN(3) == 0, "", "root")
	case n == 22: // a transaction that is undone behind the ledger's back
		fault := errors.New("second thoughts")
		err = w.db.Together(ctx, func(ctx context.Context) error { return errors.Join(w.ask(ctx, l), fault) })
		if w.asked = w.asked[:len(w.asked)-1]; errors.Is(err, fault) {
			err = nil
		}
	default:
		_, err = l.Verdict(ctx, "p", bine.Resources{CPU: 1, GPUs: float64(1 + w.rand.IntN(4))})
	}
	if bine.IsKind(err, bine.NotFound) {
		return nil
	}
	return err
}

func (w *twin) ask(ctx context.Context, l *Ledger) error {
	r := Request{Owner: bine.Owner{Project: "p"}, Resources: []bine.Resources{
		{CPU: 1, GPUs: 1}, {CPU: 1, GPUs: 0.4}, {CPU: 2}, {GPUs: 3, CPU: 3, GPU: "3 GPUs on 1 host preemptible"}, {CPU: 4, GPUs: 4, GPU: "4 GPUs on 2 hosts"},
	}[w.rand.IntN(5)]}
	if w.rand.IntN(8) == 0 {
		r.Avoid = []bine.HostName{"h1"}
	}
	w.next++
	r.Attempt = bine.AttemptID(fmt.Sprint("a", w.next))
	w.asked = append(w.asked, r.Attempt)
	_, _, err := l.Ask(ctx, r)
	if bine.IsKind(err, bine.NoQuota) {
		err = nil
	}
	return err
}

func TestTwoServersSeeTheSameRows(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		seed := rand.Uint64()
		w := &twin{t: t, db: db, ledgers: [2]*Ledger{New(db), New(db)}, rand: rand.New(rand.NewPCG(seed, 1))}
		equip(t, w.ledgers[0], 4)
		for n := range 200 {
			if err := w.step(); err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, n, err)
			}
			if n%5 > 0 {
				continue
			}
			for i, l := range w.ledgers {
				if told, err := difference(t.Context(), l); err != nil || told != "" {
					t.Fatalf("seed %d, step %d, ledger %d: %s, %v", seed, n, i, told, err)
				}
			}
		}
		audit(t, db)
	})
}

func TestManyAskTwoServersAtOnce(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		ledgers := [2]*Ledger{New(db), New(db)}
		equip(t, ledgers[0], 4)
		var wait sync.WaitGroup
		for n := range 16 {
			wait.Go(func() {
				l, r := ledgers[n%2], rand.New(rand.NewPCG(uint64(n), 1))
				for i := range 12 {
					id := bine.AttemptID(fmt.Sprintf("%d-%d", n, i))
					ctx, cancel := context.WithCancel(t.Context())
					if r.IntN(6) == 0 { // somebody does not wait for the answer
						go cancel()
					}
					_, _, err := l.Ask(ctx, Request{Attempt: id, Owner: bine.Owner{Project: "p"}, Resources: bine.Resources{CPU: 1, GPUs: []float64{0.5, 1, 2}[r.IntN(3)]}})
					if err != nil && ctx.Err() == nil {
						t.Error(err)
					}
					cancel()
					if _, err := ledgers[r.IntN(2)].Release(t.Context(), id); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wait.Wait()
		for _, l := range ledgers {
			if told, err := difference(t.Context(), l); err != nil || told != "" {
				t.Errorf("%s, %v", told, err)
			}
		}
		audit(t, db)
		left := 0
		if err := db.Read().QueryRow("SELECT COUNT(*) FROM leases").Scan(&left); err != nil || left != 0 {
			t.Errorf("%d leases are left, %v", left, err)
		}
	})
}

func TestRowsThatWereChangedBehindTheBackAreNotGrantedTwice(t *testing.T) {
	for what, statement := range map[string]string{
		"a grant":             "UPDATE lease_devices SET used = 1000, epoch = epoch + 1 WHERE id = 'h0-0'",
		"no epoch moved":      "UPDATE lease_devices SET used = 1000 WHERE id = 'h0-0'",
		"a grant and its end": "UPDATE lease_devices SET epoch = epoch + 2 WHERE id = 'h0-0'",
	} {
		t.Run(what, func(t *testing.T) {
			databasetest.Each(t, func(t *testing.T, db *database.DB) {
				l := New(db)
				equip(t, l, 1)
				ask := func(ctx context.Context, id bine.AttemptID) (bine.HostName, error) {
					g, _, err := l.Ask(ctx, Request{Attempt: id, Resources: bine.Resources{GPUs: 1}})
					return g.Host, err
				}
				if host, err := ask(t.Context(), "first"); host != "h0" || err != nil {
					t.Fatal(host, err)
				}
				if _, err := l.Release(t.Context(), "first"); err != nil {
					t.Fatal(err)
				}
				if err := db.Write(t.Context(), func(tx *sql.Tx) error {
					_, err := tx.Exec(statement)
					return err
				}); err != nil {
					t.Fatal(err)
				}
				err := db.Together(t.Context(), func(ctx context.Context) error {
					_, err := ask(ctx, "joined")
					return err
				})
				if !bine.IsKind(err, bine.Unavailable) {
					t.Errorf("in a transaction of others: %v, want one to try again", err)
				}
				if host, err := ask(t.Context(), "second"); host != "h0" || err != nil {
					t.Fatal(host, err)
				}
				used := 0
				if err := db.Read().QueryRow("SELECT SUM(used) FROM lease_devices").Scan(&used); err != nil {
					t.Fatal(err)
				}
				want := 2 * whole
				if what == "a grant and its end" {
					want = whole
				}
				if used != want {
					t.Errorf("%d are used, want %d", used, want)
				}
				if told, err := difference(t.Context(), l); err != nil || told != "" {
					t.Errorf("%s, %v", told, err)
				}
			})
		})
	}
}

func TestManyShareATransaction(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		l := New(db)
		equip(t, l, 4)
		version := func() (n int) {
			if err := db.Read().QueryRow("SELECT version FROM lease_ledger WHERE id = 1").Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		before := version()
		block, blocked := make(chan bool), make(chan bool)
		var wait sync.WaitGroup
		wait.Go(func() { // as long as this one writes, the others gather
			err := l.share(t.Context(), &job{f: func(t *tx) error { close(blocked); <-block; return nil }})
			if err != nil {
				t.Error(err)
			}
		})
		<-blocked
		fault := errors.New("one that fails")
		for n := range 12 {
			wait.Go(func() {
				if n == 0 {
					if err := l.share(t.Context(), &job{f: func(t *tx) error { return fault }}); !errors.Is(err, fault) {
						t.Errorf("the one that fails: %v", err)
					}
					return
				}
				g, _, err := l.Ask(t.Context(), Request{Attempt: bine.AttemptID(fmt.Sprint(n)), Resources: bine.Resources{GPUs: 1}})
				if err != nil || g.Host == "" {
					t.Errorf("%d: %+v, %v", n, g, err)
				}
			})
		}
		for {
			l.turns.mu.Lock()
			n := len(l.turns.waiting)
			l.turns.mu.Unlock()
			if n == 12 {
				break
			}
		}
		close(block)
		wait.Wait()
		if n := version() - before; n != 11 { // each alone, since one failed
			t.Errorf("%d transactions, want 11", n)
		}
		before = version()
		block, blocked = make(chan bool), make(chan bool)
		wait.Go(func() {
			_ = l.share(t.Context(), &job{f: func(t *tx) error { close(blocked); <-block; return nil }})
		})
		<-blocked
		for n := range 11 {
			wait.Go(func() {
				if _, err := l.Release(t.Context(), bine.AttemptID(fmt.Sprint(n+1))); err != nil {
					t.Error(err)
				}
			})
		}
		for {
			l.turns.mu.Lock()
			n := len(l.turns.waiting)
			l.turns.mu.Unlock()
			if n == 11 {
				break
			}
		}
		close(block)
		wait.Wait()
		if n := version() - before; n != 1 {
			t.Errorf("%d transactions, want 1", n)
		}
		audit(t, db)
	})
}
