package lease

import (
	"context"
	"database/sql"
	"errors"

	"github.com/bine-ml/bine"
)

// Gang gives the hosts of the gang that a process belongs to, by their ranks, and
// its own rank. One that is of no gang has none.
func (l *Ledger) Gang(ctx context.Context, attempt bine.AttemptID) (hosts []bine.HostName, rank int, err error) {
	v := view{l.db.Reader(ctx), ctx}
	var first bine.AttemptID
	err = v.row("SELECT gang FROM leases WHERE attempt = ?", attempt).Scan(&first)
	if errors.Is(err, sql.ErrNoRows) || err == nil && first == "" {
		return nil, 0, nil
	}
	if err == nil {
		hosts, err = v.gang(first)
	}
	for i := range hosts {
		if first.Member(i) == attempt {
			rank = i
		}
	}
	return hosts, rank, l.db.Explain(err)
}

// others gives the hosts of a gang's processes but the first, by their ranks.
func (v view) others(e *entry) ([]bine.HostName, error) {
	if e.gang == "" {
		return nil, nil
	}
	hosts, err := v.gang(e.gang)
	if len(hosts) > 0 {
		hosts = hosts[1:]
	}
	return hosts, err
}

// gang gives the hosts of a gang by their ranks.
func (v view) gang(first bine.AttemptID) (hosts []bine.HostName, err error) {
	at := map[bine.AttemptID]bine.HostName{}
	err = v.each(func(row scanner) error {
		var id bine.AttemptID
		var host bine.HostName
		err := row.Scan(&id, &host)
		at[id] = host
		return err
	}, "SELECT attempt, host FROM leases WHERE gang = ?", first)
	for rank := range len(at) {
		hosts = append(hosts, at[first.Member(rank)])
	}
	return hosts, err
}
