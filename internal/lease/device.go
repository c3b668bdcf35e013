package lease

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu/health"
	"github.com/bine-ml/bine/internal/database"
)

// whole is a device in thousandths.
const whole = 1000

// device is a device on the board.
type device struct {
	bine.Device
	host       bine.HostName
	listed     bool  // whether its host has it now
	used       int64 // thousandths
	epoch      int64
	health     health.Device
	spec       string // of which Device was read
	remembered string // of which health was read
}

// usable reports whether a device takes new work; one on probation takes what
// is preemptible alone.
func (d *device) usable(preemptible bool) bool {
	return d.health.Takes() && (preemptible || d.health.State == bine.DeviceReady)
}

// onProbation is 1 if a device takes what is preemptible alone, else 0.
func (d *device) onProbation() int {
	if d.listed && d.usable(true) && !d.usable(false) {
		return 1
	}
	return 0
}

const deviceColumns = "id, host, listed, spec, used, epoch, health"

// scanDevice reads a device. What is the same as of the one known is not read again.
func scanDevice(row scanner, known *board) (*device, error) {
	d := &device{}
	var id bine.DeviceID
	if err := row.Scan(&id, &d.host, &d.listed, &d.spec, &d.used, &d.epoch, &d.remembered); err != nil {
		return nil, err
	}
	var old *device
	if known != nil {
		old = known.devices[id]
	}
	if old == nil {
		old = &device{}
	}
	var err error
	if d.Device = old.Device; d.spec != old.spec {
		d.Device = bine.Device{}
		err = json.Unmarshal([]byte(d.spec), &d.Device)
	}
	if d.health = old.health; d.remembered != old.remembered {
		d.health = health.Device{}
		err = errors.Join(err, json.Unmarshal([]byte(d.remembered), &d.health))
	}
	d.ID = id
	return d, err
}

// rules say when a device that failed comes back.
func rules() health.Rules { return health.Default() }

// SetDevices says which devices a host has, and its labels, and gives the
// grants that follow. What is granted stays granted, also of a device that the
// host has no more: that one is lost until it comes back. A device that was
// another host's is this one's now.
func (l *Ledger) SetDevices(ctx context.Context, host bine.HostName, labels []string, devices []bine.Device) ([]Grant, error) {
	return l.change(ctx, func(t *tx) error {
		t.reread(host)
		if _, err := t.exec("UPDATE lease_hosts SET labels = ? WHERE host = ?", text[[]string]{labels}, host); err != nil {
			return err
		}
		known, err := t.devices("WHERE host = ?", host)
		if err != nil {
			return err
		}
		for _, d := range devices {
			if err := t.setDevice(host, d); err != nil {
				return err
			}
		}
		now := database.Time(t.now)
		for _, d := range known {
			if slices.ContainsFunc(devices, func(one bine.Device) bool { return one.ID == d.ID }) {
				continue
			}
			if _, err := t.exec("UPDATE lease_devices SET listed = 0 WHERE id = ?", d.ID); err != nil {
				return err
			}
			next, changes := rules().Gone(d.health, now)
			if err := t.setHealth(d, next, changes); err != nil {
				return err
			}
		}
		return nil
	})
}

// setDevice writes down a device that a host has.
func (t *tx) setDevice(host bine.HostName, spec bine.Device) error {
	before, err := t.devices("WHERE id = ?", spec.ID)
	if err != nil {
		return err
	}
	for _, d := range before {
		t.reread(d.host)
	}
	n, err := t.exec("UPDATE lease_devices SET host = ?, idx = ?, listed = 1, spec = ? WHERE id = ?", host, spec.Index, text[bine.Device]{spec}, spec.ID)
	if err == nil && n == 0 {
		_, err = t.exec("INSERT INTO lease_devices (id, host, idx, listed, spec, state, reason, changed_at, health) VALUES (?, ?, ?, 1, ?, '', '', ?, '{}')", spec.ID, host, spec.Index, text[bine.Device]{spec}, t.now)
	}
	if err != nil {
		return err
	}
	d, err := t.device(spec.ID)
	if err != nil {
		return err
	}
	next, changes := rules().Found(d.health, database.Time(t.now))
	return t.setHealth(d, next, changes)
}

