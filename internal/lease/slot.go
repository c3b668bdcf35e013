package lease

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
)

// slot is a slot that somebody holds or waits for.
type slot struct {
	bine.Slot
	held bool
}

// slotOrder is the order in which everybody takes slots: keys, of which few are
// at once, before pools.
func slotOrder(a, b slot) int {
	return cmp.Or(cmp.Compare(poolRank(a.Name), poolRank(b.Name)), cmp.Compare(a.Name, b.Name))
}

func poolRank(name string) int {
	if strings.HasPrefix(name, "pool/") {
		return 1
	}
	return 0
}

// slotName takes the name of a slot apart: what it is, the project, and the rest.
func slotName(name string) (kind string, project bine.ProjectName, rest string) {
	kind, rest, _ = strings.Cut(name, "/")
	p, rest, _ := strings.Cut(rest, "/")
	return kind, bine.ProjectName(p), rest
}

// unbound is how many there are of what nobody bounds.
const unbound = 1 << 40

// most is how many slots of a name are held at once: of pools and quotas, what
// is written down now.
func (v view) most(s bine.Slot) (int, error) {
	kind, project, rest := slotName(s.Name)
	most := s.Most
	var err error
	switch kind {
	case "pool":
		most = 0
		err = v.row("SELECT slots FROM pools WHERE project = ? AND name = ?", project, rest).Scan(&most)
	case "runs":
		most = 0
		if err = v.row("SELECT runs FROM quotas WHERE project = ?", project).Scan(&most); most == 0 {
			most = unbound
		}
	}
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return most, err
}

// held is how many slots of a name are held.
func (v view) held(name string) (n int, err error) {
	err = v.row("SELECT COALESCE(SUM(count), 0) FROM lease_slots WHERE slot = ? AND held = 1", name).Scan(&n)
	return n, err
}

// acquire takes those slots that e needs and can have, in their order. blocked
// is the one that it has to wait for, if any: then e stands in its line.
func (t *tx) acquire(e *entry) (blocked *bine.Slot, err error) {
	for i := range e.slots {
		s := &e.slots[i]
		if s.held {
			continue
		}
		if s.held, err = t.take(e, s.Slot); err != nil {
			return nil, err
		}
		if !s.held {
			e.line = s.Name
			return &s.Slot, nil
		}
	}
	e.line = ""
	return nil, nil
}

// take reports whether e can have a slot now: there are enough, be it that one
// of lower priority gives it up, and nobody stands before e in its line.
func (t *tx) take(e *entry, s bine.Slot) (bool, error) {
	most, err := t.most(s)
	if err != nil {
		return false, err
	}
	held, err := t.held(s.Name)
	if err != nil {
		return false, err
	}
	first, err := t.first(s.Name)
	if err != nil || (first != nil && first.Attempt != e.Attempt && first.before(e)) {
		return false, err
	}
	if held+s.Count <= most {
		return true, nil
	}
	return t.takeOver(e, s, held+s.Count-most)
}

// takeOver sends as many as need be of those that hold a slot, have a lower
// priority than e and have not been granted, back into its line: all or none.
func (t *tx) takeOver(e *entry, s bine.Slot, missing int) (bool, error) {
	losers, left, err := t.notBegun(s.Name, missing, e.priority)
	if err != nil || left > 0 {
		return false, err
	}
	return true, t.sendBack(losers, s.Name)
}

// shrink sends those that hold a slot of which there are fewer now, and have
// not been granted, back into its line.
func (t *tx) shrink(name string) error {
	most, err := t.most(bine.Slot{Name: name})
	if err != nil {
		return err
	}
	held, err := t.held(name)
	if err != nil || held <= most {
		return err
	}
	losers, _, err := t.notBegun(name, held-most, math.MinInt)
	if err != nil {
		return err
	}
	return t.sendBack(losers, name)
}

