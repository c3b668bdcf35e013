package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags/plan"
)

// The signals of a deployment's workflow.
const (
	DeploySignal = "deploy" // DeployInput: serve this version
	StopSignal   = "stop"   // StopInput: serve nothing any more
	ReadySignal  = "ready"  // ReadyInput: a server answers
)

// DeployInput asks a deployment to serve a version of its model.
type DeployInput struct {
	Version int `json:"version"`
}

// StopInput ends a deployment; with Forget its definition too.
type StopInput struct {
	Forget bool `json:"forget,omitempty"`
}

// ReadyInput says that a server answers.
type ReadyInput struct {
	Generation string `json:"generation"`
}

// ServeDeploymentInput starts a deployment. The version comes by DeploySignal.
type ServeDeploymentInput struct {
	Project      bine.ProjectName    `json:"project"`
	Name         bine.DeploymentName `json:"name"`
	GraceSeconds float64             `json:"grace_seconds"`
}

// A model server that was never ready is tried a few times; one that was, for ever.
const (
	serverTries   = 3
	serverBackoff = 2 * time.Second
	serverLongest = time.Minute
)

// server is one model server of a deployment: a child RunJob.
type server struct {
	version    int
	generation string
	ready      bool
	cancel     workflow.CancelFunc
	done       bool
	end        activities.Outcome
}

// deployment is the state of a ServeDeployment in progress.
type deployment struct {
	in       ServeDeploymentInput
	wanted   int
	asked    bool // a deploy signal came that no server was started for
	started  int  // servers started by this execution
	failures int  // of servers that were ready, since the last that stayed
	current  *server
	old      []*server
	stop     *StopInput
}

// ServeDeployment keeps a server of the version that was asked for last
// answering. A new version's server is started beside the old one, which ends
// when the new one is ready, and stays where the new one fails.
func ServeDeployment(ctx workflow.Context, in ServeDeploymentInput) error {
	d := &deployment{in: in}
	d.listen(ctx)
	for {
		if err := workflow.Await(ctx, func() bool { return d.asked || d.stop != nil }); err != nil {
			return d.end(ctx, bine.DeploymentStopped, "")
		}
		to, reason := d.serve(ctx)
		if err := d.end(ctx, to, reason); err != nil || !d.asked {
			return err
		}
	}
}

// serve keeps servers going until the deployment is stopped or hopeless.
func (d *deployment) serve(ctx workflow.Context) (to bine.DeploymentState, reason string) {
	for d.stop == nil && ctx.Err() == nil {
		if d.asked {
			d.replace(ctx)
		}
		if err := workflow.Await(ctx, d.changed); err != nil {
			break
		}
		d.retire()
		if d.stop != nil || d.asked || !d.current.done {
			continue
		}
		switch {
		case d.current.ready:
			d.restart(ctx)
		case len(d.old) > 0:
			d.fallBack(ctx)
		default:
			return bine.DeploymentFailed, d.current.end.Reason
		}
	}
	return bine.DeploymentStopped, ""
}

// listen takes signals for as long as the workflow lives.
func (d *deployment) listen(ctx workflow.Context) {
	workflow.Go(ctx, func(ctx workflow.Context) {
		sel := workflow.NewSelector(ctx)
		sel.AddReceive(workflow.GetSignalChannel(ctx, DeploySignal), func(c workflow.ReceiveChannel, _ bool) {
			var in DeployInput
			c.Receive(ctx, &in)
			going := d.current != nil && !d.current.done && d.stop == nil && in.Version == d.wanted
			d.wanted, d.asked, d.stop = in.Version, d.asked || !going, nil
		})
		sel.AddReceive(workflow.GetSignalChannel(ctx, StopSignal), func(c workflow.ReceiveChannel, _ bool) {
			var in StopInput
			c.Receive(ctx, &in)
			d.stop = &in
		})
		sel.AddReceive(workflow.GetSignalChannel(ctx, ReadySignal), func(c workflow.ReceiveChannel, _ bool) {
			var in ReadyInput
			c.Receive(ctx, &in)
			if d.current != nil && d.current.generation == in.Generation {
				d.current.ready = true
			}
		})
		for {
			sel.Select(ctx)
		}
	})
}

