package run

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags"
)

// cacheVersion changes when the same process would give other outputs because
// the platform changed.
const cacheVersion = 1

// cacheKey is the hash of everything that decides what a process gives: its
// program and code, its parameters and inputs, the exact packages of its
// environment, and the item's key and element, which the process can read. Resources,
// limits and names of runs are not part of it, nor what the step's cache ignores.
func (e *Engine) cacheKey(ctx context.Context, project bine.ProjectName, p bine.Process, cache dags.Cache) (bine.Hash, error) {
	lock, err := e.lockOf(ctx, project, p.Environment)
	if err != nil {
		return "", err
	}
	with, inputs, env, code := p.With, inputsOf(p), maps.Clone(p.Env), p.Code
	if cache.Ignores("code") {
		code = ""
	}
	maps.DeleteFunc(inputs, func(name string, _ input) bool { return cache.Ignores("inputs." + name) })
	maps.DeleteFunc(env, func(name string, _ string) bool { return cache.Ignores("env." + name) })
	if with, err = leaveOut(with, cache); err != nil {
		return "", err
	}
	parts := map[string]any{
		"version": cacheVersion, "python": p.Python, "command": p.Command, "code": code, "env": env, "item": p.Owner.Item,
		"with": with, "inputs": inputs, "outputs": p.Outputs, "environment": lock,
	}
	if len(p.Item) > 0 { // the program can read it
		parts["element"] = p.Item
	}
	if cache.Salt != "" {
		parts["salt"] = cache.Salt
	}
	text, err := json.Marshal(parts)
	if err != nil {
		return "", fmt.Errorf("encode cache key: %w", err)
	}
	return bine.HashOf(text), nil
}

// lockOf is the hash of the packages of an environment, or nothing.
func (e *Engine) lockOf(ctx context.Context, project bine.ProjectName, version int) (bine.Hash, error) {
	if version == 0 {
		return "", nil
	}
	env, err := e.store.Environment(ctx, project, version)
	if err != nil {
		return "", err
	}
	return bine.HashOf([]byte(env.Python + "\n" + env.Lock)), nil
}

// input is what counts of an input.
type input struct {
	Hash bine.Hash
	Kind bine.ArtifactKind
	Name string // of a file: it is part of the path that the process sees
}

func inputsOf(p bine.Process) map[string]input {
	inputs := map[string]input{}
	for name, ref := range p.Inputs {
		inputs[name] = input{ref.Hash, ref.Kind, ref.Name}
	}
	return inputs
}

// leaveOut gives with without the entries that do not count.
func leaveOut(with json.RawMessage, cache dags.Cache) (json.RawMessage, error) {
	if len(cache.Ignore) == 0 || len(with) == 0 {
		return with, nil
	}
	entries, err := entriesOf(with)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(entries, func(name string, _ json.RawMessage) bool { return cache.Ignores("with." + name) })
	return json.Marshal(entries)
}

// entriesOf gives the entries of an object.
func entriesOf(with json.RawMessage) (map[string]json.RawMessage, error) {
	entries := map[string]json.RawMessage{}
	if len(with) == 0 {
		return entries, nil
	}
	if err := json.Unmarshal(with, &entries); err != nil {
		return nil, fmt.Errorf("read with: %w", err)
	}
	return entries, nil
}
