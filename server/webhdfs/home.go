package webhdfs

import (
	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

// homeDirectory is where relative paths of clients begin, and where programs such
// as Spark put what they need while they run: a directory that is there, in which
// everybody in the project writes.
func (c *call) homeDirectory() (answer, error) {
	home, err := c.home()
	return as("Path", home), err
}

// home is in the project of the path or of the credential, or in the only one
// that the actor is a member of. Who has several and names none gets a place that
// nothing is at.
func (c *call) home() (string, error) {
	const resources = "Resources"
	if bound := c.actor.Identity.Project; bound != "" {
		return dfs.ProjectPath(bound, resources), nil
	}
	if project := projectOf(c.path); project != "" {
		return dfs.ProjectPath(project, resources), nil
	}
	var all []bine.ProjectName
	err := c.eachProject(func(p bine.Project) error {
		all = append(all, p.Name)
		return nil
	})
	if err != nil || len(all) != 1 {
		return "/user/" + string(c.actor.Identity.User), err
	}
	return dfs.ProjectPath(all[0], resources), nil
}

// trashRoot is where a client would move what it removes. serverDefaults says
// that no client need try: the trash of a project is filled by Bine's own clients.
func (c *call) trashRoot() (answer, error) {
	home, err := c.home()
	return as("Path", home+"/.Trash"), err
}
