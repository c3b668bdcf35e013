package store

import (
	"context"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// Kept names what a run keeps of another that it goes on from.
type Kept struct {
	From bine.RunID // that has ended
	To   bine.RunID
	Step bine.StepName
	Note string // why, for people
}

// keptFrom is the run that outputs of a row o come from in the end.
const keptFrom = "CASE WHEN o.cached_from <> '' THEN o.cached_from ELSE o.run END"

// KeepStep makes the row of a step, and of its items, from those of another run:
// cached where they succeeded, else as they are. position is the step's place
// in the graph. Rows that are there stay.
func (s *Store) KeepStep(ctx context.Context, project bine.ProjectName, k Kept, position int) error {
	return s.write(ctx, func(t *tx) error {
		n, err := t.exec(`INSERT INTO steps (project, position, `+stepColumns+`)
			SELECT o.project, CASE WHEN o.item = '' THEN ? ELSE o.position END, ?, o.name, o.item, o.kind, CASE WHEN o.state = ? THEN ? ELSE o.state END, o.reason, 0, o.items, o.item_states,
				o.settings, o.inputs, o.outputs, o.artifacts, o.metrics, o.cache_key, CASE WHEN o.state IN (?, ?) THEN `+keptFrom+` ELSE '' END, ?, o.sub_run, o.environment, ?, ?, ?
			FROM steps o WHERE o.project = ? AND o.run = ? AND o.name = ? AND o.position >= 0 AND NOT EXISTS (
				SELECT 1 FROM steps n WHERE n.project = o.project AND n.run = ? AND n.item = o.item AND n.name = o.name)`,
			position, k.To, bine.Succeeded, bine.Cached, bine.Succeeded, bine.Cached, k.Note, t.now, t.now, t.now, project, k.From, k.Step, k.To)
		if err != nil || n == 0 {
			return err
		}
		t.stepEvent(project, StepRef{Run: k.To, Step: k.Step}, bine.Cached)
		return nil
	})
}

// KeepItems lets pending items of a fan-out keep what those of the same key gave
// in another run, where these succeeded and were made with the same. Where the
// step follows the items of per, only items that are kept there are kept here.
// It gives how many they are.
func (s *Store) KeepItems(ctx context.Context, project bine.ProjectName, k Kept, per bine.StepName) (kept int64, err error) {
	err = s.write(ctx, func(t *tx) error {
		query, args := keepItems(t.db.Dialect(), per), []any{bine.Cached, k.Note, t.now, t.now}
		where := []any{project, k.To, k.Step, bine.Pending, k.From, bine.Succeeded, bine.Cached}
		if per != "" {
			where = append(where, per, bine.Cached)
		}
		kept, err = t.exec(query, append(args, where...)...)
		return err
	})
	return kept, err
}

// keepItems is the statement of KeepItems: each dialect joins what it changes in
// a way of its own.
func keepItems(dialect database.Dialect, per bine.StepName) string {
	set := []string{"state = ?", "cache_note = ?", "started_at = ?", "ended_at = ?", "outputs = o.outputs", "artifacts = o.artifacts", "metrics = o.metrics",
		"inputs = o.inputs", "sub_run = o.sub_run", "environment = o.environment", "cached_from = " + keptFrom}
	const (
		same  = "o.project = n.project AND o.name = n.name AND o.item = n.item"
		where = ` WHERE n.project = ? AND n.run = ? AND n.name = ? AND n.item <> '' AND n.position >= 0 AND n.state = ?
			AND o.run = ? AND o.position >= 0 AND o.state IN (?, ?) AND COALESCE(o.settings, '') = COALESCE(n.settings, '')`
		head = " AND h.project = n.project AND h.run = n.run AND h.item = n.item AND h.name = ? AND h.state = ?"
	)
	also, follows := "", ""
	if per != "" {
		also, follows = ", steps h", head
	}
	if dialect == database.SQLite {
		return "UPDATE steps AS n SET " + strings.Join(set, ", ") + " FROM steps o" + also + where + " AND " + same + follows
	}
	return "UPDATE steps n, steps o" + also + " SET n." + strings.Join(set, ", n.") + where + " AND " + same + follows
}
