package store

import (
	"context"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// TrialOrder says in which order trials are listed.
type TrialOrder string

// The orders. Those without a value come last in those of values.
const (
	TrialsByNumber TrialOrder = "trial"
	TrialsByLeast  TrialOrder = "least"
	TrialsByMost   TrialOrder = "most"
)

func scanTrial(row interface{ Scan(...any) error }) (v bine.SweepTrial, err error) {
	var config raw
	var started int64
	var ended *int64
	err = row.Scan(&v.Trial, &v.State, &v.Reason, &config, &v.Bracket, &v.Rung, &v.Resource, &v.Value, &v.Segment, &started, &ended)
	v.Config, v.StartedAt, v.EndedAt = config.V, database.Time(started), maybe(ended)
	return v, err
}

// SweepTrials gives trials of a sweep, in a state where that is not empty,
// leaving out the first ones.
func (s *Store) SweepTrials(ctx context.Context, ref bine.SweepRef, state bine.TrialState, order TrialOrder, skip, limit int) ([]bine.SweepTrial, error) {
	no, err := s.sweepNo(ctx, ref)
	if err != nil {
		return nil, err
	}
	where, args := []string{"sweep = ?"}, []any{no}
	if state != "" {
		where, args = append(where, "state = ?"), append(args, state)
	}
	by := map[TrialOrder]string{TrialsByNumber: "trial", TrialsByLeast: "value IS NULL, value, trial", TrialsByMost: "value IS NULL, value DESC, trial"}[order]
	if by == "" {
		return nil, bine.Errorf(bine.Invalid, "%q is no order of trials: those are trial, least and most", string(order))
	}
	found, err := s.db.Reader(ctx).QueryContext(ctx, "SELECT "+trialColumns+" FROM sweep_trials WHERE "+strings.Join(where, " AND ")+" ORDER BY "+by+" LIMIT ? OFFSET ?", append(args, limit, skip)...)
	if err != nil {
		return nil, s.db.Explain(err)
	}
	defer found.Close()
	var list []bine.SweepTrial
	for found.Next() {
		v, err := scanTrial(found)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, s.db.Explain(found.Err())
}

// SweepTrial gives one trial of a sweep.
func (s *Store) SweepTrial(ctx context.Context, ref bine.SweepRef, trial int) (bine.SweepTrial, error) {
	no, err := s.sweepNo(ctx, ref)
	if err != nil {
		return bine.SweepTrial{}, err
	}
	v, err := scanTrial(s.db.Reader(ctx).QueryRowContext(ctx, "SELECT "+trialColumns+" FROM sweep_trials WHERE sweep = ? AND trial = ?", no, trial))
	return v, forDomain(s.db.Explain(err), numbered(sweepName(ref), trial))
}
