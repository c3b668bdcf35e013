package run

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/bine-ml/bine"
)

// cacheVersion changes when the same process would give other outputs because
// the platform changed.
const cacheVersion = 1

// cacheKey is the hash of everything that decides what a process gives: its
// program and code, its parameters and inputs, the exact packages of its
// environment, and the item's key, which the process can read. Resources, limits and names of runs are not part of it.
func (e *Engine) cacheKey(ctx context.Context, project bine.ProjectName, p bine.Process) (bine.Hash, error) {
	var lock bine.Hash
	if p.Environment > 0 {
		env, err := e.store.Environment(ctx, project, p.Environment)
		if err != nil {
			return "", err
		}
		lock = bine.HashOf([]byte(env.Python + "\n" + env.Lock))
	}
	type input struct {
		Hash bine.Hash
		Kind bine.ArtifactKind
		Name string // of a file: it is part of the path that the process sees
	}
	inputs := map[string]input{}
	for name, ref := range p.Inputs {
		inputs[name] = input{ref.Hash, ref.Kind, ref.Name}
	}
	text, err := json.Marshal(map[string]any{
		"version": cacheVersion, "python": p.Python, "command": p.Command, "code": p.Code, "env": p.Env, "item": p.Owner.Item,
		"with": p.With, "inputs": inputs, "outputs": p.Outputs, "environment": lock,
	})
	if err != nil {
		return "", fmt.Errorf("encode cache key: %w", err)
	}
	return bine.HashOf(text), nil
}