// setHealth writes down what is remembered of a device, and what changed.
func (t *tx) setHealth(d *device, next health.Device, changes []health.Change) error {
	if next == d.health && len(changes) == 0 {
		return nil
	}
	t.reread(d.host)
	_, err := t.exec("UPDATE lease_devices SET state = ?, reason = ?, changed_at = ?, cordoned = ?, health = ? WHERE id = ?",
		next.State, next.Reason, database.Micros(next.Since), next.Cordoned, text[health.Device]{next}, d.ID)
	for _, c := range changes {
		state := c.To
		if next.Cordoned && c.From == c.To && c.User != "" {
			state = bine.DeviceCordoned
		}
		if err == nil {
			_, err = t.exec("INSERT INTO device_events (device, at, state, reason, user_name) VALUES (?, ?, ?, ?, ?)", d.ID, database.Micros(c.At), state, c.Why, c.User)
		}
	}
	d.health = next
	return err
}

// Heard takes what a host's devices told of and how their tests went, and lets
// time pass for those that are not in service. It gives the devices that are to
// be tested now, and the grants that follow. Who uses a device that is drained
// is asked to leave. The same told again is harmless.
func (l *Ledger) Heard(ctx context.Context, host bine.HostName, faults []bine.DeviceFault, tests []bine.DeviceTest) (test []bine.DeviceID, grants []Grant, err error) {
	ailing := 0
	err = l.db.Reader(ctx).QueryRowContext(ctx, "SELECT COUNT(*) FROM lease_devices WHERE host = ? AND listed = 1 AND state <> ?", host, bine.DeviceReady).Scan(&ailing)
	if err != nil || ailing == 0 && len(faults) == 0 && len(tests) == 0 {
		return nil, nil, l.db.Explain(err)
	}
	grants, err = l.change(ctx, func(t *tx) error {
		test = nil
		all, err := t.devices("WHERE host = ? AND listed = 1", host)
		if err != nil {
			return err
		}
		busy, err := t.withProcesses(host)
		if err != nil {
			return err
		}
		for _, d := range all {
			if err := t.hear(d, faults, tests, d.used == 0 && !busy[d.ID]); err != nil {
				return err
			}
			if d.health.Test(database.Time(t.now)) {
				test = append(test, d.ID)
			}
		}
		return nil
	})
	return test, grants, err
}

// hear is Heard for one device.
func (t *tx) hear(d *device, faults []bine.DeviceFault, tests []bine.DeviceTest, idle bool) error {
	now := database.Time(t.now)
	next, changes := d.health, []health.Change(nil)
	take := func(to health.Device, more []health.Change) { next, changes = to, append(changes, more...) }
	for _, f := range faults {
		if f.Device == d.ID || f.Device == "" {
			take(rules().Fault(next, f, now))
		}
	}
	for _, one := range tests {
		if one.Device == d.ID {
			take(rules().Tested(next, one, now))
		}
	}
	take(rules().Pass(next, idle, now))
	if err := t.setHealth(d, next, changes); err != nil || !next.Leave() {
		return err
	}
	return t.drain(d.ID)
}

// drain asks who uses a device to leave it.
func (t *tx) drain(id bine.DeviceID) error {
	if t.l.seen != nil {
		t.l.seen.runs = nil
	}
	_, err := t.exec("UPDATE leases SET asked_back = ? WHERE asked_back IS NULL AND attempt IN (SELECT CASE WHEN l.gang = '' THEN l.attempt ELSE l.gang END FROM lease_grants g JOIN (SELECT attempt, gang FROM leases) l ON l.attempt = g.attempt WHERE g.device = ? AND g.ended_at IS NULL)", t.now, id)
	return err
}

