package api

import (
	"context"
	"fmt"

	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dags"
)

// renderPipeline says what a run would do.
func (a *API) renderPipeline(ctx context.Context, in *struct {
	InPipeline
	Body client.RenderRun
}) (*body[client.Rendered], error) {
	version, err := a.Store.PipelineVersion(ctx, in.Project, in.Pipeline, in.Body.Version)
	if err != nil {
		return nil, err
	}
	dag, err := dags.Decode(version.DAG)
	if err != nil {
		return nil, fmt.Errorf("decode version %d of %s: %w", version.Version, in.Pipeline, err)
	}
	params, err := dag.ResolveParams(in.Body.Params)
	if err != nil {
		return nil, err
	}
	steps, err := dag.Render(ctx, params)
	if err != nil {
		return nil, err
	}
	out := client.Rendered{Pipeline: in.Pipeline, Version: version.Version, Params: params}
	for _, s := range steps {
		out.Steps = append(out.Steps, client.RenderedStep(s))
	}
	return answer(out, nil)
}
