package lease

import (
	"context"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// Leases gives everything that is granted or waits, in the order of asking.
func (l *Ledger) Leases(ctx context.Context) ([]bine.Lease, error) {
	leases, lines, err := l.leases(ctx)
	if err != nil {
		return nil, err
	}
	v := view{l.db.Reader(ctx), ctx}
	p, err := v.look()
	if err != nil {
		return nil, l.db.Explain(err)
	}
	var o outlook
	if slices.ContainsFunc(leases, func(one bine.Lease) bool { return one.GrantedAt == nil && one.Resources.GPUs > 0 }) {
		if o, err = v.outlook(p, database.Micros(l.now()), nil); err != nil {
			return nil, l.db.Explain(err)
		}
	}
	counts := map[string]count{}
	for i := range leases {
		one := &leases[i]
		if one.GrantedAt != nil {
			continue
		}
		if one.Reason, err = v.reason(*one, lines[i], p, o, counts); err != nil {
			return nil, l.db.Explain(err)
		}
		if one.Place = o.places[one.Attempt]; one.Place == 0 {
			continue
		}
		if at, known := o.starts[one.Attempt]; known {
			one.StartsAt = moment(at)
		}
		if o.reserved != nil && o.reserved.Attempt == one.Attempt {
			one.Reservation = o.reserved.record()
		}
	}
	return leases, nil
}

// count is how many there are of a slot.
type count struct{ held, most int }

// reason says what one waits for. It keeps in counts what it had to look up.
func (v view) reason(l bine.Lease, line string, p *picture, o outlook, counts map[string]count) (string, error) {
	if line == "" {
		return p.reason(l.Owner.Project, wantOf(Request{Resources: l.Resources}), o.waits[string(l.Attempt)], l.Attempt, o.reserved), nil
	}
	for _, s := range l.Slots {
		if s.Name != line {
			continue
		}
		n, known := counts[line]
		if !known {
			var err error
			if n.most, err = v.most(s); err == nil {
				n.held, err = v.held(line)
			}
			if err != nil {
				return "", err
			}
			counts[line] = n
		}
		return waitsFor(s, n.held, n.most), nil
	}
	return "", nil
}

// leases reads all that is granted or waits, without reasons, and of each the
// slot that it waits for.
func (l *Ledger) leases(ctx context.Context) (leases []bine.Lease, lines []string, err error) {
	v := view{l.db.Reader(ctx), ctx}
	slots, err := v.allSlots()
	if err != nil {
		return nil, nil, l.db.Explain(err)
	}
	devices, err := v.heldDevices()
	if err != nil {
		return nil, nil, l.db.Explain(err)
	}
	members := map[bine.AttemptID][]bine.Lease{}
	err = v.each(func(row scanner) error {
		one, a, asked, rank, line := bine.Lease{}, amount{}, int64(0), 0, ""
		var granted, askedBack *int64
		var most int64
		var owner text[bine.Owner]
		var gang bine.AttemptID
		var request string
		if err := row.Scan(&one.Attempt, &owner, &one.Host, &a.milli, &a.memory, &a.gpus, &request, &gang, &asked, &granted, &askedBack, &rank, &line, &most, &one.Yields); err != nil {
			return err
		}
		if gang != "" && gang != one.Attempt {
			members[gang] = append(members[gang], one)
			return nil
		}
		if one.Host == NoHost {
			one.Host = ""
		}
		one.Owner, one.Resources, one.Slots, one.AskedAt = owner.V, a.resources(), slots[one.Attempt], database.Time(asked)
		one.Priority, one.Resources.GPU, one.Devices = priorityOf(rank), request, devices[one.Attempt]
		if askedBack != nil {
			one.AskedBack = new(database.Time(*askedBack))
		}
		if granted != nil {
			one.GrantedAt = new(database.Time(*granted))
			if most > 0 {
				one.EndsAt = new(database.Time(*granted + most))
			}
		}
		leases, lines = append(leases, one), append(lines, line)
		return nil
	}, "SELECT attempt, owner, host, cpu_milli, memory, gpu_milli, request, gang, asked_at, granted_at, asked_back, priority, line, lasts, yields FROM leases ORDER BY place, gang, attempt")
	for i := range leases {
		one := &leases[i]
		for _, m := range members[one.Attempt] {
			if one.Hosts == nil {
				one.Hosts = []bine.HostName{one.Host}
			}
			one.Hosts, one.Devices = append(one.Hosts, m.Host), append(one.Devices, devices[m.Attempt]...)
		}
	}
	return leases, lines, l.db.Explain(err)
}

// heldDevices reads which devices attempts hold.
func (v view) heldDevices() (map[bine.AttemptID][]bine.DeviceID, error) {
	held := map[bine.AttemptID][]bine.DeviceID{}
	return held, v.each(func(row scanner) error {
		var id bine.AttemptID
		var d bine.DeviceID
		err := row.Scan(&id, &d)
		held[id] = append(held[id], d)
		return err
	}, "SELECT attempt, device FROM lease_grants WHERE ended_at IS NULL ORDER BY attempt, device")
}

// priorityOf gives the priority that is written down as a rank.
func priorityOf(rank int) bine.Priority {
	switch {
	case rank < 0:
		return bine.PriorityHigh
	case rank > 0:
		return bine.PriorityLow
	}
	return ""
}

// allSlots reads the slots of all, by name.
func (v view) allSlots() (map[bine.AttemptID][]bine.Slot, error) {
	all := map[bine.AttemptID][]bine.Slot{}
	return all, v.each(func(row scanner) error {
		var id bine.AttemptID
		var s bine.Slot
		err := row.Scan(&id, &s.Name, &s.Count, &s.Most)
		all[id] = append(all[id], s)
		return err
	}, "SELECT attempt, slot, count, most FROM lease_slots ORDER BY attempt, slot")
}

// Count is how many are granted or wait, by what for.
type Count struct {
	For     string // host, pool, key or runs; of what is granted, process or slots
	Granted bool
	N       int
}

// Counts says how many are granted and how many wait.
func (l *Ledger) Counts(ctx context.Context) ([]Count, error) {
	v := view{l.db.Reader(ctx), ctx}
	sums := map[Count]int{}
	err := v.each(func(row scanner) error {
		var host bine.HostName
		var line string
		n := 0
		err := row.Scan(&host, &line, &n)
		sums[countOf(host, line)] += n
		return err
	}, "SELECT host, line, COUNT(*) FROM leases GROUP BY host, line")
	var all []Count
	for c, n := range sums {
		c.N = n
		all = append(all, c)
	}
	return all, l.db.Explain(err)
}

func countOf(host bine.HostName, line string) Count {
	kind, _, _ := slotName(line)
	switch {
	case host == NoHost:
		return Count{For: "slots", Granted: true}
	case host != "":
		return Count{For: "process", Granted: true}
	case line == "":
		return Count{For: "host"}
	case kind == "pool" || kind == "runs":
		return Count{For: kind}
	}
	return Count{For: "key"}
}
