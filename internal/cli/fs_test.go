package cli_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/cli"
)

// files is a server that knows the files of projects and nothing else.
type files struct {
	t     *testing.T
	url   string
	mu    sync.Mutex
	tree  map[string]*file // by project/path
	seen  []string         // changes
	hold  chan struct{}    // where set, uploads wait for its end before they answer
	full  bool             // uploads find no room
	sizes []string         // of blocks, of uploads and copies that name one
}

type file struct {
	client.File
	text string
	acl  []bine.ACLEntry
	// lease is the one that somebody has.
	lease client.FileLease
}

func newFiles(t *testing.T) *files {
	t.Helper()
	f := &files{t: t, tree: map[string]*file{}}
	for _, p := range []string{"demo", "other"} {
		f.put(p+"/Resources", "", true)
	}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.url = server.URL
	t.Setenv("BINE_CONFIG", filepath.Join(t.TempDir(), "config.json"))
	t.Setenv("BINE_API", server.URL)
	t.Setenv("BINE_API_KEY", "bine_k_s")
	t.Setenv("BINE_PROJECT", "demo")
	return f
}

func (f *files) put(at, text string, dir bool) *file {
	_, inside, _ := strings.Cut(at, "/")
	now := time.Now()
	one := &file{client.File{Path: inside, Name: path.Base(inside), Dir: dir, Size: int64(len(text)), Mode: 0o660, Owner: "demo__olga", Modified: now, Created: now}, text, nil, client.FileLease{}}
	if !dir {
		one.ETag = fmt.Sprintf(`"%d"`, now.UnixNano())
	}
	f.tree[at] = one
	if parent := path.Dir(at); strings.Contains(parent, "/") && f.tree[parent] == nil {
		f.put(parent, "", true)
	}
	return one
}