// withProcesses tells on which devices of a host processes were seen last.
func (v view) withProcesses(host bine.HostName) (map[bine.DeviceID]bool, error) {
	busy := map[bine.DeviceID]bool{}
	return busy, v.each(func(row scanner) error {
		var sample text[bine.DeviceUse]
		err := row.Scan(&sample)
		busy[sample.V.Device] = len(sample.V.Processes) > 0
		return err
	}, "SELECT u.sample FROM device_use u JOIN lease_devices d ON d.id = u.device WHERE d.host = ?", host)
}

// Cordon keeps new work away from a device, or lets it come again, as an
// administrator wants it. It gives the grants that follow.
func (l *Ledger) Cordon(ctx context.Context, id bine.DeviceID, cordoned bool, reason string, by bine.UserName) ([]Grant, error) {
	return l.change(ctx, func(t *tx) error {
		d, err := t.device(id)
		if err != nil {
			return err
		}
		next, changes := rules().Mark(d.health, cordoned, reason, by, database.Time(t.now))
		return t.setHealth(d, next, changes)
	})
}

// CordonHost keeps new work away from a whole host, or lets it come again, as an
// administrator wants it; the history of its devices says so.
func (l *Ledger) CordonHost(ctx context.Context, host bine.HostName, cordoned bool, reason string, by bine.UserName) ([]Grant, error) {
	return l.change(ctx, func(t *tx) error {
		var was bool
		err := t.row("SELECT cordoned FROM lease_hosts WHERE host = ?", host).Scan(&was)
		if errors.Is(err, sql.ErrNoRows) {
			return bine.Errorf(bine.NotFound, "there is no host %q", string(host))
		}
		if err != nil || was == cordoned {
			return err
		}
		t.reread(host)
		if _, err := t.exec("UPDATE lease_hosts SET cordoned = ? WHERE host = ?", cordoned, host); err != nil {
			return err
		}
		return t.hostEvent(host, cordoned, reason, by)
	})
}

// hostEvent notes in the history of a host's devices that it is kept free of new work,
// or is not any more.
func (t *tx) hostEvent(host bine.HostName, cordoned bool, reason string, by bine.UserName) error {
	why, state := "its host takes new work again", "state"
	if cordoned {
		why, state = "its host is cordoned", "'"+string(bine.DeviceCordoned)+"'"
	}
	if reason != "" {
		why += ": " + reason
	}
	_, err := t.exec("INSERT INTO device_events (device, at, state, reason, user_name) SELECT id, ?, "+state+", ?, ? FROM lease_devices WHERE host = ? AND listed = 1", t.now, why, by, host)
	return err
}

// device reads one device.
func (t *tx) device(id bine.DeviceID) (*device, error) {
	list, err := t.devices("WHERE id = ?", id)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, bine.Errorf(bine.NotFound, "there is no device %q", string(id))
	}
	return list[0], nil
}

// devices reads devices, by host and index.
func (v view) devices(where string, args ...any) ([]*device, error) {
	return v.devicesAs(nil, where, args...)
}

func (v view) devicesAs(known *board, where string, args ...any) (list []*device, err error) {
	err = v.each(func(row scanner) error {
		d, err := scanDevice(row, known)
		list = append(list, d)
		return err
	}, "SELECT "+deviceColumns+" FROM lease_devices "+where+" ORDER BY host, idx, id", args...)
	return list, err
}

// Granted gives the devices that an attempt holds.
func (l *Ledger) Granted(ctx context.Context, attempt bine.AttemptID) (list []bine.DeviceGrant, err error) {
	v := view{l.db.Reader(ctx), ctx}
	err = v.each(func(row scanner) error {
		var g bine.DeviceGrant
		err := row.Scan(&g.Device, &g.Milli, &g.Epoch)
		list = append(list, g)
		return err
	}, "SELECT g.device, g.milli, g.epoch FROM lease_grants g LEFT JOIN lease_devices d ON d.id = g.device WHERE g.attempt = ? AND g.ended_at IS NULL ORDER BY d.idx, g.device", attempt)
	return list, l.db.Explain(err)
}

