package s3

import (
	"net/http"
	"path"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

func (c *call) deleteObject() (answer, error) {
	err := c.remove(c.key)
	if err == nil {
		err = c.prune([]string{c.key})
	}
	return answer{status: http.StatusNoContent}, err
}

// remove removes the object of a key. One that is not there is removed already,
// and so is a directory with something in it: it is no object.
func (c *call) remove(key string) error {
	full, err := c.writable(key)
	if err != nil {
		return err
	}
	_, info, err := c.find(key)
	if err == nil {
		err = c.files().Remove(c.ctx(), c.user(), full, dfs.RemoveOptions{})
		if info.Dir && bine.IsKind(err, bine.Conflict) {
			return nil
		}
	}
	if bine.IsKind(err, bine.NotFound) {
		return nil
	}
	return err
}

// prune removes the directories of keys that were removed, where S3 made them and
// nothing is in them any more: for S3 they are only the beginning of a key.
func (c *call) prune(keys []string) error {
	dirs := map[string]bool{}
	for _, key := range keys {
		dirs[path.Dir(strings.TrimSuffix(key, "/"))] = true
	}
	for dir := range dirs {
		for ; strings.Contains(dir, "/"); dir = path.Dir(dir) {
			if err := c.pruneOne(dir + "/"); bine.IsKind(err, bine.Conflict) || bine.IsKind(err, bine.NotFound) || bine.IsKind(err, bine.Forbidden) {
				break
			} else if err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *call) pruneOne(key string) error {
	full, err := c.writable(key)
	if err != nil {
		return err
	}
	if _, err := c.files().Xattr(c.ctx(), c.user(), full, madeName); err != nil {
		return err
	}
	return c.files().Remove(c.ctx(), c.user(), full, dfs.RemoveOptions{})
}
