package templates

import (
	"html/template"
	"net/url"

	"github.com/bine-ml/bine/client"
)

// SnapshotsPage shows the snapshots of a directory.
type SnapshotsPage struct {
	Shell
	Dir       string // relative to the project
	Allowed   bool   // snapshots of it may be made
	Snapshots []client.Snapshot
	// From and To are the snapshots that are compared; empty To is the directory
	// as it is now, and empty From none are.
	From, To    string
	Differences []client.SnapshotDifference
}

var snapshotsPage = load("snapshots.html")

func (p SnapshotsPage) page() *template.Template { return snapshotsPage }

// SnapshotsURL is the page of the snapshots of a directory.
func (s Shell) SnapshotsURL(dir string) string {
	return s.Path("snapshots") + "?path=" + url.QueryEscape(dir)
}

// SnapshotAction is where forms about the snapshots of the directory are sent:
// about one of them, or about all with an empty name.
func (p SnapshotsPage) SnapshotAction(action, name string) string {
	segments := []any{"snapshots"}
	if action != "" {
		segments = append(segments, action)
	}
	at := p.Path(segments...) + "?path=" + url.QueryEscape(p.Dir)
	if name != "" {
		at += "&name=" + url.QueryEscape(name)
	}
	return at
}

// Compare is the page with what is different now from a snapshot.
func (p SnapshotsPage) Compare(from string) string {
	return p.SnapshotsURL(p.Dir) + "&from=" + url.QueryEscape(from)
}