// texts lists the files below a path with what is in them.
func (f *files) texts(top string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []string
	for at, one := range f.tree {
		switch below, ok := strings.CutPrefix(at, top+"/"); {
		case ok && one.Dir:
			all = append(all, below+"/")
		case ok:
			all = append(all, below+"="+one.text)
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func (f *files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/api/v1/projects/"), "/", 3)
	project, route, at := parts[0], parts[1], strings.Join(parts[2:], "")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // broken off: nothing is kept
	}
	f.mu.Lock()
	hold := f.hold
	f.mu.Unlock()
	if hold != nil && r.Method == "PUT" {
		select {
		case <-hold:
		case <-r.Context().Done():
			return
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Method != "GET" {
		f.seen = append(f.seen, r.Method+" "+project+"/"+at)
	}
	answer := f.answer(w, r, project, route, at, body)
	if e, failed := answer.(*bine.Error); failed {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(map[bine.Kind]int{bine.NotFound: 404, bine.Conflict: 409, bine.NoQuota: 507}[e.Kind])
		answer = client.Problem{Title: e.Message, Kind: e.Kind}
	}
	if answer != nil {
		_ = json.NewEncoder(w).Encode(answer)
	}
}

func (f *files) answer(w http.ResponseWriter, r *http.Request, project, route, at string, body []byte) any {
	q := r.URL.Query()
	switch {
	case route == "stat" || route == "checksum" || route == "usage":
		at = q.Get("path")
	case route == "files" && at == "" && r.Method == "GET":
		return f.list(project, q.Get("dir"))
	}
	full := project + "/" + at
	one := f.tree[full]
	if at == "" && route == "stat" {
		return client.File{Dir: true}
	}
	fresh := r.Method == "PUT" && route == "files" || route == "files-copy" || strings.Contains(string(body), `"mkdir"`) || strings.Contains(string(body), `"link"`)
	if one == nil && !fresh {
		return &bine.Error{Kind: bine.NotFound, Message: at + ": there is no such file or directory"}
	}
	switch r.Method + " " + route {
	case "GET stat":
		return one.File
	case "GET leases":
		return one.lease
	case "POST leases":
		had := one.lease
		one.lease = client.FileLease{Path: at, ID: one.ID}
		return had
	case "GET checksum":
		sum := sha256.Sum256([]byte(one.text))
		return client.FileChecksum{Path: at, Algorithm: "sha256", Checksum: hex.EncodeToString(sum[:]), Size: one.Size}
	case "GET files":
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(one.text))
		return nil
	case "PUT files":
		if size := q.Get("block_size"); size != "" {
			f.sizes = append(f.sizes, size)
		}
		return f.upload(full, string(body), q.Get("overwrite") == "true")
	case "POST files-copy":
		var c client.FileCopy
		_ = json.Unmarshal(body, &c)
		if c.BlockSize != 0 {
			f.sizes = append(f.sizes, fmt.Sprint(c.BlockSize))
		}
		f.seen = append(f.seen, "copy="+c.From)
		if from := f.tree[project+"/"+c.From]; !from.Dir {
			return f.upload(project+"/"+c.To, from.text, c.Overwrite)
		}
		for at, one := range maps.Clone(f.tree) {
			if rest, below := strings.CutPrefix(at, project+"/"+c.From+"/"); below {
				f.put(project+"/"+c.To+"/"+rest, one.text, one.Dir)
			}
		}
		return f.put(project+"/"+c.To, "", true).File
	case "POST files":
		var c client.FileChange
		_ = json.Unmarshal(body, &c)
		if c.Op == "mkdir" {
			return f.put(full, "", true).File
		}
		if c.Op == "link" {
			if one != nil {
				return &bine.Error{Kind: bine.Conflict, Message: at + " is there already"}
			}
			f.seen = append(f.seen, "link to "+c.To)
			f.put(full, "", false).Link = c.To
			return f.tree[full].File
		}
		link := one.Link
		defer func() { f.tree[project+"/"+c.To].Link = link }()
		delete(f.tree, full)
		return f.put(project+"/"+c.To, one.text, one.Dir).File
	case "GET acls":
		return bine.ACL{Owner: "demo__olga", Group: "demo__data_scientist", Mode: 0o740, Entries: one.acl}
	case "PUT acls", "PATCH acls", "DELETE acls":
		f.seen = append(f.seen, q.Get("default")+string(body))
		return bine.ACL{}
	case "PATCH files":
		var a client.FileAttributes
		_ = json.Unmarshal(body, &a)
		if a.Mode != nil {
			one.Mode = *a.Mode
		}
		if a.Owner != nil {
			one.Owner = *a.Owner
		}
		if a.Group != nil {
			one.Group = *a.Group
		}
		if a.Modified != nil {
			one.Modified = *a.Modified
		}
		return one.File
	case "DELETE files":
		f.seen = append(f.seen, "trash="+q.Get("trash")+" recursive="+q.Get("recursive"))
		for at := range f.tree {
			if at == full || strings.HasPrefix(at, full+"/") {
				delete(f.tree, at)
			}
		}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (f *files) upload(full, text string, overwrite bool) any {
	if f.full {
		return &bine.Error{Kind: bine.NoQuota, Message: "the project is full"}
	}
	if f.tree[full] != nil && !overwrite {
		return &bine.Error{Kind: bine.Conflict, Message: full + " is there already"}
	}
	return f.put(full, text, false).File
}

func (f *files) list(project, dir string) any {
	top := path.Join(project, dir)
	page := client.Page[client.File]{}
	for at, one := range f.tree {
		if path.Dir(at) == top {
			page.Items = append(page.Items, one.File)
		}
	}
	slices.SortFunc(page.Items, func(a, b client.File) int { return strings.Compare(a.Name, b.Name) })
	return page
}

// run is the CLI with arguments.
func (f *files) run(args ...string) (out, errs string, err error) {
	f.t.Helper()
	return f.runWith(context.Background(), args...)
}

func (f *files) runWith(ctx context.Context, args ...string) (out, errs string, err error) {
	var stdout, stderr bytes.Buffer
	root := &cobra.Command{Use: "bine", SilenceErrors: true, SilenceUsage: true}
	cli.New(root, cli.Streams{In: strings.NewReader("from stdin"), Out: &stdout, Err: &stderr}, nil)
	root.SetArgs(append([]string{"fs"}, args...))
	root.SetOut(&stdout)
	err = root.ExecuteContext(ctx)
	return stdout.String(), stderr.String(), err
}

// must runs a command that has to succeed.
func (f *files) must(args ...string) string {
	f.t.Helper()
	out, errs, err := f.run(args...)
	if err != nil {
		f.t.Fatalf("bine fs %s: %v\n%s", strings.Join(args, " "), err, errs)
	}
	return out
}

// fails runs a command that has to end with a code.
func (f *files) fails(code int, want string, args ...string) {
	f.t.Helper()
	_, errs, err := f.run(args...)
	if cli.ExitCode(err) != code || !strings.Contains(fmt.Sprint(err)+errs, want) {
		f.t.Errorf("bine fs %s: code %d, %v\n%s\nwant code %d and %q", strings.Join(args, " "), cli.ExitCode(err), err, errs, code, want)
	}
}

func (f *files) holds(top, want string) {
	f.t.Helper()
	if got := f.texts(top); got != want {
		f.t.Errorf("%s holds %q, want %q", top, got, want)
	}
}

// localTree writes files to a new directory and goes there.
func localTree(t *testing.T, tree map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range tree {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func localTexts(t *testing.T, top string) string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(top, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		below, _ := filepath.Rel(top, name)
		all = append(all, below+"="+string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func TestCopyingTreesEachWay(t *testing.T) {
	f := newFiles(t)
	localTree(t, map[string]string{"src/a": "1", "src/b/c #?": "2"})
	f.must("cp", "-r", "src", ":Resources/x")
	f.holds("demo/Resources/x", "a=1 b/ b/c #?=2")
	f.must("cp", "-r", "src", ":Resources/x") // into it, as it is there now
	f.holds("demo/Resources/x/src", "a=1 b/ b/c #?=2")
	f.must("cp", "-r", "src/", "bine://other/Resources/new/")
	f.holds("other/Resources/new/src", "a=1 b/ b/c #?=2")
	f.must("cp", "-r", ":Resources/x/src", "out")
	if got := localTexts(t, "out"); got != "a=1 b/c #?=2" {
		t.Errorf("out holds %q", got)
	}
	f.must("cp", "-r", "bine://other/Resources/new", ":Resources/y")
	f.holds("demo/Resources/y", "src/ src/a=1 src/b/ src/b/c #?=2")
	f.must("get", "-r", "Resources/x/b", "out")
	f.must("put", "out/a", "Resources/")
	f.must("cp", "-", ":Resources/s")
	if out := f.must("cp", ":Resources/s", "-"); out != "from stdin" {
		t.Errorf("standard output got %q", out)
	}
	if parts, _ := filepath.Glob("out/*.part"); len(parts) > 0 {
		t.Errorf("%v are left", parts)
	}
}

func TestCopiesThatMakeNoSenseChangeNothing(t *testing.T) {
	f := newFiles(t)
	localTree(t, map[string]string{"src/a": "1", "b": "2"})
	f.put("demo/Resources/file", "text", false)
	f.put("demo/Resources/dir/x", "x", false)
	f.fails(cli.ExitUsage, "-r", "cp", "src", ":Resources/y")
	f.fails(cli.ExitUsage, ":Resources", "cp", "b", "Resources/")
	f.fails(cli.ExitUsage, "not a directory", "cp", "src/a", "b", ":Resources/file")
	f.fails(cli.ExitConflict, "is a file", "cp", "-r", "src", ":Resources/file")
	f.fails(cli.ExitConflict, "not a directory", "cp", "b", ":Resources/file/")
	f.fails(cli.ExitUsage, "into itself", "cp", "-r", ":Resources/dir", ":Resources/dir/sub")
	f.fails(cli.ExitUsage, "same file", "cp", ":Resources/file", "bine://demo/Resources/file")
	f.fails(cli.ExitNotFound, "nothing", "cp", "nothing", ":Resources/y")
	f.fails(cli.ExitNotFound, "nothing", "cp", "src/a", "nothing", ":Resources/dir")
	f.fails(cli.ExitConflict, "already", "put", "b", "Resources/file")
	f.fails(cli.ExitUsage, "-j", "cp", "-j", "0", "b", ":Resources/c")
	f.fails(cli.ExitUsage, "no project", "cp", "b", "bine://")
	f.must("cp", "-n", "b", ":Resources/file")
	f.must("cp", "-n", ":Resources/file", "b")
	f.holds("demo/Resources", "dir/ dir/x=x file=text")
	if got := localTexts(t, "."); got != "b=2 src/a=1" {
		t.Errorf("the local files are %q", got)
	}
	if len(f.seen) > 1 { // the one upload that was refused
		for _, s := range f.seen {
			if !strings.HasPrefix(s, "PUT") {
				t.Errorf("a change was asked for: %s", s)
			}
		}
	}
}

func TestADownloadThatBreaksOffLeavesTheOldFile(t *testing.T) {
	f := newFiles(t)
	localTree(t, map[string]string{"a": "old"})
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/stat") {
			_ = json.NewEncoder(w).Encode(client.File{Path: "a", Name: "a", Size: 10})
			return
		}
		w.Header().Set("Content-Length", "10")
		fmt.Fprint(w, "half")
	}))
	defer broken.Close()
	t.Setenv("BINE_API", broken.URL)
	f.fails(cli.ExitFailed, "copy", "cp", ":a", "a")
	if got := localTexts(t, "."); got != "a=old" {
		t.Errorf("the local files are %q, want the old one alone", got)
	}
}

func TestANameThatLeavesTheDirectoryIsNotWritten(t *testing.T) {
	f := newFiles(t)
	localTree(t, map[string]string{"keep": "1"})
	f.put("demo/Resources/x/a", "a", false)
	evil := f.put("demo/Resources/x/evil", "evil", false)
	evil.Path = "Resources/x/../../../evil"
	f.fails(cli.ExitUsage, "no local file", "cp", "-r", ":Resources/x", "out")
	if got := localTexts(t, "."); got != "keep=1" {
		t.Errorf("the local files are %q", got)
	}
}

func TestACopyIsInterruptedAndStopsWhereNothingCanSucceed(t *testing.T) {
	f := newFiles(t)
	tree := map[string]string{}
	for i := range 20 {
		tree[fmt.Sprintf("src/%02d", i)] = "x"
	}
	localTree(t, tree)
	f.full = true
	f.fails(cli.ExitFailed, "full", "cp", "-r", "-j", "2", "src", ":Resources/x")
	uploads := strings.Count(strings.Join(f.seen, "\n"), "PUT")
	if uploads > 4 {
		t.Errorf("%d uploads were tried after the project was found full", uploads)
	}
	f.full, f.hold = false, make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, _, err := f.runWith(ctx, "cp", "-r", "-j", "3", "src", ":Resources/x")
		ended <- err
	}()
	time.AfterFunc(50*time.Millisecond, cancel)
	select {
	case err := <-ended:
		if cli.ExitCode(err) != cli.ExitInterrupted || !strings.Contains(err.Error(), "0 of 20") {
			t.Errorf("an interrupted copy answers %d, %v", cli.ExitCode(err), err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the copy does not end when it is interrupted")
	}
	f.holds("demo/Resources/x", "src/")
}

func TestSync(t *testing.T) {
	f := newFiles(t)
	localTree(t, map[string]string{"src/a": "1", "src/b/c": "22", "src/d": "3"})
	f.put("demo/Resources/x/old/deep/f", "o", false)
	f.put("demo/Resources/x/a", "9", false)
	dry := f.must("sync", "--dry-run", "--delete", "src", ":Resources/x")
	for _, want := range []string{"copy bine://demo/Resources/x/a\n", "mkdir bine://demo/Resources/x/b\n",
		"delete bine://demo/Resources/x/old\n"} {
		if !strings.Contains(dry, want) {
			t.Errorf("the dry run says\n%swant it to contain %q", dry, want)
		}
	}
	if len(f.seen) > 0 {
		t.Errorf("a dry run asks for %v", f.seen)
	}
	f.must("sync", "src", ":Resources/x")
	f.holds("demo/Resources/x", "a=1 b/ b/c=22 d=3 old/ old/deep/ old/deep/f=o")
	f.seen = nil
	f.must("sync", "src", ":Resources/x")
	if len(f.seen) > 0 {
		t.Errorf("a second sync asks for %v", f.seen)
	}
	f.must("sync", "--delete", "src", ":Resources/x")
	f.holds("demo/Resources/x", "a=1 b/ b/c=22 d=3")

	if err := os.WriteFile("src/a", []byte("2"), 0o644); err != nil {
		t.Fatal(err)
	}
	same := f.tree["demo/Resources/x/a"].Modified
	if err := os.Chtimes("src/a", same, same); err != nil {
		t.Fatal(err)
	}
	if out := f.must("sync", "--dry-run", "src", ":Resources/x"); out != "" {
		t.Errorf("by size and time it would do %q", out)
	}
	f.must("sync", "--checksum", "src", ":Resources/x")
	f.holds("demo/Resources/x", "a=2 b/ b/c=22 d=3")

	f.must("sync", "--delete", ":Resources/x", "back")
	f.must("sync", "--delete", ":Resources/x", "bine://other/Resources/x")
	f.holds("other/Resources/x", "a=2 b/ b/c=22 d=3")
	if err := os.MkdirAll("back/extra/deep", 0o755); err != nil {
		t.Fatal(err)
	}
	f.must("sync", "--delete", ":Resources/x", "back")
	if got := localTexts(t, "back"); got != "a=2 b/c=22 d=3" {
		t.Errorf("back holds %q", got)
	}
	if _, err := os.Stat("back/extra"); err == nil {
		t.Error("back/extra was not removed")
	}
}

func TestASyncRemovesNothingWhenItIsInDoubt(t *testing.T) {
	f := newFiles(t)
	localTree(t, map[string]string{"src/a": "1", "file": "x"})
	f.put("demo/Resources/x/old", "o", false)
	f.put("demo/Resources/y/a/b", "dir here, file there", false)
	f.fails(cli.ExitNotFound, "nothing", "sync", "--delete", "nothing", ":Resources/x")
	f.fails(cli.ExitUsage, "is a file", "sync", "--delete", "file", ":Resources/x")
	f.fails(cli.ExitUsage, "name a directory", "sync", "--delete", "src", ":")
	f.fails(cli.ExitUsage, "in each other", "sync", "--delete", ":Resources", ":Resources/x")
	f.fails(cli.ExitConflict, "a directory", "sync", "--delete", "src", ":Resources/y")
	f.full = true
	f.fails(cli.ExitFailed, "nothing was removed", "sync", "--delete", "src", ":Resources/x")
	f.holds("demo/Resources/x", "old=o")
}

func TestFind(t *testing.T) {
	f := newFiles(t)
	f.put("demo/Resources/a.csv", strings.Repeat("x", 3000), false)
	f.put("demo/Resources/b/c.csv", "x", false)
	f.put("demo/Resources/b/d.txt", "x", false).Modified = time.Now().Add(-48 * time.Hour)
	for args, want := range map[string]string{
		"Resources -name *.csv":           "Resources/a.csv Resources/b/c.csv",
		"Resources --name *.csv -size +2": "Resources/a.csv",
		"-type d":                         "Resources Resources/b",
		"-size -2k":                       "Resources/b/c.csv Resources/b/d.txt",
		"-size 3k":                        "Resources/a.csv",
		"-type f -newer 1d":               "Resources/a.csv Resources/b/c.csv",
		"-type f -newer=Resources/b/d.txt -maxdepth 2": "Resources/a.csv",
	} {
		if out := f.must(append([]string{"find"}, strings.Fields(args)...)...); strings.Join(strings.Fields(out), " ") != want {
			t.Errorf("find %s: %q, want %q", args, out, want)
		}
	}
	if out := f.must("find", "-name", "d*", "-o", "json"); !strings.Contains(out, `"path": "Resources/b/d.txt"`) {
		t.Errorf("find -o json: %s", out)
	}
	f.fails(cli.ExitUsage, "-size", "find", "-size", "big")
	f.fails(cli.ExitUsage, "-type", "find", "-type", "x")
	f.fails(cli.ExitUsage, "pattern", "find", "-name", "[")
	f.fails(cli.ExitUsage, "unknown", "find", "--nonsense")
	f.fails(cli.ExitNotFound, "no time", "find", "-newer", "yesterday")
	f.fails(cli.ExitNotFound, "nothing", "find", "nothing")
}

func TestTail(t *testing.T) {
	f := newFiles(t)
	long := strings.Repeat(strings.Repeat("x", 999)+"\n", 200)
	f.put("demo/Resources/long", long, false)
	f.put("demo/Resources/a", "1\n2\n3", false)
	f.put("demo/Resources/empty", "", false)
	for args, want := range map[string]string{
		"-n 2 Resources/a": "2\n3", "-n 0 Resources/a": "", "-c 3 Resources/a": "2\n3"[0:3], "Resources/a": "1\n2\n3", "Resources/empty": "",
		"-n 150 Resources/long": long[len(long)-150_000:], "-n 1 Resources/long": long[:1000], "-n 500 Resources/long": long,
	} {
		if out := f.must(append([]string{"tail"}, strings.Fields(args)...)...); out != want {
			t.Errorf("tail %s gives %d bytes %.20q, want %d", args, len(out), out, len(want))
		}
	}
	f.fails(cli.ExitConflict, "directory", "tail", "Resources")
	f.fails(cli.ExitUsage, "-n", "tail", "-n", "-1", "Resources/a")

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	out := &watched{see: func(text string) {
		switch text {
		case "3": // the last line was printed: the file grows
			f.mu.Lock()
			f.put("demo/Resources/a", "1\n2\n3\n4\n", false)
			f.mu.Unlock()
		case "3\n4\n":
			f.mu.Lock()
			f.put("demo/Resources/a", "new\n", false)
			f.mu.Unlock()
		case "3\n4\nnew\n":
			cancel()
		}
	}}
	root := &cobra.Command{Use: "bine", SilenceErrors: true, SilenceUsage: true}
	cli.New(root, cli.Streams{Out: out, Err: io.Discard}, nil)
	root.SetArgs([]string{"fs", "tail", "-n", "1", "-f", "--sleep", "10ms", "Resources/a"})
	err := root.ExecuteContext(ctx)
	if cli.ExitCode(err) != cli.ExitInterrupted || out.text != "3\n4\nnew\n" {
		t.Errorf("tail -f printed %q and ended with %v", out.text, err)
	}
}

// watched is an output that is looked at after each write.
type watched struct {
	text string
	see  func(string)
}

func (w *watched) Write(p []byte) (int, error) {
	w.text += string(p)
	w.see(w.text)
	return len(p), nil
}

func TestListingAndMeasuring(t *testing.T) {
	f := newFiles(t)
	f.put("demo/Resources/a", strings.Repeat("x", 2048), false)
	f.put("demo/Resources/b/c/d", "12345", false)
	f.put("demo/Resources/bb/e", "1", false)
	for args, want := range map[string]string{
		"ls Resources -o name":                "Resources/a Resources/b Resources/bb",
		"ls -R Resources -o name":             "Resources/a Resources/b Resources/b/c Resources/b/c/d Resources/bb Resources/bb/e",
		"ls Resources/a -o name":              "Resources/a",
		"ls :Resources/b -o name":             "Resources/b/c",
		"du -b Resources":                     "SIZE FILES PATH 5 1 Resources/b/c 5 1 Resources/b 1 1 Resources/bb 2054 3 Resources",
		"du -b -d 1 Resources":                "SIZE FILES PATH 5 1 Resources/b 1 1 Resources/bb 2054 3 Resources",
		"du Resources/a":                      "SIZE FILES PATH 2.0 KiB 1 Resources/a",
		"cat Resources/bb/e :Resources/b/c/d": "112345",
	} {
		if out := f.must(strings.Fields(args)...); strings.Join(strings.Fields(out), " ") != want {
			t.Errorf("%s: %q, want %q", args, out, want)
		}
	}
	if out := f.must("ls", "-l", "Resources"); !strings.Contains(out, "GROUP") || !strings.Contains(out, " 2048 ") {
		t.Errorf("ls -l: %s", out)
	}
	f.fails(cli.ExitNotFound, "nothing", "ls", "Resources", "nothing")
	f.fails(cli.ExitNotFound, "nothing", "du", "nothing")
}

func TestAttributes(t *testing.T) {
	f := newFiles(t)
	f.put("demo/Resources/d/a", "x", false)
	f.must("chmod", "-R", "u=rwX,g-w,o+r", "Resources/d")
	a, d := f.tree["demo/Resources/d/a"], f.tree["demo/Resources/d"]
	if a.Mode != 0o644 || d.Mode != 0o744 {
		t.Errorf("modes are %o and %o, want 644 and 744", a.Mode, d.Mode)
	}
	f.must("chmod", "600", "Resources/d/a")
	f.must("chown", "sven:data_owner", "Resources/d/a")
	if a.Mode != 0o600 || a.Owner != "demo__sven" || a.Group != "demo__data_owner" {
		t.Errorf("mode, owner and group are %o, %s, %s", a.Mode, a.Owner, a.Group)
	}
	f.must("touch", "-d", "2026-01-02", "Resources/d/a", "Resources/d/new")
	f.must("touch", "-c", "Resources/d/none")
	if got := a.Modified.Local().Format(time.DateOnly); got != "2026-01-02" {
		t.Errorf("touched, it is of %s", got)
	}
	f.holds("demo/Resources/d", "a=x new=")
	for _, mode := range []string{"999", "1777", "u+z", "w", "q+r"} {
		f.fails(cli.ExitUsage, "mode", "chmod", mode, "Resources/d/a")
	}
	f.fails(cli.ExitUsage, "neither", "chown", ":", "Resources/d/a")
	f.fails(cli.ExitUsage, "date", "touch", "-d", "soon", "Resources/d/a")
	f.fails(cli.ExitNotFound, "none", "stat", "Resources/d/a", "Resources/d/none")
}

func TestMovingAndRemoving(t *testing.T) {
	f := newFiles(t)
	for _, name := range []string{"a", "b", "d/x"} {
		f.put("demo/Resources/"+name, name, false)
	}
	f.must("mv", "Resources/a", "Resources/b", "Resources/d")
	f.holds("demo/Resources", "d/ d/a=a d/b=b d/x=d/x")
	f.must("mv", "Resources/d/a", "Resources/c")
	f.fails(cli.ExitUsage, "not a directory", "mv", "Resources/d/b", "Resources/d/x", "Resources/c")
	f.fails(cli.ExitUsage, "different projects", "mv", "Resources/c", "bine://other/Resources/c")
	f.must("rm", "Resources/c", "Resources/d/b")
	f.fails(cli.ExitNotFound, "c", "rm", "Resources/c", "Resources/d/x")
	f.must("rm", "-f", "Resources/c")
	f.fails(cli.ExitUsage, "name a file", "rm", "-r", ":")
	f.fails(cli.ExitUsage, "give -r", "rm", "Resources/d")
	if got := strings.Join(f.seen, " "); strings.Count(got, "trash=true") != 3 || strings.Contains(got, "trash= ") {
		t.Errorf("rm asks for %s, want three files put into the trash", got)
	}
	f.put("demo/Resources/e/x", "x", false)
	f.must("rm", "-r", "--permanent", "Resources/e")
	if got := f.seen[len(f.seen)-1]; got != "trash= recursive=true" {
		t.Errorf("rm -r --permanent asks for %s", got)
	}
	f.holds("demo/Resources", "d/")
}
