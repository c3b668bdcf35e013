package lease

import (
	"context"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// Cluster sums up the hosts and who waits, by a few sums of the database: it
// costs the same however many records there are to show.
func (l *Ledger) Cluster(ctx context.Context) (bine.Cluster, error) {
	v := view{l.db.Reader(ctx), ctx}
	c := bine.Cluster{Devices: map[bine.DeviceState]int{}}
	for _, sum := range []func(*bine.Cluster) error{v.sumHosts, v.sumDevices, v.sumQueue} {
		if err := sum(&c); err != nil {
			return bine.Cluster{}, l.db.Explain(err)
		}
	}
	return c, nil
}

// sumHosts counts hosts, and what those that are up have and have granted.
func (v view) sumHosts(c *bine.Cluster) error {
	var total, used amount
	err := v.each(func(row scanner) error {
		var up, cordoned bool
		var has, held amount
		if err := row.Scan(&up, &cordoned, &has.milli, &has.memory, &held.milli, &held.memory); err != nil {
			return err
		}
		c.Hosts++
		if cordoned {
			c.Cordoned++
		}
		if !up {
			c.Lost++
			return nil
		}
		total, used = total.plus(has), used.plus(held)
		return nil
	}, `SELECT h.up, h.cordoned, h.cpu_milli, h.memory, COALESCE(s.cpu, 0), COALESCE(s.memory, 0) FROM lease_hosts h
LEFT JOIN (SELECT host, SUM(cpu_milli) AS cpu, SUM(memory) AS memory FROM leases WHERE host > '-' GROUP BY host) s ON s.host = h.host`)
	c.Total, c.Used = total.resources(), used.resources()
	return err
}

// sumDevices counts accelerators by where they stand. Those of a host that is
// not up are lost, and no part of the total.
func (v view) sumDevices(c *bine.Cluster) error {
	return v.each(func(row scanner) error {
		var up, takes bool
		var d bine.DeviceStatus
		var n int
		var used int64
		if err := row.Scan(&up, &takes, &d.State, &d.Cordoned, &n, &used); err != nil {
			return err
		}
		if !up {
			d.State, d.Cordoned = bine.DeviceLost, false
		} else {
			c.Total.GPUs += float64(n)
			c.Used.GPUs += float64(used) / whole
		}
		c.Devices[standing(d)] += n
		if takes && standing(d) == bine.DeviceReady {
			c.Available += float64(n) - float64(used)/whole
		}
		return nil
	}, `SELECT h.up, CASE WHEN h.up <> 0 AND h.cordoned = 0 THEN 1 ELSE 0 END, d.state, d.cordoned, COUNT(*), SUM(d.used)
FROM lease_devices d JOIN lease_hosts h ON h.host = d.host WHERE d.listed = 1 GROUP BY h.up, h.cordoned, d.state, d.cordoned`)
}

// standing is the state of a device as people see it: an administrator's
// cordon goes before what it would be else.
func standing(d bine.DeviceStatus) bine.DeviceState {
	if d.Cordoned && d.State == bine.DeviceReady {
		return bine.DeviceCordoned
	}
	return d.State
}

// sumQueue counts who waits, and who was asked to make room.
func (v view) sumQueue(c *bine.Cluster) error {
	return v.row(`SELECT (SELECT COUNT(*) FROM leases WHERE host = ''), (SELECT COUNT(*) FROM leases WHERE host = '' AND gpu_milli > 0),
(SELECT COUNT(*) FROM leases WHERE host > '-' AND asked_back IS NOT NULL AND (gang = '' OR gang = attempt))`).Scan(&c.Waiting, &c.ForGPUs, &c.Back)
}

// Picture gives all hosts with their accelerators, by name and index.
func (l *Ledger) Picture(ctx context.Context) ([]bine.HostPicture, error) {
	v := view{l.db.Reader(ctx), ctx}
	hosts, err := v.pictureHosts()
	if err != nil {
		return nil, l.db.Explain(err)
	}
	holders, err := v.holders()
	if err != nil {
		return nil, l.db.Explain(err)
	}
	at := make(map[bine.HostName]int, len(hosts))
	for i := range hosts {
		at[hosts[i].Name] = i
	}
	return hosts, l.db.Explain(v.pictureDevices(hosts, at, holders))
}

func (v view) pictureHosts() (hosts []bine.HostPicture, err error) {
	return hosts, v.each(func(row scanner) error {
		var h bine.HostPicture
		var labels text[[]string]
		var total, used amount
		if err := row.Scan(&h.Name, &h.Up, &h.Cordoned, &labels, &total.milli, &total.memory, &used.milli, &used.memory); err != nil {
			return err
		}
		h.Labels, h.Total, h.Used = labels.V, total.resources(), used.resources()
		for _, l := range h.Labels {
			switch key, value, _ := strings.Cut(l, "="); strings.ToLower(strings.TrimSpace(key)) {
			case "rack":
				h.Rack = strings.TrimSpace(value)
			case "block":
				h.Block = strings.TrimSpace(value)
			}
		}
		hosts = append(hosts, h)
		return nil
	}, `SELECT h.host, h.up, h.cordoned, h.labels, h.cpu_milli, h.memory, COALESCE(s.cpu, 0), COALESCE(s.memory, 0) FROM lease_hosts h
LEFT JOIN (SELECT host, SUM(cpu_milli) AS cpu, SUM(memory) AS memory FROM leases WHERE host > '-' GROUP BY host) s ON s.host = h.host ORDER BY h.host`)
}

// holders reads which projects have which devices.
func (v view) holders() (map[bine.DeviceID][]bine.ProjectShares, error) {
	all := map[bine.DeviceID][]bine.ProjectShares{}
	return all, v.each(func(row scanner) error {
		var id bine.DeviceID
		var s bine.ProjectShares
		err := row.Scan(&id, &s.Project, &s.Milli)
		all[id] = append(all[id], s)
		return err
	}, "SELECT device, project, SUM(milli) FROM lease_grants WHERE ended_at IS NULL GROUP BY device, project ORDER BY device, project")
}

func (v view) pictureDevices(hosts []bine.HostPicture, at map[bine.HostName]int, holders map[bine.DeviceID][]bine.ProjectShares) error {
	return v.each(func(row scanner) error {
		var id bine.DeviceID
		var host bine.HostName
		var spec text[struct{ Model, Profile string }]
		var use text[*struct {
			Busy   float64
			Memory int64 `json:"memory_used"`
		}]
		var s bine.DeviceStatus
		d := bine.DevicePicture{}
		if err := row.Scan(&id, &host, &d.Index, &spec, &s.State, &s.Cordoned, &d.Used, &use); err != nil {
			return err
		}
		i, known := at[host]
		if !known {
			return nil
		}
		h := &hosts[i]
		d.ID, d.Model, d.Profile, d.State, d.By = id, spec.V.Model, spec.V.Profile, standing(s), holders[id]
		if !h.Up {
			d.State = bine.DeviceLost
		}
		if use.V != nil {
			d.Busy, d.Memory = &use.V.Busy, use.V.Memory
		}
		h.Total.GPUs++
		h.Used.GPUs += float64(d.Used) / whole
		h.Devices = append(h.Devices, d)
		return nil
	}, "SELECT d.id, d.host, d.idx, d.spec, d.state, d.cordoned, d.used, u.sample FROM lease_devices d LEFT JOIN device_use u ON u.device = d.id WHERE d.listed = 1 OR d.used > 0 ORDER BY d.host, d.idx, d.id")
}

// HostLeases gives what runs on a host, in the order of asking. Of a gang it is
// the part on that host.
func (l *Ledger) HostLeases(ctx context.Context, host bine.HostName) ([]bine.Lease, error) {
	v := view{l.db.Reader(ctx), ctx}
	var all []bine.Lease
	err := v.each(func(row scanner) error {
		one, a, asked, rank := bine.Lease{Host: host}, amount{}, int64(0), 0
		var granted, askedBack *int64
		var owner text[bine.Owner]
		if err := row.Scan(&one.Attempt, &owner, &a.milli, &a.memory, &a.gpus, &one.Resources.GPU, &asked, &granted, &askedBack, &rank); err != nil {
			return err
		}
		words := one.Resources.GPU
		one.Owner, one.Resources, one.AskedAt, one.GrantedAt, one.AskedBack, one.Priority = owner.V, a.resources(), database.Time(asked), timeAt(granted), timeAt(askedBack), priorityOf(rank)
		one.Resources.GPU = words
		all = append(all, one)
		return nil
	}, "SELECT attempt, owner, cpu_milli, memory, gpu_milli, request, asked_at, granted_at, asked_back, priority FROM leases WHERE host = ? ORDER BY place, attempt", host)
	if err != nil {
		return nil, l.db.Explain(err)
	}
	held := map[bine.AttemptID][]bine.DeviceID{}
	err = v.each(func(row scanner) error {
		var id bine.AttemptID
		var d bine.DeviceID
		err := row.Scan(&id, &d)
		held[id] = append(held[id], d)
		return err
	}, "SELECT g.attempt, g.device FROM lease_grants g JOIN lease_devices d ON d.id = g.device WHERE g.ended_at IS NULL AND g.host = ? ORDER BY d.idx, g.device", host)
	for i := range all {
		all[i].Devices = held[all[i].Attempt]
	}
	return all, l.db.Explain(err)
}

func timeAt(micros *int64) *time.Time {
	if micros == nil {
		return nil
	}
	return new(database.Time(*micros))
}

// HostEvents gives what became of the devices that a host has, the newest first.
func (l *Ledger) HostEvents(ctx context.Context, host bine.HostName, limit int) (all []bine.DeviceEvent, err error) {
	v := view{l.db.Reader(ctx), ctx}
	err = v.each(func(row scanner) error {
		var e bine.DeviceEvent
		var at int64
		err := row.Scan(&e.Device, &at, &e.State, &e.Reason, &e.User)
		e.At = database.Time(at)
		all = append(all, e)
		return err
	}, "SELECT e.device, e.at, e.state, e.reason, e.user_name FROM device_events e JOIN lease_devices d ON d.id = e.device WHERE d.host = ? ORDER BY e.id DESC LIMIT ?", host, limit)
	return all, l.db.Explain(err)
}
