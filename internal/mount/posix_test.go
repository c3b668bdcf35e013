package mount_test

import (
	"testing"

	"github.com/hanwen/go-fuse/v2/posixtest"

	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/mount"
)

// left are the cases of posixtest that need what the file system has not.
func left() map[string]string {
	return map[string]string{
		"SymlinkReadlink":  "wants a link from the top of the computer",
		"OpenSymlinkRace":  "wants a link from the top of the computer",
		"SetattrSymlink":   "links have no time of their own that can be set",
		"Link":             "no hard links",
		"LinkUnlinkRename": "no hard links",
		// Locks are those of the kernel here, where a process does not wait for itself.
		"FcntlFlockLocksFile": "wants a lock of a process to stop itself",
	}
}

func TestPosix(t *testing.T) {
	w := newWorld(t)
	for name, check := range posixtest.All {
		if why, out := left()[name]; out {
			t.Logf("%s is left out: %s", name, why)
			continue
		}
		t.Run(name, func(t *testing.T) {
			at := *w
			at.t = t
			_, err := at.files.Mkdir(t.Context(), dfs.Platform(), dfs.ProjectPath("demo", "Resources", name), dfs.MkdirOptions{})
			at.ok(err)
			check(t, at.mounted("olga", func(o *mount.Options) { o.Path += "/" + name }))
		})
	}
}
