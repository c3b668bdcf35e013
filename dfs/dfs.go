// Package dfs is the file system of projects: a hierarchical name space whose
// metadata are rows of a transactional database, strongly consistent, with
// small files in the database too and the bytes of larger ones in a block store.
//
// # What it promises
//
// A change is seen whole or not at all, by everybody, from the moment the call
// returns, and survives a crash. Several servers may work on one name space at
// once; none of them holds state that another needs. A row never names a block
// that is not there: a block is made durable before the row that names it is
// committed, and given up only after that row is gone.
//
// # Paths
//
// A path is absolute, its components parted by single slashes; see [Clean].
// What belongs to a project is below /Projects/<project>; nothing is renamed
// from one project into another.
//
// # Who may do what
//
// Each call carries the acting [User]. A user acts in one project, and other
// projects do not exist for them: they answer NotFound, as what was never
// there. The exception is a dataset, a directory at the top of a project, that
// another shares ([Tree.OfferShare]): everybody of a project that it is shared
// with may read what is in it, or read and write, whatever the modes say. Within the project a Data Owner may do everything but change what is
// below .artifacts, which is written by the platform alone. For a Data
// Scientist mode, owner and group decide as POSIX has it: the owner is the
// project user (<project>__<user>), the group mostly <project>__data_scientist,
// so that the group's bits of the mode say what Data Scientists may do. What is
// made gets the group of its directory and, if no mode is asked for, the
// directory's mode (a file without the execute bits). An access list (POSIX.1e,
// draft 17, as HDFS has it) says more: what named users and groups may do, within
// its mask, which the group's bits of the mode then show; the default list of a
// directory is given to what is made in it, filtered by the mode asked for. Removing and renaming
// need the right to write to the directory, reading and passing through one
// the bits r and x. Super is for the platform itself. The API has checked the
// role for the route before; this is the second lock.
//
// # Times
//
// The modification time of a file moves with its content. That of a directory
// is moved only by SetAttributes: to touch the directory with every entry made
// in it would make its row the narrowest place of all. Access times are kept
// but not moved by reading.
package dfs

import (
	"context"
	"io"
	"time"

	"github.com/bine-ml/bine"
)

// User is who acts. The zero value is nobody: it sees no project.
type User struct {
	Project bine.ProjectName
	Name    bine.UserName
	Role    bine.Role // in Project
	Super   bool      // the platform itself; may everything
	// Within names the directories at the top of the project in which the user
	// changes something; nil is wherever the role and the modes allow it.
	Within []string
	// Lease is the Epoch of the lease under which the user writes to a file, 0 for
	// none: what was written is refused (Fenced) when that is no longer theirs.
	Lease int64
	// Parts says that the user acts through a door that keeps parts of uploads below
	// MultipartName, which nobody else changes.
	Parts bool
}

// Platform is the user under which the platform itself acts.
func Platform() User { return User{Name: platformName, Super: true} }

// platformName owns what the platform makes; no person can have the name of a
// project user without the project.
const platformName = "bine"

// Info describes a file or directory.
type Info struct {
	Path    string
	Name    string // last component; empty for /
	ID      int64  // stays the same when it is renamed or overwritten
	Dir     bool
	Link    string // where a symbolic link leads to, as it was written; empty is no link
	Size    int64  // bytes; of a directory and a link 0
	Mode    uint32 // the permission bits, as POSIX has them
	ACL     bool   // an access list says more than the mode
	Owner   string
	Group   string
	Version int64 // of a file: moves with every change of the content
	// Snapshots says of a directory that snapshots of it may be made.
	Snapshots bool
	// BlockSize is of what size its blocks are at most, in bytes; 0 is that of the installation.
	BlockSize int64
	// Policy is the name of the policy of the nearest directory that has one, as far
	// as Stat and List tell it; empty for the installation's.
	Policy   string
	Modified time.Time
	Accessed time.Time
	Created  time.Time
}

