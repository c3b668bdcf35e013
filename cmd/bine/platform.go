package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	sdk "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/artifact"
	"github.com/bine-ml/bine/dfs/lake/front"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/launch"
	"github.com/bine-ml/bine/internal/lease"
	"github.com/bine-ml/bine/internal/run"
	"github.com/bine-ml/bine/internal/store"
	"github.com/bine-ml/bine/internal/temporal"
	"github.com/bine-ml/bine/internal/temporal/embedded"
	"github.com/bine-ml/bine/internal/trial"
	"github.com/bine-ml/bine/internal/webhook"
	"github.com/bine-ml/bine/server/api"
	"github.com/bine-ml/bine/workflows"
)

// platform is what server and worker are made of: the ledger, the file system
// and the connection to Temporal.
type platform struct {
	config    config
	log       *slog.Logger
	metrics   *prometheus.Registry
	observer  *temporal.Observer
	db        *database.DB
	store     *store.Store
	ledger    *lease.Ledger
	sweeps    *trial.Keeper
	files     *dfs.Tree
	lakes     *front.Lakes
	artifacts artifacts
	payloads  *temporal.Sealer
	secrets   *auth.Sealer
	auth      *auth.Auth
	embedded  *embedded.Server // nil with a Temporal of its own
	temporal  sdk.Client
	launcher  *launch.Launcher
	engine    *run.Engine
	password  string // of the administrator, where this start made one
	closers   []func() error
}

// open puts a platform together. Where no Temporal is configured, mayEmbed says
// whether one is started here.
func open(ctx context.Context, c config, log *slog.Logger, mayEmbed bool) (p *platform, err error) {
	p = &platform{config: c, log: log, metrics: newRegistry()}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	if p.observer, err = temporal.NewObserver(log, p.metrics); err != nil {
		return p, err
	}
	for _, part := range []func(context.Context) error{p.openKeys, p.openData} {
		if err := part(ctx); err != nil {
			return p, err
		}
	}
	if err := p.openTemporal(ctx, mayEmbed); err != nil {
		return p, err
	}
	grace := time.Duration(c.Grace)
	p.launcher = launch.New(p.temporal, p.store, grace)
	mailer, err := c.Mail.open()
	if err != nil {
		return p, err
	}
	p.engine = run.New(run.Config{
		Store: p.store, Ledger: p.ledger, Launcher: p.launcher, Artifacts: p.artifacts, Trees: p.files,
		Poster: webhook.New(c.Notify.AllowPrivate), Together: p.db.Together, URL: c.URL, Log: log,
		Files: projectFiles{p.files}, Mailer: mailer, Sign: p.signApproval, Secret: p.webhookSecret, Sweeps: p.sweeps,
	})
	return p, nil
}

// openKeys reads the keys that seal payloads and secrets, or makes them.
func (p *platform) openKeys(context.Context) error {
	if err := os.MkdirAll(p.config.Keys, 0o700); err != nil {
		return fmt.Errorf("directory of keys: %w", err)
	}
	key, err := temporal.LoadKey(filepath.Join(p.config.Keys, "payload.key"))
	if err != nil {
		return err
	}
	p.payloads = temporal.NewSealer(key)
	p.secrets, err = auth.OpenSealer(filepath.Join(p.config.Keys, secretKey))
	return err
}

// openData opens the database and the file system.
func (p *platform) openData(ctx context.Context) error {
	var err error
	if p.db, err = database.Open(ctx, p.config.Database, database.Options{}); err != nil {
		return err
	}
	p.closers = append(p.closers, p.db.Close)
	p.store, p.ledger = store.New(p.db), lease.New(p.db).Fading(time.Duration(p.config.Line.HalfLife))
	p.metrics.MustRegister(newLeaseMetrics(p.ledger, p.log), newTenantMetrics(p.ledger, p.log))
	p.sweeps = trial.New(p.store)
	blocks, err := openTiers(ctx, p.config, p.log)
	if err != nil {
		return err
	}
	p.closers = append(p.closers, blocks.Close)
	inline, err := memory(p.config.Files.Inline)
	if err != nil {
		return err
	}
	p.files = dfs.New(p.db, blocks.Stores, dfs.Options{Inline: inline, Keys: p.secrets, Sealed: p.config.Files.Encrypt})
	p.metrics.MustRegister(newFeedMetrics(p.files, p.log), newFileLeaseMetrics(p.files, p.log), newQuotaMetrics(p.files, p.log))
	p.closers = append(p.closers, p.files.Close)
	if err := p.matchBlocks(ctx, blocks); err != nil {
		return err
	}
	p.artifacts = artifacts{artifact.New(p.files)}
	p.lakes = front.NewLakes(p.store, p.secrets, front.Options{Dirs: p.config.Connectors.Dirs, AllowPrivate: p.config.Connectors.AllowPrivate})
	p.auth, err = auth.New(api.Accounts(p.store), p.log, time.Now)
	return err
}

