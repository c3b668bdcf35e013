package workflows

import (
	"fmt"
	"slices"
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

// DeployInput asks a deployment to serve a version of its model. Asked for what
// it serves already, with the same resources, it goes on as it is.
type DeployInput struct {
	Version   int            `json:"version"`
	Resources bine.Resources `json:"resources,omitzero"`
}

// StopInput ends a deployment; with Forget its definition too.
type StopInput struct {
	Forget bool `json:"forget,omitempty"`
}

// ReadyInput says that a server answers.
type ReadyInput struct {
	Generation string `json:"generation"`
}

// ServeDeploymentInput starts a deployment. What to serve comes by DeploySignal.
type ServeDeploymentInput struct {
	Project      bine.ProjectName    `json:"project"`
	Name         bine.DeploymentName `json:"name"`
	GraceSeconds float64             `json:"grace_seconds"`
	Going        *DeployInput        `json:"going,omitempty"` // what an execution that this one continues served
}

// A model server of a version that was never ready is tried a few times; one
// of a version that was, for ever.
const (
	serverTries   = 3
	serverBackoff = 2 * time.Second
	serverLongest = time.Minute
)

// server is one model server of a deployment: a child RunJob.
type server struct {
	serves     DeployInput
	generation string
	ready      bool
	readySince time.Time
	told       bool // that the deployment is ready, by this workflow
	proven     bool // an earlier server of the version was ready
	cancel     workflow.CancelFunc
	done       bool
	end        activities.Outcome
}

// deployment is the state of a ServeDeployment in progress.
type deployment struct {
	in       ServeDeploymentInput
	wanted   DeployInput
	asked    bool // a deploy signal came that no server was started for
	proven   bool // of what is wanted, an earlier execution had a server ready
	started  int  // servers started by this execution
	failures int  // of servers that were ready, since the last that stayed
	current  *server
	old      []*server // answer until the current one does
	leaving  []*server // were asked to end
	kept     string    // why an older version than the one asked for is served
	stop     *StopInput
}

// ServeDeployment keeps a server of the version that was asked for last
// answering. A new version's server is started beside the old one, which ends
// when the new one is ready, and stays where the new one fails.
func ServeDeployment(ctx workflow.Context, in ServeDeploymentInput) error {
	d := &deployment{in: in}
	if in.Going != nil {
		d.wanted, d.asked, d.proven = *in.Going, true, true
	}
	d.listen(ctx)
	for {
		if err := workflow.Await(ctx, func() bool { return d.asked || d.stop != nil }); err != nil {
			d.asked = false
			return d.end(ctx, bine.DeploymentStopped, "")
		}
		to, reason, again := d.serve(ctx)
		if again {
			in.Going = &d.wanted
			return workflow.NewContinueAsNewError(ctx, ServeDeploymentName, in)
		}
		if ctx.Err() != nil {
			d.asked = false
		}
		if err := d.end(ctx, to, reason); err != nil || !d.asked {
			return err
		}
	}
}

// serve keeps servers going until the deployment is stopped or hopeless, or,
// with again, until the workflow should continue as new.
func (d *deployment) serve(ctx workflow.Context) (to bine.DeploymentState, reason string, again bool) {
	for d.stop == nil && ctx.Err() == nil {
		if d.asked {
			d.replace(ctx)
			continue
		}
		if err := workflow.Await(ctx, d.changed); err != nil {
			break
		}
		d.retire()
		switch {
		case d.stop != nil || d.asked:
		case !d.current.done:
			if d.toTell() {
				d.move(ctx, bine.DeploymentReady, d.kept)
				d.current.told = true
			}
		case d.current.ready || d.current.proven:
			if d.restart(ctx) {
				return "", "", true
			}
		case len(d.old) > 0:
			d.fallBack(ctx)
		default:
			return bine.DeploymentFailed, d.current.end.Reason, false
		}
	}
	return bine.DeploymentStopped, "", false
}

// listen takes signals for as long as the workflow lives.
func (d *deployment) listen(ctx workflow.Context) {
	workflow.Go(ctx, func(ctx workflow.Context) {
		sel := workflow.NewSelector(ctx)
		sel.AddReceive(workflow.GetSignalChannel(ctx, DeploySignal), func(c workflow.ReceiveChannel, _ bool) {
			var in DeployInput
			c.Receive(ctx, &in)
			d.onDeploy(in)
		})
		sel.AddReceive(workflow.GetSignalChannel(ctx, StopSignal), func(c workflow.ReceiveChannel, _ bool) {
			var in StopInput
			c.Receive(ctx, &in)
			d.onStop(in)
		})
		sel.AddReceive(workflow.GetSignalChannel(ctx, ReadySignal), func(c workflow.ReceiveChannel, _ bool) {
			var in ReadyInput
			c.Receive(ctx, &in)
			d.onReady(in, workflow.Now(ctx))
		})
		for {
			sel.Select(ctx)
		}
	})
}

// drain takes the signals that came since the workflow was last awake.
func (d *deployment) drain(ctx workflow.Context) {
	var deploy DeployInput
	for c := workflow.GetSignalChannel(ctx, DeploySignal); c.ReceiveAsync(&deploy); {
		d.onDeploy(deploy)
	}
	var stop StopInput
	for c := workflow.GetSignalChannel(ctx, StopSignal); c.ReceiveAsync(&stop); {
		d.onStop(stop)
	}
}

func (d *deployment) onDeploy(in DeployInput) {
	going := d.current != nil && !d.current.done && d.stop == nil && !d.asked && in == d.wanted
	d.wanted, d.asked, d.stop = in, d.asked || !going, nil
}

func (d *deployment) onStop(in StopInput) {
	if d.stop != nil {
		in.Forget = in.Forget || d.stop.Forget
	}
	d.stop, d.asked = &in, false
}

func (d *deployment) onReady(in ReadyInput, now time.Time) {
	switch {
	case d.current == nil:
	case d.current.generation == in.Generation:
		if !d.current.ready {
			d.current.ready, d.current.readySince = true, now
		}
		d.current.told = false
	case d.current.ready && d.stop == nil:
		// A server that should have ended took the route after the current one
		// did: a new server takes it back.
		d.asked = true
	}
}

// changed reports whether there is something to do.
func (d *deployment) changed() bool {
	return d.stop != nil || d.asked || d.current.done || d.toTell() || (d.current.ready && len(d.old) > 0)
}

// toTell reports whether nobody has said yet that the deployment is ready: that
// is this workflow's to say where a version answers that was not asked for.
func (d *deployment) toTell() bool {
	return d.kept != "" && d.current.ready && !d.current.told
}

// replace starts a server of what is wanted; the one before goes on until the
// new one is ready.
func (d *deployment) replace(ctx workflow.Context) {
	state := bine.DeploymentStarting
	if d.current != nil && d.current.ready && !d.current.done {
		state = bine.DeploymentUpdating
	}
	d.asked = false
	d.move(ctx, state, "")
	if d.stop != nil {
		return
	}
	d.asked, d.failures, d.kept = false, 0, "" // what was asked meanwhile is in wanted
	if d.current != nil && !d.current.done {
		if d.current.ready {
			d.old = append(d.old, d.current)
		} else {
			d.leave(d.current)
		}
	}
	d.current = d.start(ctx, d.proven)
	d.proven = false
}

// start starts a server of what is wanted.
func (d *deployment) start(ctx workflow.Context, proven bool) *server {
	d.started++
	// The first characters of Temporal's run id tell this execution of the
	// deployment from earlier ones.
	generation := fmt.Sprintf("%.8s-%d", workflow.GetInfo(ctx).OriginalRunID, d.started)
	owner := bine.ServerOwner(d.in.Project, d.in.Name, d.wanted.Version, generation)
	s := &server{serves: d.wanted, generation: generation, proven: proven}
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

// leave asks a server to end.
func (d *deployment) leave(s *server) {
	s.cancel()
	d.leaving = append(slices.DeleteFunc(d.leaving, func(s *server) bool { return s.done }), s)
}

// retire ends the servers that a ready one replaces.
func (d *deployment) retire() {
	if !d.current.ready {
		return
	}
	for _, s := range d.old {
		d.leave(s)
	}
	d.old = nil
}

// restart starts the current version again after its server ended; again says
// that the workflow should continue as new, which it can only here, where no
// server runs.
func (d *deployment) restart(ctx workflow.Context) (again bool) {
	if d.current.ready && workflow.Now(ctx).Sub(d.current.readySince) >= serverLongest {
		d.failures = 0
	}
	d.failures++
	wait := min(serverBackoff<<min(d.failures-1, 5), serverLongest)
	asked, err := workflow.AwaitWithTimeout(ctx, wait, func() bool { return d.stop != nil || d.asked })
	if err != nil || asked {
		return false
	}
	if len(d.old) == 0 && workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
		d.drain(ctx)
		return d.stop == nil && !d.asked
	}
	d.current = d.start(ctx, true)
	return false
}

// fallBack goes back to the server that answered before when a newer version
// did not get ready.
func (d *deployment) fallBack(ctx workflow.Context) {
	d.kept = fmt.Sprintf("version %d did not get ready: %s", d.current.serves.Version, d.current.end.Reason)
	last := len(d.old) - 1
	d.current, d.old = d.old[last], d.old[:last]
	d.wanted = d.current.serves
	d.current.told = false
	if d.current.done {
		d.move(ctx, bine.DeploymentStarting, d.kept)
	}
}

// move writes where the deployment stands; its servers do not depend on it.
func (d *deployment) move(ctx workflow.Context, to bine.DeploymentState, reason string) {
	ctx = workflow.WithActivityOptions(ctx, quick)
	in := activities.MoveDeploymentInput{Project: d.in.Project, Name: d.in.Name, To: to, Reason: reason}
	if err := workflow.ExecuteActivity(ctx, deployments.MoveDeployment, in).Get(ctx, nil); err != nil {
		workflow.GetLogger(ctx).Error("state of the deployment was not written", "deployment", d.in.Name, "error", err)
	}
}

// end stops every server and writes how the deployment ended, unless it was
// asked to serve again meanwhile.
func (d *deployment) end(ctx workflow.Context, to bine.DeploymentState, reason string) error {
	ctx, done := workflow.NewDisconnectedContext(ctx)
	defer done()
	ctx = workflow.WithActivityOptions(ctx, quick)
	for _, s := range d.old {
		d.leave(s)
	}
	if d.current != nil {
		d.leave(d.current)
	}
	d.current, d.old, d.kept = nil, nil, ""
	for _, s := range d.leaving {
		if err := workflow.Await(ctx, func() bool { return s.done }); err != nil {
			return err
		}
	}
	d.leaving = nil
	if d.asked {
		return nil
	}
	move := activities.MoveDeploymentInput{Project: d.in.Project, Name: d.in.Name, To: to, Reason: reason}
	if d.stop != nil && d.stop.Forget {
		return workflow.ExecuteActivity(ctx, deployments.ForgetDeployment, move).Get(ctx, nil)
	}
	return workflow.ExecuteActivity(ctx, deployments.MoveDeployment, move).Get(ctx, nil)
}
