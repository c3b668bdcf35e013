package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/lease"
	"github.com/bine-ml/bine/internal/store"
)

// EnvLedger has the address of the database that the test program serves as the
// ledger's server, in a process of its own that is there to be killed.
const EnvLedger = "TEST_LEDGER"

// The times of the world in which faults are injected.
const (
	faultGrace  = 20 * time.Second
	faultMargin = 1500 * time.Millisecond // as the server's
)

// order is a call of the ledger's server.
type order struct {
	Op      string
	Now     time.Duration // by the server's clock
	Host    bine.HostName
	Devices []bine.Device
	Attempt bine.AttemptID
	Job     string
	Open    []string // jobs whose workflow is there
	Number  int
	Request bine.Resources
	Beat    client.Heartbeat
	State   bine.State
	DieIn   time.Duration // the server is killed then
	CutIn   time.Duration // the call's connection is given up then
}

// reply answers an order.
type reply struct {
	Kind    bine.Kind
	Fault   string
	Host    bine.HostName
	Others  []bine.HostName
	Grants  []bine.DeviceGrant
	Orders  client.Orders
	Granted []bine.AttemptID // those that waited
}

// ServeLedger answers orders on standard input until it ends, or is killed.
func ServeLedger(address string) error {
	db, err := database.Open(context.Background(), address, database.Options{Readers: 2})
	if err != nil {
		return err
	}
	s := &ledgerServer{store.New(db), lease.New(db), db}
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var o order
		if err := in.Decode(&o); err != nil {
			return nil
		}
		ctx, done := context.WithCancel(context.Background())
		if o.DieIn > 0 {
			time.AfterFunc(o.DieIn, func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) })
		}
		if o.CutIn > 0 {
			time.AfterFunc(o.CutIn, done)
		}
		r, err := s.do(ctx, o)
		if o.DieIn > 0 {
			time.Sleep(o.DieIn) // nobody hears of what was done
		}
		if err == nil && ctx.Err() != nil {
			err = ctx.Err()
		}
		done()
		if err != nil {
			r.Kind, r.Fault = bine.KindOf(err), err.Error()
		}
		if err := out.Encode(r); err != nil {
			return err
		}
	}
}

// ledgerServer does with the ledger and the store what the server and the
// engine of runs do.
type ledgerServer struct {
	store  *store.Store
	ledger *lease.Ledger
	db     *database.DB
}

// epoch is when the world begins.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (s *ledgerServer) do(ctx context.Context, o order) (r reply, err error) {
	told := func(grants []lease.Grant) {
		for _, g := range grants {
			r.Granted = append(r.Granted, g.Attempt)
		}
	}
	var grants []lease.Grant
	switch o.Op {
	case "project":
		if err := s.store.CreateUser(ctx, bine.User{Name: "root", Admin: true}, "x"); err != nil {
			return r, err
		}
		return r, s.store.CreateProject(ctx, bine.Project{Name: "p", State: bine.ProjectReady, CreatedBy: "root"})
	case "register":
		h := bine.Host{Name: o.Host, State: bine.HostUp, Address: "10.0.0.1", Capacity: bine.Resources{CPU: 64, Memory: 1 << 40}, SeenAt: epoch.Add(o.Now)}
		if err = s.store.PutHost(ctx, h); err == nil {
			grants, err = s.ledger.SetHost(ctx, h.Name, h.Capacity, true)
		}
		told(grants)
		if err == nil {
			grants, err = s.ledger.SetDevices(ctx, h.Name, nil, o.Devices)
		}
		told(grants)
	case "beat":
		known, err := s.store.BeatHost(ctx, o.Host, epoch.Add(o.Now))
		if err != nil || !known {
			return r, err
		}
		grants, err = s.ledger.Gone(ctx, o.Beat.Left...)
		told(grants)
		if err == nil {
			r.Orders.Leave, err = s.ledger.Leaving(ctx, o.Host)
		}
		for _, id := range o.Beat.Attempts {
			if a, fault := s.store.Attempt(ctx, id); err == nil && (fault != nil || a.State.Ended()) {
				r.Orders.Stop = append(r.Orders.Stop, id)
			}
		}
		if err == nil {
			r.Orders.Preempt, err = s.ledger.AskedBack(ctx, o.Host)
		}
		return r, err
	case "assignment":
		a, err := s.store.Attempt(ctx, o.Attempt)
		if err == nil && a.State.Ended() {
			err = bine.Errorf(bine.Fenced, "attempt %s has ended", a.ID)
		}
		if err == nil {
			err = s.ledger.Holds(ctx, o.Attempt)
		}
		if err == nil {
			r.Grants, err = s.ledger.Granted(ctx, o.Attempt)
		}
		return r, err
	case "ended":
		_, err = s.store.EndAttempt(ctx, o.Attempt, bine.AttemptResult{State: o.State, Failure: failureOf(o.State)})
		if err == nil || bine.IsKind(err, bine.Fenced) {
			var fault error
			if grants, fault = s.ledger.ReleaseProcess(ctx, o.Attempt); fault != nil {
				err = fault
			}
			told(grants)
		}
	case "start":
		err = s.start(ctx, o, &r)
	case "end":
		_, err = s.store.EndAttempt(ctx, o.Attempt, bine.AttemptResult{State: o.State, Failure: failureOf(o.State)})
		if err == nil || bine.IsKind(err, bine.Fenced) || bine.IsKind(err, bine.NotFound) {
			grants, err = s.ledger.Leave(ctx, o.Attempt)
			told(grants)
		}
	case "check":
		grants, err = s.check(ctx, epoch.Add(o.Now))
		told(grants)
	case "reap":
		grants, err = s.ledger.Reap(ctx, func(l bine.Lease) bool {
			a, err := s.store.Attempt(ctx, l.Attempt)
			if err != nil {
				return !bine.IsKind(err, bine.NotFound)
			}
			if a.State.Ended() && len(l.Hosts) == 0 || slices.Contains(o.Open, a.Owner.Name) {
				return !a.State.Ended() || len(l.Hosts) > 0
			}
			_, err = s.store.EndAttempt(ctx, a.ID, bine.AttemptResult{State: bine.Lost, Failure: bine.FailureLost})
			return err != nil && !bine.IsKind(err, bine.Fenced)
		})
		told(grants)
	default:
		err = fmt.Errorf("there is no order %q", o.Op)
	}
	return r, err
}

