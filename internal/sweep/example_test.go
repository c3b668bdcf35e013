package sweep_test

import (
	"fmt"

	"github.com/bine-ml/bine/internal/sweep"
	"github.com/bine-ml/bine/internal/sweep/spec"
)

// A sweep of three configurations on one slot, driven by hand: one of three
// goes on from its checkpoint.
func Example() {
	file, err := spec.Parse([]byte(`
method: grid
metric: {name: loss}
early_terminate: {max_iter: 3}
parameters:
  lr: {values: [0.1, 0.01, 0.001]}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	engine, err := sweep.New(file.Settings)
	if err != nil {
		fmt.Println(err)
		return
	}
	loss := map[int]sweep.Number{1: 0.7, 2: 0.3, 3: 0.5}
	for log := []sweep.Event{{Kind: sweep.Start}}; len(log) > 0; log = log[1:] {
		decisions, err := engine.Decide(log[0])
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, d := range decisions {
			fmt.Printf("%s trial %d: %s\n", d.Kind, d.Trial, d.Reason)
			if d.Kind == sweep.Run { // a process would train from d.From to d.To now
				log = append(log, sweep.Event{Kind: sweep.Done, Trial: d.Trial, Job: d.Job, At: d.To, Metrics: map[string]sweep.Number{"loss": loss[d.Trial]}})
			}
		}
	}
	// Output:
	// run trial 1: a slot is free and no trial can be promoted
	// wait trial 1: 1st of 1 in rung 0, which are too few to compare
	// run trial 2: a slot is free and no trial can be promoted
	// wait trial 2: 1st of 2 in rung 0, which are too few to compare
	// run trial 3: a slot is free and no trial can be promoted
	// discard trial 1: it can't get among the best of its rung any more, whatever is still to come
	// wait trial 3: 2nd of 3 in rung 0, of which the best 1 go on
	// run trial 2: 1st of 3 in rung 0, of which the best 1 go on
	// discard trial 3: it can't get among the best of its rung any more, whatever is still to come
	// through trial 2: through the last rung: 1st of 1 in rung 1
	// finish trial 0: all trials have ended
}
