package bench

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/lease"
)

// LeaseBench is how the ledger of resources is measured.
type LeaseBench struct {
	Dir      string       // empty; holds a SQLite database
	Database string       // address of an empty MySQL database to measure too; empty for none
	Devices  []int        // how many there are, ascending; none: 100, 1,000 and 10,000
	Grants   int          // that are timed of each kind; 0 is 2,000
	Progress func(string) // told what is measured
}

// The goals of grants that are on disk, with 10,000 devices.
const (
	manyDevices     = 10_000
	mostGrantHalf   = 2 * time.Millisecond
	mostGrantP99    = 15 * time.Millisecond
	leastGrants     = 5_000 // in a second
	mostRestart     = time.Second
	devicesOfAHost  = 8
	leaseRounds     = 3 // the one that others on the machine disturbed the least counts
	benchHeld       = 0.8
	benchAtOnceGoal = 256
)

// Leases measures grants of devices as the ledger makes them: decided, written
// with the epoch of each device, and on disk when they are answered. The
// reference is a commit of one changed row in the same database.
func Leases(ctx context.Context, o LeaseBench) ([]Row, error) {
	addresses := []string{"sqlite://" + filepath.Join(o.Dir, "bench.db")}
	if o.Database != "" {
		addresses = append(addresses, o.Database)
	}
	if len(o.Devices) == 0 {
		o.Devices = []int{100, 1_000, manyDevices}
	}
	var rows []Row
	for _, address := range addresses {
		more, err := o.engine(ctx, address)
		if rows = append(rows, more...); err != nil {
			return rows, err
		}
	}
	return rows, nil
}

// leasing is a ledger that is measured.
type leasing struct {
	LeaseBench
	db      *database.DB
	ledger  *lease.Ledger
	name    string // of the engine
	devices int
	asked   atomic.Int64
}

// engine measures on one database.
func (o LeaseBench) engine(ctx context.Context, address string) (rows []Row, err error) {
	o.Grants = cmp.Or(o.Grants, 2_000)
	b := &leasing{LeaseBench: o, name: "SQLite"}
	if err := b.open(ctx, address); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.db.Close()) }()
	if b.db.Dialect() == database.MySQL {
		b.name = "MySQL"
	}
	if counts, err := b.ledger.Counts(ctx); err != nil || len(counts) > 0 {
		return nil, errors.Join(err, bine.Errorf(bine.Conflict, "there are leases in the database already: measure in an empty one"))
	}
	for _, devices := range o.Devices {
		b.tell("%s: grants with %d devices", b.name, devices)
		if err := b.grow(ctx, devices); err != nil {
			return rows, err
		}
		more, err := b.one(ctx)
		if rows = append(rows, more...); err != nil {
			return rows, err
		}
	}
	for _, measure := range []func(context.Context) ([]Row, error){b.several, b.alone} {
		more, err := measure(ctx)
		if rows = append(rows, more...); err != nil {
			return rows, err
		}
	}
	more, err := b.restart(ctx, address)
	return append(rows, more...), err
}

func (b *leasing) open(ctx context.Context, address string) (err error) {
	if b.db, err = database.Open(ctx, address, database.Options{}); err == nil {
		b.ledger = lease.New(b.db)
	}
	return err
}

func (b *leasing) tell(format string, args ...any) {
	if b.Progress != nil {
		b.Progress(fmt.Sprintf(format, args...))
	}
}

