package trial

import (
	"context"
	"fmt"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/store"
	"github.com/bine-ml/bine/internal/sweep"
)

// Report takes what a running segment reached At a resource, if that decides
// anything, and answers whether it is to go on. A report that is told again changes nothing.
// changed says whether something was decided.
func (k *Keeper) Report(ctx context.Context, ref bine.SweepRef, trial, segment int, at int64, metrics map[string]bine.Number) (answer bine.TrialAnswer, changed bool, err error) {
	numbers := make(map[string]sweep.Number, len(metrics))
	for name, n := range metrics {
		numbers[name] = sweep.Number(n)
	}
	event := sweep.Event{Kind: sweep.Report, Trial: trial, Job: segment, At: at, Metrics: numbers}
	key := fmt.Sprintf("report/%s/%d", bine.SegmentKey(trial, segment), at)
	err = k.Apply(ctx, ref, func(e *sweep.Engine) ([]Event, error) {
		changed = e.Matters(trial, at, numbers)
		if !changed {
			return nil, nil
		}
		return []Event{{Key: key, Event: event}}, nil
	})
	if err != nil {
		return answer, false, err
	}
	err = k.Look(ctx, ref, func(e *sweep.Engine, _ store.SweepAt) error {
		trials := e.Trials()
		if trial < 1 || trial > len(trials) || trials[trial-1].Job != segment {
			return bine.Errorf(bine.Fenced, "segment %s is not the newest of its trial", bine.SegmentKey(trial, segment))
		}
		answer = bine.TrialAnswer{Do: bine.Continue}
		if trials[trial-1].State != sweep.TrialRunning {
			answer = bine.TrialAnswer{Do: bine.Stop, Reason: "the trial is " + string(trials[trial-1].State)}
			return nil
		}
		answer.Next, _ = e.Watch(trial)
		return nil
	})
	return answer, changed, err
}
