package lease

import (
	"context"
	"database/sql"
	"errors"

	"github.com/bine-ml/bine"
)

// SetHost says what a host has to give, and whether it takes new work. It
// gives the grants that follow. What is granted on the host stays granted.
func (l *Ledger) SetHost(ctx context.Context, host bine.HostName, capacity bine.Resources, up bool) ([]Grant, error) {
	c := capacityOf(capacity)
	c.gpus = 0 // its devices say for themselves, see SetDevices
	if same, err := l.knows(ctx, host, c, up); same || err != nil {
		return nil, err
	}
	return l.change(ctx, func(t *tx) error {
		t.reread(host)
		n, err := t.exec("UPDATE lease_hosts SET up = ?, cpu_milli = ?, memory = ? WHERE host = ?", up, c.milli, c.memory, host)
		if err == nil && n == 0 {
			_, err = t.exec("INSERT INTO lease_hosts (host, up, cpu_milli, memory) VALUES (?, ?, ?, ?)", host, up, c.milli, c.memory)
		}
		return err
	})
}

// knows reports whether a host is written down so already.
func (l *Ledger) knows(ctx context.Context, host bine.HostName, c amount, up bool) (bool, error) {
	var is amount
	var isUp bool
	err := l.db.Reader(ctx).QueryRowContext(ctx, "SELECT up, cpu_milli, memory FROM lease_hosts WHERE host = ?", host).Scan(&isUp, &is.milli, &is.memory)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil && is == c && isUp == up, l.db.Explain(err)
}
