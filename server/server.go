// Package server puts the front doors together: the REST API, predictions,
// WebHDFS, S3, MLflow, the pages, and what operators look at (health, metrics).
//
// It promises that every request passes the same outer layers, in one place: a
// request id, recovery, security headers, the refusal of what other sites make
// a browser send, and a count. Routing and who may call what are in the
// packages below.
package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/server/api"
	"github.com/bine-ml/bine/server/mlflow"
	"github.com/bine-ml/bine/server/s3"
	"github.com/bine-ml/bine/server/serving"
	"github.com/bine-ml/bine/server/webhdfs"
)

// Check says whether a part that the server needs works.
type Check struct {
	Name string
	Run  func(ctx context.Context) error
}

// Config is what the front doors are made of.
type Config struct {
	API      api.Config
	Serving  serving.Config
	Files    dfs.FS       // for WebHDFS, S3 and MLflow; nil where they are not offered
	UI       http.Handler // answers whatever no other door does; nil where there are no pages
	Registry *prometheus.Registry
	Ready    []Check // must pass before requests are sent here
	Log      *slog.Logger
}

// Server is every front door behind one handler.
type Server struct {
	api     *api.API
	handler http.Handler
	routes  func() gin.RoutesInfo
}

// New puts the front doors together.
func New(c Config) (*Server, error) {
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.HandleMethodNotAllowed = true
	router.RedirectTrailingSlash = false
	if err := router.SetTrustedProxies(nil); err != nil {
		return nil, err
	}
	proxy := serving.New(c.Serving)
	if c.API.Models == nil {
		c.API.Models = proxy
	}
	m := newMetrics(c.Registry)
	router.Use(m.count)
	var objects *s3.Door
	router.Use(func(g *gin.Context) { // at whatever path: the signature says what it is
		if objects != nil && s3.Signed(g.Request) {
			objects.Handle(g)
			g.Abort()
		}
	})
	a, err := api.Mount(router, c.API)
	if err != nil {
		return nil, err
	}
	router.Any(serving.Pattern, giveUpIdle(a), proxy.Handler(a.Guard(), a.WriteProblem))
	if c.Files != nil {
		door := webhdfs.New(webhdfs.Config{Files: c.Files, Guard: a.Guard(), Sealer: c.API.Sealer, Projects: c.API.Store, Desk: a, Secure: c.API.Secure})
		objects = s3.New(s3.Config{Files: c.Files, Guard: a.Guard(), Secrets: c.API.Sealer, Store: c.API.Store, Desk: a})
		router.Any(webhdfs.Root, door.Handle)
		router.Any(webhdfs.Pattern, door.Handle)
		router.POST(webhdfs.TokenRoute, door.Token)
		router.Any(mlflow.Pattern, mlflow.New(mlflow.Config{Store: c.API.Store, Files: c.Files, Guard: a.Guard(), Desk: a}).Handle)
	}
	router.GET("/healthz", func(g *gin.Context) { g.String(http.StatusOK, "ok\n") })
	router.GET("/readyz", ready(c.Ready, c.Log))
	router.GET("/metrics", gin.WrapH(promhttp.HandlerFor(c.Registry, promhttp.HandlerOpts{})))
	router.NoRoute(missing(a, c.UI))
	router.NoMethod(func(g *gin.Context) {
		a.WriteProblem(g.Writer, g.Request, api.NotDone(g.Request))
	})
	return &Server{api: a, handler: outer(router, a, c.Log), routes: router.Routes}, nil
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// API is the REST API.
func (s *Server) API() *api.API { return s.api }

// missing answers what no route does: pages, or a problem below /api, /serving and /webhdfs.
func missing(a *api.API, ui http.Handler) gin.HandlerFunc {
	return func(g *gin.Context) {
		path := g.Request.URL.Path
		if ui != nil && !strings.HasPrefix(path, "/api/") && !strings.HasPrefix(path, "/serving/") && !strings.HasPrefix(path, "/webhdfs/") {
			g.Status(http.StatusOK) // Gin has said 404 already; the pages know better
			a.GiveUpIdle(g.Writer, g.Request)
			ui.ServeHTTP(g.Writer, g.Request)
			return
		}
		a.WriteProblem(g.Writer, g.Request, bine.Errorf(bine.NotFound, "nothing is at %s", path))
	}
}

// giveUpIdle ends requests whose bodies stop coming.
func giveUpIdle(a *api.API) gin.HandlerFunc {
	return func(g *gin.Context) { a.GiveUpIdle(g.Writer, g.Request) }
}

const checkTimeout = 3 * time.Second

// ready answers whether every check passes. Which part fails is told, why only
// in the log: the page needs no sign-in.
func ready(checks []Check, log *slog.Logger) gin.HandlerFunc {
	return func(g *gin.Context) {
		ctx, cancel := context.WithTimeout(g.Request.Context(), checkTimeout)
		defer cancel()
		var failing []string
		for _, check := range checks {
			if err := check.Run(ctx); err != nil {
				log.WarnContext(ctx, "not ready", "part", check.Name, "error", err)
				failing = append(failing, check.Name)
			}
		}
		if len(failing) > 0 {
			g.String(http.StatusServiceUnavailable, "not ready: %s\n", strings.Join(failing, ", "))
			return
		}
		g.String(http.StatusOK, "ready\n")
	}
}

// HTTP makes the server for a handler. Requests have their own deadlines; these
// here are for connections. When it shuts down, streams are ended.
func HTTP(s *Server) *http.Server {
	h := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
	h.RegisterOnShutdown(s.api.Close)
	return h
}

// Shutdown ends an HTTP server: streams at once, requests under way within the time.
func Shutdown(h *http.Server, within time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	err := h.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return h.Close()
	}
	return err
}

// Routes lists what the server answers, for the test that holds it against the document.
func (s *Server) Routes() gin.RoutesInfo { return s.routes() }
