package store

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

type hostRow struct {
	Name     bine.HostName `gorm:"primaryKey"`
	State    bine.HostState
	Address  string
	Capacity doc[bine.Resources]
	Labels   doc[[]string]
	Confine  string
	Python   string
	Version  string
	Seen     int64 `gorm:"column:seen_at"`
	Created  int64 `gorm:"column:created_at"`
}

// TableName names the table.
func (hostRow) TableName() string { return "hosts" }

func (r hostRow) host() bine.Host {
	return bine.Host{Name: r.Name, State: r.State, Address: r.Address, Capacity: r.Capacity.V, Free: r.Capacity.V, Labels: r.Labels.V,
		Confine: r.Confine, Python: r.Python, Version: r.Version, SeenAt: database.Time(r.Seen), CreatedAt: database.Time(r.Created)}
}

// PutHost makes a host known, or says what it is now; it is up. When it became
// known stays.
func (s *Store) PutHost(ctx context.Context, h bine.Host) error {
	return s.write(ctx, func(t *tx) error {
		row := hostRow{Name: h.Name, State: bine.HostUp, Address: h.Address, Capacity: docOf(h.Capacity), Labels: docOf(h.Labels),
			Confine: h.Confine, Python: h.Python, Version: h.Version, Seen: orNow(h.SeenAt, t.now), Created: orNow(h.CreatedAt, t.now)}
		old, err := gorm.G[hostRow](t.gorm()).Where("name = ?", h.Name).Take(ctx)
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return gorm.G[hostRow](t.gorm()).Create(ctx, &row)
		}
		if err != nil {
			return err
		}
		row.Created = old.Created
		return t.gorm().Save(&row).Error
	})
}

// BeatHost notes that a host was heard of, which makes it up; known is false
// for one that has to make itself known first.
func (s *Store) BeatHost(ctx context.Context, name bine.HostName, at time.Time) (known bool, err error) {
	err = s.write(ctx, func(t *tx) error {
		n, err := t.exec("UPDATE hosts SET seen_at = ?, state = ? WHERE name = ?", database.Micros(at), bine.HostUp, name)
		known = n > 0
		return err
	})
	return known && err == nil, err
}

// Hosts gives all hosts by name, with what the ledger has left to give on each.
func (s *Store) Hosts(ctx context.Context) ([]bine.Host, error) {
	found, err := gorm.G[hostRow](s.read(ctx)).Order("name").Find(ctx)
	if err != nil {
		return nil, s.db.Explain(err)
	}
	used, err := s.used(ctx)
	if err != nil {
		return nil, err
	}
	gpus, err := s.accelerators(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]bine.Host, len(found))
	for i, r := range found {
		r.Capacity.V.GPUs = gpus[r.Name]
		list[i] = r.host()
		u := used[r.Name]
		list[i].Free = bine.Resources{CPU: r.Capacity.V.CPU - u.CPU, Memory: r.Capacity.V.Memory - u.Memory, GPUs: r.Capacity.V.GPUs - u.GPUs}
	}
	return list, nil
}

// accelerators counts those that hosts have.
func (s *Store) accelerators(ctx context.Context) (map[bine.HostName]float64, error) {
	found, err := s.db.Reader(ctx).QueryContext(ctx, "SELECT host, COUNT(*) FROM lease_devices WHERE listed = 1 GROUP BY host")
	if err != nil {
		return nil, s.db.Explain(err)
	}
	defer found.Close()
	count := map[bine.HostName]float64{}
	for found.Next() {
		var host bine.HostName
		var n float64
		if err := found.Scan(&host, &n); err != nil {
			return nil, err
		}
		count[host] = n
	}
	return count, found.Err()
}

// used sums up what is granted on each host.
func (s *Store) used(ctx context.Context) (map[bine.HostName]bine.Resources, error) {
	found, err := s.db.Reader(ctx).QueryContext(ctx, "SELECT host, SUM(cpu_milli), SUM(memory), SUM(gpu_milli) FROM leases WHERE host <> '' GROUP BY host")
	if err != nil {
		return nil, s.db.Explain(err)
	}
	defer found.Close()
	used := map[bine.HostName]bine.Resources{}
	for found.Next() {
		var host bine.HostName
		var milli, memory, gpus int64
		if err := found.Scan(&host, &milli, &memory, &gpus); err != nil {
			return nil, err
		}
		used[host] = bine.Resources{CPU: float64(milli) / 1000, Memory: memory, GPUs: float64(gpus) / 1000}
	}
	return used, found.Err()
}

// SilentHosts counts the hosts that are up and were not heard of since a time.
func (s *Store) SilentHosts(ctx context.Context, before time.Time) (n int, err error) {
	err = s.db.Reader(ctx).QueryRowContext(ctx, "SELECT COUNT(*) FROM hosts WHERE state = ? AND seen_at < ?", bine.HostUp, database.Micros(before)).Scan(&n)
	return n, s.db.Explain(err)
}

// MarkLost marks the hosts that were not heard of since a time as lost and gives them.
func (s *Store) MarkLost(ctx context.Context, before time.Time) (lost []bine.HostName, err error) {
	err = s.write(ctx, func(t *tx) error {
		lost = nil
		found, err := gorm.G[hostRow](t.gorm()).Where("state = ? AND seen_at < ?", bine.HostUp, database.Micros(before)).Order("name").Find(ctx)
		if err != nil {
			return err
		}
		for _, h := range found {
			n, err := t.exec("UPDATE hosts SET state = ? WHERE name = ? AND state = ? AND seen_at < ?", bine.HostLost, h.Name, bine.HostUp, database.Micros(before))
			if err != nil {
				return err
			}
			if n > 0 {
				lost = append(lost, h.Name)
			}
		}
		return nil
	})
	return lost, err
}
