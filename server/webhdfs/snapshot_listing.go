package webhdfs

import (
	"path"
	"strings"

	"github.com/bine-ml/bine/dfs"
)

// listingEntry is one difference as Hadoop's client puts a report together: what
// was made, deleted and renamed is told after the changed directory of its number.
type listingEntry struct {
	DirID      int64  `json:"dirId"`
	FileID     int64  `json:"fileId"`
	SourcePath string `json:"sourcePath"`
	TargetPath string `json:"targetPath,omitempty"`
	Reference  bool   `json:"isReference"` // of what changed: it is a directory; of what was deleted: it is at TargetPath
}

type diffListing struct {
	CreateList  []listingEntry `json:"createList"`
	DeleteList  []listingEntry `json:"deleteList"`
	FromEarlier bool           `json:"isFromEarlier"` // the report is from the first snapshot to the second, as it was asked for
	LastIndex   int            `json:"lastIndex"`
	LastPath    string         `json:"lastPath"`
	ModifyList  []listingEntry `json:"modifyList"`
}

// snapshotDiffListing answers what snapshotDiff does, as Hadoop's client asks for
// it between two snapshots: in pages, of which here the first has everything.
func (c *call) snapshotDiffListing() (answer, error) {
	from, err := c.params.required("oldsnapshotname")
	if err != nil {
		return answer{}, err
	}
	to, err := c.params.required("snapshotname")
	if err != nil {
		return answer{}, err
	}
	if at := c.params.text("snapshotdiffstartpath"); at != "" {
		return answer{}, badParam("snapshotdiffstartpath", "the first page holds all of the report")
	}
	all, err := c.files().DiffSnapshots(c.ctx(), c.user(), c.path, from, to)
	if err != nil {
		return answer{}, ofSnapshot(err)
	}
	return as("SnapshotDiffReportListing", listingOf(all)), nil
}

// rootDir is the number of the directory whose snapshots are compared.
const rootDir = 1

// listingOf puts differences into the lists of a page. Directories get numbers
// of the page's own: they only tie entries together.
func listingOf(all []dfs.Difference) diffListing {
	page := diffListing{ModifyList: []listingEntry{}, CreateList: []listingEntry{}, DeleteList: []listingEntry{}, FromEarlier: true, LastIndex: -1}
	numbers, renamed := map[string]int64{"": rootDir}, map[string]string{}
	for i, d := range all {
		switch {
		case d.Kind == dfs.DiffModified && d.Dir && d.Path != "":
			numbers[d.Path] = rootDir + 1 + int64(i)
		case d.Kind == dfs.DiffRenamed && d.Dir:
			renamed[d.Target] = d.Path
		}
	}
	// told is the number of the changed directory after which an entry is told:
	// the nearest above it.
	told := func(at string) int64 {
		for at != "" {
			if at = strings.TrimPrefix(path.Dir("/"+at), "/"); numbers[at] != 0 {
				break
			}
		}
		return max(rootDir, numbers[at])
	}
	root := false
	for i, d := range all {
		e := listingEntry{FileID: rootDir + 1 + int64(i), SourcePath: d.Path}
		switch d.Kind {
		case dfs.DiffModified:
			e.DirID, e.Reference = numbers[d.Path], d.Dir
			root = root || d.Path == ""
			page.ModifyList = append(page.ModifyList, e)
		case dfs.DiffCreated:
			e.DirID = told(earlier(d.Path, renamed))
			page.CreateList = append(page.CreateList, e)
		case dfs.DiffDeleted:
			e.DirID = told(d.Path)
			page.DeleteList = append(page.DeleteList, e)
		case dfs.DiffRenamed:
			e.DirID, e.TargetPath, e.Reference = told(d.Path), d.Target, true
			page.DeleteList = append(page.DeleteList, e)
		}
	}
	if len(all) > 0 && !root && ties(page, rootDir) { // something is told after it
		page.ModifyList = append(page.ModifyList, listingEntry{DirID: rootDir, FileID: rootDir, Reference: true})
	}
	return page
}

// earlier is where a path was when directories above it were not renamed yet.
func earlier(at string, renamed map[string]string) string {
	for dir := at; dir != "" && dir != "."; dir = path.Dir(dir) {
		if was, found := renamed[dir]; found {
			return was + strings.TrimPrefix(at, dir)
		}
	}
	return at
}

// ties reports whether something is told after a directory.
func ties(page diffListing, dir int64) bool {
	for _, list := range [][]listingEntry{page.CreateList, page.DeleteList} {
		for _, e := range list {
			if e.DirID == dir {
				return true
			}
		}
	}
	return false
}
