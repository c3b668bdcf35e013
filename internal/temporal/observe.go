package temporal

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// The outcomes that are counted, as they stand in the label "outcome".
const (
	succeeded = "succeeded"
	failed    = "failed"
	cancelled = "cancelled"
	continued = "continued" // a workflow that went on as a new execution
	pending   = "pending"   // an activity that is completed later, by its token
	panicked  = "panicked"
)

// Observer is an interceptor that logs each failure of an activity or workflow
// with the workflow it belongs to, and measures how long they take and how they
// end.
type Observer struct {
	interceptor.WorkerInterceptorBase
	log        *slog.Logger
	activities *prometheus.HistogramVec
	running    *prometheus.GaugeVec
	workflows  *prometheus.HistogramVec
}

// NewObserver makes an observer that writes to log and registers its metrics
// with reg:
//
//	bine_activity_seconds{activity,outcome}   one try of an activity
//	bine_activities_running{activity}
//	bine_workflow_seconds{workflow,outcome}   one execution, from its start
func NewObserver(log *slog.Logger, reg prometheus.Registerer) (*Observer, error) {
	o := &Observer{
		log: log,
		activities: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bine_activity_seconds", Help: "How long one try of an activity took, by how it ended.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 12), // 1 ms to 70 minutes
		}, []string{"activity", "outcome"}),
		running: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "bine_activities_running", Help: "Activities that run in this process now.",
		}, []string{"activity"}),
		workflows: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bine_workflow_seconds", Help: "How long a workflow execution took, by how it ended.",
			Buckets: prometheus.ExponentialBuckets(0.01, 4, 14), // 10 ms to 8 days
		}, []string{"workflow", "outcome"}),
	}
	for _, c := range []prometheus.Collector{o.activities, o.running, o.workflows} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// InterceptActivity puts the observer before an activity.
func (o *Observer) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	i := &activityObserver{observer: o}
	i.Next = next
	return i
}

// InterceptWorkflow puts the observer before a workflow.
func (o *Observer) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	i := &workflowObserver{observer: o}
	i.Next = next
	return i
}

type activityObserver struct {
	interceptor.ActivityInboundInterceptorBase
	observer *Observer
}

// ExecuteActivity runs the activity and records how it ended. A panic goes on
// to the SDK, which makes a failure of it.
func (a *activityObserver) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (result any, err error) {
	info := activity.GetInfo(ctx)
	name, started, outcome := info.ActivityType.Name, time.Now(), panicked
	a.observer.running.WithLabelValues(name).Inc()
	defer func() {
		a.observer.running.WithLabelValues(name).Dec()
		a.observer.activities.WithLabelValues(name, outcome).Observe(time.Since(started).Seconds())
		if outcome == failed || outcome == panicked {
			a.observer.log.WarnContext(ctx, "activity failed",
				"activity", name, "workflow", info.WorkflowExecution.ID, "execution", info.WorkflowExecution.RunID,
				"attempt", info.Attempt, "error", err)
		}
	}()
	result, err = a.Next.ExecuteActivity(ctx, in)
	outcome = activityOutcome(err)
	return result, err
}

func activityOutcome(err error) string {
	switch {
	case err == nil:
		return succeeded
	case errors.Is(err, activity.ErrResultPending):
		return pending
	case temporal.IsCanceledError(err), errors.Is(err, context.Canceled):
		return cancelled
	default:
		return failed
	}
}

type workflowObserver struct {
	interceptor.WorkflowInboundInterceptorBase
	observer *Observer
}

// ExecuteWorkflow runs the workflow and records how it ended. A replay records
// nothing, and nothing that is recorded has an influence on the workflow.
func (w *workflowObserver) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	info := workflow.GetInfo(ctx)
	result, err := w.Next.ExecuteWorkflow(ctx, in)
	if workflow.IsReplaying(ctx) {
		return result, err
	}
	name, outcome := info.WorkflowType.Name, workflowOutcome(err)
	took := workflow.Now(ctx).Sub(info.WorkflowStartTime)
	w.observer.workflows.WithLabelValues(name, outcome).Observe(took.Seconds())
	if outcome == failed {
		w.observer.log.Warn("workflow failed",
			"workflow", info.WorkflowExecution.ID, "execution", info.WorkflowExecution.RunID, "type", name, "error", err)
	}
	return result, err
}

func workflowOutcome(err error) string {
	switch {
	case err == nil:
		return succeeded
	case workflow.IsContinueAsNewError(err):
		return continued
	case temporal.IsCanceledError(err), errors.Is(err, workflow.ErrCanceled):
		return cancelled
	default:
		return failed
	}
}
