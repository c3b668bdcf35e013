package dfstest

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

var links = map[string]func(*testing.T, dfs.FS){
	"a link is followed by every operation":             linkFollowed,
	"a link itself is renamed and removed":              linkItself,
	"targets are absolute or begin at the link":         linkTargets,
	"a link may lead to nothing, and what is made then": linkDangling,
	"links in a circle are an error":                    linkCircle,
	"no link leads out of its project":                  linkOut,
	"rights are those of where a link leads":            linkRights,
	"a link opens no way into what the platform keeps":  linkKept,
	"a link does not widen where somebody changes":      linkWithin,
	"the platform follows no links":                     linkPlatform,
	"a link counts as an empty file":                    linkUsage,
	"wrong links are refused":                           linkWrong,
}

func link(t *testing.T, fs dfs.FS, path, target string) dfs.Info {
	t.Helper()
	info, err := fs.Symlink(t.Context(), owner, path, target, dfs.SymlinkOptions{})
	if err != nil {
		t.Fatalf("Symlink(%s, %s): %v", path, target, err)
	}
	return info
}

func linkFollowed(t *testing.T, fs dfs.FS) {
	ctx := t.Context()
	put(t, fs, at("Resources/real/dir/file"), []byte("abc"))
	made := link(t, fs, at("Resources/link"), "real/dir")
	if made.Link != "real/dir" || made.Dir || made.Size != 0 || made.Mode != 0o777 || made.Owner != "demo__ada" || made.Path != at("Resources/link") {
		t.Errorf("a link was made as %+v", made)
	}
	info := stat(t, fs, at("Resources/link"))
	if !info.Dir || info.Link != "" || info.Path != at("Resources/link") || info.ID != stat(t, fs, at("Resources/real/dir")).ID {
		t.Errorf("Stat follows to %+v", info)
	}
	wantContent(t, fs, at("Resources/link/file"), []byte("abc"))
	entries, _, err := fs.List(ctx, owner, at("Resources/link"), "", 0)
	if err != nil || len(entries) != 1 || entries[0].Path != at("Resources/link/file") {
		t.Errorf("List through a link: %+v, %v", entries, err)
	}
	put(t, fs, at("Resources/link/new"), []byte("new"))
	wantContent(t, fs, at("Resources/real/dir/new"), []byte("new"))
	if _, err := fs.Append(ctx, owner, at("Resources/link/new"), 3, []byte("er")); err != nil {
		t.Fatal(err)
	}
	if _, err := fs.Append(ctx, owner, at("Resources/link/log"), 0, noise(9000)); err != nil {
		t.Fatal(err)
	}
	if info, err := fs.Truncate(ctx, owner, at("Resources/link/log"), 7000); err != nil || info.Path != at("Resources/link/log") {
		t.Errorf("Truncate: %+v, %v", info, err)
	}
	wantContent(t, fs, at("Resources/real/dir/log"), noise(9000)[:7000])
	link(t, fs, at("Resources/to-log"), "link/log")
	if _, err := fs.Append(ctx, owner, at("Resources/to-log"), 7000, noise(9000)[7000:]); err != nil {
		t.Fatal(err)
	}
	wantContent(t, fs, at("Resources/real/dir/log"), noise(9000))
	if _, err := fs.Concat(ctx, owner, at("Resources/link/new"), []string{at("Resources/to-log")}); err != nil {
		t.Fatal(err)
	}
	wantContent(t, fs, at("Resources/real/dir/new"), append([]byte("newer"), noise(9000)...))
	wantMissing(t, fs, at("Resources/real/dir/log"))
	_, err = fs.Concat(ctx, owner, at("Resources/link/new"), []string{at("Resources/real/dir/new")})
	wantKind(t, "Concat of a file to itself by another name", err, bine.Invalid, at("Resources/real/dir/new"))
	mkdir(t, fs, at("Resources/link/a/b"))
	if _, err := fs.SetAttributes(ctx, owner, at("Resources/link/a"), dfs.Attributes{Mode: new(uint32(0o711))}); err != nil {
		t.Fatal(err)
	}
	if err := fs.SetXattr(ctx, owner, at("Resources/link/a"), "k", []byte("v")); err != nil {
		t.Fatal(err)
	}
	modify(t, fs, at("Resources/link/a"), "user:bob:r-x")
	if value, err := fs.Xattr(ctx, owner, at("Resources/real/dir/a"), "k"); err != nil || string(value) != "v" {
		t.Errorf("got %q, %v", value, err)
	}
	wantACL(t, fs, at("Resources/real/dir/a"), "user::rwx,user:bob:r-x,group::--x,mask::r-x,other::--x")
	if _, err := fs.Rename(ctx, owner, at("Resources/link/a/b"), at("Resources/link/c"), dfs.RenameOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := fs.Remove(ctx, owner, at("Resources/link/c"), dfs.RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	wantMissing(t, fs, at("Resources/real/dir/c"))
	_, err = fs.Rename(ctx, owner, at("Resources/real"), at("Resources/link/real"), dfs.RenameOptions{})
	wantKind(t, "a directory under itself by a link", err, bine.Invalid, at("Resources/real"))
}

func linkItself(t *testing.T, fs dfs.FS) {
	ctx := t.Context()
	put(t, fs, at("Resources/file"), []byte("abc"))
	mkdir(t, fs, at("Resources/d"))
	link(t, fs, at("Resources/a"), "file")
	got, err := fs.LinkInfo(ctx, owner, at("Resources/a"))
	if err != nil || got.Link != "file" || got.Dir || got.Size != 0 || got.Name != "a" {
		t.Errorf("LinkInfo: %+v, %v", got, err)
	}
	if got, err := fs.LinkInfo(ctx, owner, at("Resources/file")); err != nil || got.Link != "" || got.Size != 3 {
		t.Errorf("LinkInfo of a file: %+v, %v", got, err)
	}
	entries, _, err := fs.List(ctx, owner, at("Resources"), "", 0)
	if err != nil || fmt.Sprint(baseNames(entries)) != "[a d file]" || entries[0].Link != "file" || entries[1].Link+entries[2].Link != "" {
		t.Errorf("List: %+v, %v", entries, err)
	}
	_, err = fs.Symlink(ctx, owner, at("Resources/a"), "file", dfs.SymlinkOptions{})
	wantKind(t, "a link that is there", err, bine.Conflict, at("Resources/a"))
	info, err := fs.Rename(ctx, owner, at("Resources/a"), at("Resources/b"), dfs.RenameOptions{})
	if err != nil || info.ID != got.ID {
		t.Errorf("Rename: %+v, %v", info, err)
	}
	wantContent(t, fs, at("Resources/b"), []byte("abc"))
	_, err = fs.Rename(ctx, owner, at("Resources/file"), at("Resources/b"), dfs.RenameOptions{})
	wantKind(t, "Rename onto a link", err, bine.Conflict, at("Resources/b"))
	if _, err = fs.Rename(ctx, owner, at("Resources/file"), at("Resources/b"), dfs.RenameOptions{Overwrite: true}); err != nil {
		t.Fatal(err)
	}
	if got, err := fs.LinkInfo(ctx, owner, at("Resources/b")); err != nil || got.Link != "" || got.Size != 3 {
		t.Errorf("a link that was replaced by a file: %+v, %v", got, err)
	}
	put(t, fs, at("Resources/d/f"), []byte("x"))
	link(t, fs, at("Resources/k"), "d")
	if _, err := fs.Rename(ctx, owner, at("Resources/k"), at("Resources/k/moved"), dfs.RenameOptions{}); err != nil {
		t.Errorf("Rename of a link to where it leads: %v", err)
	}
	remove(t, fs, at("Resources/d/moved"))
	link(t, fs, at("Resources/l"), "d")
	if err := fs.Remove(ctx, owner, at("Resources/l"), dfs.RemoveOptions{Recursive: true}); err != nil {
		t.Fatal(err)
	}
	wantContent(t, fs, at("Resources/d/f"), []byte("x"))
	link(t, fs, at("Resources/d/l"), "f")
	remove(t, fs, at("Resources/d"))
}

func linkTargets(t *testing.T, fs dfs.FS) {
	put(t, fs, at("Resources/a/b/file"), []byte("abc"))
	for i, target := range []string{
		"a/b/file", "./a//b/./file/", "a/b/../b/file", "../Resources/a/b/file", "../../demo/Resources/a/b/file", at("Resources/a/b/file"), "/../Projects/demo/Resources/a/b/file",
	} {
		path := at("Resources", fmt.Sprint("l", i))
		if strings.HasPrefix(target, "/..") {
			_, err := fs.Symlink(t.Context(), owner, path, target, dfs.SymlinkOptions{})
			wantKind(t, target, err, bine.Invalid, path)
			continue
		}
		link(t, fs, path, target)
		wantContent(t, fs, path, []byte("abc"))
		if got, err := fs.LinkInfo(t.Context(), owner, path); err != nil || got.Link != target {
			t.Errorf("the link to %q is said to lead to %q, %v", target, got.Link, err)
		}
	}
	// Where a directory is moved, a link in it that is relative leads from there.
	link(t, fs, at("Resources/a/up"), "../a/b/file")
	if _, err := fs.Rename(t.Context(), owner, at("Resources/a"), at("Jupyter/a"), dfs.RenameOptions{}); err != nil {
		t.Fatal(err)
	}
	wantContent(t, fs, at("Jupyter/a/up"), []byte("abc"))
	if _, err := fs.Symlink(t.Context(), owner, at("Resources/deep/er/l"), "x", dfs.SymlinkOptions{}); !bine.IsKind(err, bine.NotFound) {
		t.Errorf("below a directory that is not there: %v", err)
	}
	if _, err := fs.Symlink(t.Context(), owner, at("Resources/deep/er/l"), "../../l0", dfs.SymlinkOptions{Parents: true}); err != nil {
		t.Error(err)
	}
}

func linkDangling(t *testing.T, fs dfs.FS) {
	ctx := t.Context()
	link(t, fs, at("Resources/l"), "later")
	_, err := fs.Stat(ctx, owner, at("Resources/l"))
	wantKind(t, "Stat", err, bine.NotFound, at("Resources/later"))
	_, _, err = fs.Open(ctx, owner, at("Resources/l"), 0, 0)
	wantKind(t, "Open", err, bine.NotFound, at("Resources/later"))
	if _, err := fs.Create(ctx, owner, at("Resources/l"), strings.NewReader("abc"), dfs.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	wantContent(t, fs, at("Resources/later"), []byte("abc"))
	link(t, fs, at("Resources/m"), "dir/below")
	if _, err := fs.Mkdir(ctx, owner, at("Resources/m/x"), dfs.MkdirOptions{Parents: true}); err != nil {
		t.Fatal(err)
	}
	if !stat(t, fs, at("Resources/dir/below/x")).Dir {
		t.Error("a directory was made elsewhere")
	}
	link(t, fs, at("Resources/f"), "later")
	_, err = fs.Stat(ctx, owner, at("Resources/f/x"))
	wantKind(t, "below a file", err, bine.NotFound, at("Resources/later/x"))
}

func linkCircle(t *testing.T, fs dfs.FS) {
	ctx := t.Context()
	link(t, fs, at("Resources/self"), "self")
	link(t, fs, at("Resources/a"), "b/x")
	link(t, fs, at("Resources/b"), "a/x")
	for _, path := range []string{"Resources/self", "Resources/self/x", "Resources/a", "Resources/a/x"} {
		_, err := fs.Stat(ctx, owner, at(path))
		wantKind(t, "Stat", err, bine.Conflict, at(path))
		_, err = fs.Create(ctx, owner, at(path), strings.NewReader("x"), dfs.CreateOptions{Parents: true, Overwrite: true})
		wantKind(t, "Create", err, bine.Conflict, at(path))
	}
	remove(t, fs, at("Resources/self"))
	put(t, fs, at("Resources/l0"), []byte("end"))
	for i := range 41 {
		link(t, fs, at("Resources", fmt.Sprint("l", i+1)), fmt.Sprint("l", i))
	}
	wantContent(t, fs, at("Resources/l40"), []byte("end"))
	_, err := fs.Stat(ctx, owner, at("Resources/l41"))
	wantKind(t, "41 links", err, bine.Conflict, at("Resources/l41"))
	mkdir(t, fs, at("Resources/long"))
	link(t, fs, at("Resources/long/l"), strings.Repeat("./l/../", 10)+"l/"+strings.Repeat(strings.Repeat("n", 250)+"/", 10))
	_, err = fs.Stat(ctx, owner, at("Resources/long/l"))
	wantKind(t, "a path that grows", err, bine.Conflict, "/Projects/demo")
}

func linkOut(t *testing.T, fs dfs.FS) {
	ctx := t.Context()
	if _, err := fs.Create(ctx, dfs.Platform(), "/System/secret", strings.NewReader("secret"), dfs.CreateOptions{Parents: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := fs.Create(ctx, stranger, dfs.ProjectPath(Other, "Resources/secret"), strings.NewReader("secret"), dfs.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for i, target := range []string{
		"/System/secret", "/", "/Projects", "/Projects/other/Resources/secret", "/Projects/other", "/Projects/demo", "..", "../..", "../../other/Resources/secret",
		"../../../System/secret", "../../../../../../System", "/Projects/demo/../other/Resources/secret", "x/../../../other/Resources", "/Projects/demoX/x",
	} {
		path := at("Resources", fmt.Sprint("l", i))
		_, err := fs.Symlink(ctx, owner, path, target, dfs.SymlinkOptions{})
		wantKind(t, "a link to "+target, err, bine.Invalid, path)
		wantMissing(t, fs, path)
	}
	// One that was right where it was made, and is moved.
	mkdir(t, fs, at("Resources/a/b/c"))
	link(t, fs, at("Resources/a/b/c/l"), "../../../../Resources/a") // from Resources it would lead to /Projects/..
	if _, err := fs.Rename(ctx, owner, at("Resources/a/b/c/l"), at("Resources/l"), dfs.RenameOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, user := range []dfs.User{owner, scientist} {
		_, err := fs.Stat(ctx, user, at("Resources/l"))
		wantKind(t, "a link that leads out", err, bine.NotFound, at("Resources/l"))
		_, err = fs.Create(ctx, user, at("Resources/l/x"), strings.NewReader("x"), dfs.CreateOptions{Parents: true})
		wantKind(t, "Create through a link that leads out", err, bine.NotFound, at("Resources/l"))
	}
	_, err := fs.Symlink(ctx, dfs.Platform(), "/System/l", "secret", dfs.SymlinkOptions{})
	wantKind(t, "a link outside of projects", err, bine.Invalid, "/System/l")
	_, err = fs.Symlink(ctx, stranger, at("Resources/l2"), "x", dfs.SymlinkOptions{})
	wantKind(t, "a link by a stranger", err, bine.NotFound, at("Resources/l2"))
	_, err = fs.LinkInfo(ctx, stranger, at("Resources/l"))
	wantKind(t, "LinkInfo by a stranger", err, bine.NotFound, at("Resources/l"))
}

func linkRights(t *testing.T, fs dfs.FS) {
	ctx := t.Context()
	mkdirMode(t, fs, at("Resources/closed"), 0o700)
	put(t, fs, at("Resources/closed/file"), []byte("secret"))
	if _, err := fs.Symlink(ctx, scientist, at("Jupyter/in"), "../Resources/closed/file", dfs.SymlinkOptions{}); err != nil {
		t.Fatal(err)
	}
	_, _, err := fs.Open(ctx, scientist, at("Jupyter/in"), 0, 0)
	wantKind(t, "a link into what is closed", err, bine.Forbidden, at("Resources/closed"))
	_, err = fs.Create(ctx, scientist, at("Jupyter/in"), strings.NewReader("x"), dfs.CreateOptions{Overwrite: true})
	wantKind(t, "Create through it", err, bine.Forbidden, at("Resources/closed"))
	// A link that cannot be reached is not followed, wherever it leads.
	put(t, fs, at("Resources/open"), []byte("open"))
	link(t, fs, at("Resources/closed/out"), "../open")
	_, err = fs.Stat(ctx, scientist, at("Resources/closed/out"))
	wantKind(t, "a link in what is closed", err, bine.Forbidden, at("Resources/closed"))
	_, err = fs.LinkInfo(ctx, scientist, at("Resources/closed/out"))
	wantKind(t, "LinkInfo in what is closed", err, bine.Forbidden, at("Resources/closed"))
	_, err = fs.Symlink(ctx, scientist, at("Models/l"), "x", dfs.SymlinkOptions{})
	wantKind(t, "a link in what is read-only", err, bine.Forbidden, at("Models"))
	if _, err := fs.Symlink(ctx, scientist, at("Jupyter/models"), "../Models", dfs.SymlinkOptions{}); err != nil {
		t.Fatal(err)
	}
	putOld(t, fs, at("Models"))
	for what, err := range tryWrites(fs, t, scientist, at("Jupyter/models")) {
		if what != "Remove" { // of what could not be renamed
			wantKind(t, what, err, bine.Forbidden, at("Models"))
		}
	}
	wantContent(t, fs, at("Models/old"), []byte("old"))
}

func linkKept(t *testing.T, fs dfs.FS) {
	ctx := t.Context()
	putOld(t, fs, at(".artifacts"))
	link(t, fs, at("Resources/in"), "../.artifacts")
	link(t, fs, at("Resources/file"), at(".artifacts/old"))
	link(t, fs, at("Resources/new"), "in/new")
	for _, user := range []dfs.User{owner, scientist} {
		for what, err := range tryWrites(fs, t, user, at("Resources/in")) {
			wantKind(t, what+" below a link to .artifacts", err, bine.Forbidden, at(".artifacts"))
		}
		wantKind(t, "Remove", fs.Remove(ctx, user, at("Resources/in/old"), dfs.RemoveOptions{}), bine.Forbidden, at(".artifacts"))
		_, err := fs.Create(ctx, user, at("Resources/file"), strings.NewReader("x"), dfs.CreateOptions{Overwrite: true})
		wantKind(t, "Overwrite", err, bine.Forbidden, at(".artifacts"))
		_, err = fs.Create(ctx, user, at("Resources/file"), strings.NewReader(string(noise(100_000))), dfs.CreateOptions{Overwrite: true})
		wantKind(t, "Overwrite by much", err, bine.Forbidden, at(".artifacts"))
		_, err = fs.Append(ctx, user, at("Resources/file"), 3, []byte("x"))
		wantKind(t, "Append", err, bine.Forbidden, at(".artifacts"))
		_, err = fs.Truncate(ctx, user, at("Resources/file"), 1)
		wantKind(t, "Truncate", err, bine.Forbidden, at(".artifacts"))
		_, err = fs.Create(ctx, user, at("Resources/new"), strings.NewReader("x"), dfs.CreateOptions{})
		wantKind(t, "Create by a link that leads to nothing", err, bine.Forbidden, at(".artifacts"))
		_, err = fs.Mkdir(ctx, user, at("Resources/new/deep/er"), dfs.MkdirOptions{Parents: true})
		wantKind(t, "Mkdir by a link that leads to nothing", err, bine.Forbidden, at(".artifacts"))
		_, err = fs.SetAttributes(ctx, user, at("Resources/file"), dfs.Attributes{Mode: new(uint32(0o777))})
		wantKind(t, "SetAttributes", err, bine.Forbidden, at(".artifacts"))
		wantKind(t, "SetXattr", fs.SetXattr(ctx, user, at("Resources/file"), "k", nil), bine.Forbidden, at(".artifacts"))
		wantKind(t, "RemoveXattr", fs.RemoveXattr(ctx, user, at("Resources/file"), "tag"), bine.Forbidden, at(".artifacts"))
		_, err = fs.ModifyACL(ctx, user, at("Resources/in"), entries(t, "user:bob:rwx"))
		wantKind(t, "ModifyACL", err, bine.Forbidden, at(".artifacts"))
		_, err = fs.RemoveACL(ctx, user, at("Resources/file"))
		wantKind(t, "RemoveACL", err, bine.Forbidden, at(".artifacts"))
		put(t, fs, at("Resources/plain"), []byte("x"))
		_, err = fs.Rename(ctx, user, at("Resources/plain"), at("Resources/in/plain"), dfs.RenameOptions{})
		wantKind(t, "Rename into it", err, bine.Forbidden, at(".artifacts"))
		_, err = fs.Rename(ctx, user, at("Resources/in/old"), at("Resources/stolen"), dfs.RenameOptions{})
		wantKind(t, "Rename out of it", err, bine.Forbidden, at(".artifacts"))
		_, err = fs.Concat(ctx, user, at("Resources/plain"), []string{at("Resources/file")})
		wantKind(t, "Concat from it", err, bine.Forbidden, at(".artifacts"))
		_, err = fs.Concat(ctx, user, at("Resources/file"), []string{at("Resources/plain")})
		wantKind(t, "Concat to it", err, bine.Forbidden, at(".artifacts"))
		_, err = fs.Symlink(ctx, user, at("Resources/in/l"), "x", dfs.SymlinkOptions{})
		wantKind(t, "Symlink in it", err, bine.Forbidden, at(".artifacts"))
	}
	wantContent(t, fs, at(".artifacts/old"), []byte("old"))
	entries, _, err := fs.List(ctx, owner, at(".artifacts"), "", 0)
	if err != nil || len(entries) != 1 {
		t.Errorf(".artifacts holds %v, %v", baseNames(entries), err)
	}
}

func linkWithin(t *testing.T, fs dfs.FS) {
	ctx, person := t.Context(), scientist
	person.Within = []string{"Resources", "Jupyter"}
	putOld(t, fs, at("Resources"))
	for what, err := range tryWrites(fs, t, person, at("Resources")) {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	putOld(t, fs, at("Logs"))
	for what, err := range tryWrites(fs, t, person, at("Logs")) {
		wantKind(t, what, err, bine.Forbidden, at("Logs"))
	}
	if _, err := fs.Symlink(ctx, person, at("Resources/logs"), "../Logs", dfs.SymlinkOptions{}); err != nil {
		t.Fatal(err)
	}
	for what, err := range tryWrites(fs, t, person, at("Resources/logs")) {
		wantKind(t, what+" through a link", err, bine.Forbidden, at("Logs"))
	}
	wantContent(t, fs, at("Logs/old"), []byte("old"))
	if _, err := fs.Rename(ctx, person, at("Resources/logs"), at("Jupyter/logs"), dfs.RenameOptions{}); err != nil {
		t.Error(err)
	}
}

// linkPlatform lays links where the platform goes with every right.
func linkPlatform(t *testing.T, fs dfs.FS) {
	ctx, platform := t.Context(), dfs.Platform()
	mkdirMode(t, fs, at("Resources/closed"), 0o700)
	put(t, fs, at("Resources/closed/file"), []byte("secret"))
	for path, target := range map[string]string{"Logs/run": "../.artifacts", "Logs/log": "../.artifacts/new", "Logs/file": "../Resources/closed/file"} {
		if _, err := fs.Symlink(ctx, scientist, at(path), target, dfs.SymlinkOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := fs.Append(ctx, platform, at("Logs/log"), 0, []byte("x"))
	wantKind(t, "Append", err, bine.Conflict, at("Logs/log"))
	_, err = fs.Append(ctx, platform, at("Logs/run/log"), 0, []byte("x"))
	wantKind(t, "Append below a link", err, bine.Conflict, at("Logs/run"))
	_, err = fs.Create(ctx, platform, at("Logs/log"), strings.NewReader("x"), dfs.CreateOptions{Overwrite: true})
	wantKind(t, "Create", err, bine.Conflict, at("Logs/log"))
	_, err = fs.Mkdir(ctx, platform, at("Logs/run/1/2"), dfs.MkdirOptions{Parents: true})
	wantKind(t, "Mkdir", err, bine.Conflict, at("Logs/run"))
	_, err = fs.Stat(ctx, platform, at("Logs/file"))
	wantKind(t, "Stat", err, bine.Conflict, at("Logs/file"))
	_, _, err = fs.Open(ctx, platform, at("Logs/file"), 0, 0)
	wantKind(t, "Open", err, bine.Conflict, at("Logs/file"))
	wantKind(t, "Remove below a link", fs.Remove(ctx, platform, at("Logs/run/x"), dfs.RemoveOptions{Recursive: true}), bine.Conflict, at("Logs/run"))
	if err := fs.Remove(ctx, platform, at("Logs/run"), dfs.RemoveOptions{Recursive: true}); err != nil {
		t.Errorf("Remove of a link: %v", err)
	}
	if entries, _, err := fs.List(ctx, owner, at(".artifacts"), "", 0); err != nil || len(entries) > 0 {
		t.Errorf(".artifacts holds %v, %v", baseNames(entries), err)
	}
}

func linkUsage(t *testing.T, fs dfs.FS) {
	put(t, fs, at("Resources/d/file"), noise(5000))
	before, err := fs.Usage(t.Context(), owner, at())
	if err != nil {
		t.Fatal(err)
	}
	link(t, fs, at("Resources/d/l"), "file")
	link(t, fs, at("Resources/d/none"), "none")
	wantUsage(t, fs, at("Resources/d"), 5000, 3, 0)
	wantUsage(t, fs, at(), before.Bytes, before.Files+2, before.Directories)
	wantUsage(t, fs, at("Resources/d/l"), 5000, 1, 0) // that of where it leads
	remove(t, fs, at("Resources/d/none"))
	wantUsage(t, fs, at(), before.Bytes, before.Files+1, before.Directories)
}

func linkWrong(t *testing.T, fs dfs.FS) {
	ctx := t.Context()
	put(t, fs, at("Resources/file"), []byte("x"))
	for _, target := range []string{"", "a\x00b", "a/\xff", strings.Repeat("y", 300), strings.Repeat("y/", 3000)} {
		_, err := fs.Symlink(ctx, owner, at("Resources/l"), target, dfs.SymlinkOptions{})
		wantKind(t, fmt.Sprintf("a link to %.20q", target), err, bine.Invalid, "")
	}
	_, err := fs.Symlink(ctx, owner, at("Resources/file/l"), "x", dfs.SymlinkOptions{})
	wantKind(t, "below a file", err, bine.Conflict, at("Resources/file"))
	_, err = fs.Symlink(ctx, owner, at("Resources/.."), "x", dfs.SymlinkOptions{})
	wantKind(t, "a path with dots", err, bine.Invalid, "..")
	_, err = fs.Symlink(ctx, owner, at(), "x", dfs.SymlinkOptions{})
	wantKind(t, "in the place of a project", err, bine.Conflict, at())
	link(t, fs, at("Resources/l"), "file")
	if r, info, err := fs.Open(ctx, owner, at("Resources/l"), 0, 0); err != nil || info.Path != at("Resources/l") {
		t.Errorf("Open: %+v, %v", info, err)
	} else if data, err := io.ReadAll(r); string(data) != "x" || err != nil {
		t.Errorf("read %q, %v", data, err)
	}
}
