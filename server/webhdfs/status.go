package webhdfs

import (
	"encoding/json"
	"io"
	"strconv"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/server/actor"
)

// blockSize is what clients are told that files are divided into that have no
// size of their own; where the blocks really end is no matter of theirs.
const blockSize = 128 << 20

// fileStatus describes a file or directory.
type fileStatus struct {
	ACLBit           bool   `json:"aclBit,omitempty"` // there is an access list
	AccessTime       int64  `json:"accessTime"`       // milliseconds since 1970
	BlockSize        int64  `json:"blockSize"`
	ChildrenNum      *int   `json:"childrenNum,omitempty"` // of files only: a directory is not counted for it
	FileID           int64  `json:"fileId"`
	Group            string `json:"group"`
	Length           int64  `json:"length"`
	ModificationTime int64  `json:"modificationTime"`
	Owner            string `json:"owner"`
	PathSuffix       string `json:"pathSuffix"`
	Permission       string `json:"permission"` // octal
	Replication      int    `json:"replication"`
	SnapshotEnabled  bool   `json:"snapshotEnabled,omitempty"` // snapshots of the directory may be made
	StoragePolicy    int    `json:"storagePolicy"`             // 0: no directory says
	Symlink          string `json:"symlink,omitempty"`         // where it leads to
	Type             string `json:"type"`
}

func statusOf(i dfs.Info, suffix string) fileStatus {
	s := fileStatus{ACLBit: i.ACL, AccessTime: i.Accessed.UnixMilli(), FileID: i.ID, Group: i.Group, ModificationTime: i.Modified.UnixMilli(),
		Owner: i.Owner, PathSuffix: suffix, Permission: strconv.FormatUint(uint64(i.Mode), 8), SnapshotEnabled: i.Snapshots, StoragePolicy: policyID(i.Policy), Type: "DIRECTORY"}
	switch {
	case i.Link != "":
		s.Type, s.Symlink, s.ChildrenNum = "SYMLINK", i.Link, new(0)
	case !i.Dir:
		s.Type, s.Length, s.BlockSize, s.Replication, s.ChildrenNum = "FILE", i.Size, blockSizeOf(i), 1, new(0)
	}
	return s
}

// appendJSON writes what encoding/json would.
func (s fileStatus) appendJSON(b []byte) []byte {
	number := func(name string, n int64) { b = strconv.AppendInt(append(b, name...), n, 10) }
	text := func(name, value string) { b = appendString(append(b, name...), value) }
	if b = append(b, '{'); s.ACLBit {
		b = append(b, `"aclBit":true,`...)
	}
	number(`"accessTime":`, s.AccessTime)
	number(`,"blockSize":`, s.BlockSize)
	if s.ChildrenNum != nil {
		number(`,"childrenNum":`, int64(*s.ChildrenNum))
	}
	number(`,"fileId":`, s.FileID)
	text(`,"group":`, s.Group)
	number(`,"length":`, s.Length)
	number(`,"modificationTime":`, s.ModificationTime)
	text(`,"owner":`, s.Owner)
	text(`,"pathSuffix":`, s.PathSuffix)
	text(`,"permission":`, s.Permission)
	number(`,"replication":`, int64(s.Replication))
	if s.SnapshotEnabled {
		b = append(b, `,"snapshotEnabled":true`...)
	}
	number(`,"storagePolicy":`, int64(s.StoragePolicy))
	if s.Symlink != "" {
		text(`,"symlink":`, s.Symlink)
	}
	text(`,"type":`, s.Type)
	return append(b, '}')
}

