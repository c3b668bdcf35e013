package webhdfs

import (
	"path"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

func (c *call) mkdirs() (answer, error) {
	mode, unmasked, err := c.params.modes()
	if err != nil {
		return answer{}, err
	}
	if err := c.mayWrite(c.path); err != nil {
		if info, missing := c.stat(c.path); missing == nil && info.Dir { // there is nothing to do
			return yes(true), nil
		}
		return answer{}, err
	}
	if _, err := c.files().Mkdir(c.ctx(), c.user(), c.path, dfs.MkdirOptions{Parents: true, Mode: mode, Unmasked: unmasked}); err != nil {
		return answer{}, c.inTheWay(err)
	}
	return yes(true), nil
}

// rename moves a file or directory. Without renameoptions it is the older form:
// it moves into a directory that is there, and answers false where it cannot:
// also for the root, and for a directory to itself or below.
func (c *call) rename() (answer, error) {
	to, err := c.params.path("destination")
	if err != nil {
		return answer{}, err
	}
	if to, err = c.inside("destination", to); err != nil {
		return answer{}, err
	}
	older := c.params.text("renameoptions") == ""
	if older && c.path == "/" {
		return yes(false), nil
	}
	if at, err := c.stat(to); older && err == nil && at.Dir {
		to = strings.TrimSuffix(to, "/") + "/" + path.Base(c.path)
	}
	if err := c.mayWrite(c.path, to); err != nil {
		return answer{}, err
	}
	if !older {
		return c.renameAs(to)
	}
	if strings.HasPrefix(to, c.path+"/") {
		_, err := c.stat(c.path)
		return yes(false), err
	}
	_, err = c.files().Rename(c.ctx(), c.user(), c.path, to, dfs.RenameOptions{})
	if bine.IsKind(err, bine.Conflict) || bine.IsKind(err, bine.NotFound) {
		return yes(false), nil
	}
	return yes(true), err
}

// renameAs is the newer form, which fails where it cannot.
func (c *call) renameAs(to string) (answer, error) {
	var o dfs.RenameOptions
	for option := range strings.SplitSeq(c.params.text("renameoptions"), ",") {
		switch strings.ToUpper(strings.TrimSpace(option)) {
		case "NONE", "":
		case "OVERWRITE":
			o.Overwrite = true
		default:
			return answer{}, badParam("renameoptions", "%.40q is neither NONE nor OVERWRITE", option)
		}
	}
	if to == c.path {
		if _, err := c.stat(to); err != nil {
			return answer{}, err
		}
		return answer{}, &exception{class: alreadyExists, message: "The source " + c.path + " and the destination are the same"}
	}
	_, err := c.files().Rename(c.ctx(), c.user(), c.path, to, o)
	if strings.HasPrefix(to, c.path+"/") && bine.IsKind(err, bine.Invalid) {
		err = &exception{class: ioException, message: err.Error(), err: err}
	}
	return answer{}, conflictAs(err, alreadyExists)
}

func (c *call) delete() (answer, error) {
	recursive, err := c.params.flag("recursive", false)
	if err != nil {
		return answer{}, err
	}
	if err := c.mayWrite(c.path); err != nil {
		return answer{}, err
	}
	err = c.files().Remove(c.ctx(), c.user(), c.path, dfs.RemoveOptions{Recursive: recursive})
	if bine.IsKind(err, bine.NotFound) {
		return yes(false), nil
	}
	return yes(true), conflictAs(err, notEmpty)
}

// concat adds files to the end of the one at the path, and removes them.
func (c *call) concat() (answer, error) {
	var sources []string
	for name := range strings.SplitSeq(c.params.text("sources"), ",") {
		source, err := cleaned(name)
		if err != nil {
			return answer{}, badParam("sources", "%s", err)
		}
		if source, err = c.inside("sources", source); err != nil {
			return answer{}, err
		}
		sources = append(sources, source)
	}
	if err := c.mayWrite(append(sources, c.path)...); err != nil {
		return answer{}, err
	}
	_, err := c.files().Concat(c.ctx(), c.user(), c.path, sources)
	return answer{}, err
}

func (c *call) truncate() (answer, error) {
	if c.params.text("newlength") == "" {
		return answer{}, badParam("newlength", "it is missing: say how many bytes remain")
	}
	size, err := c.params.number("newlength", 0, 0)
	if err != nil {
		return answer{}, err
	}
	if err := c.mayWrite(c.path); err != nil {
		return answer{}, err
	}
	_, err = c.files().Truncate(c.ctx(), c.user(), c.path, size)
	return yes(true), err
}

func (c *call) setPermission() (answer, error) {
	mode, err := c.params.mode("permission")
	switch text := c.params.text("permission"); {
	case text != "" && strings.Trim(text, "0") == "": // for nobody, until the owner sets another
	case err != nil:
		return answer{}, err
	case mode == 0: // Hadoop's default
		mode = 0o755
	}
	return c.setAttributes(dfs.Attributes{Mode: &mode})
}

func (c *call) setOwner() (answer, error) {
	var a dfs.Attributes
	if owner := c.params.text("owner"); owner != "" {
		a.Owner = &owner
	}
	if group := c.params.text("group"); group != "" {
		a.Group = &group
	}
	if a == (dfs.Attributes{}) {
		return answer{}, badParam("owner", "both owner and group are missing: give one of them")
	}
	return c.setAttributes(a)
}

func (c *call) setTimes() (answer, error) {
	var a dfs.Attributes
	var err error
	if a.Modified, err = c.params.moment("modificationtime"); err != nil {
		return answer{}, err
	}
	if a.Accessed, err = c.params.moment("accesstime"); err != nil {
		return answer{}, err
	}
	return c.setAttributes(a)
}

func (c *call) setAttributes(a dfs.Attributes) (answer, error) {
	if err := c.mayWrite(c.path); err != nil {
		return answer{}, err
	}
	_, err := c.files().SetAttributes(c.ctx(), c.user(), c.path, a)
	return answer{}, err
}

// setReplication is true for files and changes nothing: how often a block is
// kept is a matter of the block store.
func (c *call) setReplication() (answer, error) {
	if _, err := c.params.number("replication", 1, 1); err != nil {
		return answer{}, err
	}
	if err := c.mayWrite(c.path); err != nil {
		return answer{}, err
	}
	info, err := c.stat(c.path)
	return yes(!info.Dir), err
}
