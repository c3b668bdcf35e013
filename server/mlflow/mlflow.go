// Package mlflow is the front door of experiments, tracked runs and registered
// models for programs that speak the REST protocol of MLflow: with
// MLFLOW_TRACKING_URI=https://host/mlflow/<project> and an API key as
// MLFLOW_TRACKING_TOKEN they log to Bine unchanged.
//
// It keeps nothing of its own but what MLflow knows and Bine does not (logged
// models, aliases, tags of models), as documents. Artifacts are files of the
// project below Experiments. It promises that nothing can be done here that the REST API
// refuses, and that what changes something but measurements leaves an audit record.
// Source: MLflow, "REST API", https://mlflow.org/docs/latest/api_reference/rest-api.html.
package mlflow

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/artifact"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/internal/store"
	"github.com/bine-ml/bine/server/actor"
	"github.com/bine-ml/bine/server/api"
)

// Pattern is where the door is, in Gin's words.
const Pattern = "/mlflow/:project/*path"

type guard interface {
	Admit(r *http.Request, access auth.Access, project bine.ProjectName) (auth.Identity, auth.Membership, error)
}

// keeper keeps what is tracked, and models.
type keeper interface {
	CreateExperiment(ctx context.Context, project bine.ProjectName, name string, tags map[string]string, by bine.UserName) (bine.Experiment, error)
	Experiment(ctx context.Context, project bine.ProjectName, id int) (bine.Experiment, error)
	ExperimentNamed(ctx context.Context, project bine.ProjectName, name string) (bine.Experiment, error)
	Experiments(ctx context.Context, project bine.ProjectName) ([]bine.Experiment, error)
	ChangeExperiment(ctx context.Context, project bine.ProjectName, id int, c store.ExperimentChange) error
	StartTracked(ctx context.Context, project bine.ProjectName, r bine.TrackedRun) (bine.TrackedRun, error)
	TrackStep(ctx context.Context, attempt bine.AttemptID) (bine.TrackedRun, error)
	Tracked(ctx context.Context, project bine.ProjectName, id bine.TrackedID) (bine.TrackedRun, error)
	ChangeTracked(ctx context.Context, project bine.ProjectName, id bine.TrackedID, c store.TrackedChange) (bine.TrackedRun, error)
	SearchTracked(ctx context.Context, project bine.ProjectName, q store.TrackedSearch) ([]bine.TrackedRun, bool, error)
	Report(ctx context.Context, project bine.ProjectName, id bine.TrackedID, r bine.Report) (bine.ReportAnswer, error)
	Curves(ctx context.Context, project bine.ProjectName, runs []bine.TrackedID, metrics []string, most int) ([]bine.Curve, error)
	RegisterModel(ctx context.Context, project bine.ProjectName, v bine.ModelVersion, key string) (bine.ModelVersion, error)
	Models(ctx context.Context, project bine.ProjectName) ([]bine.Model, error)
	ModelVersion(ctx context.Context, project bine.ProjectName, name bine.ModelName, version int) (bine.ModelVersion, error)
	ModelVersions(ctx context.Context, project bine.ProjectName, name bine.ModelName) ([]bine.ModelVersion, error)
	Document(ctx context.Context, project bine.ProjectName, kind, name string) (json.RawMessage, error)
	Documents(ctx context.Context, project bine.ProjectName, kind string) ([]json.RawMessage, error)
	ChangeDocument(ctx context.Context, project bine.ProjectName, kind, name string, experiment int, change func(old json.RawMessage) (json.RawMessage, error)) error
}

// desk is what all front doors do alike.
type desk interface {
	Explain(ctx context.Context, err error) (client.Problem, http.Header)
	Record(ctx context.Context, entry bine.Audit, err error) error
	GiveUpIdle(w http.ResponseWriter, r *http.Request)
}

// Config is what the front door is made of.
type Config struct {
	Store keeper
	Files dfs.FS
	Guard guard
	Desk  desk
}

// Door answers requests of MLflow's clients.
type Door struct {
	Config
	artifacts *artifact.Store
	routes    []route
}

// New makes the front door.
func New(c Config) *Door {
	return &Door{Config: c, artifacts: artifact.New(c.Files), routes: routes()}
}

// timeout bounds what moves no content of files.
const timeout = time.Minute

// Handle answers a request at Pattern.
func (d *Door) Handle(g *gin.Context) {
	api.CountAs(g, "mlflow")
	d.Desk.GiveUpIdle(g.Writer, g.Request)
	c := &call{door: d, w: g.Writer, r: g.Request, project: bine.ProjectName(g.Param("project"))}
	o, vars, err := d.route(g.Request.Method, g.Param("path"))
	if err == nil {
		c.op, c.vars = o, vars
		api.CountAs(g, o.name)
		err = c.run()
	}
	if err != nil {
		c.fail(err)
	}
}