// grow adds hosts until there are so many devices; 32 hosts are a rack.
func (b *leasing) grow(ctx context.Context, devices int) error {
	for b.devices < devices {
		err := b.db.Together(ctx, func(ctx context.Context) error {
			for n := b.devices / devicesOfAHost * devicesOfAHost; n < min(devices, b.devices+32*devicesOfAHost); n += devicesOfAHost {
				host := bine.HostName(fmt.Sprintf("h%05d", n/devicesOfAHost))
				var all []bine.Device
				for i := range min(devicesOfAHost, devices-n) {
					all = append(all, bine.Device{ID: bine.DeviceID(fmt.Sprintf("%s/%d", host, i)), Vendor: bine.VendorSimulated, Model: "A100", Index: i, NUMA: i / 4})
				}
				if _, err := b.ledger.SetHost(ctx, host, bine.Resources{CPU: 128, Memory: 1 << 40}, true); err != nil {
					return err
				}
				if _, err := b.ledger.SetDevices(ctx, host, []string{fmt.Sprintf("rack=%d", n/devicesOfAHost/32)}, all); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		b.devices = min(devices, b.devices+32*devicesOfAHost)
	}
	return nil
}

// kinds are what is asked for, and how often: of 20.
var kinds = slices.Concat(slices.Repeat([]bine.Resources{asking(1, "")}, 11), slices.Repeat([]bine.Resources{asking(2, "")}, 3),
	slices.Repeat([]bine.Resources{asking(4, "")}, 3), slices.Repeat([]bine.Resources{asking(8, "")}, 2),
	[]bine.Resources{asking(16, "16 GPUs on 2 hosts")})

func asking(n float64, words string) bine.Resources {
	return bine.Resources{CPU: n, Memory: int64(n) << 30, GPUs: n, GPU: words}
}

// ask gives an attempt that was granted, or none if it would have to wait.
func (b *leasing) ask(ctx context.Context, r bine.Resources) (bine.AttemptID, error) {
	owner := bine.Owner{Project: "bench", Kind: bine.OwnerRun, Name: fmt.Sprint(b.asked.Add(1))}
	id := bine.NewAttemptID(owner, 1)
	g, _, err := b.ledger.Ask(ctx, lease.Request{Attempt: id, Owner: owner, Resources: r})
	if err != nil || g.Host != "" {
		return id, err
	}
	_, err = b.ledger.Release(ctx, id)
	return "", err
}

// tenants are who hold devices while grants are measured, the oldest first.
type tenants struct {
	*leasing
	held []bine.AttemptID
	size []float64
	used float64
	next int
}

// come asks for one more of kinds; false: it would have to wait.
func (w *tenants) come(ctx context.Context) (time.Duration, bool, error) {
	r := kinds[w.next*7%len(kinds)]
	w.next++
	start := time.Now()
	id, err := w.ask(ctx, r)
	took := time.Since(start)
	if id == "" || err != nil {
		return took, false, err
	}
	w.held, w.size, w.used = append(w.held, id), append(w.size, r.GPUs), w.used+r.GPUs
	return took, true, nil
}

// leave lets the oldest give back until no more than a share is held.
func (w *tenants) leave(ctx context.Context) error {
	for w.used > benchHeld*float64(w.devices) {
		if _, err := w.ledger.Release(ctx, w.held[0]); err != nil {
			return err
		}
		w.used -= w.size[0]
		w.held, w.size = w.held[1:], w.size[1:]
	}
	return nil
}

// empty gives back everything.
func (b *leasing) empty(ctx context.Context) error {
	leases, err := b.ledger.Leases(ctx)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var wait sync.WaitGroup
	var n atomic.Int64
	for range 64 {
		wait.Go(func() {
			for at := n.Add(1); at <= int64(len(leases)); at = n.Add(1) {
				if _, fault := b.ledger.Release(ctx, leases[at-1].Attempt); fault != nil {
					mu.Lock()
					err = errors.Join(err, fault)
					mu.Unlock()
				}
			}
		})
	}
	wait.Wait()
	return err
}

// one measures one who asks, on a cluster that is in use.
func (b *leasing) one(ctx context.Context) ([]Row, error) {
	w := &tenants{leasing: b}
	for w.used < benchHeld*float64(b.devices) {
		if _, _, err := w.come(ctx); err != nil {
			return nil, err
		}
	}
	var half, most, commit time.Duration
	for range leaseRounds {
		bare, err := b.commits(ctx)
		if err != nil {
			return nil, err
		}
		var took sample
		for range b.Grants / leaseRounds {
			d, granted, err := w.come(ctx)
			if err == nil && granted {
				took, err = append(took, d), w.leave(ctx)
			}
			if err != nil {
				return nil, err
			}
		}
		if p := took.percentile(99); most == 0 || p < most {
			half, most, commit = took.percentile(50), p, bare.percentile(50)
		}
	}
	p50 := Row{Name: b.name + ": grant of devices that is on disk, one who asks, p50", Size: b.devices, Value: ms(half), Unit: "ms"}.Against(ms(commit))
	p99 := Row{Name: b.name + ": the same, p99", Size: b.devices, Value: ms(most), Unit: "ms"}
	if b.devices == manyDevices {
		p50, p99 = p50.HeldTo(AtMost(ms(mostGrantHalf))), p99.HeldTo(AtMost(ms(mostGrantP99)))
	}
	return []Row{p50, p99}, b.empty(ctx)
}

// commits measures the reference.
func (b *leasing) commits(ctx context.Context) (took sample, err error) {
	for n := range 101 {
		start := time.Now()
		err := b.db.Write(ctx, func(tx *sql.Tx) error {
			statement := "UPDATE lease_turns SET turn = turn + 1 WHERE project = 'bench'"
			if n == 0 {
				statement = "REPLACE INTO lease_turns (project, turn) VALUES ('bench', 1)"
			}
			_, err := tx.ExecContext(ctx, statement)
			return err
		})
		if err != nil {
			return nil, err
		}
		if n > 0 {
			took = append(took, time.Since(start))
		}
	}
	return took, nil
}
