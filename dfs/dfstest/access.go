package dfstest

import (
	"bytes"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

var accesses = map[string]func(*testing.T, dfs.FS){
	"other projects do not exist":                              otherProjects,
	"a Data Scientist reads all and writes to the shared ones": scientistRights,
	"a Data Owner may everything but change artifacts":         ownerRights,
	"parts of uploads are changed by uploads":                  partRights,
	"mode and group decide for Data Scientists":                modes,
	"attributes are changed by who owns":                       attributeRights,
	"who sees /Projects sees the own one":                      ownProject,
	"nobody sees nothing":                                      nobody,
}

// write tries every way to change what is at dir, where a file old lies.
func tryWrites(fs dfs.FS, t *testing.T, user dfs.User, dir string) map[string]error {
	ctx, errs := t.Context(), map[string]error{}
	_, errs["Mkdir"] = fs.Mkdir(ctx, user, dir+"/new-dir", dfs.MkdirOptions{})
	_, errs["Create"] = fs.Create(ctx, user, dir+"/new-file", strings.NewReader("x"), dfs.CreateOptions{})
	_, errs["Create of a large file"] = fs.Create(ctx, user, dir+"/new-large", bytes.NewReader(noise(100_000)), dfs.CreateOptions{})
	_, errs["Append"] = fs.Append(ctx, user, dir+"/old", 3, []byte("x"))
	_, errs["Append to a new file"] = fs.Append(ctx, user, dir+"/new-log", 0, []byte("x"))
	_, errs["Overwrite"] = fs.Create(ctx, user, dir+"/old", strings.NewReader("new"), dfs.CreateOptions{Overwrite: true})
	errs["SetXattr"] = fs.SetXattr(ctx, user, dir+"/old", "tag", []byte("x"))
	errs["RemoveXattr"] = fs.RemoveXattr(ctx, user, dir+"/old", "tag")
	_, errs["Rename"] = fs.Rename(ctx, user, dir+"/old", dir+"/moved", dfs.RenameOptions{})
	errs["Remove"] = fs.Remove(ctx, user, dir+"/moved", dfs.RemoveOptions{})
	return errs
}

func putOld(t *testing.T, fs dfs.FS, dir string) {
	t.Helper()
	if _, err := fs.Create(t.Context(), dfs.Platform(), dir+"/old", strings.NewReader("old"), dfs.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := fs.SetXattr(t.Context(), dfs.Platform(), dir+"/old", "tag", []byte("x")); err != nil {
		t.Fatal(err)
	}
}

func otherProjects(t *testing.T, fs dfs.FS) {
	ctx := t.Context()
	putOld(t, fs, at("Resources"))
	for what, err := range tryWrites(fs, t, stranger, at("Resources")) {
		wantKind(t, what, err, bine.NotFound, at("Resources"))
	}
	for _, path := range []string{at("Resources/old"), at("Resources/none"), at(), dfs.ProjectPath("none")} {
		_, err := fs.Stat(ctx, stranger, path)
		wantKind(t, "Stat", err, bine.NotFound, path)
		_, _, err = fs.List(ctx, stranger, path, "", 0)
		wantKind(t, "List", err, bine.NotFound, path)
		_, _, err = fs.Open(ctx, stranger, path, 0, 0)
		wantKind(t, "Open", err, bine.NotFound, path)
		_, err = fs.Usage(ctx, stranger, path)
		wantKind(t, "Usage", err, bine.NotFound, path)
		_, err = fs.Xattrs(ctx, stranger, path)
		wantKind(t, "Xattrs", err, bine.NotFound, path)
	}
}

func scientistRights(t *testing.T, fs dfs.FS) {
	ctx := t.Context()
	for _, name := range []string{"Resources", "Jupyter", "Logs", "Experiments", "Pipelines"} {
		putOld(t, fs, at(name))
		for what, err := range tryWrites(fs, t, scientist, at(name)) {
			if err != nil {
				t.Errorf("%s in %s: %v", what, name, err)
			}
		}
	}
	for _, name := range []string{"Models", "Training_Datasets", "Statistics", "DataValidation", ".artifacts"} {
		putOld(t, fs, at(name))
		for what, err := range tryWrites(fs, t, scientist, at(name)) {
			if what == "Remove" { // there is nothing to remove, and the answer may say so
				continue
			}
			wantKind(t, what+" in "+name, err, bine.Forbidden, at(name))
		}
		wantKind(t, "Remove", fs.Remove(ctx, scientist, at(name, "old"), dfs.RemoveOptions{}), bine.Forbidden, at(name))
		if r, _, err := fs.Open(ctx, scientist, at(name, "old"), 0, 0); err != nil {
			t.Errorf("Open in %s: %v", name, err)
		} else {
			r.Close()
		}
		if _, _, err := fs.List(ctx, scientist, at(name), "", 0); err != nil {
			t.Errorf("List of %s: %v", name, err)
		}
	}
	_, err := fs.Mkdir(ctx, scientist, at("dataset"), dfs.MkdirOptions{})
	wantKind(t, "Mkdir of a dataset", err, bine.Forbidden, at())
	wantKind(t, "Remove", fs.Remove(ctx, scientist, at("Resources"), dfs.RemoveOptions{Recursive: true}), bine.Forbidden, at())
	_, err = fs.Create(ctx, scientist, at("README.md"), strings.NewReader("mine"), dfs.CreateOptions{Overwrite: true})
	wantKind(t, "Overwrite of the README", err, bine.Forbidden, at("README.md"))
}

func ownerRights(t *testing.T, fs dfs.FS) {
	ctx := t.Context()
	mkdir(t, fs, at("dataset"))
	for _, name := range []string{"Resources", "Models", "Statistics", "dataset"} {
		putOld(t, fs, at(name))
		for what, err := range tryWrites(fs, t, owner, at(name)) {
			if err != nil {
				t.Errorf("%s in %s: %v", what, name, err)
			}
		}
	}
	putOld(t, fs, at(".artifacts"))
	for what, err := range tryWrites(fs, t, owner, at(".artifacts")) {
		wantKind(t, what, err, bine.Forbidden, at(".artifacts"))
	}
	wantKind(t, "Remove", fs.Remove(ctx, owner, at(".artifacts"), dfs.RemoveOptions{Recursive: true}), bine.Forbidden, at(".artifacts"))
	wantKind(t, "Remove of the project", fs.Remove(ctx, owner, at(), dfs.RemoveOptions{Recursive: true}), bine.Forbidden, "/Projects")
	_, err := fs.Rename(ctx, owner, at("Models"), at(".artifacts/x"), dfs.RenameOptions{})
	wantKind(t, "Rename into .artifacts", err, bine.Forbidden, at(".artifacts"))
	wantContent(t, fs, at(".artifacts/old"), []byte("old"))
	remove(t, fs, at("Statistics"))
}

// partRights has parts of uploads changed by nobody who does not act through the
// door that keeps them, and by no way around their path.
func partRights(t *testing.T, fs dfs.FS) {
	ctx, dir := t.Context(), at(dfs.MultipartName)
	if _, err := fs.Mkdir(ctx, dfs.Platform(), dir, dfs.MkdirOptions{Mode: 0o777}); err != nil {
		t.Fatal(err)
	}
	putOld(t, fs, dir)
	for what, err := range tryWrites(fs, t, owner, dir) {
		wantKind(t, what, err, bine.Forbidden, dir)
	}
	put(t, fs, at("Resources/file"), []byte("x"))
	wantKind(t, "Remove", fs.Remove(ctx, owner, dir, dfs.RemoveOptions{Recursive: true}), bine.Forbidden, dir)
	_, err := fs.Rename(ctx, owner, at("Resources/file"), dir+"/x", dfs.RenameOptions{})
	wantKind(t, "Rename into it", err, bine.Forbidden, dir)
	_, err = fs.Clone(ctx, owner, at("Resources/file"), dir+"/x", dfs.CloneOptions{})
	wantKind(t, "Clone into it", err, bine.Forbidden, dir)
	_, err = fs.Concat(ctx, owner, at("Resources/file"), []string{dir + "/old"})
	wantKind(t, "Concat of a part", err, bine.Forbidden, dir)
	_, err = fs.Lease(ctx, owner, dir+"/old", "w")
	wantKind(t, "Lease", err, bine.Forbidden, dir)
	if _, err := fs.Symlink(ctx, owner, at("Resources/link"), dir, dfs.SymlinkOptions{}); err != nil {
		t.Fatal(err)
	}
	for what, err := range tryWrites(fs, t, owner, at("Resources/link")) {
		wantKind(t, what+" by a link", err, bine.Forbidden, dir)
	}
	wantContent(t, fs, dir+"/old", []byte("old"))

	uploader := scientist
	uploader.Parts, uploader.Within = true, []string{"Resources"}
	if _, err := fs.Mkdir(ctx, uploader, dir+"/upload", dfs.MkdirOptions{Mode: 0o700}); err != nil {
		t.Error(err)
	}
	if _, err := fs.Create(ctx, uploader, dir+"/upload/1", strings.NewReader("part"), dfs.CreateOptions{}); err != nil {
		t.Error(err)
	}
	_, err = fs.Rename(ctx, uploader, dir+"/upload/1", at("Models/file"), dfs.RenameOptions{})
	wantKind(t, "Rename to where they may not write", err, bine.Forbidden, at("Models"))
	if _, err := fs.Rename(ctx, uploader, dir+"/upload/1", at("Resources/made"), dfs.RenameOptions{}); err != nil {
		t.Error(err)
	}
	other := colleague
	other.Parts = true
	wantKind(t, "a colleague's Remove", fs.Remove(ctx, other, dir+"/upload/1", dfs.RemoveOptions{}), bine.Forbidden, dir)
}

func modes(t *testing.T, fs dfs.FS) {
	ctx, dir := t.Context(), at("Resources/private")
	if _, err := fs.Mkdir(ctx, scientist, dir, dfs.MkdirOptions{Mode: 0o700}); err != nil {
		t.Fatal(err)
	}
	if _, err := fs.Create(ctx, scientist, dir+"/file", strings.NewReader("mine"), dfs.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err := fs.Stat(ctx, colleague, dir+"/file")
	wantKind(t, "Stat by a colleague", err, bine.Forbidden, dir)
	_, err = fs.Stat(ctx, colleague, dir+"/none")
	wantKind(t, "Stat of what is not there", err, bine.Forbidden, dir)
	_, _, err = fs.List(ctx, colleague, dir, "", 0)
	wantKind(t, "List by a colleague", err, bine.Forbidden, dir)
	wantContent(t, fs, dir+"/file", []byte("mine")) // the Data Owner reads
	if _, err := fs.SetAttributes(ctx, scientist, dir, dfs.Attributes{Mode: new(uint32(0o711))}); err != nil {
		t.Fatal(err)
	}
	if _, err := fs.SetAttributes(ctx, scientist, dir+"/file", dfs.Attributes{Mode: new(uint32(0o644))}); err != nil {
		t.Fatal(err)
	}
	if _, err := fs.Stat(ctx, colleague, dir+"/file"); err != nil {
		t.Errorf("through a directory with x only: %v", err)
	}
	_, err = fs.Create(ctx, colleague, dir+"/file", strings.NewReader("yours"), dfs.CreateOptions{Overwrite: true})
	wantKind(t, "Overwrite of a read-only file", err, bine.Forbidden, dir)
	if _, err := fs.SetAttributes(ctx, owner, at("Resources"), dfs.Attributes{Group: new("demo__data_owner")}); err != nil {
		t.Fatal(err)
	}
	_, _, err = fs.List(ctx, scientist, at("Resources"), "", 0)
	wantKind(t, "List of what is for Data Owners", err, bine.Forbidden, at("Resources"))
}

func attributeRights(t *testing.T, fs dfs.FS) {
	ctx, path := t.Context(), at("Resources/file")
	if _, err := fs.Create(ctx, scientist, path, strings.NewReader("x"), dfs.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	set := func(user dfs.User, a dfs.Attributes) error {
		_, err := fs.SetAttributes(ctx, user, path, a)
		return err
	}
	wantKind(t, "mode by a colleague", set(colleague, dfs.Attributes{Mode: new(uint32(0o777))}), bine.Forbidden, path)
	wantKind(t, "owner by the owner", set(scientist, dfs.Attributes{Owner: new("demo__cid")}), bine.Forbidden, path)
	wantKind(t, "a group that one is not in", set(scientist, dfs.Attributes{Group: new("demo__data_owner")}), bine.Forbidden, path)
	wantKind(t, "a group of nobody", set(owner, dfs.Attributes{Group: new("wheel")}), bine.Invalid, path)
	wantKind(t, "an owner of another project", set(owner, dfs.Attributes{Owner: new("other__eve")}), bine.Invalid, path)
	wantKind(t, "a mode that is none", set(owner, dfs.Attributes{Mode: new(uint32(0o7777))}), bine.Invalid, path)
	if err := set(owner, dfs.Attributes{Owner: new("demo__cid"), Group: new("demo__data_owner")}); err != nil {
		t.Errorf("by a Data Owner: %v", err)
	}
	if info := stat(t, fs, path); info.Owner != "demo__cid" || info.Group != "demo__data_owner" {
		t.Errorf("got %+v", info)
	}
	wantKind(t, "a platform attribute", fs.SetXattr(ctx, owner, path, "bine.kind", nil), bine.Forbidden, path)
}

func ownProject(t *testing.T, fs dfs.FS) {
	entries, more, err := fs.List(t.Context(), scientist, "/Projects", "", 0)
	if err != nil || more || len(entries) != 1 || entries[0].Name != string(Project) {
		t.Errorf("a member sees %v, %v", entries, err)
	}
	entries, _, err = fs.List(t.Context(), dfs.Platform(), "/Projects", "", 0)
	if err != nil || len(entries) != 2 {
		t.Errorf("the platform sees %v, %v", entries, err)
	}
	_, err = fs.Usage(t.Context(), owner, "/Projects")
	wantKind(t, "Usage of all projects", err, bine.Forbidden, "/Projects")
}

func nobody(t *testing.T, fs dfs.FS) {
	_, err := fs.Stat(t.Context(), dfs.User{}, at())
	wantKind(t, "Stat", err, bine.NotFound, at())
	if entries, _, err := fs.List(t.Context(), dfs.User{}, "/Projects", "", 0); len(entries) > 0 || err != nil {
		t.Errorf("List: %v, %v", entries, err)
	}
	// A project without a role in it gives no right.
	_, _, err = fs.List(t.Context(), dfs.User{Project: Project, Name: "guest"}, at("Resources"), "", 0)
	wantKind(t, "List without a role", err, bine.Forbidden, at())
}