// Devices gives all devices with who has them, by host and index.
func (l *Ledger) Devices(ctx context.Context) ([]bine.DeviceStatus, error) {
	v := view{l.db.Reader(ctx), ctx}
	var all []bine.DeviceStatus
	at := map[bine.DeviceID]int{}
	err := v.each(func(row scanner) error {
		var d bine.DeviceStatus
		var id bine.DeviceID
		var spec text[bine.Device]
		var use text[*bine.DeviceUse]
		var since int64
		err := row.Scan(&id, &d.Host, &spec, &d.State, &d.Cordoned, &d.Reason, &since, &d.Used, &d.Epoch, &use)
		d.Device, d.Since, d.Use = spec.V, database.Time(since), use.V
		d.ID = id
		at[id] = len(all)
		all = append(all, d)
		return err
	}, "SELECT d.id, d.host, d.spec, d.state, d.cordoned, d.reason, d.changed_at, d.used, d.epoch, u.sample FROM lease_devices d LEFT JOIN device_use u ON u.device = d.id ORDER BY d.host, d.idx, d.id")
	if err != nil {
		return nil, l.db.Explain(err)
	}
	grants, err := v.grants("WHERE ended_at IS NULL ORDER BY device, epoch")
	for _, g := range grants {
		if i, known := at[g.Device]; known {
			all[i].Grants = append(all[i].Grants, g)
		}
	}
	return all, l.db.Explain(err)
}

// DeviceHistory gives the last grants of a device, and what became of it, the
// newest first.
func (l *Ledger) DeviceHistory(ctx context.Context, id bine.DeviceID, limit int) ([]bine.GrantRecord, []bine.DeviceEvent, error) {
	v := view{l.db.Reader(ctx), ctx}
	grants, err := v.grants("WHERE device = ? ORDER BY epoch DESC LIMIT ?", id, limit)
	if err != nil {
		return nil, nil, l.db.Explain(err)
	}
	var events []bine.DeviceEvent
	err = v.each(func(row scanner) error {
		e := bine.DeviceEvent{Device: id}
		var at int64
		err := row.Scan(&at, &e.State, &e.Reason, &e.User)
		e.At = database.Time(at)
		events = append(events, e)
		return err
	}, "SELECT at, state, reason, user_name FROM device_events WHERE device = ? ORDER BY id DESC LIMIT ?", id, limit)
	return grants, events, l.db.Explain(err)
}

// Grants gives the grants that a project's attempts have had, the newest first.
func (l *Ledger) Grants(ctx context.Context, project bine.ProjectName, limit int) ([]bine.GrantRecord, error) {
	list, err := view{l.db.Reader(ctx), ctx}.grants("WHERE project = ? ORDER BY granted_at DESC, device LIMIT ?", project, limit)
	return list, l.db.Explain(err)
}

func (v view) grants(where string, args ...any) (list []bine.GrantRecord, err error) {
	err = v.each(func(row scanner) error {
		var g bine.GrantRecord
		var owner text[bine.Owner]
		var granted int64
		var ended, busyAt *int64
		var samples int64
		err := row.Scan(&g.Device, &g.Epoch, &g.Attempt, &g.Host, &owner, &g.Milli, &granted, &ended, &samples, &g.Busy, &g.MemoryPeak, &busyAt)
		g.Owner, g.GrantedAt = owner.V, database.Time(granted)
		if ended != nil {
			g.EndedAt = new(database.Time(*ended))
		}
		if busyAt != nil {
			g.BusyAt = new(database.Time(*busyAt))
		}
		g.Busy /= float64(max(1, samples))
		list = append(list, g)
		return err
	}, "SELECT device, epoch, attempt, host, owner, milli, granted_at, ended_at, samples, busy, memory_peak, busy_at FROM lease_grants "+where, args...)
	return list, err
}
