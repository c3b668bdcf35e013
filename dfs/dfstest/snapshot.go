package dfstest

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

var snapshots = map[string]func(*testing.T, dfs.FS){
	"what was there stays readable":                             snapshotStays,
	"nobody changes what is in one":                             snapshotReadOnly,
	"a directory with snapshots is not removed":                 snapshotKeeps,
	"they are allowed first, by a Data Owner":                   snapshotAllowed,
	"they are renamed, deleted and listed":                      snapshotNames,
	"they count in full":                                        snapshotUsage,
	"they count for the quotas of directories":                  snapshotLimits,
	"modes and owners stay those of then":                       snapshotAttributes,
	"a diff follows what was renamed":                           snapshotDiff,
	"a diff follows what moved between new and old directories": snapshotDiffMoves,
}

func allow(t *testing.T, fs dfs.FS, dir string) {
	t.Helper()
	mkdir(t, fs, dir)
	if err := fs.AllowSnapshots(t.Context(), owner, dir); err != nil {
		t.Fatalf("AllowSnapshots(%s): %v", dir, err)
	}
}

func snap(t *testing.T, fs dfs.FS, dir, name string) dfs.Snapshot {
	t.Helper()
	s, err := fs.CreateSnapshot(t.Context(), owner, dir, name)
	if err != nil {
		t.Fatalf("CreateSnapshot(%s, %q): %v", dir, name, err)
	}
	return s
}

func snapshotStays(t *testing.T, fs dfs.FS) {
	ctx, dir := t.Context(), at("Resources/data")
	allow(t, fs, dir)
	put(t, fs, dir+"/a/small", []byte("old"))
	put(t, fs, dir+"/large", noise(2<<20+5))
	s := snap(t, fs, dir, "one")
	if s.Path != dir+"/.snapshot/one" || s.By != "demo__ada" || time.Since(s.At) > time.Minute {
		t.Errorf("%+v", s)
	}
	put(t, fs, dir+"/a/small", []byte("new"))
	if _, err := fs.Append(ctx, owner, dir+"/large", 2<<20+5, noise(1<<20)); err != nil {
		t.Fatal(err)
	}
	put(t, fs, dir+"/b", nil)
	snap(t, fs, dir, "two")
	for _, path := range []string{"/a", "/large", "/b"} {
		if err := fs.Remove(ctx, owner, dir+path, dfs.RemoveOptions{Recursive: true}); err != nil {
			t.Fatal(err)
		}
	}
	wantContent(t, fs, dir+"/.snapshot/one/a/small", []byte("old"))
	wantContent(t, fs, dir+"/.snapshot/one/large", noise(2<<20+5))
	wantMissing(t, fs, dir+"/.snapshot/one/b")
	wantMissing(t, fs, dir+"/.snapshot/three/b")
	wantContent(t, fs, dir+"/.snapshot/two/a/small", []byte("new"))
	wantContent(t, fs, dir+"/.snapshot/two/large", append(noise(2<<20+5), noise(1<<20)...))
	for path, want := range map[string]string{"": "", "/.snapshot": "one two", "/.snapshot/two": "a b large", "/.snapshot/one/a": "small"} {
		list, _, err := fs.List(ctx, owner, dir+path, "", 0)
		if got := strings.Join(baseNames(list), " "); err != nil || got != want {
			t.Errorf("List(%s): %q, %v; want %q", dir+path, got, err, want)
		}
	}
	clone(t, fs, dir+"/.snapshot/one/large", dir+"/large") // back again
	clone(t, fs, dir+"/.snapshot/one/a", dir+"/a")
	put(t, fs, dir+"/a/small", []byte("newer"))
	wantContent(t, fs, dir+"/large", noise(2<<20+5))
	wantContent(t, fs, dir+"/.snapshot/one/a/small", []byte("old"))
	rename(t, fs, dir, at("Jupyter/data"))
	wantContent(t, fs, at("Jupyter/data/.snapshot/one/a/small"), []byte("old"))
}

