package api

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/internal/lease"
	"github.com/bine-ml/bine/internal/store"
)

// agentRoutes are what the agents of hosts call. What they report about
// attempts is in the ledger and leaves no audit records: nobody decided it.
func (a *API) agentRoutes() {
	agent := auth.Access{Agent: true}
	const host, attempt = "agent/hosts/{host}", "agent/attempts/{attempt}"
	add(a, route{id: "register-host", method: http.MethodPut, path: host, tag: "agent", summary: "Make a host known, with what it has", access: agent}, a.registerHost)
	add(a, route{id: "beat-host", method: http.MethodPost, path: host + "/heartbeat", tag: "agent", summary: "Tell that a host lives", access: agent, silent: true}, a.beatHost)
	add(a, route{id: "assign-attempt", method: http.MethodPost, path: attempt, tag: "agent", summary: "Everything that is needed for an attempt", access: agent, silent: true}, a.assignment)
	add(a, route{id: "report-started", method: http.MethodPost, path: attempt + "/started", tag: "agent", summary: "The process runs", access: agent, silent: true}, a.attemptStarted)
	add(a, route{id: "report-ready", method: http.MethodPost, path: attempt + "/ready", tag: "agent", summary: "The model server answers", access: agent, silent: true}, a.attemptReady)
	add(a, route{id: "append-log", method: http.MethodPost, path: attempt + "/log", tag: "agent", summary: "Add to the log of an attempt", access: agent, silent: true, limit: maxLogPart, body: "application/octet-stream"}, a.appendLog)
	add(a, route{id: "report-ended", method: http.MethodPost, path: attempt + "/ended", tag: "agent", summary: "The process has ended", access: agent, silent: true, limit: maxResult}, a.attemptEnded)
	add(a, route{id: "append-environment-log", method: http.MethodPost, path: "agent/environments/{project}/{version}/log", tag: "agent", summary: "Add to the log of an environment's build", access: agent, silent: true, limit: maxLogPart, body: "text/plain"}, a.appendEnvironmentLog)
}

const (
	maxLogPart = 4 << 20
	maxResult  = 64 << 20 // the results of a batch of many items
)

// InHost names a host in the path.
type InHost struct {
	Host bine.HostName `path:"host" doc:"name of the host"`
}

func (a *API) registerHost(ctx context.Context, in *struct {
	InHost
	Body bine.Host
}) (*body[client.Welcome], error) {
	h := in.Body
	h.Name, h.State, h.SeenAt = in.Host, bine.HostUp, a.now().UTC()
	if err := h.Name.Check(); err != nil {
		return nil, err
	}
	if h.CreatedAt.IsZero() {
		h.CreatedAt = h.SeenAt
	}
	if err := a.Store.PutHost(ctx, h); err != nil {
		return nil, err
	}
	grants, err := a.Ledger.SetHost(ctx, h.Name, h.Capacity, true)
	if err != nil {
		return nil, err
	}
	a.granted(ctx, grants)
	if grants, err = a.Ledger.SetDevices(ctx, h.Name, h.Labels, h.Devices); err != nil {
		return nil, err
	}
	a.granted(ctx, grants)
	return answer(client.Welcome{GraceSeconds: a.Grace.Seconds(), HeartbeatSeconds: a.heartbeat().Seconds()}, nil)
}

// granted tells those who waited; one that is not told asks again by itself.
func (a *API) granted(ctx context.Context, grants []lease.Grant) {
	if len(grants) > 0 {
		a.launched(ctx, a.Launcher.Granted(ctx, grants))
	}
}

func (a *API) beatHost(ctx context.Context, in *struct {
	InHost
	Body client.Heartbeat
}) (*body[client.Orders], error) {
	known, err := a.Store.BeatHost(ctx, in.Host, a.now().UTC())
	if err == nil && !known {
		err = bine.Errorf(bine.NotFound, "host %s is not known, or was taken for lost: register it", in.Host)
	}
	if err != nil {
		return nil, err
	}
	if err := a.Ledger.SetUse(ctx, in.Body.Devices); err != nil {
		return nil, err
	}
	var orders client.Orders
	var grants []lease.Grant
	if orders.Test, grants, err = a.Ledger.Heard(ctx, in.Host, in.Body.Faults, in.Body.Tests); err != nil {
		return nil, err
	}
	a.granted(ctx, grants)
	if grants, err = a.Ledger.Gone(ctx, in.Body.Left...); err != nil {
		return nil, err
	}
	a.granted(ctx, grants)
	if orders.Leave, err = a.Ledger.Leaving(ctx, in.Host); err != nil {
		return nil, err
	}
	if orders.Stop, err = a.ended(ctx, in.Host, in.Body.Attempts); err != nil {
		return nil, err
	}
	if orders.Preempt, err = a.Ledger.AskedBack(ctx, in.Host); err == nil && len(orders.Preempt) > 0 {
		err = a.Ledger.NoteAskedBack(ctx, in.Host)
	}
	return answer(orders, err)
}