// FS is the file system. Every error that a caller can act on is a
// *bine.Error that names the path: NotFound (nothing there, or nothing that
// the user may know of), Conflict (already there, not empty, not at that
// offset, a file where a directory is needed or the other way round), Invalid
// (a bad path, a directory under itself), Forbidden, NoQuota, Leased (somebody else
// writes to it), Fenced (a lease that has ended), Unavailable (try again).
type FS interface {
	// Stat describes what is at path.
	Stat(ctx context.Context, user User, path string) (Info, error)
	// List gives up to limit entries of the directory ordered by the bytes of
	// their names, beginning behind the name after ("" is the beginning), and
	// whether there are more. An entry that stays where it is appears exactly
	// once in a walk over the pages, whatever else comes and goes. A limit of 0
	// or over 10,000 is 10,000.
	List(ctx context.Context, user User, dir, after string, limit int) (entries []Info, more bool, err error)
	// Mkdir makes a directory. One that is there already is a Conflict, and
	// none with o.Parents; a file there always is.
	Mkdir(ctx context.Context, user User, path string, o MkdirOptions) (Info, error)
	// Create makes a file of what r yields. Nobody sees a part of it: until the
	// call returns, readers see what was there before, and when it fails, that
	// stays. Overwriting keeps id, mode, owner and extended attributes.
	Create(ctx context.Context, user User, path string, r io.Reader, o CreateOptions) (Info, error)
	// Append adds data at offset, which must be the size of the file. Bytes that
	// the file has already and that are the same are skipped, so sending them
	// again is harmless; different ones and a gap are a Conflict that names the
	// size. At offset 0 a file that is not there is made. Small appends are
	// coalesced: a file that grew line by line reads like any other.
	Append(ctx context.Context, user User, path string, offset int64, data []byte) (Info, error)
	// AppendTo is Append to the file that was described as file before, wherever
	// it was renamed to since. One that was removed is NotFound: none is made.
	AppendTo(ctx context.Context, user User, file Info, offset int64, data []byte) (Info, error)
	// Open reads length bytes from offset on, or fewer where the file ends;
	// length 0 is to the end. It answers the state of the file that is read: a
	// reader goes on with it while the file is overwritten or removed, for as
	// long as Options.Grace. An offset behind the end is Invalid. Memory is
	// constant, and each checksum is checked before its bytes are handed out.
	Open(ctx context.Context, user User, path string, offset, length int64) (io.ReadCloser, Info, error)
	// Truncate cuts a file to size bytes, its first. More than it has is Invalid.
	Truncate(ctx context.Context, user User, path string, size int64) (Info, error)
	// Concat adds the files at sources, in their order, to the end of the file at
	// path, and removes them, in one step: at most 1,000 of the same project. Their
	// blocks are taken over, not copied.
	Concat(ctx context.Context, user User, path string, sources []string) (Info, error)
	// Symlink makes a symbolic link to target, which need not be there: an absolute
	// path, or one that begins at the directory of the link. A link leads to what is
	// below the directory of its project; anything else is Invalid, and where a link
	// that was moved leads out it is NotFound. Every operation follows links,
	// at most 40 on a path, but for a link that LinkInfo, Rename and Remove (and
	// Tree.Trash) are called with, and those that List shows. Who may do what is
	// decided for the path that is led to. The platform itself follows no links:
	// one on its way is a Conflict.
	Symlink(ctx context.Context, user User, path, target string, o SymlinkOptions) (Info, error)
	// LinkInfo is Stat that does not follow a link at the end of the path.
	LinkInfo(ctx context.Context, user User, path string) (Info, error)
	// Rename moves a file or directory, whatever is below it, in one step. What
	// is at to is a Conflict, unless o.Overwrite is set and both are files, or
	// both directories and the one at to is empty. A
	// directory under itself is Invalid however deep, and so is another project.
	// What is below a directory is counted only if that changes which quotas it
	// counts towards; meanwhile nobody writes there.
	Rename(ctx context.Context, user User, from, to string, o RenameOptions) (Info, error)
	// Clone copies a file or a directory with all that is below it, within a
	// project or between it and datasets that are shared with it. No block is copied: both sides refer to the same ones, and a change of one side
	// is not seen on the other. A copy counts in full towards the quota. A directory
	// is copied as it is at one moment, and is at its place whole or not at all; to
	// must not be there. Modes, times and extended attributes are copied, but not
	// those of the platform; the copy is the user's, and of the group of the
	// directory that it comes into. A directory under itself is Invalid, and one in
	// which the user may not read everything Forbidden.
	Clone(ctx context.Context, user User, from, to string, o CloneOptions) (Info, error)
	// Remove removes a file, an empty directory or, with o.Recursive, a whole
	// tree: it is gone at once, and what it held is reclaimed later.
	Remove(ctx context.Context, user User, path string, o RemoveOptions) error
	// SetAttributes changes what a is not nil in, all or nothing.
	SetAttributes(ctx context.Context, user User, path string, a Attributes) (Info, error)
	// Xattrs gives all extended attributes.
	Xattrs(ctx context.Context, user User, path string) (map[string][]byte, error)
	// Xattr gives one extended attribute, or NotFound.
	Xattr(ctx context.Context, user User, path, name string) ([]byte, error)
	// SetXattr makes or replaces an extended attribute: a name of at most 255
	// bytes and a value of at most 16 KiB, at most 100 of them. Names that begin
	// with "bine." are the platform's.
	SetXattr(ctx context.Context, user User, path, name string, value []byte) error
	// RemoveXattr removes an extended attribute, or answers NotFound.
	RemoveXattr(ctx context.Context, user User, path, name string) error
	// ACL gives the access list, with what the mode says of it. Who may pass
	// through the directories above may read it.
	ACL(ctx context.Context, user User, path string) (bine.ACL, error)
	// SetACL replaces the access list, the default list of a directory or both,
	// whichever has an entry in entries, and gives the list as it then is. A list
	// has user::, group:: and other::; a mask is made where one is needed and not
	// given; what a default list lacks is copied from the access list. There are
	// at most 32 entries in each, about users and groups of the project. Who may
	// change the mode may change the list.
	SetACL(ctx context.Context, user User, path string, entries []bine.ACLEntry) (bine.ACL, error)
	// ModifyACL adds entries, or replaces those of the same type and name. Without
	// a mask in entries the mask is made anew.
	ModifyACL(ctx context.Context, user User, path string, entries []bine.ACLEntry) (bine.ACL, error)
	// RemoveACLEntries removes the entries that are named; one that is not there
	// is no error.
	RemoveACLEntries(ctx context.Context, user User, path string, entries []bine.ACLEntry) (bine.ACL, error)
	// RemoveDefaultACL removes the default list.
	RemoveDefaultACL(ctx context.Context, user User, path string) (bine.ACL, error)
	// RemoveACL removes both lists; what remains is what the mode says.
	RemoveACL(ctx context.Context, user User, path string) (bine.ACL, error)
	Snapshotting
	Leasing
	// Usage sums up what is below path, or the file at path. That of a project's
	// directory is what counts towards its quota, which what was removed does
	// until it is reclaimed.
	Usage(ctx context.Context, user User, path string) (Usage, error)
	// SetQuota limits what may be below a directory; the zero quota takes that
	// back. A quota under what is there already refuses only what would add to it.
	// Writers at work at the same moment may together exceed it by what all but
	// one of them write then. The platform sets that of a project's directory, Data
	// Owners those of the ones below.
	SetQuota(ctx context.Context, user User, dir string, q Quota) error
	// Limits gives the quotas that what is at path counts towards, from the
	// project's down, with what is used of them.
	Limits(ctx context.Context, user User, path string) ([]Limit, error)
	// SetPolicy says how what is written below a directory is kept from now on;
	// the zero policy leaves that to the directories above. Data Owners do that.
	SetPolicy(ctx context.Context, user User, dir string, p Policy) error
	// Policy gives how what is at path is kept: that of the nearest directory that
	// has one, or the installation's.
	Policy(ctx context.Context, user User, path string) (Policy, error)
	// InstalledPolicies gives all policies that can be set.
	InstalledPolicies() []Policy
}

