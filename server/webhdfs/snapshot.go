package webhdfs

import (
	"hash/crc32"
	"path"
	"strconv"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

// snapshotQuota is how many snapshots of a directory HDFS allows, which clients
// are told; here the project's quota bounds them.
const snapshotQuota = 65536

func (c *call) allowSnapshot() (answer, error) {
	if err := c.mayWrite(c.path); err != nil {
		return answer{}, err
	}
	return answer{}, ofSnapshot(c.files().AllowSnapshots(c.ctx(), c.user(), c.path))
}

func (c *call) disallowSnapshot() (answer, error) {
	if err := c.mayWrite(c.path); err != nil {
		return answer{}, err
	}
	return answer{}, ofSnapshot(c.files().DisallowSnapshots(c.ctx(), c.user(), c.path))
}

func (c *call) createSnapshot() (answer, error) {
	if err := c.mayWrite(c.path); err != nil {
		return answer{}, err
	}
	s, err := c.files().CreateSnapshot(c.ctx(), c.user(), c.path, c.params.text("snapshotname"))
	return as("Path", s.Path), ofSnapshot(err)
}

func (c *call) renameSnapshot() (answer, error) {
	if err := c.mayWrite(c.path); err != nil {
		return answer{}, err
	}
	from, err := c.params.required("oldsnapshotname")
	if err != nil {
		return answer{}, err
	}
	to, err := c.params.required("snapshotname")
	if err != nil {
		return answer{}, err
	}
	return answer{}, ofSnapshot(c.files().RenameSnapshot(c.ctx(), c.user(), c.path, from, to))
}

func (c *call) deleteSnapshot() (answer, error) {
	if err := c.mayWrite(c.path); err != nil {
		return answer{}, err
	}
	name, err := c.params.required("snapshotname")
	if err != nil {
		return answer{}, err
	}
	return answer{}, ofSnapshot(c.files().DeleteSnapshot(c.ctx(), c.user(), c.path, name))
}

// ofSnapshot gives errors about a snapshot the class that HDFS gives them.
func ofSnapshot(err error) error { return conflictAs(err, snapshotException) }

// required reads a parameter that must be there.
func (p params) required(name string) (string, error) {
	text := p.text(name)
	if text == "" {
		return "", badParam(name, "it is missing")
	}
	return text, nil
}

type snapshotDir struct {
	DirStatus      fileStatus `json:"dirStatus"`
	ParentFullPath string     `json:"parentFullPath"`
	SnapshotNumber int        `json:"snapshotNumber"`
	SnapshotQuota  int        `json:"snapshotQuota"`
}

// snapshotDirs answers the directories of the actor's projects of which snapshots
// may be made, whatever the path is.
func (c *call) snapshotDirs() (answer, error) {
	list := []snapshotDir{}
	err := c.eachProject(func(p bine.Project) error {
		dirs, err := c.files().SnapshotDirs(c.ctx(), c.in(p))
		if bine.IsKind(err, bine.NotFound) { // it is being made or deleted
			return nil
		}
		for _, d := range dirs {
			list = append(list, snapshotDir{DirStatus: statusOf(d.Info, d.Name), ParentFullPath: path.Dir(d.Path), SnapshotNumber: d.Snapshots, SnapshotQuota: snapshotQuota})
		}
		return err
	})
	return as("SnapshottableDirectoryList", list), err
}

type snapshotStatus struct {
	DirStatus      fileStatus `json:"dirStatus"`
	ParentFullPath string     `json:"parentFullPath"` // as Hadoop's documentation has it
	FullPath       string     `json:"fullPath"`       // as Hadoop's client reads it
	SnapshotID     int32      `json:"snapshotID"`
	DeletionStatus string     `json:"deletionStatus"`
}

// snapshots answers those of a directory. HDFS numbers them in 24 bits, so a
// number made of the inode's stands for that.
func (c *call) snapshots() (answer, error) {
	all, err := c.files().Snapshots(c.ctx(), c.user(), c.path)
	if err != nil {
		return answer{}, ofSnapshot(err)
	}
	list := []snapshotStatus{}
	for _, s := range all {
		info, err := c.stat(s.Path)
		if bine.IsKind(err, bine.NotFound) { // it was deleted or renamed just now
			continue
		}
		if err != nil {
			return answer{}, err
		}
		status := statusOf(info, s.Name)
		status.ModificationTime = s.At.UnixMilli()
		number := crc32.ChecksumIEEE([]byte(strconv.FormatInt(s.ID, 10))) >> 8
		list = append(list, snapshotStatus{DirStatus: status, ParentFullPath: c.path, FullPath: s.Path, SnapshotID: int32(number), DeletionStatus: "ACTIVE"})
	}
	return as("SnapshotList", list), nil
}

type diffEntry struct {
	SourcePath string  `json:"sourcePath"`
	TargetPath *string `json:"targetPath,omitempty"`
	Type       string  `json:"type"`
}

type diffReport struct {
	DiffList     []diffEntry `json:"diffList"`
	FromSnapshot string      `json:"fromSnapshot"`
	SnapshotRoot string      `json:"snapshotRoot"`
	ToSnapshot   string      `json:"toSnapshot"`
}

// snapshotDiff answers what is different between two snapshots; a name that is
// empty is the directory as it is now.
func (c *call) snapshotDiff() (answer, error) {
	r := diffReport{DiffList: []diffEntry{}, SnapshotRoot: c.path, FromSnapshot: c.params.text("oldsnapshotname"), ToSnapshot: c.params.text("snapshotname")}
	all, err := c.files().DiffSnapshots(c.ctx(), c.user(), c.path, r.FromSnapshot, r.ToSnapshot)
	if err != nil {
		return answer{}, ofSnapshot(err)
	}
	for _, d := range all {
		e := diffEntry{SourcePath: d.Path, Type: diffTypes[d.Kind]}
		if d.Kind == dfs.DiffRenamed {
			e.TargetPath = &d.Target
		}
		r.DiffList = append(r.DiffList, e)
	}
	return as("SnapshotDiffReport", r), nil
}

var diffTypes = map[dfs.DifferenceKind]string{dfs.DiffCreated: "CREATE", dfs.DiffDeleted: "DELETE", dfs.DiffModified: "MODIFY", dfs.DiffRenamed: "RENAME"}
