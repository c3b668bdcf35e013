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
	dags map[bine.Hash]dags.DAG
}

// mostDefinitions bounds how many are kept.
const mostDefinitions = 200

func newDefinitions() *definitions { return &definitions{dags: map[bine.Hash]dags.DAG{}} }

func (d *definitions) get(h bine.Hash) (dags.DAG, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dag, found := d.dags[h]
	return dag, found
}

func (d *definitions) put(h bine.Hash, dag dags.DAG) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.dags) >= mostDefinitions {
		clear(d.dags)
	}
	d.dags[h] = dag
}

// dag gives the definition of a run.
func (e *Engine) dag(ctx context.Context, run bine.Run) (dags.DAG, error) {
	if dag, found := e.dags.get(run.Hash); found {
		return dag, nil
	}
	version, err := e.store.PipelineVersion(ctx, run.Project, run.Pipeline, run.Version)
	if err != nil {
		return dags.DAG{}, err
	}
	dag, err := dags.Decode(version.DAG)
	if err != nil {
		return dags.DAG{}, fmt.Errorf("decode %s version %d: %w", run.Pipeline, run.Version, err)
	}
	e.dags.put(run.Hash, dag)
	return dag, nil
}
