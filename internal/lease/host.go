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

// picture is how the ledger stands.
type picture struct {
	board  *board
	held   map[bine.ProjectName]holding
	quotas map[bine.ProjectName]quota
}

// picture reads how the ledger stands, once in a transaction.
func (t *tx) picture() (*picture, error) {
	if t.seen != nil {
		return t.seen, nil
	}
	p, err := t.look()
	t.seen = p
	return p, err
}

func (v view) look() (p *picture, err error) {
	p = &picture{}
	if p.board, p.held, err = v.board(); err != nil {
		return nil, err
	}
	p.quotas, err = v.quotas()
	return p, err
}

// board reads what hosts have, what of it is free, and what projects hold.
func (v view) board() (*board, map[bine.ProjectName]holding, error) {
	b, held, byName := &board{}, map[bine.ProjectName]holding{}, map[bine.HostName]*host{}
	err := v.each(func(row scanner) error {
		h := &host{}
		var labels text[[]string]
		if err := row.Scan(&h.name, &h.up, &h.cordoned, &h.capacity.milli, &h.capacity.memory, &labels); err != nil {
			return err
		}
		h.free, h.labels = h.capacity, labels.V
		b.hosts = append(b.hosts, h)
		byName[h.name] = h
		return nil
	}, "SELECT host, up, cordoned, cpu_milli, memory, labels FROM lease_hosts ORDER BY host")
	if err != nil {
		return nil, nil, err
	}
	devices, err := v.devices("WHERE listed = 1")
	if err != nil {
		return nil, nil, err
	}
	for _, d := range devices {
		if h := byName[d.host]; h != nil {
			h.add(d)
		}
	}
	return b, held, v.each(func(row scanner) error {
		var name bine.HostName
		var project bine.ProjectName
		var used holding
		if err := row.Scan(&name, &project, &used.steps, &used.milli, &used.memory, &used.gpus); err != nil {
			return err
		}
		if h := byName[name]; h != nil {
			h.free.milli, h.free.memory = h.free.milli-used.milli, h.free.memory-used.memory
		}
		held[project] = held[project].plus(used.amount, used.steps)
		return nil
	}, "SELECT host, project, COUNT(*), SUM(cpu_milli), SUM(memory), SUM(gpu_milli) FROM leases WHERE host > ? GROUP BY host, project", NoHost)
}
