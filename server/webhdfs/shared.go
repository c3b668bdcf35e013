package webhdfs

import (
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

// located says where a path leads to. What another project shares is below the
// directory of the project that uses it, under the name owner::dataset, as
// everywhere else; then within is the project that uses it.
func located(path string) (at string, within bine.ProjectName, err error) {
	project := projectOf(path)
	rest, below := strings.CutPrefix(path, "/Projects/"+string(project)+"/")
	name, _, _ := strings.Cut(rest, "/")
	if project == "" || !below || !strings.Contains(name, bine.SharedSeparator) {
		return path, "", nil
	}
	at, err = dfs.Locate(project, rest)
	return at, project, err
}

// inside is located for a second path of a call, which is seen from the same project.
func (c *call) inside(param, path string) (string, error) {
	at, within, err := located(path)
	if err == nil && within != "" && within != c.actor.Member.Project {
		err = badParam(param, "%s is what project %s sees, but %s is asked for by %s", path, within, c.path, c.actor.Member.Project)
	}
	return at, err
}
