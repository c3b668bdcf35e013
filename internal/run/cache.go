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
// environment. Resources, limits and names of runs are not part of it.
func (e *Engine) cacheKey(ctx context.Context, project bine.ProjectName, p bine.Process) (bine.Hash, error) {
	var lock bine.Hash
	if p.Environment > 0 {
		env, err := e.store.Environment(ctx, project, p.Environment)
		if err != nil {
			return "", err
		}
		lock = bine.HashOf([]byte(env.Python + "\n" + env.Lock))
	}
	inputs := map[string]bine.Hash{}
	for name, ref := range p.Inputs {
		inputs[name] = ref.Hash
	}
	text, err := json.Marshal(map[string]any{
		"version": cacheVersion, "python": p.Python, "command": p.Command, "code": p.Code, "env": p.Env,
		"with": p.With, "inputs": inputs, "outputs": p.Outputs, "environment": lock,
	})
	if err != nil {
		return "", fmt.Errorf("encode cache key: %w", err)
	}
	return bine.HashOf(text), nil
}
