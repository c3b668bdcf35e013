package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/auth"
)

// poolRoutes are those of what the steps of a project share, and of what it may
// have in progress at once.
func (a *API) poolRoutes() {
	see := auth.Access{Role: bine.DataScientist, Scopes: follows, Job: true}
	change := auth.Access{Role: bine.DataOwner}
	const all, one = "projects/{project}/pools", "projects/{project}/pools/{pool}"
	const quota = "projects/{project}/quota"
	add(a, route{id: "list-pools", method: http.MethodGet, path: all, tag: "pools", summary: "The pools by name, with what is held of them", access: see}, a.pools)
	add(a, route{id: "set-pool", method: http.MethodPut, path: one, tag: "pools", summary: "Make a pool or change how many slots it has", access: change}, a.setPool)
	add(a, route{id: "delete-pool", method: http.MethodDelete, path: one, tag: "pools", summary: "Remove a pool that nobody holds or waits for", access: change}, a.deletePool)
	add(a, route{id: "show-quota", method: http.MethodGet, path: quota, tag: "projects", summary: "What a project may have in progress at once",
		access: auth.Access{Role: bine.DataScientist, OrAdmin: true, Scopes: follows, Job: true}}, a.quota)
	add(a, route{id: "set-quota", method: http.MethodPut, path: quota, tag: "projects", summary: "Set what a project may have in progress at once; what goes on goes on",
		access: auth.Access{Admin: true}}, a.setQuota)
}

// InPool names a pool in the path.
type InPool struct {
	InProject
	Pool bine.PoolName `path:"pool" doc:"name of the pool"`
}

func (a *API) pools(ctx context.Context, in *InProject) (*body[[]bine.Pool], error) {
	return list(a.Ledger.Pools(ctx, in.Project))
}

func (a *API) setPool(ctx context.Context, in *struct {
	InPool
	Body client.SetPool
}) (*body[bine.Pool], error) {
	if err := in.Pool.Check(); err != nil {
		return nil, err
	}
	grants, err := a.Ledger.SetPool(ctx, in.Project, bine.Pool{Name: in.Pool, Slots: in.Body.Slots, Description: in.Body.Description})
	if err != nil {
		return nil, err
	}
	a.granted(ctx, grants)
	return answer(a.Ledger.Pool(ctx, in.Project, in.Pool))
}

func (a *API) deletePool(ctx context.Context, in *InPool) (*none, error) {
	return done(a.Ledger.DeletePool(ctx, in.Project, in.Pool))
}

func (a *API) quota(ctx context.Context, in *InProject) (*body[bine.Quota], error) {
	return answer(a.Ledger.Quota(ctx, in.Project))
}

// noteQuota puts into the audit record what becomes of a quota, and why.
func (a *API) noteQuota(ctx context.Context, p bine.ProjectName, q bine.Quota, reason string) error {
	before, err := a.Ledger.Quota(ctx, p)
	if err != nil {
		return err
	}
	was, is := quotaParts(before), quotaParts(q)
	var changed []string
	for i := range is {
		if was[i] != is[i] {
			changed = append(changed, was[i]+" → "+is[i])
		}
	}
	note := strings.Join(changed, ", ")
	if reason != "" {
		note = strings.TrimPrefix(note+": "+reason, ": ")
	}
	noted(ctx, note)
	return nil
}

func quotaParts(q bine.Quota) []string {
	return []string{fmt.Sprintf("runs %d", q.Runs), fmt.Sprintf("processes %d", q.Steps), fmt.Sprintf("cpu %g", q.CPU), fmt.Sprintf("memory %d", q.Memory),
		fmt.Sprintf("gpus %g", q.GPUs), fmt.Sprintf("guaranteed gpus %g", q.Guaranteed), fmt.Sprintf("weight %g", q.Weight), fmt.Sprintf("cells %v", q.Cells)}
}

func (a *API) setQuota(ctx context.Context, in *struct {
	InProject
	Reason string `query:"reason" maxLength:"1000" doc:"why; kept in the audit log"`
	Body   bine.Quota
}) (*body[bine.Quota], error) {
	q := in.Body
	if err := a.noteQuota(ctx, in.Project, q, in.Reason); err != nil {
		return nil, err
	}
	if q.Runs < 0 || q.Steps < 0 || q.CPU < 0 || q.Memory < 0 || q.Weight < 0 || q.GPUs < 0 || q.Guaranteed < 0 {
		return nil, bine.Errorf(bine.Invalid, "a quota cannot be negative; 0 is no bound")
	}
	if q.GPUs > 0 && q.Guaranteed > q.GPUs {
		return nil, bine.Errorf(bine.Invalid, "%g accelerators are guaranteed, but %g are the most that the project may hold", q.Guaranteed, q.GPUs)
	}
	for i := range q.Cells {
		if err := checkCell(&q.Cells[i]); err != nil {
			return nil, err
		}
	}
	going, err := a.Store.GoingRuns(ctx, in.Project)
	if err != nil {
		return nil, err
	}
	grants, err := a.Ledger.SetQuota(ctx, in.Project, q, going)
	if err != nil {
		return nil, err
	}
	a.granted(ctx, grants)
	return a.quota(ctx, &in.InProject)
}

// checkCell says what is wrong with a part of a quota, and fills in its level.
func checkCell(c *bine.CellQuota) error {
	if c.Level == "" {
		c.Level = bine.CellDevice
	}
	if !slices.Contains([]bine.CellLevel{bine.CellDevice, bine.CellHost, bine.CellRack, bine.CellBlock}, c.Level) {
		return bine.Errorf(bine.Invalid, "%q is no kind of cell: device, host, rack or block", c.Level)
	}
	if c.Guaranteed < 0 || c.Most < 0 || c.Guaranteed == 0 && c.Most == 0 {
		return bine.Errorf(bine.Invalid, "a quota of cells says how many are guaranteed, or are the most, or both")
	}
	if c.Most > 0 && c.Guaranteed > c.Most {
		return bine.Errorf(bine.Invalid, "%d cells are guaranteed, but %d are the most that the project may hold", c.Guaranteed, c.Most)
	}
	return nil
}
