package api

import (
	"context"
	"net/http"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/auth"
)

// Quotas is the part of the file system that limits directories and says how
// what is in them is kept.
type Quotas interface {
	Limits(ctx context.Context, user dfs.User, path string) ([]dfs.Limit, error)
	SetQuota(ctx context.Context, user dfs.User, dir string, q dfs.Quota) error
	Policy(ctx context.Context, user dfs.User, path string) (dfs.Policy, error)
	SetPolicy(ctx context.Context, user dfs.User, dir string, p dfs.Policy) error
}

func (a *API) fileQuotaRoutes() {
	see := auth.Access{Role: bine.DataScientist, Scopes: reads, Job: true}
	change := auth.Access{Role: bine.DataOwner}
	const quotas, policy = "projects/{project}/file-quotas", "projects/{project}/file-policy"
	add(a, route{id: "show-file-quotas", method: http.MethodGet, path: quotas, tag: "files", summary: "The quotas that a path counts towards, with what is in use", access: see}, a.fileQuotas)
	add(a, route{id: "set-file-quota", method: http.MethodPut, path: quotas, tag: "files", summary: "Limit what is below a directory; 0 is no limit", access: change}, a.setFileQuota)
	add(a, route{id: "set-space", method: http.MethodPut, path: "projects/{project}/space", tag: "projects", summary: "Limit the files of a project; 0 is no limit",
		access: auth.Access{Admin: true}}, a.setSpace)
	add(a, route{id: "show-file-policy", method: http.MethodGet, path: policy, tag: "files", summary: "How what is at a path is kept", access: see}, a.filePolicy)
	add(a, route{id: "set-file-policy", method: http.MethodPut, path: policy, tag: "files", summary: "Say how what is written below a directory is kept from now on", access: change}, a.setFilePolicy)
}

func limitsOf(p bine.ProjectName, all []dfs.Limit) []client.FileLimit {
	list := []client.FileLimit{}
	for _, l := range all {
		list = append(list, client.FileLimit{Path: dfs.Relative(p, l.Path), Quota: client.FileQuota{Bytes: l.Quota.Bytes, Names: l.Quota.Names},
			Bytes: l.Bytes, Names: l.Names, Counting: l.Counting})
	}
	return list
}

func (a *API) fileQuotas(ctx context.Context, in *InPath) (*body[[]client.FileLimit], error) {
	full, err := projectPath(in.Project, in.Path)
	if err != nil {
		return nil, err
	}
	all, err := a.Files.Limits(ctx, fileUser(ctx), full)
	return answer(limitsOf(in.Project, all), err)
}

func (a *API) setFileQuota(ctx context.Context, in *struct {
	InPath
	Body client.FileQuota
}) (*body[[]client.FileLimit], error) {
	full, err := projectPath(in.Project, in.Path)
	if err != nil {
		return nil, err
	}
	if err := a.Files.SetQuota(ctx, fileUser(ctx), full, dfs.Quota{Bytes: in.Body.Bytes, Names: in.Body.Names}); err != nil {
		return nil, err
	}
	return a.fileQuotas(ctx, &in.InPath)
}

func (a *API) setSpace(ctx context.Context, in *struct {
	InProject
	Body client.FileQuota
}) (*body[[]client.FileLimit], error) {
	full := dfs.ProjectPath(in.Project)
	if err := a.Files.SetQuota(ctx, dfs.Platform(), full, dfs.Quota{Bytes: in.Body.Bytes, Names: in.Body.Names}); err != nil {
		return nil, err
	}
	all, err := a.Files.Limits(ctx, dfs.Platform(), full)
	return answer(limitsOf(in.Project, all), err)
}

func (a *API) filePolicy(ctx context.Context, in *InPath) (*body[client.FilePolicy], error) {
	full, err := projectPath(in.Project, in.Path)
	if err != nil {
		return nil, err
	}
	p, err := a.Files.Policy(ctx, fileUser(ctx), full)
	return answer(client.FilePolicy{Name: p.Name, Inline: p.Inline, BlockSize: p.BlockSize, Tier: p.Tier, Path: dfs.Relative(in.Project, p.Path), Installed: p.Path == ""}, err)
}

func (a *API) setFilePolicy(ctx context.Context, in *struct {
	InPath
	Body client.SetFilePolicy
}) (*body[client.FilePolicy], error) {
	full, err := projectPath(in.Project, in.Path)
	if err != nil {
		return nil, err
	}
	var p dfs.Policy
	if b := in.Body; b.Name != "" {
		p = dfs.Policy{Name: b.Name, Inline: -1, BlockSize: b.BlockSize}
		if b.Inline != nil {
			p.Inline = max(0, *b.Inline)
		}
	} else if b.Inline != nil || b.BlockSize != 0 {
		return nil, bine.Errorf(bine.Invalid, "name the policy whose limits these are: HOT, DB, BLOCKS or that of a tier")
	}
	if err := a.Files.SetPolicy(ctx, fileUser(ctx), full, p); err != nil {
		return nil, err
	}
	return a.filePolicy(ctx, &in.InPath)
}
