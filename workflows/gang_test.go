package workflows_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/mock"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags/plan"
)

// gang grants three hosts, and lets each process end as end says for its rank
// and the number of its try.
func gang(t *testing.T, end func(rank, try int) activities.RunProcessResult) (activities.Outcome, *world, map[int]int) {
	w := newWorld(t)
	first := map[bine.AttemptID]bool{}
	w.attempts.grant = func(in activities.StartAttemptInput) activities.Granted {
		id := bine.NewAttemptID(in.Owner, in.Number)
		first[id] = true
		return activities.Granted{Attempt: id, Host: "h1", Others: []bine.HostName{"h2", "h3"}}
	}
	var mu sync.Mutex
	tries := map[int]int{}
	w.OnActivity("RunProcess", mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.RunProcessInput) (activities.RunProcessResult, error) {
		mu.Lock()
		_, rank := in.Owner.Rank()
		if (rank == 0) != first[in.Attempt] {
			t.Errorf("rank %d runs as attempt %s", rank, in.Attempt)
		}
		tries[rank]++
		try := tries[rank]
		mu.Unlock()
		return end(rank, try), nil
	})
	w.OnActivity("StopProcess", mock.Anything, mock.Anything).Return(nil).Maybe()
	return job(w, plan.Retry{}), w, tries
}

func TestAGangSucceedsTogether(t *testing.T) {
	out, w, tries := gang(t, func(int, int) activities.RunProcessResult {
		return activities.RunProcessResult{State: bine.Succeeded}
	})
	if out.State != bine.Succeeded || len(tries) != 3 || len(w.attempts.ended) != 3 {
		t.Errorf("job is %+v after %v, %d attempts ended; want succeeded, three processes and three ends", out, tries, len(w.attempts.ended))
	}
}

func TestAGangFailsWithItsFirstProcessThatFails(t *testing.T) {
	out, w, _ := gang(t, func(rank, _ int) activities.RunProcessResult {
		if rank == 1 {
			return activities.RunProcessResult{State: bine.Failed, Failure: bine.FailureMemory, Reason: "too much"}
		}
		return activities.RunProcessResult{State: bine.Succeeded}
	})
	if out.Failure != bine.FailureMemory || out.Reason != "its process on h2: too much" || len(w.attempts.ended) != 3 {
		t.Errorf("job is %+v with %d ends, want the failure of the process on h2", out, len(w.attempts.ended))
	}
}

func TestAGangThatLosesAProcessIsRunAgainAsAWhole(t *testing.T) {
	var others sync.WaitGroup // one that is called off before it begins has one try less
	others.Add(2)
	out, w, tries := gang(t, func(rank, try int) activities.RunProcessResult {
		if rank != 2 && try == 1 {
			others.Done()
		}
		if rank == 2 && try == 1 {
			others.Wait()
			return activities.RunProcessResult{State: bine.Lost, Failure: bine.FailurePreempted, Reason: "made room"}
		}
		return activities.RunProcessResult{State: bine.Succeeded}
	})
	if out.State != bine.Succeeded || len(w.attempts.started) != 2 || tries[0] != 2 || tries[2] != 2 {
		t.Errorf("job is %+v after %d attempts, processes %v; want two attempts of all", out, len(w.attempts.started), tries)
	}
}
