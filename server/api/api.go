// Package api is the REST API of Bine: every route under /api/v1, the OpenAPI
// document that is made from the same declarations, and the pages that show it.
//
// It promises that each operation says beside its registration who may call
// it, that one middleware enforces that, that whatever changes something
// leaves one audit record before it is answered, and that every error is
// problem+json with the kind of the error. It keeps no state of its own but
// what limits and watches need, so any number of servers may stand side by side.
//
// Handlers check the request, ask the store, the file system and the ledger,
// and start workflows through a Launcher; what happens next is decided there.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs/lake/front"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/internal/lease"
	"github.com/bine-ml/bine/internal/trial"
)

// Config is what the API is made of.
type Config struct {
	Store     Store
	Files     Files
	Artifacts Artifacts
	Lakes     *front.Lakes // what connectors lead to
	Ledger    Ledger
	Launcher  Launcher
	Sweeps    *trial.Keeper
	Models    Models // asks model servers; nil where predictions are not offered
	Auth      *auth.Auth
	Sealer    *auth.Sealer
	Log       *slog.Logger
	Version   string
	// Grace is how long a process outlives the last sign of its agent.
	Grace time.Duration
	// Secure says that people reach the server by https only: session cookies
	// are then sent over TLS only.
	Secure bool
	// LogPoll is how often a followed log is looked at; zero is 150 ms.
	LogPoll time.Duration
	// Beat is how often a quiet event stream shows that it lives; zero is 15 s.
	Beat time.Duration
	// Idle is how long an upload may stall before it is given up; zero is a minute.
	Idle time.Duration
}

// API is the REST API.
type API struct {
	Config
	huma    huma.API
	guard   *auth.Guard
	now     func() time.Time
	routes  []route
	faults  []error
	closing chan struct{}
	idle    lease.IdleWatch // of Watch alone
	close   sync.Once
	// previewing has room for as many previews as are made at once.
	previewing chan struct{}
}

// The address under which everything of this version of the API lives.
const base = "/api/v1"

// Mount registers the API on a router. It fails where an operation does not
// say who may call it.
func Mount(router *gin.Engine, c Config) (*API, error) {
	if c.LogPoll == 0 {
		c.LogPoll = 150 * time.Millisecond
	}
	if c.Beat == 0 {
		c.Beat = 15 * time.Second
	}
	if c.Idle == 0 {
		c.Idle = time.Minute
	}
	a := &API{Config: c, now: time.Now, closing: make(chan struct{}), previewing: make(chan struct{}, previews)}
	a.guard = auth.NewGuard(c.Auth, c.Store, a.Cookie())
	a.huma = huma.NewAPI(a.document(), &adapter{router})
	a.huma.UseMiddleware(a.admit)
	a.register()
	if err := errors.Join(a.faults...); err != nil {
		return nil, err
	}
	if err := a.mountDocs(router); err != nil {
		return nil, err
	}
	return a, nil
}

// register lists the whole surface, noun by noun.
func (a *API) register() {
	a.accountRoutes()
	a.hostRoutes()
	a.deviceRoutes()
	a.standingRoutes()
	a.clusterRoutes()
	a.idleRoutes()
	a.gpuShareRoutes()
	a.projectRoutes()
	a.environmentRoutes()
	a.pipelineRoutes()
	a.jobRoutes()
	a.runRoutes()
	a.continueRoutes()
	a.stepRoutes()
	a.logRoutes()
	a.eventRoutes()
	a.fileRoutes()
	a.shareRoutes()
	a.trashRoutes()
	a.fileAttributeRoutes()
	a.fileACLRoutes()
	a.fileLeaseRoutes()
	a.fileQuotaRoutes()
	a.fileCopyRoutes()
	a.uploadRoutes()
	a.archiveRoutes()
	a.lookingRoutes()
	a.previewRoutes()
	a.snapshotRoutes()
	a.artifactRoutes()
	a.modelRoutes()
	a.experimentRoutes()
	a.deploymentRoutes()
	a.scheduleRoutes()
	a.backfillRoutes()
	a.sweepRoutes()
	a.triggerRoutes()
	a.poolRoutes()
	a.approvalRoutes()
	a.secretRoutes()
	a.connectorRoutes()
	a.transferRoutes()
	a.encryptionRoutes()
	a.agentRoutes()
}

// Guard is what admits callers; the other front doors use the same one.
func (a *API) Guard() *auth.Guard { return a.guard }

// Cookie names the cookie that carries a session.
func (a *API) Cookie() string {
	if a.Secure {
		return auth.SecureCookie
	}
	return auth.PlainCookie
}

// Close ends the streams that would otherwise last as long as their clients
// like, so that a server can shut down.
func (a *API) Close() { a.close.Do(func() { close(a.closing) }) }

// until gives a context that also ends when the server shuts down.
func (a *API) until(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-a.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// none is the input or answer of an operation that has none.
type none struct{}

// body is an answer that is a value in JSON.
type body[T any] struct{ Body T }

func answer[T any](v T, err error) (*body[T], error) {
	if err != nil {
		return nil, err
	}
	return &body[T]{v}, nil
}

// list is answer for lists, which are never null.
func list[T any](v []T, err error) (*body[[]T], error) {
	if v == nil {
		v = []T{}
	}
	return answer(v, err)
}

// done is the answer of an operation that answers nothing.
func done(err error) (*none, error) { return nil, err }

// InProject names a project in the path. It and the other In types are pieces of
// the inputs of operations; they are exported because huma reads no others.
type InProject struct {
	Project bine.ProjectName `path:"project" doc:"name of the project"`
}

// InPage says which page of a list is wanted.
type InPage struct {
	After string `query:"after" doc:"cursor: next of the page before"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"entries of a page"`
}

// changes reports whether requests of a method change something unless
// the operation says otherwise.
func changes(method string) bool { return method != http.MethodGet && method != http.MethodHead }