// call is one request.
type call struct {
	door    *Door
	w       http.ResponseWriter
	r       *http.Request
	op      route
	vars    map[string]string // of the path
	project bine.ProjectName
	actor   actor.Actor
	body    json.RawMessage
}

func (c *call) ctx() context.Context { return c.r.Context() }

func (c *call) store() keeper { return c.door.Store }

// access says who may call: members, with keys that start runs where something is logged.
func (c *call) access() auth.Access {
	a := auth.Access{Role: bine.DataScientist, Scopes: []bine.Scope{bine.ScopeRun}, Job: true}
	if !c.op.changes {
		a.Scopes = append(a.Scopes, bine.ScopeRead)
	}
	if c.op.owner {
		a = auth.Access{Role: bine.DataOwner}
	}
	return a
}

// run admits the request, does what it asks for and answers.
func (c *call) run() error {
	if !c.op.stream {
		ctx, cancel := context.WithTimeout(c.r.Context(), timeout)
		defer cancel()
		c.r = c.r.WithContext(ctx)
	}
	id, member, err := c.door.Guard.Admit(c.r, c.access(), c.project)
	c.actor = actor.Actor{Identity: id, Member: member}
	if err != nil {
		return c.record(err)
	}
	if !c.op.stream {
		if c.body, err = c.params(); err != nil {
			return err
		}
	}
	out, err := c.op.run(c)
	if err = c.record(err); err != nil {
		return err
	}
	if !c.op.stream || out != nil {
		c.json(http.StatusOK, out)
	}
	return nil
}

// record writes down what the request changed, or that it was refused.
func (c *call) record(err error) error {
	if !c.op.changes || c.op.silent || !c.actor.Known() {
		return err
	}
	return c.door.Desk.Record(c.ctx(), bine.Audit{Actor: c.actor.Identity.User, Address: auth.AddressOf(c.r), Project: c.project,
		Action: c.op.name, Object: strings.TrimPrefix(c.r.URL.Path, "/")}, err)
}

func (c *call) json(status int, v any) {
	if v == nil {
		v = struct{}{}
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // a value of ours that cannot be written is a fault of ours
	}
	c.w.Header().Set("Content-Type", "application/json")
	c.w.WriteHeader(status)
	c.w.Write(text)
}

// codes are MLflow's words for kinds of errors.
var codes = map[bine.Kind]struct {
	code   string
	status int
}{
	bine.Invalid: {"INVALID_PARAMETER_VALUE", http.StatusBadRequest}, bine.NotFound: {"RESOURCE_DOES_NOT_EXIST", http.StatusNotFound},
	bine.Conflict: {"INVALID_PARAMETER_VALUE", http.StatusBadRequest}, bine.Forbidden: {"PERMISSION_DENIED", http.StatusForbidden},
	bine.Unauthenticated: {"UNAUTHENTICATED", http.StatusUnauthorized}, bine.TooLarge: {"INVALID_PARAMETER_VALUE", http.StatusBadRequest},
	bine.NoQuota: {"RESOURCE_EXHAUSTED", http.StatusInsufficientStorage}, bine.Unavailable: {"TEMPORARILY_UNAVAILABLE", http.StatusServiceUnavailable},
	bine.Fenced: {"INVALID_STATE", http.StatusConflict}, bine.Leased: {"INVALID_STATE", http.StatusConflict},
}

// exists is a Conflict for which MLflow's clients look by its name.
type exists struct{ error }

func (e exists) Unwrap() error { return e.error }

// fail answers an error as MLflow's clients read it.
func (c *call) fail(err error) {
	problem, header := c.door.Desk.Explain(c.ctx(), err)
	for name, values := range header {
		c.w.Header()[name] = values
	}
	is, known := codes[bine.KindOf(err)]
	if !known {
		is.code, is.status = "INTERNAL_ERROR", http.StatusInternalServerError
	}
	switch err.(type) {
	case exists:
		is.code = "RESOURCE_ALREADY_EXISTS"
	case unknown:
		is.code, is.status = "ENDPOINT_NOT_FOUND", http.StatusNotFound
	case unsupported:
		is.code, is.status = "NOT_IMPLEMENTED", http.StatusNotImplemented
	}
	message := problem.Detail
	if message == "" {
		message = problem.Title
	}
	c.json(is.status, map[string]string{"error_code": is.code, "message": message})
}
