package lease

import (
	"math"
	"slices"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// DefaultHalfLife is after how long what a project had counts half.
const DefaultHalfLife = 24 * time.Hour

// meter says how the usage of projects is written down. A project's usage is the
// time for which it held something times how much that was, each moment
// counting half after each half-life. What holds m for ever comes to s·m, s
// being the half-life over ln 2. So usage is s times what is held now, and a
// rest that only fades: a grant of m takes s·m from the rest, and giving back
// adds it. The rest is written down as what it would have been at one moment,
// from, so that a change is an addition of one number, which needs to know
// neither what is written down nor when it last changed.
type meter struct {
	from     int64 // microseconds since 1970; 0: nothing was written down yet
	halfLife time.Duration
}

// faded is what is left, of 1 at from, at a time.
func (m meter) faded(now int64) float64 {
	return math.Exp2(-float64(now-m.from) / float64(m.halfLife.Microseconds()))
}

// steady is what a unit comes to that is held for ever, in seconds.
func (m meter) steady() float64 { return m.halfLife.Seconds() / math.Ln2 }

// usage is seconds of devices and of cores.
type usage struct{ gpu, cpu float64 }

func (u usage) plus(a amount, by float64) usage {
	return usage{u.gpu + by*float64(a.gpus)/whole, u.cpu + by*float64(a.milli)/1000}
}

// used gives the usage at a time of a project that has a rest and holds something.
func (m meter) used(rest usage, held amount, now int64) usage {
	faded := m.faded(now)
	u := usage{rest.gpu * faded, rest.cpu * faded}.plus(held, m.steady())
	return usage{max(u.gpu, 0), max(u.cpu, 0)}
}

// account notes that a project has more now, or less. It is written down when
// the transaction ends, once for each project.
func (t *tx) account(project bine.ProjectName, more amount, sign float64) {
	if more == (amount{}) {
		return
	}
	if t.accounts == nil {
		t.accounts = map[bine.ProjectName]usage{}
	}
	t.accounts[project] = t.accounts[project].plus(more, -sign*t.meter.steady()/t.meter.faded(t.now))
}

// settleAccounts writes down what projects have more or less, and the place that
// is kept where that is another one.
func (t *tx) settleAccounts() error {
	if t.moved {
		t.wrote = true
		if err := t.sendOne("UPDATE lease_ledger SET reserved = ? WHERE id = 1", []any{text[*reservation]{t.reserved}}); err != nil {
			return err
		}
	}
	var args []any
	for project, more := range t.accounts {
		args = append(args, project, more.gpu, more.cpu)
	}
	added := "ON CONFLICT (project) DO UPDATE SET gpu = gpu + excluded.gpu, cpu = cpu + excluded.cpu"
	if t.l.db.Dialect() == database.MySQL {
		added = "ON DUPLICATE KEY UPDATE gpu = gpu + VALUES(gpu), cpu = cpu + VALUES(cpu)"
	}
	for some := range slices.Chunk(args, 3*mostRows) {
		t.wrote = true
		if err := t.sendOne("INSERT INTO lease_usage (project, gpu, cpu) VALUES "+tuples(len(some)/3, 3)+" "+added, some); err != nil {
			return err
		}
	}
	return nil
}

// mostFaded bounds how many half-lives are counted from one moment, so that the
// numbers stay within what a float holds.
const mostFaded = 300

// start makes the meter count with a half-life from now on, where it counts with
// another one, from too long ago, or not yet.
func (t *tx) start(halfLife time.Duration) error {
	old := t.meter
	if old.from > 0 && old.halfLife == halfLife && t.now-old.from < mostFaded*halfLife.Microseconds() {
		return nil
	}
	held, err := t.heldByProject()
	if err != nil {
		return err
	}
	had := map[bine.ProjectName]usage{}
	if old.from > 0 {
		if had, err = t.used(old, held, t.now); err != nil {
			return err
		}
	}
	for project := range held {
		if _, counted := had[project]; !counted {
			had[project] = usage{}
		}
	}
	t.meter = meter{t.now, halfLife}
	if _, err := t.exec("DELETE FROM lease_usage"); err != nil {
		return err
	}
	for project, u := range had {
		rest := u.plus(held[project], -t.meter.steady())
		if _, err := t.exec("INSERT INTO lease_usage (project, gpu, cpu) VALUES (?, ?, ?)", project, rest.gpu, rest.cpu); err != nil {
			return err
		}
	}
	_, err = t.exec("UPDATE lease_ledger SET usage_from = ?, half_life = ? WHERE id = 1", t.meter.from, halfLife.Microseconds())
	return err
}

// meterNow reads how usage is written down.
func (v view) meterNow() (m meter, err error) {
	var halfLife int64
	err = v.row("SELECT usage_from, half_life FROM lease_ledger WHERE id = 1").Scan(&m.from, &halfLife)
	m.halfLife = time.Duration(halfLife) * time.Microsecond
	return m, err
}

// heldByProject adds up what projects hold.
func (v view) heldByProject() (map[bine.ProjectName]amount, error) {
	held := map[bine.ProjectName]amount{}
	return held, v.each(func(row scanner) error {
		var project bine.ProjectName
		var a amount
		err := row.Scan(&project, &a.milli, &a.memory, &a.gpus)
		held[project] = a
		return err
	}, "SELECT project, SUM(cpu_milli), SUM(memory), SUM(gpu_milli) FROM leases WHERE host > ? GROUP BY project", NoHost)
}

// used gives the usage of all projects at a time, by what they hold.
func (v view) used(m meter, held map[bine.ProjectName]amount, now int64) (map[bine.ProjectName]usage, error) {
	all := map[bine.ProjectName]usage{}
	if m.from == 0 {
		return all, nil
	}
	return all, v.each(func(row scanner) error {
		var project bine.ProjectName
		var rest usage
		err := row.Scan(&project, &rest.gpu, &rest.cpu)
		all[project] = m.used(rest, held[project], now)
		return err
	}, "SELECT project, gpu, cpu FROM lease_usage")
}

// duration gives the time that a column of microseconds holds.
func duration(micros int64) time.Duration { return time.Duration(micros) * time.Microsecond }

// micros is a duration as a column holds it.
func micros(d time.Duration) int64 { return d.Microseconds() }

// moment gives a time, or nil for none.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return new(database.Time(database.Micros(t)))
}