// appendString writes a string as JSON; one that needs escapes by encoding/json.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			text, err := json.Marshal(s)
			if err != nil {
				panic(err) // no string fails
			}
			return append(b, text...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

func (c *call) status() (answer, error) {
	info, err := c.stat(c.path)
	if err != nil {
		return answer{}, err
	}
	return as("FileStatus", statusOf(info, "")), nil
}

func (c *call) stat(path string) (dfs.Info, error) {
	return c.files().Stat(c.ctx(), c.user(), path)
}

// entries gives a page of a directory as everybody sees it, and whether there are more.
func (c *call) entries(after string, limit int) ([]dfs.Info, bool, error) {
	if c.path == "/Projects" {
		return c.ownProjects(after)
	}
	list, more, err := c.files().List(c.ctx(), c.user(), c.path, after, limit)
	if dir := c.relative(c.path); projectOf(c.path) != "" && dir == "" {
		shown := list[:0]
		for _, e := range list {
			if actor.Listed(dir, e.Name) {
				shown = append(shown, e)
			}
		}
		list = shown
	}
	return list, more, err
}

// ownProjects lists the projects that the actor is a member of, or the only one
// that the credential is good for.
func (c *call) ownProjects(after string) ([]dfs.Info, bool, error) {
	var list []dfs.Info
	err := c.eachProject(func(p bine.Project) error {
		if string(p.Name) <= after {
			return nil
		}
		info, err := c.files().Stat(c.ctx(), c.in(p), dfs.ProjectPath(p.Name))
		if bine.IsKind(err, bine.NotFound) { // it is being made or deleted
			return nil
		}
		list = append(list, info)
		return err
	})
	return list, false, err
}

func (c *call) eachProject(f func(bine.Project) error) error {
	all, err := c.door.Projects.Projects(c.ctx(), c.actor.Identity.User)
	if err != nil {
		return err
	}
	for _, p := range all {
		if bound := c.actor.Identity.Project; bound != "" && bound != p.Name {
			continue
		}
		if err := f(p); err != nil {
			return err
		}
	}
	return nil
}

type fileStatuses struct {
	FileStatus []fileStatus
}

func statusesOf(list []dfs.Info) fileStatuses {
	s := fileStatuses{make([]fileStatus, len(list))}
	for i, e := range list {
		s.FileStatus[i] = statusOf(e, e.Name)
	}
	return s
}

// list answers all of a directory. One of many pages is sent page by page.
func (c *call) list() (answer, error) {
	info, err := c.stat(c.path)
	if err != nil {
		return answer{}, err
	}
	if !info.Dir {
		return as("FileStatuses", fileStatuses{[]fileStatus{statusOf(info, "")}}), nil
	}
	first, more, err := c.entries("", 0)
	if err != nil {
		return answer{}, err
	}
	if !more {
		return as("FileStatuses", statusesOf(first)), nil
	}
	return answer{write: func(w io.Writer) error { return c.writePages(w, first) }}, nil
}

// writePages writes a listing whose first page is there already.
func (c *call) writePages(w io.Writer, page []dfs.Info) error {
	more, before, line := true, `{"FileStatuses":{"FileStatus":[`, []byte(nil)
	for {
		for _, e := range page {
			line = statusOf(e, e.Name).appendJSON(append(line[:0], before...))
			if _, err := w.Write(line); err != nil {
				return err
			}
			before = ","
		}
		if !more || len(page) == 0 {
			_, err := io.WriteString(w, "]}}")
			return err
		}
		var err error
		if page, more, err = c.entries(page[len(page)-1].Name, 0); err != nil {
			return err
		}
	}
}

// batch is how many entries LISTSTATUS_BATCH answers at once.
const batch = 1000

type directoryListing struct {
	PartialListing struct {
		FileStatuses fileStatuses
	} `json:"partialListing"`
	RemainingEntries int `json:"remainingEntries"`
}

// listBatch answers a page of a directory. How many entries remain is not
// counted: 1 says that there are some.
func (c *call) listBatch() (answer, error) {
	info, err := c.stat(c.path)
	if err != nil {
		return answer{}, err
	}
	var listing directoryListing
	if !info.Dir {
		listing.PartialListing.FileStatuses.FileStatus = []fileStatus{statusOf(info, "")}
		return as("DirectoryListing", listing), nil
	}
	list, more, err := c.entries(c.params.text("startafter"), batch)
	if err != nil {
		return answer{}, err
	}
	listing.PartialListing.FileStatuses = statusesOf(list)
	if more {
		listing.RemainingEntries = 1
	}
	return as("DirectoryListing", listing), nil
}
