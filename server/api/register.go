package api

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/auth"
)

// route declares one operation.
type route struct {
	id      string // of the operation; the action of its audit record
	method  string
	path    string // below /api/v1
	summary string
	tag     string // the noun
	access  auth.Access
	status  int           // of the answer; 0 is 200, or 204 where nothing is answered
	limit   int64         // bytes of a body; 0 is 1 MiB
	timeout time.Duration // 0 is 30 s
	stream  bool          // lasts as long as it lasts: no timeout
	silent  bool          // changes nothing that is worth a record, though its method could
	body    string        // media type of a body that is not JSON; such a body is read by the handler
	gives   string        // media type of an answer that is not JSON
}

const (
	defaultLimit   = 1 << 20
	defaultTimeout = 30 * time.Second
)

// AccessExtension is where the document says who may call an operation.
const AccessExtension = "x-bine-access"

const routeKey = "route"

// wait is how long a request may take.
func (r route) wait() time.Duration {
	if r.timeout == 0 {
		return defaultTimeout
	}
	return r.timeout
}

func (r route) audited() bool { return changes(r.method) && !r.silent }

// add registers an operation with what handles it.
func add[I, O any](a *API, r route, handle func(ctx context.Context, in *I) (*O, error)) {
	if !r.access.Valid() {
		a.faults = append(a.faults, fmt.Errorf("operation %s does not say who may call it", r.id))
		return
	}
	a.routes = append(a.routes, r)
	huma.Register(a.huma, a.operation(r), func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if r.audited() {
			err = a.record(ctx, r, err)
		}
		if err != nil {
			return nil, a.problemOf(ctx, err)
		}
		return out, nil
	})
}

// operation writes a route as the document has it.
func (a *API) operation(r route) huma.Operation {
	op := huma.Operation{
		OperationID: r.id, Method: r.method, Path: base + "/" + r.path, Summary: r.summary, Tags: []string{r.tag},
		DefaultStatus: r.status, MaxBodyBytes: r.limit, BodyReadTimeout: r.wait(),
		Extensions: map[string]any{AccessExtension: r.access},
		Metadata:   map[string]any{routeKey: r},
		Security:   []map[string][]string{{"key": {}}, {"session": {}}},
		Responses:  map[string]*huma.Response{"default": a.problemResponse()},
	}
	if op.MaxBodyBytes == 0 {
		op.MaxBodyBytes = defaultLimit
	}
	if r.access.Public {
		op.Security = []map[string][]string{{}}
	}
	if r.body != "" {
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{r.body: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}
	}
	if r.gives != "" {
		op.Responses["200"] = &huma.Response{Description: http.StatusText(http.StatusOK), Content: map[string]*huma.MediaType{r.gives: {Schema: &huma.Schema{Type: huma.TypeString}}}}
	}
	return op
}

func (a *API) problemResponse() *huma.Response {
	schema := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[client.Problem](), true, "Problem")
	return &huma.Response{Description: "The problem", Content: map[string]*huma.MediaType{problemType: {Schema: schema}}}
}

// document is what huma starts from. It leaves out what huma would add by
// itself: schema links made from the Host header, and pages that load their
// program from elsewhere.
func (a *API) document() huma.Config {
	config := huma.DefaultConfig("Bine", a.Version)
	config.CreateHooks, config.DocsPath, config.SchemasPath, config.OpenAPIPath = nil, "", "", ""
	config.Transformers = []huma.Transformer{translate}
	config.Info.Description = "Every operation says under " + AccessExtension + " who may call it."
	config.Components.Schemas.RegisterTypeAlias(reflect.TypeFor[bine.Number](), reflect.TypeFor[number]())
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"key":     {Type: "http", Scheme: "bearer", Description: "An API key (bine_…) or the token of a job (binejob_…)."},
		"session": {Type: "apiKey", In: "cookie", Name: auth.PlainCookie, Description: "A session, made by signing in; over https the cookie is " + auth.SecureCookie + "."},
	}
	return config
}

// Scopes by what they open.
var (
	reads   = []bine.Scope{bine.ScopeRead}
	follows = []bine.Scope{bine.ScopeRead, bine.ScopeRun} // what whoever starts a run must see
	runs    = []bine.Scope{bine.ScopeRun}
	serves  = []bine.Scope{bine.ScopeServe}
)
