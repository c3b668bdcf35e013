package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/filter"
)

// TrackedSearch says which tracked runs of a project are wanted.
type TrackedSearch struct {
	Experiments []int // empty: all that are not removed
	Where       []filter.Condition
	Order       []filter.Order // then the newest first
	Removed     *bool          // nil: both
	Offset      int
	Limit       int
	// Bare leaves params, tags and metrics out.
	Bare bool
}

// MaxTracked bounds how many tracked runs one search gives.
const MaxTracked = 5000

// query is a statement that is put together.
type query struct {
	joins, where, order []string
	joined, met         []any // arguments
	now                 int64
	dialect             database.Dialect
}

// SearchTracked gives the tracked runs that fit, and whether there are more.
func (s *Store) SearchTracked(ctx context.Context, project bine.ProjectName, q TrackedSearch) (list []bine.TrackedRun, more bool, err error) {
	b := &query{now: database.Micros(time.Now()), dialect: s.db.Dialect()}
	b.and("r.project = ?", project)
	if len(q.Experiments) > 0 {
		args := make([]any, len(q.Experiments))
		for i, e := range q.Experiments {
			args[i] = e
		}
		b.and("r.experiment IN "+in(len(args)), args...)
	} else {
		b.and("EXISTS (SELECT 1 FROM experiments e WHERE e.project = r.project AND e.id = r.experiment AND e.removed = 0)")
	}
	if q.Removed != nil {
		b.and("r.removed = ?", *q.Removed)
	}
	for _, c := range q.Where {
		if err := b.condition(c); err != nil {
			return nil, false, err
		}
	}
	for i, o := range q.Order {
		if err := b.orderBy(i, o); err != nil {
			return nil, false, err
		}
	}
	if q.Limit <= 0 || q.Limit > MaxTracked {
		q.Limit = MaxTracked
	}
	text := "SELECT " + trackedColumns + trackedFrom + strings.Join(b.joins, "") + " WHERE " + strings.Join(b.where, " AND ") +
		" ORDER BY " + strings.Join(append(b.order, "r.started_at DESC", "r.no DESC"), ", ") + " LIMIT ? OFFSET ?"
	args := slices.Concat([]any{b.now}, b.joined, b.met, []any{q.Limit + 1, q.Offset})
	found, err := s.trackedRows(ctx, text, args)
	if err != nil {
		return nil, false, s.db.Explain(err)
	}
	if more = len(found) > q.Limit; more {
		found = found[:q.Limit]
	}
	if !q.Bare {
		err = s.fillTracked(ctx, found)
	}
	for _, r := range found {
		list = append(list, r.TrackedRun)
	}
	return list, more, err
}

