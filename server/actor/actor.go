// Package actor holds what every front door to the files of projects asks
// before the file system does: who acts, how a path is written, and what a role
// may do with it. The file system has its own locks; these come first, and are
// the same whichever door is used.
package actor

import (
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/auth"
)

// Preview is how many bytes of a file, from its beginning, a Data Scientist is
// handed out: enough to look at it, too little to carry data away by mistake.
const Preview = 1 << 20

// Actor is who acts on files for a request.
type Actor struct {
	auth.Identity
	Member auth.Membership // in the project that is acted in
}

// User is the actor as the file system knows it. It is told where a Data Scientist
// changes something, too, for only it knows where a symbolic link leads.
func (a Actor) User() dfs.User {
	u := dfs.User{Project: a.Member.Project, Name: a.Identity.User, Role: a.Member.Role}
	if a.Member.Role != bine.DataOwner && a.Via != auth.ViaJob {
		u.Within = programs()
	}
	return u
}

// MayDownload reports whether the actor may have all of a file: Data Owners,
// and the programs that the project runs.
func (a Actor) MayDownload() bool {
	return a.Member.Role == bine.DataOwner || a.Via == auth.ViaJob
}

// MayRead says whether the actor may have the bytes of a file up to end.
func (a Actor) MayRead(end int64) error {
	if end > Preview && !a.MayDownload() {
		return auth.NeedRole(a.Member.Project, bine.DataOwner)
	}
	return nil
}

// programs are the directories that Data Scientists write to.
func programs() []string { return []string{"Resources", "Jupyter"} }

// MayWrite says whether the actor may change what the project calls relative
// (dfs.Locate): Data Scientists programs only, and nobody what the platform
// keeps. Where a job may write, and what another project allows in a dataset
// that it shares, is decided by the file system alone.
func (a Actor) MayWrite(relative string) error {
	top, rest, _ := strings.Cut(strings.Trim(relative, "/"), "/")
	switch {
	case top == "":
		return bine.Errorf(bine.Invalid, "name a file or directory of the project")
	case top == bine.LakeDir: // who writes through a connector, the connector says
		return nil
	case strings.HasPrefix(top, "."):
		return bine.Errorf(bine.Forbidden, "%s is written by the platform alone", top)
	case strings.Contains(top, bine.SharedSeparator):
		return nil
	case a.Member.Role == bine.DataOwner || a.Via == auth.ViaJob || (rest != "" && slices.Contains(programs(), top)):
		return nil
	}
	return auth.NeedRole(a.Member.Project, bine.DataOwner)
}

// Listed reports whether an entry is shown in the listing of a directory below
// the project's: at its top the platform's own are not for people.
func Listed(relativeDir, name string) bool {
	return strings.Trim(relativeDir, "/") != "" || !strings.HasPrefix(name, ".")
}

// Locate gives the path of what a project calls relative (dfs.Locate).
func Locate(p bine.ProjectName, relative string) (string, error) {
	if err := plain(relative); err != nil {
		return "", err
	}
	return dfs.Locate(p, relative)
}

// Target gives what a symbolic link leads to for which the project writes text:
// what begins with a slash is a path of the project, anything else begins at
// the directory of the link.
func Target(p bine.ProjectName, text string) (string, error) {
	if !strings.HasPrefix(text, "/") {
		return text, plain(text)
	}
	return Locate(p, text)
}

// TargetText is how the project writes what a link leads to: the opposite of Target.
func TargetText(p bine.ProjectName, target string) string {
	if !strings.HasPrefix(target, "/") {
		return target
	}
	return "/" + dfs.Relative(p, target)
}

// Clean gives the one form of a path of the file system (dfs.Clean).
func Clean(path string) (string, error) {
	if err := plain(path); err != nil {
		return "", err
	}
	return dfs.Clean(path)
}

// plain refuses backslashes, which some clients take for slashes, and NUL bytes.
func plain(path string) error {
	if strings.ContainsAny(path, "\\\x00") {
		return bine.Errorf(bine.Invalid, "path %q has a backslash or a NUL byte", path)
	}
	return nil
}
