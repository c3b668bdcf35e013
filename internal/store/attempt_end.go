package store

import (
	"context"

	"github.com/bine-ml/bine"
)

// EndAttempt ends an attempt in one transaction: its row, with which its job
// token is not good any more, its metrics, and when it succeeded the row of its
// step, item or batch with its items. first is false when it was ended so before. An attempt that ended
// otherwise, or is not the newest of its owner, is Fenced and changes nothing.
func (s *Store) EndAttempt(ctx context.Context, id bine.AttemptID, r bine.AttemptResult) (first bool, err error) {
	if !r.State.Ended() {
		return false, bine.Errorf(bine.Invalid, "%s is no end of an attempt", r.State)
	}
	err = s.write(ctx, func(t *tx) error {
		first = false
		a, _, err := t.lockAttempt(id)
		if err != nil {
			return err
		}
		if a.State.Ended() {
			if a.State == r.State && a.Failure == r.Failure {
				return nil
			}
			return bine.Errorf(bine.Fenced, "attempt %q has ended already: it %s", string(id), a.State)
		}
		if err := t.newest(a); err != nil {
			return err
		}
		first = true
		return t.endAttempt(a, r)
	})
	return first && err == nil, err
}

func (t *tx) endAttempt(a bine.Attempt, r bine.AttemptResult) error {
	ended := micros(r.EndedAt)
	if ended == nil {
		ended = &t.now
	}
	_, err := t.exec("UPDATE attempts SET state = ?, failure = ?, reason = ?, exit_code = ?, used = ?, started_at = COALESCE(?, started_at), ended_at = ? WHERE id = ?",
		r.State, r.Failure, r.Reason, r.ExitCode, docOf(r.Usage), micros(r.StartedAt), ended, a.ID)
	if err != nil {
		return err
	}
	if err := t.putMetrics(a, r.Metrics); err != nil {
		return err
	}
	if a.Owner.Kind != bine.OwnerRun {
		return nil
	}
	if r.State != bine.Succeeded {
		return t.keepArtifacts(a, r.Artifacts)
	}
	for key, item := range r.Items {
		if err := t.endItem(a, key, item, *ended); err != nil {
			return err
		}
	}
	return t.succeed(a, r, *ended)
}

const endStep = "UPDATE steps SET state = ?, reason = ?, outputs = ?, artifacts = ?, metrics = ?, started_at = COALESCE(?, started_at, ?), ended_at = ?" + isStep + " AND state IN (?, ?, ?)"

// keepArtifacts notes what an attempt that failed has left at its step, which
// may still have others: the last one's counts.
func (t *tx) keepArtifacts(a bine.Attempt, artifacts map[string]bine.ArtifactRef) error {
	if len(artifacts) == 0 {
		return nil
	}
	args := append([]any{docOf(artifacts)}, refOf(a.Owner).args(a.Owner.Project)...)
	_, err := t.exec("UPDATE steps SET artifacts = ?"+isStep+" AND state IN (?, ?, ?)", append(args, values(open)...)...)
	return err
}

// succeed ends the step, item or batch of an attempt that succeeded.
func (t *tx) succeed(a bine.Attempt, r bine.AttemptResult, ended int64) error {
	last := map[string]float64{}
	for _, m := range r.Metrics {
		if m.Value.Finite() {
			last[m.Name] = float64(m.Value)
		}
	}
	ref := refOf(a.Owner)
	args := []any{bine.Succeeded, "", docOf(r.Values), docOf(r.Artifacts), docOf(last), micros(r.StartedAt), ended, ended}
	n, err := t.exec(endStep, append(append(args, ref.args(a.Owner.Project)...), values(open)...)...)
	if err == nil && n > 0 {
		t.stepEvent(a.Owner.Project, ref, bine.Succeeded)
	}
	return err
}

// endItem ends one item of a batch.
func (t *tx) endItem(a bine.Attempt, key string, item bine.ItemResult, ended int64) error {
	state := bine.Succeeded
	if item.Reason != "" {
		state = bine.Failed
	}
	ref := StepRef{bine.RunID(a.Owner.Name), a.Owner.Step, key}
	args := []any{state, item.Reason, docOf(item.Values), docOf(item.Artifacts), nil, nil, ended, ended}
	_, err := t.exec(endStep, append(append(args, ref.args(a.Owner.Project)...), values(open)...)...)
	return err
}