// MkdirOptions says how a directory is made.
type MkdirOptions struct {
	Parents bool   // make those above it too
	Mode    uint32 // 0 is that of the directory it is made in
	// Unmasked is the mode before somebody's umask was taken off it, which counts
	// where the directory has default entries of an access list; 0 is Mode.
	Unmasked uint32
	// Xattrs are set on what is made, also above: not on what is there already.
	Xattrs map[string][]byte
}

// SymlinkOptions says how a symbolic link is made.
type SymlinkOptions struct {
	Parents bool // make the directories above it too
}

// CreateOptions says how a file is made.
type CreateOptions struct {
	Overwrite bool   // replace the content of a file that is there; without it that is a Conflict
	Parents   bool   // make the directories above it too
	Mode      uint32 // 0 is that of the directory it is made in, without the execute bits
	Unmasked  uint32 // as in MkdirOptions
	// BlockSize is of what size the blocks of the file are at most, in bytes, from
	// MinBlockSize to MaxBlockSize; 0 is that of the policy or the installation.
	BlockSize int64
	// Xattrs are set together with the content, AboveXattrs on the directories
	// that Parents makes.
	Xattrs, AboveXattrs map[string][]byte
	// Holder, where set, is who takes the lease of a file that is overwritten, while
	// more comes than is kept in the database; whoever has it loses it.
	Holder string
	// At, where set, is asked when all of the content has been read and gives
	// the path of the file, which may depend on it. The path that Create is
	// called with is then only what permission and quota are checked for early.
	At func() (string, error)
}

// RenameOptions says how a file or directory is renamed.
type RenameOptions struct {
	Overwrite bool // replace a file that is there by a file, or an empty directory by a directory
}

// CloneOptions says how a file or directory is copied.
type CloneOptions struct {
	Overwrite bool // give a file that is there the content of a file
	Parents   bool // make the directories above it too
	// Progress, where set, is told while a directory is copied how much of how
	// much is done.
	Progress func(done, all Usage)
}

// RemoveOptions says how a file or directory is removed.
type RemoveOptions struct {
	Recursive bool // with everything below it
}

// Attributes are changes to a file or directory; nil leaves as it is. The mode
// and the times may be changed by the owner and by Data Owners, the group by
// them to one of their own, the owner by Data Owners only.
type Attributes struct {
	Mode     *uint32
	Owner    *string
	Group    *string
	Modified *time.Time
	Accessed *time.Time
}

// Usage sums up what is below a path.
type Usage struct {
	Bytes       int64
	Files       int64
	Directories int64 // without the one at the path itself
	Quota       Quota // of the project that the path belongs to
}

// Quota limits what is below a directory. 0 is no limit.
type Quota struct {
	Bytes int64
	Names int64 // files and directories, with the directory itself
}

// Limit is a quota with what counts towards it: what is below the directory, and
// what was removed from there as a whole tree and is not reclaimed yet.
type Limit struct {
	Path     string // of the directory
	Quota    Quota
	Bytes    int64
	Names    int64 // files and directories, with the directory itself
	Counting bool  // what was there before is being counted, and nothing refused until that is done
}
