package dfstest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

var lists = map[string]func(*testing.T, dfs.FS){
	"without a list the mode is the list":              aclOfMode,
	"lists change as setfacl changes them":             aclChanges,
	"wrong entries are refused and change nothing":     aclWrong,
	"a named user and the mask decide":                 aclDecides,
	"of several groups any that allows it decides":     aclGroups,
	"what is made inherits the default list":           aclInherits,
	"a change of the mode changes the mask":            aclMask,
	"only who may change the mode may change the list": aclRights,
	"a list goes where its file goes":                  aclMoves,
	"a list opens nothing that the platform keeps":     aclKept,
}

// acl changes a list and gives it as setfacl writes it.
func acl(t *testing.T, change func() (bine.ACL, error)) string {
	t.Helper()
	list, err := change()
	if err != nil {
		t.Fatal(err)
	}
	return aclText(list)
}

func aclText(list bine.ACL) string {
	var parts []string
	for _, e := range list.Entries {
		parts = append(parts, strings.ReplaceAll(e.String(), "demo__", ""))
	}
	return strings.Join(parts, ",")
}

// entries reads entries, in which users and groups lack the project.
func entries(t *testing.T, text string) []bine.ACLEntry {
	t.Helper()
	list, err := bine.ParseACL(text, true)
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		if list[i].Name != "" {
			list[i].Name = "demo__" + list[i].Name
		}
	}
	return list
}

func modify(t *testing.T, fs dfs.FS, path, text string) string {
	t.Helper()
	return acl(t, func() (bine.ACL, error) { return fs.ModifyACL(t.Context(), owner, path, entries(t, text)) })
}

func wantACL(t *testing.T, fs dfs.FS, path, want string) {
	t.Helper()
	got := acl(t, func() (bine.ACL, error) { return fs.ACL(t.Context(), owner, path) })
	if got != want {
		t.Errorf("the list of %s is %s, want %s", path, got, want)
	}
}

func aclOfMode(t *testing.T, fs dfs.FS) {
	mkdirMode(t, fs, at("Resources/d"), 0o751)
	wantACL(t, fs, at("Resources/d"), "user::rwx,group::r-x,other::--x")
	if stat(t, fs, at("Resources/d")).ACL {
		t.Error("a directory without a list is said to have one")
	}
	// Minimal lists are modes, and nothing else is kept.
	if got := modify(t, fs, at("Resources/d"), "group::rw-,other::r--"); got != "user::rwx,group::rw-,other::r--" {
		t.Errorf("got %s", got)
	}
	if info := stat(t, fs, at("Resources/d")); info.Mode != 0o764 || info.ACL {
		t.Errorf("got mode %o, list %t", info.Mode, info.ACL)
	}
	list, err := fs.RemoveACL(t.Context(), owner, at("Resources/d"))
	if err != nil || len(list.Entries) != 3 || list.Mode != 0o764 || list.Owner != "demo__ada" || list.Group != "demo__data_scientist" {
		t.Errorf("got %+v, %v", list, err)
	}
}

func mkdirMode(t *testing.T, fs dfs.FS, path string, mode uint32) {
	t.Helper()
	if _, err := fs.Mkdir(t.Context(), owner, path, dfs.MkdirOptions{Mode: mode}); err != nil {
		t.Fatal(err)
	}
}

