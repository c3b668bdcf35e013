// Package archtest holds section 2 of docs/architecture.md as a test: which
// package of ours may import which, directly, and what some packages must not
// reach at all.
package archtest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/bine-ml/bine"

// rules say what a package, and those below it, may import of ours. The longest
// name that fits counts. A name that ends in /... stands for all below it.
var rules = map[string][]string{
	".":                     {},
	"dags/plan":             {"."},
	"dags/expr":             {"."},
	"gpu":                   {".", "gpu/...", "gpu"},
	"dags":                  {".", "dags/expr", "dags/plan", "gpu", "internal/sweep/spec"},
	"dags/program":          {".", "dags", "client"},
	"dags/examples":         {".", "dags", "dags/program"},
	"client":                {"."},
	"templates":             {".", "client", "dags", "templates/..."},
	"docs":                  {},
	"internal/bench":        {".", "..."},
	"python":                {},
	"activities":            {".", "dags/plan"},
	"workflows":             {".", "dags/plan", "activities"},
	"dfs":                   {".", "internal/database", "dfs/..."},
	"dfs/lake":              {".", "dfs", "internal/webhook"},
	"server":                {".", "gpu", "internal/tick", "dags/...", "dags", "dfs/...", "dfs", "client", "templates/...", "templates", "server/...", "activities", "workflows", "internal/auth", "internal/lease", "internal/launch", "internal/store", "internal/continuation", "internal/sweep", "internal/sweep/...", "internal/trial", "internal/temporal", "internal/environment", "internal/database", "internal/database/databasetest", "internal/filter"},
	"cmd/bine-shim":         {"internal/shim", "internal/confine"},
	"cmd":                   {".", "..."},
	"internal/archtest":     {},
	"internal/agent":        {".", "client", "activities", "gpu", "gpu/...", "internal/shim", "internal/confine"},
	"internal/auth":         {"."},
	"internal/cli":          {".", "client", "dags", "dags/plan", "gpu/place", "gpu/queue", "gpu/sim", "internal/mount", "internal/scaffold", "internal/sweep/...", "internal/sweep", "templates/graph"},
	"internal/confine":      {"internal/shim"},
	"internal/database":     {".", "internal/database/..."},
	"internal/environment":  {".", "internal/environment/...", "internal/environment"},
	"internal/launch":       {".", "internal/tick", "client", "dags", "dags/plan", "activities", "workflows", "internal/lease", "internal/temporal"},
	"internal/webhook":      {"."},
	"internal/mail":         {"."},
	"internal/mount":        {".", "client"},
	"internal/lease":        {".", "gpu", "gpu/place", "gpu/queue", "gpu/health", "internal/database", "internal/database/databasetest"},
	"internal/run":          {".", "gpu", "internal/tick", "dags", "dags/expr", "dags/plan", "dfs/...", "dfs", "activities", "workflows", "internal/store", "internal/lease", "internal/launch", "internal/continuation", "internal/sweep", "internal/sweep/spec", "internal/trial"},
	"internal/continuation": {".", "dags", "dags/plan"},
	"internal/scaffold":     {".", "dags"},
	"internal/shim":         {},
	"internal/sweep":        {".", "dags/expr"},
	"internal/filter":       {"."},
	"internal/store":        {".", "internal/database", "internal/database/databasetest", "internal/filter"},
	"internal/tick":         {"."},
	"internal/trial":        {".", "internal/store", "internal/sweep", "internal/sweep/...", "internal/database", "internal/database/databasetest"},
	"internal/temporal":     {".", "internal/temporal", "internal/temporal/..."},
}

// unreachable says what a package must not reach, by whatever way: what begins
// with a name, or the one package of a name that ends in $.
var unreachable = map[string][]string{
	"workflows":      {"database/sql$", "gorm.io/", "github.com/gin-gonic/", "cel.dev/", "github.com/danielgtaylor/"},
	"activities":     {"database/sql$", "gorm.io/", "github.com/gin-gonic/", "cel.dev/", "github.com/danielgtaylor/"},
	"client":         {"gorm.io/", "github.com/gin-gonic/", "go.temporal.io/"},
	"internal/cli":   {"gorm.io/", "github.com/gin-gonic/", "go.temporal.io/"},
	"internal/agent": {"database/sql$", "gorm.io/", "github.com/gin-gonic/", "cel.dev/"},
	"dags":           {"gorm.io/", "github.com/gin-gonic/", "go.temporal.io/", "database/sql$"},
}

// onlyIn says which packages of ours alone may import a module directly.
var onlyIn = map[string][]string{
	"go.temporal.io/server/":        {"internal/temporal/embedded"},
	"github.com/gin-gonic/gin":      {"server"},
	"github.com/danielgtaylor/huma": {"server"},
	"github.com/hanwen/go-fuse/":    {"internal/mount"},
	"github.com/NVIDIA/go-nvml/":    {"gpu/nvidia"},
	"gorm.io/":                      {"internal/store", "internal/database"},
	"cel.dev/cel-go":                {"dags/expr"},
}

type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	list := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", "./...")
	list.Dir = "../.."
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// ours gives the name of a package below the module, "." for its root.
func ours(path string) (string, bool) {
	if path == module {
		return ".", true
	}
	return strings.CutPrefix(path, module+"/")
}

// ruleOf finds the longest entry that a package is at or below.
func ruleOf(name string) (string, []string, bool) {
	best := ""
	for rule := range rules {
		if (name == rule || strings.HasPrefix(name, rule+"/")) && len(rule) > len(best) {
			best = rule
		}
	}
	return best, rules[best], best != ""
}

func allowed(target string, list []string) bool {
	return slices.ContainsFunc(list, func(entry string) bool {
		below, all := strings.CutSuffix(entry, "...")
		return target == entry || (all && strings.HasPrefix(target, below))
	})
}

func TestImportsPointDown(t *testing.T) {
	for _, p := range packages(t) {
		name, _ := ours(p.ImportPath)
		rule, list, found := ruleOf(name)
		if !found {
			t.Errorf("package %s has no place in the house: write it into docs/architecture.md and the table here", name)
			continue
		}
		for _, path := range p.Imports {
			target, mine := ours(path)
			sameRoom := target == rule || strings.HasPrefix(target, rule+"/")
			if mine && !sameRoom && !allowed(target, list) {
				t.Errorf("%s imports %s, which the table does not allow", name, target)
			}
		}
	}
}

func TestWhatMustNotBeReached(t *testing.T) {
	for _, p := range packages(t) {
		name, _ := ours(p.ImportPath)
		for _, dep := range p.Deps {
			for _, bad := range unreachable[name] {
				whole, exact := strings.CutSuffix(bad, "$")
				if dep == whole || (!exact && strings.HasPrefix(dep, bad)) {
					t.Errorf("%s reaches %s", name, dep)
				}
			}
		}
		for _, path := range p.Imports {
			for prefix, homes := range onlyIn {
				atHome := slices.ContainsFunc(homes, func(h string) bool { return name == h || strings.HasPrefix(name, h+"/") })
				if strings.HasPrefix(path, prefix) && !atHome {
					t.Errorf("%s imports %s, which belongs in %v only", name, path, homes)
				}
			}
		}
	}
}
