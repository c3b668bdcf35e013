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