func aclChanges(t *testing.T, fs dfs.FS) {
	ctx := t.Context()
	const minimal = "user::rwx,group::r-x,other::---"
	for i, c := range []struct{ before, op, entries, want string }{
		{"", "modify", "user:bob:rw-", "user::rwx,user:bob:rw-,group::r-x,mask::rwx,other::---"},
		{"", "modify", "user:bob:rw-,mask::r--", "user::rwx,user:bob:rw-,group::r-x,mask::r--,other::---"},
		{"", "modify", "mask::r--", "user::rwx,group::r-x,mask::r--,other::---"},
		{"", "modify", "group:data_owner:rwx,user:cid:r--", "user::rwx,user:cid:r--,group::r-x,group:data_owner:rwx,mask::rwx,other::---"},
		{"user:bob:rw-", "modify", "user:bob:r--", "user::rwx,user:bob:r--,group::r-x,mask::r-x,other::---"},
		{"user:bob:rw-,mask::r--", "modify", "other::r--", "user::rwx,user:bob:rw-,group::r-x,mask::rwx,other::r--"},
		{"user:bob:rw-,mask::r--", "modify", "default:user:bob:rwx", "user::rwx,user:bob:rw-,group::r-x,mask::r--,other::---,default:user::rwx,default:user:bob:rwx,default:group::r-x,default:mask::rwx,default:other::---"},
		{"", "modify", "default:user:bob:-w-", minimal + ",default:user::rwx,default:user:bob:-w-,default:group::r-x,default:mask::rwx,default:other::---"},
		{"", "modify", "default:other::r-x", minimal + ",default:user::rwx,default:group::r-x,default:other::r-x"},
		{"user:bob:rwx,user:cid:r--", "remove", "user:bob:", "user::rwx,user:cid:r--,group::r-x,mask::r-x,other::---"},
		{"user:bob:rwx", "remove", "user:bob:", "user::rwx,group::r-x,mask::r-x,other::---"},
		{"user:bob:rwx", "remove", "user:bob:,mask::", minimal},
		{"user:bob:rwx", "remove", "user:cid:", "user::rwx,user:bob:rwx,group::r-x,mask::rwx,other::---"},
		{"default:user:bob:rwx", "remove", "default:user:bob:,default:mask::", minimal + ",default:user::rwx,default:group::r-x,default:other::---"},
		{"user:bob:r--,default:user:bob:rwx", "remove-default", "", "user::rwx,user:bob:r--,group::r-x,mask::r-x,other::---"},
		{"user:bob:rwx,mask::---,default:user:bob:rwx", "remove-all", "", minimal},
		{"user:bob:rwx", "set", "user::rw-,user:cid:-wx,group::r--,other::r--", "user::rw-,user:cid:-wx,group::r--,mask::rwx,other::r--"},
		{"user:bob:rwx", "set", "user::rw-,group::r--,other::---", "user::rw-,group::r--,other::---"},
		{"user:bob:rwx,mask::r--", "set", "default:user:cid:r--", "user::rwx,user:bob:rwx,group::r-x,mask::r--,other::---,default:user::rwx,default:user:cid:r--,default:group::r-x,default:mask::r-x,default:other::---"},
		{"default:user:bob:rwx", "set", "user::rwx,group::---,other::---,user:bob:r--", "user::rwx,user:bob:r--,group::---,mask::r--,other::---,default:user::rwx,default:user:bob:rwx,default:group::r-x,default:mask::rwx,default:other::---"},
	} {
		dir := at("Resources", fmt.Sprint("d", i))
		mkdirMode(t, fs, dir, 0o750)
		if c.before != "" {
			modify(t, fs, dir, c.before)
		}
		var list bine.ACL
		var err error
		switch c.op {
		case "modify":
			list, err = fs.ModifyACL(ctx, owner, dir, entries(t, c.entries))
		case "set":
			list, err = fs.SetACL(ctx, owner, dir, entries(t, c.entries))
		case "remove":
			named, parseErr := bine.ParseACL(strings.NewReplacer("user:bob", "user:demo__bob", "user:cid", "user:demo__cid").Replace(c.entries), false)
			if parseErr != nil {
				t.Fatal(parseErr)
			}
			list, err = fs.RemoveACLEntries(ctx, owner, dir, named)
		case "remove-default":
			list, err = fs.RemoveDefaultACL(ctx, owner, dir)
		case "remove-all":
			list, err = fs.RemoveACL(ctx, owner, dir)
		}
		if got := aclText(list); err != nil || got != c.want {
			t.Errorf("%s with %q, then %s %q:\ngot  %s, %v\nwant %s", dir, c.before, c.op, c.entries, got, err, c.want)
		}
		wantACL(t, fs, dir, c.want)
		if info := stat(t, fs, dir); info.ACL != (len(list.Entries) > 3) || info.Mode != list.Mode {
			t.Errorf("%s: Stat says list %t and mode %o, the list %+v", dir, info.ACL, info.Mode, list)
		}
	}
}

