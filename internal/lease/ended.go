package lease

import (
	"context"
	"slices"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// remember keeps what is about to be forgotten of leases of accelerators: it is
// called before their rows go.
func (t *tx) remember(attempts []any) error {
	ignore := "OR IGNORE "
	if t.l.db.Dialect() == database.MySQL {
		ignore = "IGNORE "
	}
	return t.sendOne("INSERT "+ignore+"INTO lease_history (attempt, gang, project, request, priority, gpu_milli, cpu_milli, memory, asked_at, granted_at, ended_at)"+
		" SELECT attempt, gang, project, request, priority, gpu_milli, cpu_milli, memory, asked_at, granted_at, ? FROM leases WHERE gpu_milli > 0 AND granted_at IS NOT NULL AND attempt IN ("+places(len(attempts))+")",
		append([]any{t.now}, attempts...))
}

// History gives who asked for accelerators and got them, and gave them back
// after a time or has them still: the last ones, at most limit, in the order of
// asking. What the processes of a gang have is counted together.
func (l *Ledger) History(ctx context.Context, since time.Time, limit int) ([]bine.LeaseRecord, error) {
	var all []bine.LeaseRecord
	at := map[bine.AttemptID]int{}
	err := view{l.db.Reader(ctx), ctx}.each(func(row scanner) error {
		var one bine.LeaseRecord
		var gang bine.AttemptID
		var milli, cpu, asked, granted int64
		var ended *int64
		var rank int
		if err := row.Scan(&one.Attempt, &gang, &one.Project, &one.Request, &rank, &milli, &cpu, &one.Memory, &asked, &granted, &ended); err != nil {
			return err
		}
		one.GPUs, one.CPU, one.Priority = float64(milli)/whole, float64(cpu)/1000, priorityOf(rank)
		one.AskedAt, one.GrantedAt = database.Time(asked), database.Time(granted)
		if ended != nil {
			one.EndedAt = new(database.Time(*ended))
		}
		if gang == "" {
			all = append(all, one)
			return nil
		}
		i, known := at[gang]
		if !known {
			at[gang] = len(all)
			all = append(all, one)
			return nil
		}
		all[i] = joined(all[i], one, one.Attempt == gang)
		return nil
	}, "SELECT attempt, gang, project, request, priority, gpu_milli, cpu_milli, memory, asked_at, granted_at, ended_at FROM ("+
		"SELECT attempt, gang, project, request, priority, gpu_milli, cpu_milli, memory, asked_at, granted_at, ended_at FROM lease_history WHERE ended_at >= ? UNION ALL "+
		"SELECT attempt, gang, project, request, priority, gpu_milli, cpu_milli, memory, asked_at, granted_at, NULL FROM leases WHERE gpu_milli > 0 AND granted_at IS NOT NULL) h ORDER BY asked_at DESC, attempt LIMIT ?",
		database.Micros(since), limit)
	slices.SortStableFunc(all, func(a, b bine.LeaseRecord) int { return a.AskedAt.Compare(b.AskedAt) })
	return all, l.db.Explain(err)
}

// joined counts what another process of a gang has to what its others have. The
// first knows what was asked for, and when.
func joined(r, more bine.LeaseRecord, first bool) bine.LeaseRecord {
	gpus, cpu, memory := r.GPUs+more.GPUs, r.CPU+more.CPU, r.Memory+more.Memory
	if first {
		r = more
	}
	r.GPUs, r.CPU, r.Memory = gpus, cpu, memory
	return r
}