func snapshotReadOnly(t *testing.T, fs dfs.FS) {
	ctx, dir := t.Context(), at("Resources/data")
	allow(t, fs, dir)
	putOld(t, fs, dir)
	snap(t, fs, dir, "s")
	for _, in := range []string{"/.snapshot/s", "/.snapshot"} {
		for who, user := range map[string]dfs.User{"owner": owner, "scientist": scientist, "platform": dfs.Platform()} {
			for what, err := range tryWrites(fs, t, user, dir+in) {
				if in == "/.snapshot" && bine.IsKind(err, bine.NotFound) {
					continue // there is no file of that name
				}
				wantKind(t, who+": "+what, err, bine.Forbidden, dir+in)
			}
		}
	}
	old := dir + "/.snapshot/s/old"
	_, err := fs.Truncate(ctx, owner, old, 0)
	wantKind(t, "Truncate", err, bine.Forbidden, old)
	_, err = fs.Concat(ctx, owner, dir+"/old", []string{old})
	wantKind(t, "Concat from it", err, bine.Forbidden, old)
	_, err = fs.Concat(ctx, owner, old, []string{dir + "/old"})
	wantKind(t, "Concat", err, bine.Forbidden, old)
	mode := uint32(0o777)
	_, err = fs.SetAttributes(ctx, owner, old, dfs.Attributes{Mode: &mode})
	wantKind(t, "SetAttributes", err, bine.Forbidden, old)
	_, err = fs.Clone(ctx, owner, dir+"/old", dir+"/.snapshot/s/new", dfs.CloneOptions{})
	wantKind(t, "Clone", err, bine.Forbidden, dir+"/.snapshot/s/new")
	_, err = fs.Rename(ctx, owner, dir+"/old", dir+"/.snapshot/s/new", dfs.RenameOptions{})
	wantKind(t, "Rename into it", err, bine.Forbidden, dir+"/.snapshot/s/new")
	for _, path := range []string{dir + "/.snapshot", dir + "/.snapshot/s", at("Resources/other/.snapshot")} {
		wantKind(t, "Remove", fs.Remove(ctx, owner, path, dfs.RemoveOptions{Recursive: true}), bine.Forbidden, path)
		_, err = fs.Mkdir(ctx, owner, path+"/x", dfs.MkdirOptions{Parents: true})
		wantKind(t, "Mkdir", err, bine.Forbidden, path)
		wantKind(t, "AllowSnapshots", fs.AllowSnapshots(ctx, owner, path), bine.Forbidden, path)
	}
	wantKind(t, "SetQuota", fs.SetQuota(ctx, owner, dir+"/.snapshot/s", dfs.Quota{Bytes: 1 << 30}), bine.Forbidden, dir)
	wantKind(t, "SetPolicy", fs.SetPolicy(ctx, owner, dir+"/.snapshot", dfs.Policy{BlockSize: 1 << 20}), bine.Forbidden, dir)
	_, err = fs.CreateSnapshot(ctx, owner, dir+"/.snapshot/s", "t")
	wantKind(t, "a snapshot of a snapshot", err, bine.Invalid, dir+"/.snapshot/s")
	wantContent(t, fs, old, []byte("old"))
}

