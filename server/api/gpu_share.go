package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/auth"
)

// gpuShareRoutes tell who had how much of the accelerators.
func (a *API) gpuShareRoutes() {
	add(a, route{id: "show-gpu-shares", method: http.MethodGet, path: "gpu-shares", tag: "hosts", summary: "What projects hold of the accelerators, and how much they had over time",
		access: auth.Access{User: true, Scopes: follows}}, a.gpuShares)
}

// sharesSteps is in how many steps a time is told of, at most.
const sharesSteps = 60

func (a *API) gpuShares(ctx context.Context, in *struct {
	Hours int `query:"hours" minimum:"1" maximum:"9600" default:"24" doc:"how far back"`
}) (*body[client.GPUShares], error) {
	know, err := a.mayKnow(ctx)
	if err != nil {
		return nil, err
	}
	step := (in.Hours + sharesSteps - 1) / sharesSteps
	to := a.now().UTC()
	from := to.Truncate(time.Hour).Add(-time.Duration(in.Hours-1) * time.Hour)
	sums, err := a.Ledger.Hours(ctx, from, to, step)
	if err != nil {
		return nil, err
	}
	now, err := a.Ledger.Standings(ctx)
	if err != nil {
		return nil, err
	}
	cluster, err := a.Ledger.Cluster(ctx)
	out := client.GPUShares{From: from, To: to, Step: float64(step) * time.Hour.Seconds(), Devices: cluster.Total.GPUs, Projects: sharesOf(now, sums, know)}
	for i := range out.Projects {
		if out.Projects[i].Project == "" {
			out.Projects[i].Cells = nil // nobody else's business
		}
	}
	return answer(out, err)
}

// sharesOf joins what projects hold with what they had; those that the reader
// does not know become one.
func sharesOf(now []bine.Standing, sums map[bine.ProjectName][]float64, know func(bine.ProjectName) bool) []bine.ProjectShare {
	all := map[bine.ProjectName]*bine.ProjectShare{}
	of := func(p bine.ProjectName) *bine.ProjectShare {
		if !know(p) {
			p = ""
		}
		if all[p] == nil {
			all[p] = &bine.ProjectShare{Project: p, Weight: 1}
		}
		return all[p]
	}
	for _, s := range now {
		p := of(s.Project)
		if p.Project != "" {
			p.Limit, p.Weight = s.Limit, s.Weight
		}
		p.Held, p.Guaranteed, p.Borrowed, p.Wanted = p.Held+s.Held.GPUs, p.Guaranteed+s.Guaranteed, p.Borrowed+s.Borrowed, p.Wanted+s.Wanted
		for _, c := range s.Cells {
			p.Cells = append(p.Cells, c.CellQuota)
		}
	}
	for name, hours := range sums {
		p := of(name)
		if p.Hours == nil {
			p.Hours = make([]float64, len(hours))
		}
		for i, h := range hours {
			p.Hours[i] += h
			p.Total += h
		}
	}
	list := []bine.ProjectShare{}
	for _, p := range all {
		list = append(list, *p)
	}
	slices.SortFunc(list, func(a, b bine.ProjectShare) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(b.Held, a.Held), cmp.Compare(a.Project, b.Project))
	})
	return list
}
