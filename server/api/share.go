package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/auth"
)

// Sharing is the part of the file system by which projects share datasets.
type Sharing interface {
	OfferShare(ctx context.Context, user dfs.User, dataset string, to bine.ProjectName, access bine.ShareAccess) error
	WantShare(ctx context.Context, user dfs.User, owner bine.ProjectName, dataset string, access bine.ShareAccess) error
	Shares(ctx context.Context, project bine.ProjectName) ([]bine.Share, error)
}

// shareRoutes are those by which projects use datasets of each other. It takes
// an offer and a wish, in any order.
func (a *API) shareRoutes() {
	see := auth.Access{Role: bine.DataScientist, Scopes: reads, Job: true}
	change := auth.Access{Role: bine.DataOwner}
	const offer, wish = "projects/{project}/offers/{dataset}/{to}", "projects/{project}/wishes/{owner}/{dataset}"
	add(a, route{id: "list-shares", method: http.MethodGet, path: "projects/{project}/shares", tag: "datasets", summary: "What the project shares, what is asked of it, and what others offer it", access: see}, a.shares)
	add(a, route{id: "offer-dataset", method: http.MethodPut, path: offer, tag: "datasets", summary: "Offer a dataset to another project, or to read to everyone (*)", access: change}, a.offerShare)
	add(a, route{id: "withdraw-dataset", method: http.MethodDelete, path: offer, tag: "datasets", summary: "Take an offer back; its use ends at once", access: change}, a.withdrawShare)
	add(a, route{id: "want-dataset", method: http.MethodPut, path: wish, tag: "datasets", summary: "Accept a dataset that another project offers, or ask for it", access: change}, a.wantShare)
	add(a, route{id: "leave-dataset", method: http.MethodDelete, path: wish, tag: "datasets", summary: "Give up a dataset of another project", access: change}, a.leaveShare)
	add(a, route{id: "list-public-datasets", method: http.MethodGet, path: "datasets", tag: "datasets", summary: "The datasets that are offered to everyone", access: auth.Access{User: true, Scopes: reads}}, a.publicDatasets)
}

// InOffer names a dataset of the project and who it is offered to.
type InOffer struct {
	InProject
	Dataset string           `path:"dataset" doc:"a directory at the top of the project"`
	To      bine.ProjectName `path:"to" doc:"another project, or * for everyone"`
}

// InWish names a dataset of another project.
type InWish struct {
	InProject
	Owner   bine.ProjectName `path:"owner" doc:"the project whose dataset it is"`
	Dataset string           `path:"dataset" doc:"a directory at the top of that project"`
}

func (a *API) shares(ctx context.Context, in *InProject) (*body[[]bine.Share], error) {
	return list(a.Files.Shares(ctx, in.Project))
}

func (a *API) publicDatasets(ctx context.Context, _ *none) (*body[[]bine.Share], error) {
	return list(a.Files.Shares(ctx, bine.Everyone))
}

func (a *API) offerShare(ctx context.Context, in *struct {
	InOffer
	Body client.SetShare
}) (*body[bine.Share], error) {
	if err := a.mayLeave(ctx, in.Project); err != nil {
		return nil, err
	}
	if err := a.Files.OfferShare(ctx, fileUser(ctx), in.Dataset, in.To, in.Body.Access); err != nil {
		return nil, err
	}
	if err := a.mayLeave(ctx, in.Project); err != nil { // it was marked meanwhile
		return nil, errors.Join(err, a.Files.OfferShare(ctx, fileUser(ctx), in.Dataset, in.To, ""))
	}
	return a.share(ctx, in.Project, in.Project, in.Dataset, in.To)
}

func (a *API) withdrawShare(ctx context.Context, in *InOffer) (*none, error) {
	return done(a.Files.OfferShare(ctx, fileUser(ctx), in.Dataset, in.To, ""))
}

func (a *API) wantShare(ctx context.Context, in *struct {
	InWish
	Body client.SetShare
}) (*body[bine.Share], error) {
	if err := a.Files.WantShare(ctx, fileUser(ctx), in.Owner, in.Dataset, in.Body.Access); err != nil {
		return nil, err
	}
	share, err := a.share(ctx, in.Project, in.Owner, in.Dataset, in.Project)
	if err == nil && share.Body.Offered == "" { // it looks the same whether there is such a dataset or not
		share.Body = bine.Share{Owner: in.Owner, Dataset: in.Dataset, To: in.Project, Wanted: in.Body.Access, WantedBy: callOf(ctx).User, At: a.now().UTC()}
	}
	return share, err
}

func (a *API) leaveShare(ctx context.Context, in *InWish) (*none, error) {
	return done(a.Files.WantShare(ctx, fileUser(ctx), in.Owner, in.Dataset, ""))
}

// share finds one share as a project sees it; one that is not there is empty.
func (a *API) share(ctx context.Context, p, owner bine.ProjectName, dataset string, to bine.ProjectName) (*body[bine.Share], error) {
	all, err := a.Files.Shares(ctx, p)
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		if s.Owner == owner && s.Dataset == dataset && s.To == to {
			return answer(s, nil)
		}
	}
	return answer(bine.Share{}, nil)
}
