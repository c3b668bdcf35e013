package lease

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu"
	"github.com/bine-ml/bine/gpu/place"
	"github.com/bine-ml/bine/internal/database"
)

// kind is what tasks have in common that ask hosts for the same. How often each
// was granted is the history by which hosts are weighed: package gpu/place calls that
// typical tasks.
type kind struct {
	request   string
	gpus, cpu int64
}

const (
	mostKinds  = 256     // that count, the ones that came most often
	mostGrants = 100_000 // beyond, all that was counted before counts half
)

// kindOf is the kind of a request for accelerators; how long it takes, and whether
// it may be asked back, make none.
func kindOf(w want) (kind, bool) {
	task, err := w.task()
	if err != nil || w.gpus == 0 {
		return kind{}, false
	}
	r := task.Request
	r.Duration, r.Preemptible, r.Prefer = 0, false, gpu.Preference{}
	on := r.On(bine.Resources{})
	return kind{on.GPU, w.gpus, w.milli}, true
}

// id is the digest under which a kind is kept.
func (k kind) id() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %d %s", k.gpus, k.cpu, k.request))
	return hex.EncodeToString(sum[:16])
}

// typical is a kind as places are weighed by it.
func (k kind) typical(n float64) (place.Typical, error) {
	task, err := want{amount: amount{milli: k.cpu, gpus: k.gpus}, request: k.request}.task()
	return place.Typical{Task: task, Weight: n}, err
}

// countKinds writes down what was granted since the last time, and gives the policy
// that follows from all of it: where nothing was granted yet, it is best fit.
func (t *tx) countKinds() (place.Policy, error) {
	policy := place.Policy{Name: place.FGD}
	t.counted = maps.Clone(t.l.kinds)
	added := "ON CONFLICT (kind) DO UPDATE SET n = n + excluded.n"
	if t.l.db.Dialect() == database.MySQL {
		added = "ON DUPLICATE KEY UPDATE n = n + VALUES(n)"
	}
	var args []any
	for k, n := range t.counted {
		args = append(args, k.id(), k.request, k.gpus, k.cpu, n)
	}
	for some := range slices.Chunk(args, 5*mostRows) {
		t.wrote = true
		if err := t.sendOne("INSERT INTO lease_kinds (kind, request, gpu_milli, cpu_milli, n) VALUES "+tuples(len(some)/5, 5)+" "+added, some); err != nil {
			return policy, err
		}
	}
	all := 0.0
	err := t.each(func(row scanner) error {
		var k kind
		var n float64
		if err := row.Scan(&k.request, &k.gpus, &k.cpu, &n); err != nil {
			return err
		}
		if one, err := k.typical(n); err == nil { // else it was written by another version
			policy.Typical = append(policy.Typical, one)
		}
		all += n
		return nil
	}, "SELECT request, gpu_milli, cpu_milli, n FROM lease_kinds ORDER BY n DESC, kind LIMIT ?", mostKinds)
	if err == nil && all > mostGrants {
		t.wrote = true
		if err = t.sendOne("UPDATE lease_kinds SET n = n / 2", nil); err == nil {
			err = t.sendOne("DELETE FROM lease_kinds WHERE n < 1", nil)
		}
	}
	return policy, err
}

// granted counts what a transaction granted, and forgets what it has written down.
func (l *Ledger) granted(kinds []kind, written map[kind]float64) {
	if l.kinds == nil {
		l.kinds = map[kind]float64{}
	}
	for k, n := range written {
		if l.kinds[k] -= n; l.kinds[k] <= 0 {
			delete(l.kinds, k)
		}
	}
	for _, k := range kinds {
		if _, known := l.kinds[k]; known || len(l.kinds) < mostKinds {
			l.kinds[k]++
		}
	}
}
