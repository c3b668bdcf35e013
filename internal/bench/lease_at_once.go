package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bine-ml/bine"
)

// several measures those who ask at once, each for a device that it gives back.
func (b *leasing) several(ctx context.Context) ([]Row, error) {
	var rows []Row
	for _, n := range []int{1, 4, 16, 64, 256} {
		if n*2 > b.devices {
			continue
		}
		b.tell("%s: grants by %d at once", b.name, n)
		var best time.Duration
		var half, most time.Duration
		for range leaseRounds {
			took, all, err := b.atOnce(ctx, n, max(b.Grants/leaseRounds, 20*n), true)
			if err != nil {
				return rows, err
			}
			if each := all / time.Duration(len(took)); best == 0 || each < best {
				best, half, most = each, took.percentile(50), took.percentile(99)
			}
		}
		what := fmt.Sprintf("%s: %d ask at once and give back", b.name, n)
		rows = append(rows, Row{Name: what + ", grants", Size: b.devices, Value: rate(best), Unit: "/s"},
			Row{Name: what + ", p50", Size: b.devices, Value: ms(half), Unit: "ms"}, Row{Name: what + ", p99", Size: b.devices, Value: ms(most), Unit: "ms"})
	}
	return rows, nil
}

// alone measures grants while nobody gives back, until nearly all is granted.
func (b *leasing) alone(ctx context.Context) ([]Row, error) {
	var rows []Row
	for _, n := range []int{16, 64, benchAtOnceGoal} {
		if n*2 > b.devices {
			continue
		}
		b.tell("%s: grants alone by %d at once", b.name, n)
		var best time.Duration
		for range leaseRounds {
			took, all, err := b.atOnce(ctx, n, b.devices*9/10, false)
			if err != nil {
				return rows, err
			}
			if each := all / time.Duration(len(took)); best == 0 || each < best {
				best = each
			}
			if err := b.empty(ctx); err != nil {
				return rows, err
			}
		}
		row := Row{Name: fmt.Sprintf("%s: %d ask at once, grants", b.name, n), Size: b.devices, Value: rate(best), Unit: "/s"}
		if n == benchAtOnceGoal && b.devices == manyDevices {
			row = row.HeldTo(AtLeast(leastGrants))
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// atOnce lets so many ask until there were so many grants.
func (b *leasing) atOnce(ctx context.Context, askers, grants int, back bool) (took sample, all time.Duration, err error) {
	var mu sync.Mutex
	var wait sync.WaitGroup
	var n atomic.Int64
	began := time.Now()
	for range askers {
		wait.Go(func() {
			var mine sample
			var fault error
			for fault == nil && n.Add(1) <= int64(grants) {
				start := time.Now()
				var id bine.AttemptID
				if id, fault = b.ask(ctx, asking(1, "")); id == "" {
					continue
				}
				mine = append(mine, time.Since(start))
				if back && fault == nil {
					_, fault = b.ledger.Release(ctx, id)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			took, err = append(took, mine...), errors.Join(err, fault)
		})
	}
	wait.Wait()
	if all = time.Since(began); err == nil && len(took) == 0 {
		err = errors.New("nothing was granted")
	}
	return took, all, err
}

// restart measures how long a server that begins needs until it has granted
// something, while every device is held.
func (b *leasing) restart(ctx context.Context, address string) ([]Row, error) {
	b.tell("%s: restart", b.name)
	for granted := true; granted; {
		var id bine.AttemptID
		var err error
		if id, err = b.ask(ctx, asking(1, "")); err != nil {
			return nil, err
		}
		granted = id != ""
	}
	before, err := b.ledger.Leases(ctx)
	if err != nil {
		return nil, err
	}
	var best time.Duration
	for range leaseRounds {
		if err := b.db.Close(); err != nil {
			return nil, err
		}
		start := time.Now()
		if err := b.open(ctx, address); err != nil {
			return nil, err
		}
		id, err := b.ask(ctx, bine.Resources{CPU: 1})
		if err != nil {
			return nil, err
		}
		if d := time.Since(start); best == 0 || d < best {
			best = d
		}
		if _, err := b.ledger.Release(ctx, id); err != nil {
			return nil, err
		}
	}
	leases, err := b.ledger.Leases(ctx)
	if err != nil {
		return nil, err
	}
	ready := Row{Name: b.name + ": from opening the database to the first grant, with as many leases", Size: len(before), Value: ms(best), Unit: "ms"}
	lost := Row{Name: b.name + ": leases lost by that", Size: len(before), Value: float64(len(before) - len(leases)), Unit: ""}
	return []Row{ready.HeldTo(AtMost(ms(mostRestart))), lost.HeldTo(AtMost(0))}, b.empty(ctx)
}
