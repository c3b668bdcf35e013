package environment

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
)

// Change is one package that differs between two environments. From is empty
// where it was added, To where it was removed.
type Change struct {
	Name string
	From string
	To   string
}

func keysOf[V any](m map[string]V) iter.Seq[string] { return maps.Keys(m) }

// Diff says what must change to come from the packages a to the packages b,
// ordered by name.
func Diff(a, b []bine.Package) []Change {
	byName := map[string]*Change{}
	change := func(p bine.Package) *Change {
		name := Name(p.Name)
		if byName[name] == nil {
			byName[name] = &Change{Name: p.Name}
		}
		return byName[name]
	}
	for _, p := range a {
		change(p).From = p.Version
	}
	for _, p := range b {
		change(p).To = p.Version
	}
	out := []Change{}
	for _, name := range slices.Sorted(keysOf(byName)) {
		if c := byName[name]; c.From != c.To {
			out = append(out, *c)
		}
	}
	return out
}

// EnvironmentYML writes an environment in the form that conda and mamba read:
// the same Python, and every package at its exact version through pip.
func EnvironmentYML(name string, env bine.Environment) string {
	var b strings.Builder
	fmt.Fprintf(&b, "name: %s\nchannels:\n  - conda-forge\ndependencies:\n", name)
	if env.Python != "" {
		fmt.Fprintf(&b, "  - python=%s\n", env.Python)
	}
	b.WriteString("  - pip\n")
	if len(env.Packages) == 0 {
		return b.String()
	}
	b.WriteString("  - pip:\n")
	packages := slices.SortedFunc(slices.Values(env.Packages), func(a, b bine.Package) int {
		return strings.Compare(Name(a.Name), Name(b.Name))
	})
	for _, p := range packages {
		fmt.Fprintf(&b, "      - %s==%s\n", p.Name, p.Version)
	}
	return b.String()
}