func snapshotKeeps(t *testing.T, fs dfs.FS) {
	ctx, dir := t.Context(), at("Resources/up/data")
	allow(t, fs, dir)
	snap(t, fs, dir, "first")
	for _, path := range []string{dir, at("Resources/up"), at("Resources")} {
		err := fs.Remove(ctx, owner, path, dfs.RemoveOptions{Recursive: true})
		wantKind(t, "Remove", err, bine.Conflict, path)
		if err == nil || !strings.Contains(err.Error(), "first") {
			t.Errorf("%v does not name the snapshot", err)
		}
	}
	wantKind(t, "Disallow", fs.DisallowSnapshots(ctx, owner, dir), bine.Conflict, dir)
	put(t, fs, at("Resources/up/file"), nil)
	mkdir(t, fs, at("Resources/up/dir"))
	for _, path := range []string{"Resources/up/file", "Resources/up/dir"} {
		if err := fs.Remove(ctx, owner, at(path), dfs.RemoveOptions{}); err != nil {
			t.Errorf("what is beside it: %v", err)
		}
	}
	if err := fs.DeleteSnapshot(ctx, owner, dir, "first"); err != nil {
		t.Fatal(err)
	}
	if err := fs.Remove(ctx, owner, dir, dfs.RemoveOptions{}); err != nil { // it is empty
		t.Error(err)
	}
	allow(t, fs, dir)
	if err := fs.Remove(ctx, owner, at("Resources/up"), dfs.RemoveOptions{Recursive: true}); err != nil {
		t.Error(err)
	}
	dirs, err := fs.SnapshotDirs(ctx, owner)
	if err != nil || len(dirs) != 0 {
		t.Errorf("%+v, %v", dirs, err)
	}
}

func snapshotAllowed(t *testing.T, fs dfs.FS) {
	ctx, dir := t.Context(), at("Resources/data")
	if _, err := fs.Mkdir(ctx, scientist, dir, dfs.MkdirOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err := fs.CreateSnapshot(ctx, owner, dir, "s")
	wantKind(t, "CreateSnapshot", err, bine.Conflict, dir)
	_, err = fs.Snapshots(ctx, owner, dir)
	wantKind(t, "Snapshots", err, bine.Conflict, dir)
	wantKind(t, "a Data Scientist", fs.AllowSnapshots(ctx, scientist, dir), bine.Forbidden, dir)
	wantKind(t, "a stranger", fs.AllowSnapshots(ctx, stranger, dir), bine.NotFound, dir)
	wantKind(t, "a project", fs.AllowSnapshots(ctx, owner, at()), bine.Invalid, at())
	wantKind(t, "artifacts", fs.AllowSnapshots(ctx, dfs.Platform(), at(".artifacts")), bine.Invalid, at(".artifacts"))
	wantKind(t, "a file", fs.AllowSnapshots(ctx, owner, at("README.md")), bine.Conflict, at("README.md"))
	wantKind(t, "nothing", fs.AllowSnapshots(ctx, owner, at("none")), bine.NotFound, at("none"))
	if stat(t, fs, dir).Snapshots {
		t.Error("snapshots are said to be allowed")
	}
	for range 2 {
		if err := fs.AllowSnapshots(ctx, owner, dir); err != nil {
			t.Fatal(err)
		}
	}
	if !stat(t, fs, dir).Snapshots || stat(t, fs, at()).Snapshots || stat(t, fs, dir+"/.snapshot").Snapshots {
		t.Error("snapshots are said not to be allowed, or of what they are not")
	}
	if _, err := fs.CreateSnapshot(ctx, scientist, dir, "own"); err != nil {
		t.Errorf("whose directory it is: %v", err)
	}
	_, err = fs.CreateSnapshot(ctx, colleague, dir, "other")
	wantKind(t, "a colleague", err, bine.Forbidden, dir)
	wantKind(t, "a colleague deletes", fs.DeleteSnapshot(ctx, colleague, dir, "own"), bine.Forbidden, dir)
	if list, err := fs.Snapshots(ctx, colleague, dir); err != nil || len(list) != 1 || list[0].By != "demo__bob" {
		t.Errorf("a colleague sees %+v, %v", list, err)
	}
	_, err = fs.Snapshots(ctx, stranger, dir)
	wantKind(t, "a stranger lists", err, bine.NotFound, dir)
	if err := fs.DeleteSnapshot(ctx, scientist, dir, "own"); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := fs.DisallowSnapshots(ctx, owner, dir); err != nil {
			t.Fatal(err)
		}
	}
	wantMissing(t, fs, dir+"/.snapshot")
	_, err = fs.CreateSnapshot(ctx, owner, dir, "s")
	wantKind(t, "CreateSnapshot", err, bine.Conflict, dir)
}