// openTemporal connects to Temporal, starting it here where none is configured.
func (p *platform) openTemporal(ctx context.Context, mayEmbed bool) error {
	c := p.config.Temporal
	options := temporal.Options{Address: c.Address, Namespace: c.Namespace, Sealer: p.payloads}
	switch {
	case c.Address != "":
		if c.Certificates != "" {
			tls, err := temporal.LoadTLS(c.Certificates)
			if err != nil {
				return err
			}
			options.TLS = tls
		}
	case mayEmbed:
		server, err := embedded.Start(ctx, embedded.Options{Dir: filepath.Join(p.config.Data, "temporal"), Namespace: c.Namespace, Store: c.Store, Logger: p.log})
		if err != nil {
			return err
		}
		p.embedded = server
		p.closers = append(p.closers, server.Stop)
		if err := server.WriteClientCertificates(p.certificates()); err != nil {
			return err
		}
		options = server.ClientOptions(p.payloads)
	default:
		return bine.Errorf(bine.Invalid, "no Temporal is configured: give --temporal ADDRESS (and --temporal-certificates), or run `bine up`, which brings its own")
	}
	options.Logger = p.log
	client, err := temporal.Dial(ctx, options)
	if err != nil {
		return err
	}
	p.temporal = client
	p.closers = append(p.closers, func() error { client.Close(); return nil })
	return nil
}

// certificates is where the embedded server leaves what agents and workers in
// other processes of the same owner connect with.
func (p *platform) certificates() string { return filepath.Join(p.config.Data, "certificates") }

// close gives everything back, in reverse.
func (p *platform) close() error {
	var faults []error
	for i := len(p.closers) - 1; i >= 0; i-- {
		faults = append(faults, p.closers[i]())
	}
	p.closers = nil
	return errors.Join(faults...)
}

// secretKey is the file with the key that seals secrets, and the keys of projects.
const secretKey = "secret.key"

const (
	exportEvery  = 10 * time.Minute
	reclaimEvery = time.Minute
	reclaimBatch = 1000
)

// work runs workflows, control activities and what keeps the house in order,
// until the returned function is called.
func (p *platform) work(ctx context.Context) (stop func(), err error) {
	w := worker.New(p.temporal, activities.ControlQueue, temporal.WorkerOptions(temporal.ControlWorker, interceptor.WorkerInterceptor(p.observer)))
	workflows.Register(w)
	for _, group := range p.activities() {
		w.RegisterActivity(group)
	}
	if err := w.Start(); err != nil {
		return nil, fmt.Errorf("start worker: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	go temporal.Export(ctx, p.temporal, archive{p.files}, exportEvery, p.log)
	go launch.NewReconciler(p.launcher, p.store, p.engine, p.log).Reaping(p.ledger).Run(ctx)
	go run.NewTriggers(p.engine, p.files).Run(ctx)
	go p.reclaim(ctx)
	return func() { cancel(); w.Stop() }, nil
}

// activities lists the groups of control activities.
func (p *platform) activities() []any {
	return []any{
		activities.NewRuns(p.engine), activities.NewAttempts(run.Attempts{Engine: p.engine}), activities.NewTicks(p.engine),
		activities.NewProjects(run.Projects{Engine: p.engine}), activities.NewEnvironments(run.Environments{Engine: p.engine}),
		activities.NewDeployments(run.Deployments{Engine: p.engine}), activities.NewBackfills(run.Backfills{Engine: p.engine}),
		activities.NewAwaits(run.Awaits{Engine: p.engine}),
		activities.NewTransfers(run.Transfers{Engine: p.engine, Tree: p.files, Lakes: p.lakes}),
		activities.NewSweeps(run.Sweeps{Engine: p.engine}),
	}
}

// reclaim gives back the space of what was removed.
func (p *platform) reclaim(ctx context.Context) {
	ticker := time.NewTicker(reclaimEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for n := 1; n > 0 && ctx.Err() == nil; {
			var err error
			if n, err = p.files.Reclaim(ctx, reclaimBatch); err != nil {
				p.log.WarnContext(ctx, "removed files could not be reclaimed", "error", err)
			}
		}
	}
}
