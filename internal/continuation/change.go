package continuation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags"
)

// onlyList is a step with nothing but its list.
func onlyList(step dags.Step) dags.Step {
	return dags.Step{Name: step.Name, Foreach: step.Foreach, Action: dags.ValuesAction{}}
}

// sameStep reports whether two definitions of a step are the same.
func sameStep(a, b dags.Step) (bool, error) {
	left, err := json.Marshal(a)
	if err != nil {
		return false, fmt.Errorf("encode step %s: %w", a.Name, err)
	}
	right, err := json.Marshal(b)
	if err != nil {
		return false, fmt.Errorf("encode step %s: %w", b.Name, err)
	}
	return bytes.Equal(left, right), nil
}

// decisive is a step with what decides its outputs only.
func decisive(s dags.Step) dags.Step {
	s.Description, s.Needs, s.Retry, s.Timeout, s.Total = "", nil, dags.Retry{}, 0, 0
	s.NoCache, s.Cache, s.Concurrency, s.Pools = false, dags.Cache{}, nil, nil
	if s.Process() {
		s.Resources = bine.Resources{} // else they are those of what it deploys
	}
	if s.Foreach != nil {
		each := *s.Foreach
		each.MaxParallel, each.Batch = 0, 0
		s.Foreach = &each
	}
	return s
}

// ofItems is decisive for the items of a fan-out: without whether and over what
// it runs.
func ofItems(s dags.Step) dags.Step {
	s = decisive(s)
	s.When = ""
	if s.Foreach != nil {
		s.Foreach = &dags.Foreach{Per: s.Foreach.Per}
	}
	return s
}

// filesOf lists the files of the code that a step names.
func filesOf(step dags.Step) []string { return dags.DAG{Steps: []dags.Step{step}}.Files() }

// readsCode reports whether a step may read files that it does not name.
func readsCode(step dags.Step) bool {
	return slices.Contains([]string{"python", "notebook", "command"}, step.Kind())
}

// changedFiles lists the files of steps that are others now, and one that
// changed and that no step names.
func changedFiles(old, next Side) (named []string, shared string) {
	was, is := hashes(old.Code), hashes(next.Code)
	names := slices.Concat(slices.Collect(maps.Keys(was)), slices.Collect(maps.Keys(is)))
	slices.Sort(names)
	known := append(old.DAG.Files(), next.DAG.Files()...)
	for _, name := range slices.Compact(names) {
		switch {
		case was[name] == is[name]:
		case slices.Contains(known, name):
			named = append(named, name)
		case shared == "":
			shared = name
		}
	}
	return named, shared
}

func hashes(files []bine.ArtifactEntry) map[string]bine.Hash {
	all := map[string]bine.Hash{}
	for _, f := range files {
		all[f.Path] = f.Hash
	}
	return all
}

// changedParams lists the params that have another value, or none, on one side.
func changedParams(old, next json.RawMessage) ([]string, error) {
	was, err := object(old)
	if err != nil {
		return nil, err
	}
	is, err := object(next)
	if err != nil {
		return nil, err
	}
	names := slices.Concat(slices.Collect(maps.Keys(was)), slices.Collect(maps.Keys(is)))
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return bytes.Equal(was[name], is[name]) }), nil
}

func object(params json.RawMessage) (map[string]json.RawMessage, error) {
	all := map[string]json.RawMessage{}
	if len(params) == 0 {
		return all, nil
	}
	if err := json.Unmarshal(params, &all); err != nil {
		return nil, fmt.Errorf("read params: %w", err)
	}
	return all, nil
}
