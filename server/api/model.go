package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/auth"
)

// modelRoutes are those of registered models.
func (a *API) modelRoutes() {
	see := auth.Access{Role: bine.DataScientist, Scopes: []bine.Scope{bine.ScopeRead, bine.ScopeRun, bine.ScopeServe}, Job: true}
	const one = "projects/{project}/models/{model}"
	add(a, route{id: "list-models", method: http.MethodGet, path: "projects/{project}/models", tag: "models", summary: "The registered models by name", access: see}, a.models)
	add(a, route{id: "list-model-versions", method: http.MethodGet, path: one + "/versions", tag: "models", summary: "The versions of a model, newest first", access: see}, a.modelVersions)
	add(a, route{id: "describe-model-version", method: http.MethodGet, path: one + "/versions/{version}", tag: "models", summary: "One version; 0 is the newest", access: see}, a.modelVersion)
	add(a, route{id: "register-model", method: http.MethodPost, path: one + "/versions", tag: "models", summary: "Register an artifact as the next version of a model", access: auth.Access{Role: bine.DataOwner}, status: http.StatusCreated}, a.registerModel)
}

// InModel names a model in the path.
type InModel struct {
	InProject
	Model bine.ModelName `path:"model" doc:"name of the model"`
}

func (a *API) models(ctx context.Context, in *InProject) (*body[[]bine.Model], error) {
	return list(a.Store.Models(ctx, in.Project))
}

func (a *API) modelVersions(ctx context.Context, in *InModel) (*body[[]bine.ModelVersion], error) {
	return list(a.Store.ModelVersions(ctx, in.Project, in.Model))
}

func (a *API) modelVersion(ctx context.Context, in *struct {
	InModel
	Version int `path:"version" minimum:"0" doc:"0 is the newest"`
}) (*body[bine.ModelVersion], error) {
	return answer(a.Store.ModelVersion(ctx, in.Project, in.Model, in.Version))
}

// description is what the Python client writes beside a model that it saves.
type description struct {
	Framework   string             `json:"framework"`
	Description string             `json:"description"`
	Metrics     map[string]float64 `json:"metrics"`
	Schema      json.RawMessage    `json:"schema"`
	Example     json.RawMessage    `json:"example"`
}

const (
	descriptionFile = "model.json"
	maxDescription  = 1 << 20
)

func (a *API) registerModel(ctx context.Context, in *struct {
	InModel
	Key  string `header:"Idempotency-Key" maxLength:"200" doc:"the same key answers the same version"`
	Body client.NewModel
}) (*body[bine.ModelVersion], error) {
	if err := in.Model.Check(); err != nil {
		return nil, err
	}
	entries, err := a.Artifacts.Manifest(ctx, in.Project, in.Body.Artifact)
	if err != nil {
		return nil, err
	}
	about, err := a.describeModel(ctx, in.Project, entries)
	if err != nil {
		return nil, err
	}
	v := bine.ModelVersion{
		Model: in.Model, Artifact: bine.ArtifactRef{Hash: in.Body.Artifact, Kind: bine.ArtifactDir}, Framework: about.Framework,
		Metrics: about.Metrics, Schema: about.Schema, Example: about.Example, Description: about.Description,
		Environment: in.Body.Environment, CreatedBy: callOf(ctx).User, CreatedAt: a.now().UTC(),
	}
	for _, e := range entries {
		v.Artifact.Size += e.Size
	}
	if in.Body.Metrics != nil {
		v.Metrics = in.Body.Metrics
	}
	if in.Body.Description != "" {
		v.Description = in.Body.Description
	}
	key := requestKeys + in.Key
	if in.Key == "" {
		key = requestKeys + callOf(ctx).request // the request itself: never again
	}
	made, err := a.Store.RegisterModel(ctx, in.Project, v, key)
	named(ctx, fmt.Sprintf("projects/%s/models/%s/%d", in.Project, in.Model, made.Version))
	return answer(made, err)
}

// describeModel reads the description in a model's directory.
func (a *API) describeModel(ctx context.Context, p bine.ProjectName, entries []bine.ArtifactEntry) (description, error) {
	for _, e := range entries {
		if e.Path != descriptionFile {
			continue
		}
		file, err := a.Artifacts.OpenAt(ctx, p, e.Hash, 0, 0)
		if err != nil {
			return description{}, err
		}
		defer file.Close()
		var about description
		if err := json.NewDecoder(io.LimitReader(file, maxDescription)).Decode(&about); err != nil {
			return about, bine.Errorf(bine.Invalid, "%s of the model is not readable: %w", descriptionFile, err)
		}
		return about, nil
	}
	return description{}, bine.Errorf(bine.Invalid, "the artifact is not a model: it has no %s; save it with bine.save_model", descriptionFile)
}