func aclWrong(t *testing.T, fs dfs.FS) {
	ctx, dir, file := t.Context(), at("Resources/d"), at("Resources/file")
	mkdirMode(t, fs, dir, 0o750)
	put(t, fs, file, []byte("x"))
	before := modify(t, fs, dir, "user:bob:rwx")
	many := ""
	for i := range 33 {
		many += fmt.Sprintf("user:u%d:r--,", i)
	}
	for text, path := range map[string]string{
		"user:other__eve:r--": dir, "user:bob:r--": dir, "group:demo__nobody:r--": dir, "group:wheel:r--": dir, "user:demo__:r--": dir, "user:demo__other__eve:r--": dir,
		"mask:demo__bob:r--": dir, "other:demo__bob:r--": dir, "user:demo__bob:r--,user:demo__bob:rw-": dir,
		"default:user:demo__bob:r--": file, "mask::r--,mask::rw-": dir,
	} {
		list, err := bine.ParseACL(text, true)
		if err != nil {
			t.Fatal(err)
		}
		_, err = fs.ModifyACL(ctx, owner, path, list)
		wantKind(t, text, err, bine.Invalid, path)
	}
	_, err := fs.ModifyACL(ctx, owner, dir, entries(t, many))
	wantKind(t, "33 users", err, bine.Invalid, dir)
	_, err = fs.ModifyACL(ctx, owner, dir, []bine.ACLEntry{{Type: "everyone", Perm: "r--"}})
	wantKind(t, "a type that is none", err, bine.Invalid, dir)
	_, err = fs.ModifyACL(ctx, owner, dir, []bine.ACLEntry{{Type: bine.ACLOther, Perm: "rwxt"}})
	wantKind(t, "a permission that is none", err, bine.Invalid, dir)
	_, err = fs.SetACL(ctx, owner, dir, entries(t, "user:bob:rwx"))
	wantKind(t, "a list without an owner", err, bine.Invalid, dir)
	_, err = fs.RemoveACLEntries(ctx, owner, dir, []bine.ACLEntry{{Type: bine.ACLMask}})
	wantKind(t, "the mask of named users", err, bine.Invalid, dir)
	_, err = fs.RemoveACLEntries(ctx, owner, dir, []bine.ACLEntry{{Type: bine.ACLUser}})
	wantKind(t, "the owner", err, bine.Invalid, dir)
	_, err = fs.ModifyACL(ctx, owner, at("Resources/none"), entries(t, "user:bob:r--"))
	wantKind(t, "what is not there", err, bine.NotFound, at("Resources/none"))
	_, err = fs.SetACL(ctx, owner, dir, nil)
	wantKind(t, "no entries", err, bine.Invalid, dir)
	_, err = fs.ACL(ctx, stranger, dir)
	wantKind(t, "ACL by a stranger", err, bine.NotFound, dir)
	wantACL(t, fs, dir, before)
	wantACL(t, fs, file, "user::rw-,group::rw-,other::---")
}

// can reports which of r, w and x a user has, for a directory.
func can(t *testing.T, fs dfs.FS, user dfs.User, dir string) string {
	t.Helper()
	got := []byte("---")
	try := func(i int, letter byte, err error) {
		switch {
		case err == nil || bine.IsKind(err, bine.NotFound):
			got[i] = letter
		case !bine.IsKind(err, bine.Forbidden):
			t.Fatal(err)
		}
	}
	_, _, err := fs.List(t.Context(), user, dir, "", 1)
	try(0, 'r', err)
	try(1, 'w', fs.RemoveXattr(t.Context(), user, dir, "none"))
	_, err = fs.Stat(t.Context(), user, dir+"/none")
	try(2, 'x', err)
	return string(got)
}

func aclDecides(t *testing.T, fs dfs.FS) {
	for i, c := range []struct{ list, bob, cid string }{
		{"user::---,group::---,other::---", "---", "---"},
		{"user::rwx,user:bob:rwx,group::---,other::---", "rwx", "---"},
		{"user::rwx,user:bob:rwx,group::---,mask::r-x,other::---", "r-x", "---"},
		{"user::rwx,user:bob:---,group::rwx,other::rwx", "---", "rwx"},
		{"user::rwx,user:bob:r--,group::rwx,mask::-wx,other::---", "---", "-wx"},
		{"user::rwx,group::r-x,mask::rwx,other::rwx", "r-x", "r-x"},
		{"user::rwx,user:bob:rw-,group::--x,other::rwx", "rw-", "--x"},
		{"user::rwx,group::---,group:data_owner:rwx,other::rwx", "---", "---"},
	} {
		dir := at("Resources", fmt.Sprint("d", i))
		mkdirMode(t, fs, dir, 0o700)
		acl(t, func() (bine.ACL, error) { return fs.SetACL(t.Context(), owner, dir, entries(t, c.list)) })
		if bob, cid := can(t, fs, scientist, dir), can(t, fs, colleague, dir); bob != c.bob || cid != c.cid {
			t.Errorf("%s: bob has %s, want %s; cid has %s, want %s", c.list, bob, c.bob, cid, c.cid)
		}
		if got := can(t, fs, owner, dir); got != "rwx" {
			t.Errorf("%s: the Data Owner has %s", c.list, got)
		}
		if got := can(t, fs, dfs.Platform(), dir); got != "rwx" {
			t.Errorf("%s: the platform has %s", c.list, got)
		}
	}
	// The owner is judged by their own bits, whatever a list says of them.
	if _, err := fs.Mkdir(t.Context(), scientist, at("Resources/own"), dfs.MkdirOptions{Mode: 0o500}); err != nil {
		t.Fatal(err)
	}
	modify(t, fs, at("Resources/own"), "user:bob:rwx")
	if got := can(t, fs, scientist, at("Resources/own")); got != "r-x" {
		t.Errorf("the owner has %s, want r-x", got)
	}
}