func snapshotNames(t *testing.T, fs dfs.FS) {
	ctx, dir := t.Context(), at("Resources/data")
	allow(t, fs, dir)
	if s := snap(t, fs, dir, ""); !regexp.MustCompile(`^s\d{8}-\d{6}\.\d{3}$`).MatchString(s.Name) {
		t.Errorf("the default name is %q", s.Name)
	}
	snap(t, fs, dir, "ä b")
	_, err := fs.CreateSnapshot(ctx, owner, dir, "ä b")
	wantKind(t, "again", err, bine.Conflict, dir)
	for _, name := range []string{"a/b", "..", ".snapshot", strings.Repeat("x", 256)} {
		_, err := fs.CreateSnapshot(ctx, owner, dir, name)
		wantKind(t, name, err, bine.Invalid, "")
		wantKind(t, name, fs.RenameSnapshot(ctx, owner, dir, "ä b", name), bine.Invalid, "")
	}
	snap(t, fs, dir, "c")
	wantKind(t, "onto another", fs.RenameSnapshot(ctx, owner, dir, "ä b", "c"), bine.Conflict, dir)
	wantKind(t, "of none", fs.RenameSnapshot(ctx, owner, dir, "none", "d"), bine.NotFound, dir)
	for _, to := range []string{"ä b", "d"} {
		if err := fs.RenameSnapshot(ctx, owner, dir, "ä b", to); err != nil {
			t.Error(err)
		}
	}
	list, err := fs.Snapshots(ctx, owner, dir)
	if err != nil || len(list) != 3 || list[1].Name != "d" || list[1].Path != dir+"/.snapshot/d" || list[2].Name != "c" || stat(t, fs, list[2].Path).ID != list[2].ID {
		t.Errorf("%+v, %v", list, err)
	}
	dirs, err := fs.SnapshotDirs(ctx, owner)
	if err != nil || len(dirs) != 1 || dirs[0].Path != dir || dirs[0].Snapshots != 3 {
		t.Errorf("%+v, %v", dirs, err)
	}
	wantKind(t, "none", fs.DeleteSnapshot(ctx, owner, dir, "none"), bine.NotFound, dir)
	if err := fs.DeleteSnapshot(ctx, owner, dir, "c"); err != nil {
		t.Fatal(err)
	}
	wantMissing(t, fs, dir+"/.snapshot/c")
}

func snapshotUsage(t *testing.T, fs dfs.FS) {
	allow(t, fs, at("Resources/data"))
	before, err := fs.Usage(t.Context(), owner, at())
	if err != nil {
		t.Fatal(err)
	}
	put(t, fs, at("Resources/data/a/f"), noise(2<<20))
	snap(t, fs, at("Resources/data"), "s")
	wantUsage(t, fs, at(), before.Bytes+4<<20, before.Files+2, before.Directories+3)
	if err := fs.SetQuota(t.Context(), dfs.Platform(), at(), dfs.Quota{Bytes: before.Bytes + 5<<20}); err != nil {
		t.Fatal(err)
	}
	_, err = fs.CreateSnapshot(t.Context(), owner, at("Resources/data"), "t")
	wantKind(t, "over the quota", err, bine.NoQuota, at("Resources/data"))
}

