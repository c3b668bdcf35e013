package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/internal/cli"
)

// localProject is the project of local runs.
const localProject bine.ProjectName = "local"

// runLocal makes what runs everything in this process for one command: the
// same engine as `bine up`, on a port of its own, without a trace in the
// settings of the CLI.
func runLocal(s cli.Streams) cli.Local {
	return func(ctx context.Context, data string, requires []string, use func(context.Context, *client.Client, bine.ProjectName) error) (err error) {
		if data == "" {
			if data, err = os.MkdirTemp("", "bine-local-"); err != nil {
				return fmt.Errorf("data directory: %w", err)
			}
			defer func() { err = errors.Join(err, os.RemoveAll(data)) }()
		}
		c, err := privateConfig(data)
		if err != nil {
			return err
		}
		return up(ctx, c, s, func(ctx context.Context, p *platform) error {
			api, err := p.openLocalProject(ctx, requires)
			if err != nil {
				return err
			}
			return use(ctx, api, localProject)
		})
	}
}

// administrator gives a client that acts as the administrator by a new key.
func (p *platform) administrator(ctx context.Context, name string) (*client.Client, string, error) {
	key, _, err := p.auth.NewKey(ctx, auth.Identity{User: adminName, Admin: true}, bine.Key{Name: name, Scopes: []bine.Scope{bine.ScopeAll}})
	if err != nil {
		return nil, "", err
	}
	api, err := client.New(client.Options{URL: p.config.URL, Key: key, Patience: 10 * time.Second})
	return api, key, err
}

// openLocalProject makes the project of local runs, or finds it, and gives a
// client that acts as the administrator.
func (p *platform) openLocalProject(ctx context.Context, requires []string) (*client.Client, error) {
	api, _, err := p.administrator(ctx, "local run")
	if err != nil {
		return nil, err
	}
	_, err = api.Project(ctx, localProject)
	if bine.IsKind(err, bine.NotFound) {
		_, err = api.CreateProject(ctx, client.NewProject{Name: localProject, Requires: requires})
	}
	if err == nil {
		_, err = cli.WaitProject(ctx, api, localProject)
	}
	if err != nil {
		return nil, err
	}
	return api, sameRequires(ctx, api, requires)
}

// sameRequires refuses a data directory whose environment holds other packages.
func sameRequires(ctx context.Context, api *client.Client, requires []string) error {
	all, err := api.Environments(ctx, localProject)
	if err != nil {
		return err
	}
	for _, e := range all {
		if e.Current && !slices.Equal(slices.Sorted(slices.Values(e.Requires)), slices.Sorted(slices.Values(requires))) {
			return bine.Errorf(bine.Conflict, "the data directory has an environment of %v: give the same --requires, or another --data", e.Requires)
		}
	}
	if len(all) == 0 && len(requires) > 0 {
		return bine.Errorf(bine.Conflict, "the data directory was made without --requires: give none, or another --data")
	}
	return nil
}