func aclGroups(t *testing.T, fs dfs.FS) {
	dir := at("Resources/d")
	mkdirMode(t, fs, dir, 0o700)
	if _, err := fs.SetAttributes(t.Context(), owner, dir, dfs.Attributes{Group: new("demo__data_owner")}); err != nil {
		t.Fatal(err)
	}
	modify(t, fs, dir, "group:data_scientist:r-x,other::rwx")
	if got := can(t, fs, scientist, dir); got != "r-x" {
		t.Errorf("a Data Scientist has %s by their group, want r-x", got)
	}
	modify(t, fs, dir, "group:data_owner:rwx")
	if got := can(t, fs, scientist, dir); got != "r-x" {
		t.Errorf("a Data Scientist has %s, want r-x: the entry of another group is not theirs", got)
	}
}

func aclInherits(t *testing.T, fs dfs.FS) {
	ctx, dir := t.Context(), at("Resources/d")
	mkdirMode(t, fs, dir, 0o750)
	modify(t, fs, dir, "default:user:bob:rwx,default:other::r-x")
	if _, err := fs.Create(ctx, owner, dir+"/a/b/file", strings.NewReader("x"), dfs.CreateOptions{Parents: true}); err != nil {
		t.Fatal(err)
	}
	const given, file = "user::rwx,user:bob:rwx,group::r-x,mask::rwx,other::r-x", "user::rw-,user:bob:rwx,group::r-x,mask::rw-,other::r--"
	const defaults = ",default:user::rwx,default:user:bob:rwx,default:group::r-x,default:mask::rwx,default:other::r-x"
	wantACL(t, fs, dir+"/a", given+defaults)
	wantACL(t, fs, dir+"/a/b", given+defaults)
	wantACL(t, fs, dir+"/a/b/file", file)
	if _, err := fs.Append(ctx, owner, dir+"/log", 0, []byte("x")); err != nil {
		t.Fatal(err)
	}
	wantACL(t, fs, dir+"/log", file)
	mkdirMode(t, fs, dir+"/m", 0o700)
	wantACL(t, fs, dir+"/m", "user::rwx,user:bob:rwx,group::r-x,mask::---,other::---"+defaults)
	if _, err := fs.Mkdir(ctx, owner, dir+"/u", dfs.MkdirOptions{Mode: 0o755, Unmasked: 0o777}); err != nil {
		t.Fatal(err)
	}
	wantACL(t, fs, dir+"/u", given+defaults)
	if _, err := fs.SetAttributes(ctx, owner, dir, dfs.Attributes{Mode: new(uint32(0o700))}); err != nil {
		t.Fatal(err)
	}
	if got := can(t, fs, scientist, dir+"/a"); got != "---" { // above it is another list
		t.Errorf("bob has %s below a directory that is closed to them", got)
	}
	modify(t, fs, dir, "user:bob:--x")
	if got := can(t, fs, scientist, dir+"/a"); got != "rwx" {
		t.Errorf("bob has %s by the default list", got)
	}
	mkdirMode(t, fs, at("Resources/e"), 0o750)
	modify(t, fs, at("Resources/e"), "default:group::rwx,default:other::---")
	put(t, fs, at("Resources/e/file"), nil)
	wantACL(t, fs, at("Resources/e/file"), "user::rw-,group::rw-,other::---")
	if stat(t, fs, at("Resources/e/file")).ACL {
		t.Error("a file got a list from a default list that is but a mode")
	}
	entries, _, err := fs.List(ctx, owner, dir, "", 0)
	if err != nil || slices.ContainsFunc(entries, func(e dfs.Info) bool { return !e.ACL }) {
		t.Errorf("List tells of no lists: %+v, %v", entries, err)
	}
	put(t, fs, dir+"/log", []byte("another content"))
	wantACL(t, fs, dir+"/log", file)
}