func failureOf(s bine.State) bine.Failure {
	if s == bine.Succeeded {
		return ""
	}
	return bine.FailureLost
}

// start is what the engine's Attempts.Start does.
func (s *ledgerServer) start(ctx context.Context, o order, r *reply) error {
	owner := bine.Owner{Project: "p", Kind: bine.OwnerDeployment, Name: o.Job}
	id := bine.NewAttemptID(owner, o.Number)
	return s.db.Together(ctx, func(ctx context.Context) error {
		*r = reply{}
		process := bine.Process{Owner: owner, Resources: o.Request}
		a, err := s.store.StartAttempt(ctx, owner, o.Number, process)
		if err == nil && a.State.Ended() {
			err = bine.Errorf(bine.Fenced, "attempt %s has ended", a.ID)
		}
		if err != nil {
			return err
		}
		g, _, err := s.ledger.Ask(ctx, lease.Request{Attempt: id, Owner: owner, Resources: o.Request, Workflow: o.Job})
		if err != nil || g.Host == "" {
			return err
		}
		r.Host, r.Others = g.Host, g.Others
		if err := s.store.AttemptHost(ctx, id, g.Host); err != nil {
			return err
		}
		for i, host := range g.Others {
			process.Owner = owner.Member(i + 1)
			if err := s.store.StartMember(ctx, id.Member(i+1), o.Number, process); err != nil {
				return err
			}
			if err := s.store.AttemptHost(ctx, id.Member(i+1), host); err != nil {
				return err
			}
		}
		return nil
	})
}

// check is what the server's CheckHosts does.
func (s *ledgerServer) check(ctx context.Context, now time.Time) (all []lease.Grant, err error) {
	if _, err := s.store.MarkLost(ctx, now.Add(-faultGrace-faultMargin)); err != nil {
		return nil, err
	}
	hosts, err := s.store.Hosts(ctx)
	if err != nil {
		return nil, err
	}
	for _, h := range hosts {
		grants, err := s.ledger.SetHost(ctx, h.Name, h.Capacity, h.State == bine.HostUp)
		if all = append(all, grants...); err != nil {
			return all, err
		}
		if h.State == bine.HostUp {
			continue
		}
		firsts, processes, err := s.ledger.Expired(ctx, h.Name)
		if err != nil {
			return all, err
		}
		for _, id := range processes {
			_, err := s.store.EndAttempt(ctx, id, bine.AttemptResult{State: bine.Lost, Failure: bine.FailureLost})
			if err != nil && !bine.IsKind(err, bine.Fenced) {
				return all, err
			}
		}
		if grants, err = s.ledger.Leave(ctx, firsts...); err != nil {
			return all, err
		}
		all = append(all, grants...)
		if grants, err = s.ledger.Vacate(ctx, h.Name); err != nil {
			return all, err
		}
		all = append(all, grants...)
	}
	return all, nil
}

// ledgerProcess is the ledger's server as those see it who call it.
type ledgerProcess struct {
	t       testing.TB
	address string
	cmd     *exec.Cmd
	in      io.WriteCloser
	to      *json.Encoder
	from    *json.Decoder
	errors  *strings.Builder
	starts  int
}

func (p *ledgerProcess) start() {
	p.t.Helper()
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Env = append(os.Environ(), EnvLedger+"="+p.address)
	p.errors = &strings.Builder{}
	p.cmd.Stderr = p.errors
	in, err := p.cmd.StdinPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.in, p.to, p.from = in, json.NewEncoder(in), json.NewDecoder(bufio.NewReader(out))
	p.starts++
}

func (p *ledgerProcess) stop() {
	if p.cmd != nil {
		_ = p.in.Close()
		_ = p.cmd.Wait()
		p.cmd = nil
	}
}

// call gives an order. Where the server dies the error is of kind Unavailable,
// and the next call starts another one.
func (p *ledgerProcess) call(o order) (reply, error) {
	p.t.Helper()
	if p.cmd == nil {
		p.start()
	}
	var r reply
	err := p.to.Encode(o)
	if err == nil {
		err = p.from.Decode(&r)
	}
	if err != nil {
		_ = p.in.Close()
		_ = p.cmd.Wait()
		p.cmd = nil
		if text := p.errors.String(); text != "" {
			p.t.Fatalf("the ledger's server says: %s", text)
		}
		return r, bine.Errorf(bine.Unavailable, "the server is gone")
	}
	if r.Fault != "" {
		return r, bine.Errorf(r.Kind, "%s", r.Fault)
	}
	return r, nil
}
