package dfs

import (
	"context"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
)

// What is wanted of an inode, in the bits of a mode.
const (
	read  = 4
	write = 2
	pass  = 1 // go through a directory
)

// Groups of a project: the group of an entry says to which role the group's
// bits of its mode apply.
func groupOf(project bine.ProjectName, role bine.Role) string {
	return string(project) + "__" + string(role)
}

// owner is the name under which the user's files are kept.
func (u User) owner() string {
	if u.Super {
		return platformName
	}
	return bine.ProjectUser(u.Project, u.Name)
}

// in reports whether the user is in a group.
func (u User) in(group string) bool {
	for _, role := range []bine.Role{bine.DataScientist, bine.DataOwner} {
		if u.Role.Includes(role) && group == groupOf(u.Project, role) {
			return true
		}
	}
	return false
}

// owns reports whether the user owns n or may act as if.
func (u User) owns(c *chain, n *node) bool {
	if u.foreign(c) {
		return c.shared == bine.ShareWrite && n.owner == u.owner()
	}
	return u.Super || n.owner == u.owner() || (u.Role == bine.DataOwner && c.project() != nil)
}

// reaches fails if the user may not pass through every directory above the
// first n components, as far as they are there. It comes before any other
// question about what the user may do with c.
func (t *Tree) reaches(ctx context.Context, q querier, user User, c *chain, n int) error {
	if user.foreign(c) {
		return t.admit(ctx, q, user, c)
	}
	for i := range min(n, len(c.nodes)) {
		if err := user.may(c, i, pass); err != nil {
			return err
		}
	}
	return nil
}

// may fails if the user may not do what is wanted with the i-th inode of c.
func (u User) may(c *chain, i int, want int64) error {
	n := &c.nodes[i]
	if u.foreign(c) {
		return u.mayShared(c, i, want)
	}
	if u.unbound() && (u.Super || i >= 2 && c.project() != nil) {
		return nil
	}
	if u.allowed(c, n, want) || (want == pass && !n.dir()) {
		return nil
	}
	return u.forbidden(join(c.parts, i), want)
}

// unbound reports whether modes do not bind the user, at and below the directory
// of their project.
func (u User) unbound() bool { return u.Super || u.Role == bine.DataOwner }

// mayShared is may for what another project shares: all of what is in the
// dataset, or to read it, but not to change the dataset's own entry.
func (u User) mayShared(c *chain, i int, want int64) error {
	switch {
	case c.shared == "":
		return notFound(c.path)
	case want == pass || i >= 3 && want&write == 0 || i >= 3 && c.shared == bine.ShareWrite:
		return nil
	}
	return bine.Errorf(bine.Forbidden, "%s: the project %s shares this to %s it", join(c.parts, i), projectOf(c.parts), c.shared)
}

// mayChange fails if what is at or below the path is written by the platform only,
// or not by this user. The path is one on which links were followed.
func (u User) mayChange(parts []string) error {
	if inSnapshots(parts) {
		return bine.Errorf(bine.Forbidden, "%s: nobody changes what is in a snapshot, and no other entry is named %s: copy it elsewhere", join(parts, len(parts)), snapshotsName)
	}
	if !u.Super && len(parts) >= 3 && projectOf(parts) != "" && (parts[2] == artifactsName || parts[2] == trashName || parts[2] == uploadsName || parts[2] == bine.LakeDir) {
		return bine.Errorf(bine.Forbidden, "%s: what is below %s is changed by the platform only", join(parts, len(parts)), parts[2])
	}
	if len(parts) >= 3 && projectOf(parts) != "" && parts[2] == MultipartName && !u.Super {
		if !u.Parts {
			return bine.Errorf(bine.Forbidden, "%s: what is below %s is changed by uploads in parts only", join(parts, len(parts)), parts[2])
		}
		return nil
	}
	if u.Within != nil && !u.foreign(&chain{parts: parts}) && (len(parts) < 4 || !slices.Contains(u.Within, parts[2])) {
		return bine.Errorf(bine.Forbidden, "%s: %s changes only what is in %s: that takes the role %s", join(parts, len(parts)), u.owner(), strings.Join(u.Within, " and "), bine.DataOwner)
	}
	return nil
}

func (u User) forbidden(path string, want int64) error {
	verb := "read"
	switch {
	case want&write != 0:
		verb = "write"
	case want&pass != 0:
		verb = "enter"
	}
	if u.Role == bine.DataScientist {
		return bine.Errorf(bine.Forbidden, "%s: a Data Scientist may not %s it: that takes the role Data Owner", path, verb)
	}
	return bine.Errorf(bine.Forbidden, "%s: %s may not %s it", path, u.owner(), verb)
}

func notFound(path string) error {
	return bine.Errorf(bine.NotFound, "%s: there is no such file or directory", path)
}

func notDirectory(path string) error {
	return bine.Errorf(bine.Conflict, "%s is a file, not a directory", path)
}

func checkMode(path string, mode uint32) error {
	if mode&^modeBits != 0 {
		return bine.Errorf(bine.Invalid, "%s: mode %o is not right: only the permission bits up to 777 can be set", path, mode)
	}
	return nil
}

// checkNames says whether an owner and a group can be given to something at c.
func (u User) checkNames(c *chain, owner, group *string) error {
	project := projectOf(c.parts)
	if group != nil {
		if project != "" && !slices.Contains([]string{groupOf(project, bine.DataScientist), groupOf(project, bine.DataOwner)}, *group) {
			return bine.Errorf(bine.Invalid, "%s: %q is not a group of the project: use %s or %s", c.path, *group, groupOf(project, bine.DataScientist), groupOf(project, bine.DataOwner))
		}
		if !u.Super && !u.in(*group) {
			return bine.Errorf(bine.Forbidden, "%s: only who is in the group %s may give it", c.path, *group)
		}
	}
	if owner == nil {
		return nil
	}
	if prefix := string(project) + "__"; project != "" && (len(*owner) <= len(prefix) || (*owner)[:len(prefix)] != prefix) {
		return bine.Errorf(bine.Invalid, "%s: %q is not a user of the project: they are named %s<user>", c.path, *owner, prefix)
	}
	if !u.Super && u.Role != bine.DataOwner {
		return bine.Errorf(bine.Forbidden, "%s: only a Data Owner may change the owner", c.path)
	}
	return nil
}