// ended picks the attempts that have ended in the ledger, or are not in it at all.
func (a *API) ended(ctx context.Context, host bine.HostName, attempts []bine.AttemptID) ([]bine.AttemptID, error) {
	if len(attempts) == 0 {
		return nil, nil
	}
	current, err := a.Store.CurrentAttempts(ctx, host)
	if err != nil {
		return nil, err
	}
	var ended []bine.AttemptID
	for _, id := range attempts {
		if slices.ContainsFunc(current, func(t bine.Attempt) bool { return t.ID == id }) {
			continue
		}
		t, err := a.Store.Attempt(ctx, id)
		if err != nil && !bine.IsKind(err, bine.NotFound) {
			return nil, err
		}
		if err != nil || t.State.Ended() {
			ended = append(ended, id)
		}
	}
	return ended, nil
}

// InAttempt names an attempt in the path.
type InAttempt struct {
	Attempt bine.AttemptID `path:"attempt" doc:"id of the attempt"`
}

func (a *API) assignment(ctx context.Context, in *InAttempt) (*body[client.Assignment], error) {
	t, err := a.Store.Attempt(ctx, in.Attempt)
	if err != nil {
		return nil, err
	}
	if t.State.Ended() {
		return nil, bine.Errorf(bine.Fenced, "attempt %s has ended: it is %s", t.ID, t.State)
	}
	process, err := a.Store.AttemptProcess(ctx, t.ID)
	if err != nil {
		return nil, err
	}
	user, err := a.startedBy(ctx, t.Owner)
	if err != nil {
		return nil, err
	}
	out := client.Assignment{Attempt: t, Process: process, Context: surroundings(t)}
	if process.Resources.GPUs > 0 {
		if err := a.Ledger.Holds(ctx, t.ID); err != nil {
			return nil, err
		}
		if out.Devices, err = a.Ledger.Granted(ctx, t.ID); err != nil {
			return nil, err
		}
		if err := a.gang(ctx, t, out.Context); err != nil {
			return nil, err
		}
	}
	if process.Environment > 0 {
		e, err := a.Store.Environment(ctx, t.Owner.Project, process.Environment)
		if err != nil {
			return nil, err
		}
		out.Lock, out.Python = e.Lock, e.Python
	}
	out.Token, err = a.Auth.JobToken(ctx, t.ID, user)
	return answer(out, err)
}

// The ports on which the processes of gangs find each other.
const (
	firstMasterPort = 20000
	masterPorts     = 10000
)

// gang tells a process of a gang which one it is, and where the others are, in
// variables of ours and in those that PyTorch's launcher and others read.
func (a *API) gang(ctx context.Context, t bine.Attempt, env map[string]string) error {
	hosts, rank, err := a.Ledger.Gang(ctx, t.ID)
	if err != nil || len(hosts) < 2 {
		return err
	}
	all, err := a.Store.Hosts(ctx)
	if err != nil {
		return err
	}
	address := map[bine.HostName]string{}
	for _, h := range all {
		address[h.Name] = h.Address
	}
	var names []string
	for _, h := range hosts {
		names = append(names, cmp.Or(address[h], string(h)))
	}
	owner, _ := t.Owner.Rank()
	seed := fnv.New32a()
	fmt.Fprint(seed, owner, t.Number)
	env["BINE_RANK"], env["BINE_WORLD_SIZE"], env["BINE_HOSTS"] = strconv.Itoa(rank), strconv.Itoa(len(hosts)), strings.Join(names, ",")
	env["MASTER_ADDR"], env["MASTER_PORT"] = names[0], strconv.Itoa(int(firstMasterPort+seed.Sum32()%masterPorts))
	return nil
}

// startedBy says for whom a process acts.
func (a *API) startedBy(ctx context.Context, o bine.Owner) (bine.UserName, error) {
	if o.Kind == bine.OwnerRun {
		run, err := a.Store.Run(ctx, o.Project, bine.RunID(o.Name))
		return run.StartedBy, err
	}
	name, _, err := o.Server()
	if err != nil {
		return "", err
	}
	d, err := a.Store.Deployment(ctx, o.Project, name)
	return d.CreatedBy, err
}

// surroundings are the variables that tell a process where it is.
func surroundings(t bine.Attempt) map[string]string {
	out := map[string]string{"BINE_PROJECT": string(t.Owner.Project), "BINE_ATTEMPT": strconv.Itoa(t.Number)}
	if t.Owner.Kind == bine.OwnerRun {
		out["BINE_RUN"], out["BINE_STEP"] = t.Owner.Name, string(t.Owner.Step)
	}
	if o, _ := t.Owner.Rank(); o.Item != "" {
		out["BINE_ITEM"] = o.Item
	}
	return out
}