func aclMask(t *testing.T, fs dfs.FS) {
	dir := at("Resources/d")
	mkdirMode(t, fs, dir, 0o750)
	modify(t, fs, dir, "user:bob:rwx")
	if info := stat(t, fs, dir); info.Mode != 0o770 {
		t.Errorf("the group's bits show %o, want the mask", info.Mode)
	}
	if _, err := fs.SetAttributes(t.Context(), owner, dir, dfs.Attributes{Mode: new(uint32(0o740))}); err != nil {
		t.Fatal(err)
	}
	wantACL(t, fs, dir, "user::rwx,user:bob:rwx,group::r-x,mask::r--,other::---")
	if got := can(t, fs, scientist, dir); got != "r--" {
		t.Errorf("bob has %s under the mask r--", got)
	}
	if _, err := fs.RemoveACL(t.Context(), owner, dir); err != nil {
		t.Fatal(err)
	}
	if info := stat(t, fs, dir); info.Mode != 0o750 || info.ACL {
		t.Errorf("without the list the mode is %o (list: %t), want what the group may do", info.Mode, info.ACL)
	}
}

func aclRights(t *testing.T, fs dfs.FS) {
	ctx, path := t.Context(), at("Resources/file")
	if _, err := fs.Create(ctx, scientist, path, strings.NewReader("x"), dfs.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err := fs.ModifyACL(ctx, colleague, path, entries(t, "user:cid:rwx"))
	wantKind(t, "by a colleague", err, bine.Forbidden, path)
	_, err = fs.RemoveACL(ctx, colleague, path)
	wantKind(t, "RemoveACL by a colleague", err, bine.Forbidden, path)
	_, err = fs.ModifyACL(ctx, stranger, path, []bine.ACLEntry{{Type: bine.ACLUser, Name: "other__eve", Perm: "rwx"}})
	wantKind(t, "by a stranger", err, bine.NotFound, path)
	if _, err := fs.ModifyACL(ctx, scientist, path, entries(t, "user:cid:rwx")); err != nil {
		t.Errorf("by the owner: %v", err)
	}
	_, err = fs.ModifyACL(ctx, colleague, path, entries(t, "user:cid:rwx"))
	wantKind(t, "by who may write", err, bine.Forbidden, path)
}

func aclMoves(t *testing.T, fs dfs.FS) {
	ctx := t.Context()
	mkdirMode(t, fs, at("Resources/d"), 0o750)
	put(t, fs, at("Resources/d/file"), []byte("x"))
	want := modify(t, fs, at("Resources/d/file"), "user:bob:rwx")
	mkdirMode(t, fs, at("Resources/e"), 0o750)
	modify(t, fs, at("Resources/e"), "default:user:cid:rwx")
	if _, err := fs.Rename(ctx, owner, at("Resources/d/file"), at("Resources/e/moved"), dfs.RenameOptions{}); err != nil {
		t.Fatal(err)
	}
	wantACL(t, fs, at("Resources/e/moved"), want)
	if err := fs.Remove(ctx, owner, at("Resources/e"), dfs.RemoveOptions{Recursive: true}); err != nil {
		t.Fatal(err)
	}
	put(t, fs, at("Resources/e/moved"), []byte("x"))
	wantACL(t, fs, at("Resources/e/moved"), "user::rw-,group::rw-,other::---")
}

func aclKept(t *testing.T, fs dfs.FS) {
	ctx := t.Context()
	_, err := fs.ModifyACL(ctx, owner, at(".artifacts"), entries(t, "user:bob:rwx"))
	wantKind(t, "of .artifacts", err, bine.Forbidden, at(".artifacts"))
	putOld(t, fs, at(".artifacts"))
	if _, err := fs.ModifyACL(ctx, dfs.Platform(), at(".artifacts"), entries(t, "user:bob:rwx,group:data_owner:rwx")); err != nil {
		t.Fatal(err)
	}
	for _, user := range []dfs.User{owner, scientist} {
		for what, err := range tryWrites(fs, t, user, at(".artifacts")) {
			wantKind(t, what, err, bine.Forbidden, at(".artifacts"))
		}
	}
	_, err = fs.ModifyACL(ctx, owner, "/Projects", entries(t, "user:bob:rwx"))
	wantKind(t, "of /Projects", err, bine.Forbidden, "/Projects")
}
