package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
)

// runGang runs the processes of a gang side by side, one on each host that was
// granted. They succeed together, and then the first one's outputs count; when
// one ends otherwise, the others are ended too, and that one's end is the
// attempt's, with the host on which it was.
func runGang(ctx workflow.Context, owner bine.Owner, granted activities.Granted, grace time.Duration) (activities.Outcome, bine.HostName) {
	hosts := append([]bine.HostName{granted.Host}, granted.Others...)
	ends := make([]activities.Outcome, len(hosts))
	worst := -1 // the rank of the process that ended first of those that did not succeed
	together, cancel := workflow.WithCancel(ctx)
	defer cancel()
	wait := workflow.NewWaitGroup(ctx)
	for rank, host := range hosts {
		wait.Add(1)
		workflow.Go(together, func(ctx workflow.Context) {
			defer wait.Done()
			id := granted.Attempt.Member(rank)
			end := runProcess(ctx, activities.RunProcessInput{Attempt: id, Owner: owner.Member(rank)}, host, grace)
			if end.State == bine.Cancelled {
				stopProcess(ctx, id, host, grace)
			}
			ends[rank] = end
			if end.State != bine.Succeeded && worst < 0 {
				worst = rank
				cancel()
			}
		})
	}
	out, _ := workflow.NewDisconnectedContext(ctx)
	wait.Wait(out)
	for rank := 1; rank < len(hosts); rank++ {
		endAttempt(ctx, granted.Attempt.Member(rank), ends[rank])
	}
	if worst < 0 {
		return ends[0], granted.Host
	}
	end := ends[worst]
	if worst > 0 && end.Reason != "" {
		end.Reason = "its process on " + string(hosts[worst]) + ": " + end.Reason
	}
	return end, hosts[worst]
}
