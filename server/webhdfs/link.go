package webhdfs

import (
	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

// createSymlink makes a link at the path to the destination, which is a path of the
// file system or begins at the directory of the link.
func (c *call) createSymlink() (answer, error) {
	target := c.params.text("destination")
	if target == "" {
		return answer{}, badParam("destination", "it is missing: say where the link leads to")
	}
	parents, err := c.params.flag("createparent", false)
	if err != nil {
		return answer{}, err
	}
	if err := c.mayWrite(c.path); err != nil {
		return answer{}, err
	}
	_, err = c.files().Symlink(c.ctx(), c.user(), c.path, target, dfs.SymlinkOptions{Parents: parents})
	if _, missing := c.files().LinkInfo(c.ctx(), c.user(), c.path); missing != nil {
		return answer{}, conflictAs(err, parentNotDirectory)
	}
	return answer{}, conflictAs(err, alreadyExists)
}

// linkTarget answers where a link leads to, as it was written.
func (c *call) linkTarget() (answer, error) {
	info, err := c.files().LinkInfo(c.ctx(), c.user(), c.path)
	if err != nil {
		return answer{}, err
	}
	if info.Link == "" {
		return answer{}, &exception{class: ioException, message: "Path " + c.path + " is not a symbolic link", err: bine.Errorf(bine.Conflict, "%s is not a symbolic link", c.path)}
	}
	return as("Path", info.Link), nil
}

// linkStatus is status of a link itself.
func (c *call) linkStatus() (answer, error) {
	info, err := c.files().LinkInfo(c.ctx(), c.user(), c.path)
	if err != nil {
		return answer{}, err
	}
	return as("FileStatus", statusOf(info, "")), nil
}