func snapshotLimits(t *testing.T, fs dfs.FS) {
	ctx, dir := t.Context(), at("Resources/data")
	if err := fs.SetQuota(ctx, owner, at("Resources"), dfs.Quota{Bytes: 20 << 20, Names: 100}); err != nil {
		t.Fatal(err)
	}
	used := func() dfs.Limit {
		t.Helper()
		all, err := fs.Limits(ctx, owner, dir)
		if err != nil || len(all) == 0 {
			t.Fatalf("limits %+v, %v", all, err)
		}
		return all[len(all)-1]
	}
	allow(t, fs, dir)
	put(t, fs, dir+"/f", noise(2<<20))
	before := used()
	snap(t, fs, dir, "s")
	clone(t, fs, dir, at("Resources/copy"))
	clone(t, fs, dir+"/f", at("Resources/copy/g"))
	if after := used(); after.Bytes != before.Bytes+3*2<<20 || after.Names != before.Names+5 {
		t.Errorf("used %+v, before %+v", after, before)
	}
	for n := range 6 {
		_, err := fs.CreateSnapshot(ctx, owner, dir, string(rune('a'+n)))
		if n == 5 {
			wantKind(t, "over the quota of a directory", err, bine.NoQuota, at("Resources"))
		}
	}
	if err := fs.Remove(ctx, owner, at("Resources/copy"), dfs.RemoveOptions{Recursive: true}); err != nil {
		t.Error(err)
	}
}

func snapshotAttributes(t *testing.T, fs dfs.FS) {
	ctx, dir, closed := t.Context(), at("Resources/data"), uint32(0o600)
	allow(t, fs, dir)
	file := dir + "/f"
	if _, err := fs.Create(ctx, scientist, file, bytes.NewReader(noise(10)), dfs.CreateOptions{Mode: closed}); err != nil {
		t.Fatal(err)
	}
	if err := fs.SetXattr(ctx, dfs.Platform(), file, "bine.kind", []byte("k")); err != nil {
		t.Fatal(err)
	}
	before := stat(t, fs, file)
	s := snap(t, fs, dir, "s")
	opened := uint32(0o666)
	if _, err := fs.SetAttributes(ctx, owner, file, dfs.Attributes{Mode: &opened}); err != nil {
		t.Fatal(err)
	}
	after := stat(t, fs, s.Path+"/f")
	before.Path, before.ID = after.Path, after.ID
	if after != before {
		t.Errorf("in the snapshot %+v, before %+v", after, before)
	}
	if value, err := fs.Xattr(ctx, owner, s.Path+"/f", "bine.kind"); err != nil || string(value) != "k" {
		t.Errorf("%q, %v", value, err)
	}
	_, _, err := fs.Open(ctx, colleague, s.Path+"/f", 0, 0)
	wantKind(t, "what a colleague could not read", err, bine.Forbidden, s.Path+"/f")
	if r, _, err := fs.Open(ctx, scientist, s.Path+"/f", 0, 0); err != nil {
		t.Errorf("its owner: %v", err)
	} else {
		r.Close()
	}
}

func wantDiff(t *testing.T, fs dfs.FS, dir, from, to string, want ...string) {
	t.Helper()
	list, err := fs.DiffSnapshots(t.Context(), owner, dir, from, to)
	if err != nil {
		t.Fatalf("DiffSnapshots(%s, %q, %q): %v", dir, from, to, err)
	}
	var got []string
	for _, d := range list {
		got = append(got, strings.TrimSuffix(string(d.Kind)+" "+d.Path+">"+d.Target, ">"))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("from %q to %q:\n%q\nwant\n%q", from, to, got, want)
	}
}