// notBegun finds who holds so many of a slot and has not been granted, those
// that go last first, of lower priority than a rank; left is what they lack.
func (t *tx) notBegun(name string, missing, rank int) (ids []bine.AttemptID, left int, err error) {
	err = t.each(func(row scanner) error {
		var id bine.AttemptID
		count := 0
		if err := row.Scan(&id, &count); err != nil {
			return err
		}
		if missing > 0 {
			ids = append(ids, id)
			missing -= count
		}
		return nil
	}, "SELECT l.attempt, s.count FROM lease_slots s JOIN leases l ON l.attempt = s.attempt WHERE s.slot = ? AND s.held = 1 AND l.host = '' AND l.priority > ? ORDER BY l.priority DESC, l.place DESC", name, rank)
	return ids, missing, err
}

// sendBack takes a slot, and those that come after it, from some that wait.
func (t *tx) sendBack(ids []bine.AttemptID, name string) error {
	for _, id := range ids {
		e, err := t.find(id)
		if err != nil {
			return err
		}
		if err := t.strip(e, name); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) strip(e *entry, name string) error {
	for _, other := range e.slots {
		if !other.held || slotOrder(other, slot{Slot: bine.Slot{Name: name}}) < 0 {
			continue
		}
		if _, err := t.exec("UPDATE lease_slots SET held = 0 WHERE attempt = ? AND slot = ?", e.Attempt, other.Name); err != nil {
			return err
		}
		if other.Name != name {
			t.freed = append(t.freed, other.Name)
		}
	}
	if e.line != "" {
		t.freed = append(t.freed, e.line)
	}
	_, err := t.exec("UPDATE leases SET line = ? WHERE attempt = ?", name, e.Attempt)
	return err
}

// first is who stands first in the line of a slot, or nil.
func (t *tx) first(name string) (*entry, error) {
	_, project, _ := slotName(name)
	return t.one("l.host = '' AND l.line = ? AND l.project = ? ORDER BY l.priority, l.place LIMIT 1", name, project)
}

// settle gives the slots that were freed to those that stand first in their
// lines, and grants who needs nothing else.
func (t *tx) settle() (grants []Grant, err error) {
	for len(t.freed) > 0 {
		name := t.freed[0]
		t.freed = slices.DeleteFunc(t.freed, func(s string) bool { return s == name })
		for {
			e, err := t.first(name)
			if err != nil {
				return nil, err
			}
			if e == nil {
				break
			}
			blocked, err := t.acquire(e)
			if err != nil {
				return nil, err
			}
			if blocked != nil && blocked.Name == name {
				break
			}
			if blocked == nil && e.amount == (amount{}) {
				e.Host = NoHost
				grants = append(grants, e.Grant)
			}
			if err := t.save(e, Request{}); err != nil {
				return nil, err
			}
		}
	}
	return grants, nil
}

// slotReason says what one waits for that has to wait for a slot.
func (v view) slotReason(s bine.Slot) (string, error) {
	most, err := v.most(s)
	if err != nil {
		return "", err
	}
	held, err := v.held(s.Name)
	return waitsFor(s, held, most), err
}

func waitsFor(s bine.Slot, held, most int) string {
	kind, project, rest := slotName(s.Name)
	pipeline, key, _ := strings.Cut(rest, "/")
	if pipeline == "" {
		key = "/" + key // shared by the project
	}
	switch {
	case kind == "pool" && s.Count > most:
		return fmt.Sprintf("waits for %s of pool %s, which has only %d", slots(s.Count), rest, most)
	case kind == "pool":
		return fmt.Sprintf("waits for %s of pool %s (%d of %d held)", slots(s.Count), rest, held, most)
	case kind == "runs":
		return fmt.Sprintf("the quota of project %s of %d runs at once is used up", project, most)
	case kind == "own":
		return fmt.Sprintf("waits for its turn: at most %d at a time of step %s", most, key)
	case kind == "run" && key == "":
		return fmt.Sprintf("waits for its turn: at most %d at a time of pipeline %s", most, pipeline)
	default:
		return fmt.Sprintf("waits for its turn: at most %d at a time for %s", most, key)
	}
}

func slots(n int) string {
	if n == 1 {
		return "1 slot"
	}
	return fmt.Sprintf("%d slots", n)
}
