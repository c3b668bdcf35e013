// Package serving is the front door for predictions: it passes requests of the
// Open Inference Protocol on to the model server of a deployment, as they are.
//
// A request at /serving/<project>/<deployment>/v2/… is admitted by the same
// guard as every other. The caller's credentials go no further than here: the
// model server gets the secret that its agent chose, and nothing else of who
// is asking.
package serving

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	slashes "path"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/internal/store"
)

// Pattern is the route of the front door, as Gin writes it.
const Pattern = "/serving/:project/:deployment/*path"

// routes is the part of the store that says where model servers are.
type routes interface {
	Route(ctx context.Context, project bine.ProjectName, name bine.DeploymentName) (store.Route, bool, error)
	Deployment(ctx context.Context, project bine.ProjectName, name bine.DeploymentName) (bine.Deployment, error)
}

// Config is what the front door is made of.
type Config struct {
	Routes routes
	Sealer *auth.Sealer
	// Place gives what the secret of a route was sealed for.
	Place func(bine.ProjectName, bine.DeploymentName) string
	Log   *slog.Logger
	// Transport reaches model servers; nil is one that keeps connections.
	Transport http.RoundTripper
}

// Proxy passes requests on to model servers.
type Proxy struct {
	Config
	mu    sync.Mutex
	known map[key]target
}

type key struct {
	project bine.ProjectName
	name    bine.DeploymentName
}

// target is where requests of a deployment go.
type target struct {
	address string
	secret  string
	until   time.Time
}

// fresh is how long a route is used without asking for it again.
const fresh = time.Second

// New makes a proxy.
func New(c Config) *Proxy {
	if c.Transport == nil {
		c.Transport = &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 90 * time.Second, DisableCompression: true}
	}
	return &Proxy{Config: c, known: map[key]target{}}
}

// Access says who may ask for predictions.
func Access() auth.Access {
	return auth.Access{Role: bine.DataScientist, Scopes: []bine.Scope{bine.ScopeServe}, Job: true}
}

// Handler answers requests at Pattern. fail answers one with an error.
func (p *Proxy) Handler(guard *auth.Guard, fail func(http.ResponseWriter, *http.Request, error)) gin.HandlerFunc {
	return func(c *gin.Context) {
		project, name := bine.ProjectName(c.Param("project")), bine.DeploymentName(c.Param("deployment"))
		if _, _, err := guard.Admit(c.Request, Access(), project); err != nil {
			fail(c.Writer, c.Request, err)
			return
		}
		control := http.NewResponseController(c.Writer)
		control.SetReadDeadline(time.Time{}) // an answer may be a stream
		control.SetWriteDeadline(time.Time{})
		p.forward(c.Writer, c.Request, key{project, name}, c.Param("path"), fail)
	}
}

func (p *Proxy) forward(w http.ResponseWriter, r *http.Request, k key, path string, fail func(http.ResponseWriter, *http.Request, error)) {
	inside := path == "/v2" || strings.HasPrefix(path, "/v2/")
	if !inside || strings.TrimSuffix(path, "/") != slashes.Clean(path) || strings.Contains(path, "\\") {
		fail(w, r, bine.Errorf(bine.NotFound, "nothing is at %s: deployments answer below v2/", path))
		return
	}
	t, err := p.target(r.Context(), k)
	if err != nil {
		fail(w, r, err)
		return
	}
	proxy := httputil.ReverseProxy{
		Transport:     p.Transport,
		FlushInterval: -1,
		ErrorLog:      slog.NewLogLogger(p.Log.Handler(), slog.LevelWarn),
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.Out.URL = &url.URL{Scheme: "http", Host: t.address, Path: path, RawQuery: pr.In.URL.RawQuery}
			pr.Out.Host = t.address
			pr.Out.Header.Del("Cookie")
			pr.Out.Header.Set("Authorization", "Bearer "+t.secret)
		},
		ModifyResponse: func(res *http.Response) error {
			res.Header.Del("Set-Cookie") // a model server is user code: it sets nothing for this origin
			res.Header.Set("X-Content-Type-Options", "nosniff")
			res.Header.Set("Content-Security-Policy", "sandbox; default-src 'none'")
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			p.forget(k)
			fail(w, r, p.broken(r.Context(), k, err))
		},
	}
	proxy.ServeHTTP(w, r)
}

// broken says why a model server did not answer.
func (p *Proxy) broken(ctx context.Context, k key, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return bine.Errorf(bine.TooLarge, "the request has more than %d bytes", large.Limit)
	}
	p.Log.WarnContext(ctx, "a model server did not answer", "project", k.project, "deployment", k.name, "error", err)
	return bine.Errorf(bine.Unavailable, "the model server of %s did not answer; it is restarted when it has died", k.name)
}

func (p *Proxy) forget(k key) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.known, k)
}

// target gives where requests of a deployment go now.
func (p *Proxy) target(ctx context.Context, k key) (target, error) {
	p.mu.Lock()
	t, found := p.known[k]
	p.mu.Unlock()
	if found && time.Now().Before(t.until) {
		return t, nil
	}
	route, there, err := p.Routes.Route(ctx, k.project, k.name)
	if err != nil && !bine.IsKind(err, bine.NotFound) {
		return target{}, err
	}
	if !there || err != nil {
		p.forget(k)
		return target{}, p.absent(ctx, k)
	}
	secret, err := p.Sealer.Open(route.Secret, p.Place(k.project, k.name))
	if err != nil {
		return target{}, fmt.Errorf("open secret of deployment %s: %w", k.name, err)
	}
	t = target{address: route.Address, secret: secret, until: time.Now().Add(fresh)}
	p.mu.Lock()
	p.known[k] = t
	p.mu.Unlock()
	return t, nil
}

// absent says why there is no route: no such deployment, or none of its servers answers.
func (p *Proxy) absent(ctx context.Context, k key) error {
	d, err := p.Routes.Deployment(ctx, k.project, k.name)
	if err != nil {
		return err
	}
	return bine.Errorf(bine.Unavailable, "deployment %s does not answer now: it is %s", k.name, d.State)
}

// maxAnswer bounds what Infer reads.
const maxAnswer = 64 << 20

// Infer asks the model server of a deployment, for the API's own predictions.
func (p *Proxy) Infer(ctx context.Context, project bine.ProjectName, name bine.DeploymentName, model bine.ModelName, body []byte) ([]byte, error) {
	k := key{project, name}
	t, err := p.target(ctx, k)
	if err != nil {
		return nil, err
	}
	address := "http://" + t.address + "/v2/models/" + url.PathEscape(string(model)) + "/infer"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", name, err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+t.secret)
	res, err := p.Transport.RoundTrip(r)
	if err != nil {
		p.forget(k)
		return nil, p.broken(ctx, k, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, p.broken(ctx, k, err)
	}
	if res.StatusCode != http.StatusOK {
		return nil, refused(name, res.StatusCode, text)
	}
	return text, nil
}

// refused gives the error for an answer that is none.
func refused(name bine.DeploymentName, status int, text []byte) error {
	var said struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(text, &said) != nil || said.Error == "" {
		said.Error = http.StatusText(status)
	}
	kind := bine.Unavailable
	if status >= 400 && status < 500 && status != http.StatusUnauthorized {
		kind = bine.Invalid
	}
	return bine.Errorf(kind, "deployment %s: %s", name, said.Error)
}
