package run

import (
	"context"
	"fmt"
	"sync"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags"
)

// definitions keeps decoded pipelines by hash, so that the steps of a run do
// not decode it again and again. A version never changes, so nothing goes stale.
type definitions struct {
	mu   sync.Mutex
	dags map[bine.Hash]definition
}

// definition is what a version says, and the files of its steps.
type definition struct {
	dags.DAG
	code bine.Hash
}

// mostDefinitions bounds how many are kept.
const mostDefinitions = 200

func newDefinitions() *definitions { return &definitions{dags: map[bine.Hash]definition{}} }

func (d *definitions) get(h bine.Hash) (definition, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dag, found := d.dags[h]
	return dag, found
}

func (d *definitions) put(h bine.Hash, dag definition) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.dags) >= mostDefinitions {
		clear(d.dags)
	}
	d.dags[h] = dag
}

// dag gives the definition of a run.
func (e *Engine) dag(ctx context.Context, run bine.Run) (dags.DAG, error) {
	d, err := e.definition(ctx, run)
	return d.DAG, err
}

// definition gives the definition of a run, and its code.
func (e *Engine) definition(ctx context.Context, run bine.Run) (definition, error) {
	if dag, found := e.dags.get(run.Hash); found {
		return dag, nil
	}
	version, err := e.store.PipelineVersion(ctx, run.Project, run.Pipeline, run.Version)
	if err != nil {
		return definition{}, err
	}
	dag, err := dags.Decode(version.DAG)
	if err != nil {
		return definition{}, fmt.Errorf("decode %s version %d: %w", run.Pipeline, run.Version, err)
	}
	d := definition{dag, version.Code}
	e.dags.put(run.Hash, d)
	return d, nil
}