func snapshotDiff(t *testing.T, fs dfs.FS) {
	ctx, dir := t.Context(), at("Resources/data")
	allow(t, fs, dir)
	for _, name := range []string{"same", "written", "gone", "named", "d/inner", "d/moved", "old/x"} {
		put(t, fs, dir+"/"+name, []byte(name))
	}
	snap(t, fs, dir, "a")
	wantDiff(t, fs, dir, "a", "")
	wantDiff(t, fs, dir, "a", "a")
	put(t, fs, dir+"/written", []byte("again"))
	put(t, fs, dir+"/new", nil)
	put(t, fs, dir+"/made/below", nil)
	rename(t, fs, dir+"/named", dir+"/renamed")
	rename(t, fs, dir+"/d/moved", dir+"/up")
	rename(t, fs, dir+"/d", dir+"/e")
	put(t, fs, dir+"/e/inner", []byte("again"))
	for _, name := range []string{"/gone", "/old"} {
		if err := fs.Remove(ctx, owner, dir+name, dfs.RemoveOptions{Recursive: true}); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"modified ", "modified written", "created new", "created made", "renamed named>renamed", "renamed d/moved>up",
		"renamed d>e", "modified d", "modified d/inner", "deleted gone", "deleted old"}
	wantDiff(t, fs, dir, "a", "", want...)
	snap(t, fs, dir, "b")
	wantDiff(t, fs, dir, "a", "b", want...)
	wantDiff(t, fs, dir, "b", "")
	wantDiff(t, fs, dir, "", "b")
	wantDiff(t, fs, dir, "b", "a", "modified ", "modified written", "deleted new", "deleted made", "renamed renamed>named", "renamed up>d/moved",
		"renamed e>d", "modified e", "modified e/inner", "created gone", "created old")
	_, err := fs.DiffSnapshots(ctx, owner, dir, "a", "none")
	wantKind(t, "none", err, bine.NotFound, dir)
	_, err = fs.DiffSnapshots(ctx, stranger, dir, "a", "")
	wantKind(t, "a stranger", err, bine.NotFound, dir)
	closed := uint32(0o700)
	if _, err := fs.SetAttributes(ctx, owner, dir+"/.snapshot/../e", dfs.Attributes{Mode: &closed}); !bine.IsKind(err, bine.Invalid) {
		t.Error(err)
	}
	if _, err := fs.SetAttributes(ctx, owner, dir+"/e", dfs.Attributes{Mode: &closed}); err != nil {
		t.Fatal(err)
	}
	wantDiff(t, fs, dir, "b", "", "modified e")
	list, err := bine.ParseACL("user::rwx,group::r-x,other::---,default:user::rwx,default:group::r-x,default:other::---", true)
	if err != nil {
		t.Fatal(err)
	}
	mkdir(t, fs, dir+"/made/listed")
	snap(t, fs, dir, "c")
	if _, err := fs.SetACL(ctx, owner, dir+"/made", list); err != nil {
		t.Fatal(err)
	}
	snap(t, fs, dir, "d")
	wantDiff(t, fs, dir, "c", "d", "modified made")
	wantDiff(t, fs, dir, "d", "")
	_, err = fs.DiffSnapshots(ctx, scientist, dir, "b", "")
	wantKind(t, "who may not look into it", err, bine.Forbidden, dir+"/e")
}

func snapshotDiffMoves(t *testing.T, fs dfs.FS) {
	dir := at("Resources/data")
	allow(t, fs, dir)
	for _, name := range []string{"a/b/c/f", "a/b/g", "a/h", "x/y/z"} {
		put(t, fs, dir+"/"+name, nil)
	}
	snap(t, fs, dir, "s")
	rename(t, fs, dir+"/a/b/c", dir+"/c") // out of what is deleted
	mkdir(t, fs, dir+"/n/m")
	rename(t, fs, dir+"/a/h", dir+"/n/m/h") // from what is deleted to what is new
	rename(t, fs, dir+"/x/y", dir+"/n/y")   // into what is new
	rename(t, fs, dir+"/n/y/z", dir+"/c/z")
	if err := fs.Remove(t.Context(), owner, dir+"/a", dfs.RemoveOptions{Recursive: true}); err != nil {
		t.Fatal(err)
	}
	wantDiff(t, fs, dir, "s", "", "modified ", "deleted a", "created n", "renamed a/b/c>c", "modified a/b/c", "renamed a/h>n/m/h",
		"renamed x/y>n/y", "modified x/y", "modified x", "renamed x/y/z>c/z")
}