func (a *API) attemptStarted(ctx context.Context, in *struct {
	InAttempt
	Body client.StartedAttempt
}) (*none, error) {
	return done(a.Store.AttemptStarted(ctx, in.Attempt, in.Body.Host, a.now().UTC()))
}

// RoutePlace is what the secret of a model server is sealed for.
func RoutePlace(p bine.ProjectName, name bine.DeploymentName) string {
	return "route/" + string(p) + "/" + string(name)
}

func (a *API) attemptReady(ctx context.Context, in *struct {
	InAttempt
	Body client.ReadyAttempt
}) (*none, error) {
	t, err := a.Store.Attempt(ctx, in.Attempt)
	if err != nil {
		return nil, err
	}
	if t.State.Ended() {
		return nil, bine.Errorf(bine.Fenced, "attempt %s has ended: it is %s", t.ID, t.State)
	}
	name, version, err := t.Owner.Server()
	if err != nil {
		return nil, err
	}
	secret, err := a.Sealer.Seal(in.Body.Secret, RoutePlace(t.Owner.Project, name))
	if err != nil {
		return nil, err
	}
	if err := a.Store.SetServing(ctx, t.Owner.Project, name, store.Route{Attempt: t.ID, Version: version, Address: in.Body.Address, Secret: secret}); err != nil {
		return nil, err
	}
	return done(a.Launcher.Ready(ctx, t.Owner))
}

func (a *API) appendLog(ctx context.Context, in *struct {
	InAttempt
	Offset  int64  `query:"offset" minimum:"0" required:"true" doc:"where the bytes begin"`
	RawBody []byte `contentType:"application/octet-stream"`
}) (*body[client.LogSize], error) {
	t, err := a.Store.Attempt(ctx, in.Attempt)
	if err != nil {
		return nil, err
	}
	path := logPath(t)
	info, err := a.Files.Append(ctx, dfs.Platform(), path, in.Offset, in.RawBody)
	if bine.IsKind(err, bine.NotFound) && in.Offset == 0 {
		dir := dfs.ProjectPath(t.Owner.Project, logsDir, t.Owner.Name)
		if _, err := a.Files.Mkdir(ctx, dfs.Platform(), dir, dfs.MkdirOptions{Parents: true}); err != nil {
			return nil, err
		}
		info, err = a.Files.Append(ctx, dfs.Platform(), path, in.Offset, in.RawBody)
	}
	if err != nil {
		return nil, err
	}
	return answer(client.LogSize{Size: info.Size}, a.Store.SetLogSize(ctx, t.ID, info.Size))
}

func (a *API) attemptEnded(ctx context.Context, in *struct {
	InAttempt
	Body bine.AttemptResult
}) (*none, error) {
	if !in.Body.State.Ended() {
		return nil, bine.Errorf(bine.Invalid, "an attempt does not end as %q", in.Body.State)
	}
	if _, err := a.Store.EndAttempt(ctx, in.Attempt, in.Body); err != nil {
		if bine.IsKind(err, bine.Fenced) { // how it ended is known, and now also that it did
			grants, fault := a.Ledger.ReleaseProcess(ctx, in.Attempt)
			a.granted(ctx, grants)
			err = cmp.Or(fault, err)
		}
		return nil, err
	}
	if err := a.unroute(ctx, in.Attempt); err != nil {
		return nil, err
	}
	grants, err := a.Ledger.ReleaseProcess(ctx, in.Attempt) // again where it was released: harmless
	if err != nil {
		return nil, err
	}
	a.granted(ctx, grants)
	return done(nil)
}

// unroute takes the route from a model server that has ended.
func (a *API) unroute(ctx context.Context, id bine.AttemptID) error {
	t, err := a.Store.Attempt(ctx, id)
	if err != nil || t.Owner.Kind != bine.OwnerDeployment {
		return err
	}
	name, _, err := t.Owner.Server()
	if err != nil {
		return err
	}
	err = a.Store.ClearServing(ctx, t.Owner.Project, name, id)
	if bine.IsKind(err, bine.NotFound) { // the deployment was forgotten meanwhile
		return nil
	}
	return err
}

func (a *API) appendEnvironmentLog(ctx context.Context, in *struct {
	Project bine.ProjectName `path:"project"`
	Version int              `path:"version" minimum:"1"`
	Host    bine.HostName    `query:"host" required:"true"`
	RawBody []byte           `contentType:"text/plain"`
}) (*none, error) {
	return done(a.Store.AppendEnvironmentLog(ctx, in.Project, in.Version, in.Host, string(in.RawBody)))
}
