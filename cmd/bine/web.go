package main

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/bine-ml/bine/dfs/lake/front"
	"github.com/bine-ml/bine/internal/launch"
	"github.com/bine-ml/bine/server"
	"github.com/bine-ml/bine/server/api"
	"github.com/bine-ml/bine/server/serving"
	"github.com/bine-ml/bine/server/ui"
)

// launcher is what the API asks of the workflow engine.
type launcher struct {
	*launch.Launcher
	*launch.Histories
}

// handler puts the front doors together. The function that it answers ends
// what they do in the background.
func (p *platform) handler(ctx context.Context) (*server.Server, func(), error) {
	var s *server.Server
	var err error
	// The pages ask the very server that serves them, which is put together with them.
	whole := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.ServeHTTP(w, r) })
	files := front.New(p.files, p.lakes)
	s, err = server.New(server.Config{
		API: api.Config{
			Store: p.store, Files: files, Lakes: p.lakes, Artifacts: p.artifacts, Ledger: p.ledger,
			Launcher: launcher{p.launcher, launch.NewHistories(p.launcher, archive{p.files}, p.payloads)},
			Auth:     p.auth, Sealer: p.secrets, Log: p.log, Version: version,
			Grace: time.Duration(p.config.Grace), Secure: strings.HasPrefix(p.config.URL, "https://"), Sweeps: p.sweeps,
		},
		Serving:  serving.Config{Routes: p.store, Sealer: p.secrets, Place: api.RoutePlace, Log: p.log},
		Files:    files,
		UI:       ui.New(ui.Config{API: whole, Address: p.config.URL, Version: version, Log: p.log}),
		Registry: p.metrics, Log: p.log,
		Ready: []server.Check{{Name: "database", Run: p.db.Ping}, {Name: "workflow engine", Run: p.pingTemporal}},
	})
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	go s.API().Watch(ctx)
	return s, cancel, nil
}

// pingTemporal asks the workflow engine whether it is well.
func (p *platform) pingTemporal(ctx context.Context) error {
	_, err := p.temporal.CheckHealth(ctx, nil)
	return err
}