// changed reports whether there is something to do.
func (d *deployment) changed() bool {
	return d.stop != nil || d.asked || d.current.done || (d.current.ready && len(d.old) > 0)
}

// replace starts a server of the wanted version; the one before goes on until
// the new one is ready.
func (d *deployment) replace(ctx workflow.Context) {
	d.asked, d.failures = false, 0
	if d.current != nil && !d.current.done {
		if d.current.ready {
			d.old = append(d.old, d.current)
		} else {
			d.current.cancel()
		}
	}
	d.current = d.start(ctx, d.wanted)
}

func (d *deployment) start(ctx workflow.Context, version int) *server {
	d.started++
	// The first characters of Temporal's run id tell this execution of the
	// deployment from earlier ones.
	generation := fmt.Sprintf("%.8s-%d", workflow.GetInfo(ctx).WorkflowExecution.RunID, d.started)
	owner := bine.ServerOwner(d.in.Project, d.in.Name, version, generation)
	s := &server{version: version, generation: generation}
	ctx, s.cancel = workflow.WithCancel(ctx)
	retry := plan.Retry{Attempts: serverTries, Backoff: serverBackoff.Seconds(), Factor: 2}
	in := RunJobInput{Owner: owner, Retry: retry, GraceSeconds: d.in.GraceSeconds}
	future := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, child(ServerWorkflowID(owner))), RunJobName, in)
	workflow.Go(ctx, func(ctx workflow.Context) {
		if err := future.Get(ctx, &s.end); err != nil {
			s.end = ended(ctx, err)
		}
		s.done = true
	})
	return s
}

// retire ends the servers that a ready one replaces.
func (d *deployment) retire() {
	if !d.current.ready || d.current.done {
		return
	}
	for _, s := range d.old {
		s.cancel()
	}
	d.old = nil
}

// restart starts the current version again after its server, which was ready, ended.
func (d *deployment) restart(ctx workflow.Context) {
	d.failures++
	wait := min(serverBackoff<<min(d.failures-1, 5), serverLongest)
	asked, err := workflow.AwaitWithTimeout(ctx, wait, func() bool { return d.stop != nil || d.asked })
	if err == nil && !asked {
		d.current = d.start(ctx, d.wanted)
	}
}

// fallBack keeps the server that answers when a newer version did not get ready.
func (d *deployment) fallBack(ctx workflow.Context) {
	reason := fmt.Sprintf("version %d did not get ready: %s", d.current.version, d.current.end.Reason)
	last := len(d.old) - 1
	d.current, d.old = d.old[last], d.old[:last]
	d.wanted = d.current.version
	ctx = workflow.WithActivityOptions(ctx, quick)
	logged(ctx, workflow.ExecuteActivity(ctx, deployments.MoveDeployment, activities.MoveDeploymentInput{Project: d.in.Project, Name: d.in.Name, To: bine.DeploymentReady, Reason: reason}).Get(ctx, nil))
}

// end stops every server and writes how the deployment ended.
func (d *deployment) end(ctx workflow.Context, to bine.DeploymentState, reason string) error {
	ctx, done := workflow.NewDisconnectedContext(ctx)
	defer done()
	ctx = workflow.WithActivityOptions(ctx, quick)
	servers := d.old
	if d.current != nil {
		servers = append(servers, d.current)
	}
	d.current, d.old = nil, nil
	for _, s := range servers {
		s.cancel()
		if err := workflow.Await(ctx, func() bool { return s.done }); err != nil {
			return err
		}
	}
	move := activities.MoveDeploymentInput{Project: d.in.Project, Name: d.in.Name, To: to, Reason: reason}
	if d.stop != nil && d.stop.Forget {
		return workflow.ExecuteActivity(ctx, deployments.ForgetDeployment, move).Get(ctx, nil)
	}
	return workflow.ExecuteActivity(ctx, deployments.MoveDeployment, move).Get(ctx, nil)
}