func (s *Store) trackedRows(ctx context.Context, text string, args []any) ([]trackedRow, error) {
	found, err := s.db.Reader(ctx).QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var list []trackedRow
	for found.Next() {
		r, err := scanTracked(found)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, found.Err()
}

func (b *query) and(text string, args ...any) {
	b.where, b.met = append(b.where, text), append(b.met, args...)
}

// attributes are those of a tracked run that can be compared, as they are
// written, and whether they are numbers. Times are milliseconds, as MLflow has them.
func (b *query) attribute(name string) (column string, args []any, number bool, err error) {
	switch strings.ToLower(name) {
	case "id", "run_id":
		return "r.id", nil, false, nil
	case "name", "run_name", "run name":
		return "r.name", nil, false, nil
	case "state", "status":
		return "(" + trackedState + ")", []any{b.now}, false, nil
	case "kind":
		return "r.kind", nil, false, nil
	case "run":
		return "COALESCE(r.run, '')", nil, false, nil
	case "step":
		return "r.step", nil, false, nil
	case "created_by", "user_id", "user":
		return "r.created_by", nil, false, nil
	case "started_at", "start_time", "created":
		return "(r.started_at / 1000)", nil, true, nil
	case "ended_at", "end_time":
		return "(COALESCE(s.ended_at, r.ended_at) / 1000)", nil, true, nil
	}
	return "", nil, false, bine.Errorf(bine.Invalid, "tracked runs have no attribute %q: there are id, name, state, kind, run, step, created_by, started_at and ended_at; write metrics.%s, params.%s or tags.%s for what was reported", name, name, name, name)
}

// tables are where what was reported is kept.
var tables = map[filter.Entity]string{filter.Param: "tracked_params", filter.Tag: "tracked_tags", filter.Metric: "tracked_series"}

func (b *query) condition(c filter.Condition) error {
	if c.Of == filter.Attribute {
		column, args, number, err := b.attribute(c.Name)
		if err != nil {
			return err
		}
		return b.compare(c, column, args, number)
	}
	table := tables[c.Of]
	if table == "" {
		return bine.Errorf(bine.Invalid, "tracked runs are not searched by %s", c.Of)
	}
	has := "EXISTS (SELECT 1 FROM " + table + " x WHERE x.tracked = r.no AND x.name = ?"
	switch {
	case c.Op == "IS NULL":
		b.and("NOT "+has+")", c.Name)
		return nil
	case c.Op == "IS NOT NULL":
		b.and(has+")", c.Name)
		return nil
	}
	inner := &query{now: b.now, dialect: b.dialect}
	column, number := "x.value", false
	if c.Of == filter.Metric {
		column, number = "x.last", true
	}
	if err := inner.compare(c, column, nil, number); err != nil {
		return err
	}
	b.and(has+" AND "+inner.where[0]+")", append([]any{c.Name}, inner.met...)...)
	return nil
}

// compare adds the comparison of a column.
func (b *query) compare(c filter.Condition, column string, args []any, number bool) error {
	wrong := func() error {
		return bine.Errorf(bine.Invalid, "%s.%s cannot be compared by %s", c.Of, c.Name, c.Op)
	}
	with := func(text string, more ...any) { b.and(text, slices.Concat(args, more)...) }
	switch c.Op {
	case "IS NULL", "IS NOT NULL":
		with(column + " " + c.Op)
	case "IN", "NOT IN":
		if number || len(c.List) == 0 {
			return wrong()
		}
		with(column+" "+c.Op+" "+in(len(c.List)), values(c.List)...)
	case "LIKE", "ILIKE":
		if number {
			return wrong()
		}
		b.like(c.Op, column, c.Text, with)
	default:
		if !number {
			if c.Op != "=" && c.Op != "!=" {
				return wrong()
			}
			with(column+" "+c.Op+" ?", stateOf(c))
			return nil
		}
		n, err := c.Number()
		if err != nil {
			return err
		}
		with(column+" "+c.Op+" ?", toColumn(bine.Number(n)))
	}
	return nil
}

// like adds a comparison with a pattern; SQLite's own does not tell the case.
func (b *query) like(op, column, pattern string, with func(string, ...any)) {
	switch {
	case op == "ILIKE":
		with("LOWER("+column+") LIKE ?", strings.ToLower(pattern))
	case b.dialect == database.MySQL:
		with(column+" LIKE ? COLLATE utf8mb4_bin", pattern)
	default:
		with(column+" GLOB ?", strings.NewReplacer("*", "[*]", "?", "[?]", "[", "[[]", "%", "*", "_", "?").Replace(pattern))
	}
}

// stateOf gives what is compared with, where MLflow has other words for states.
func stateOf(c filter.Condition) string {
	if c.Of == filter.Attribute && strings.EqualFold(c.Name, "status") {
		if s, known := map[string]bine.State{"RUNNING": bine.Running, "FINISHED": bine.Succeeded, "FAILED": bine.Failed, "KILLED": bine.Cancelled, "SCHEDULED": bine.Waiting}[strings.ToUpper(c.Text)]; known {
			return string(s)
		}
	}
	return c.Text
}

// orderBy orders by what may be missing: that comes last.
func (b *query) orderBy(n int, o filter.Order) error {
	way := ""
	if o.Desc {
		way = " DESC"
	}
	if o.Of == filter.Attribute {
		column, args, _, err := b.attribute(o.Name)
		if err != nil {
			return err
		}
		if len(args) > 0 {
			column = "r.state"
		}
		b.order = append(b.order, "CASE WHEN "+column+" IS NULL THEN 1 ELSE 0 END", column+way)
		return nil
	}
	table := tables[o.Of]
	if table == "" {
		return bine.Errorf(bine.Invalid, "tracked runs are not ordered by %s", o.Of)
	}
	alias, value := fmt.Sprintf("o%d", n), "value"
	if o.Of == filter.Metric {
		value = "last"
	}
	column := alias + "." + value
	b.joins = append(b.joins, " LEFT JOIN "+table+" "+alias+" ON "+alias+".tracked = r.no AND "+alias+".name = ?")
	b.joined = append(b.joined, o.Name)
	b.order = append(b.order, "CASE WHEN "+column+" IS NULL THEN 1 ELSE 0 END", column+way)
	return nil
}

// TrackedColumns gives the names of params, tags and metrics that tracked runs
// of an experiment have, at most limit of each, by name.
func (s *Store) TrackedColumns(ctx context.Context, project bine.ProjectName, experiment, limit int) (map[filter.Entity][]string, error) {
	out := map[filter.Entity][]string{}
	for entity, table := range tables {
		found, err := s.db.Reader(ctx).QueryContext(ctx, "SELECT DISTINCT x.name FROM "+table+" x JOIN tracked_runs r ON r.no = x.tracked WHERE r.project = ? AND r.experiment = ? AND r.removed = 0 ORDER BY x.name LIMIT ?", project, experiment, limit)
		if err != nil {
			return nil, s.db.Explain(err)
		}
		err = func() error {
			defer found.Close()
			for found.Next() {
				var name string
				if err := found.Scan(&name); err != nil {
					return err
				}
				out[entity] = append(out[entity], name)
			}
			return found.Err()
		}()
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
