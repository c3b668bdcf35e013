package e2e_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/bine-ml/bine/client"
)

// TestFilesInTheBrowser uses the pages of files as people do: dropping, going on
// with what broke off, selecting, moving, deleting, looking.
func TestFilesInTheBrowser(t *testing.T) {
	need(t, "chromium")
	s := newSystem(t)
	up := s.start("up", "--log-level", "warn")
	s.ready(30 * time.Second)
	p := newPage(t, s.url)
	s.project("shop")
	signIn(p, firstPassword.FindStringSubmatch(up.out.String()))
	p.clean()
	f := &filesJourney{page: p, s: s, dir: t.TempDir()}
	for _, part := range []struct {
		what string
		do   func()
	}{
		{"drop files and a folder", f.drop},
		{"names that are taken", f.taken},
		{"go on after a reload", f.resume},
		{"go on after the server was away", f.outage},
		{"select and move", f.move},
		{"rename in place", f.rename},
		{"delete by the keyboard", f.trash},
		{"preview Parquet", f.preview},
		{"many entries", f.many},
		{"what became of it", f.look},
	} {
		begun := time.Now()
		part.do()
		p.clean()
		t.Logf("%s: %.1f s", part.what, time.Since(begun).Seconds())
	}
}

type filesJourney struct {
	*page
	s   *system
	dir string
}

func (f *filesJourney) write(name string, data []byte) string {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		f.t.Fatal(err)
	}
	return path
}

// content is what the project has at a path.
func (f *filesJourney) content(path string) []byte {
	f.t.Helper()
	r, err := f.s.client().Download(f.t.Context(), "shop", path, 0, 0)
	if err != nil {
		f.t.Fatalf("%s: %v", path, err)
	}
	defer r.Close()
	all, err := io.ReadAll(r)
	if err != nil {
		f.t.Fatal(err)
	}
	return all
}

// dropHere drags files of this machine onto the page.
func (f *filesJourney) dropHere(paths ...string) {
	f.t.Helper()
	f.do(chromedp.WaitReady("[data-uploads][data-started]", chromedp.ByQuery))
	data := &input.DragData{Items: []*input.DragDataItem{}, Files: paths, DragOperationsMask: 1}
	for _, kind := range []input.DispatchDragEventType{input.DragEnter, input.DragOver, input.Drop} {
		f.do(input.DispatchDragEvent(kind, 600, 400, data))
	}
}

func (f *filesJourney) sum(want string) { f.t.Helper(); f.sees(`[data-uploads-count]`, want) }

func (f *filesJourney) drop() {
	f.t.Helper()
	a := f.write("drop/a.txt", []byte("a"))
	f.write("drop/tree/one/1.txt", []byte("1"))
	f.write("drop/tree/two.txt", []byte("2"))
	f.open("/projects/shop/files/Resources")
	f.stay()
	f.dropHere(a, filepath.Join(f.dir, "drop/tree"))
	f.sum("3 of 3 done")
	f.sees(`table a.name`, "a.txt")
	f.sees(`table a.name`, "tree")
	f.stayed()
	if got := f.content("Resources/tree/one/1.txt"); string(got) != "1" {
		f.t.Errorf("the file in the folder is %q", got)
	}
}

func (f *filesJourney) taken() {
	f.t.Helper()
	a, b := f.write("drop/a.txt", []byte("new")), f.write("drop/b.txt", []byte("b"))
	f.dropHere(a, b)
	f.sees(`[data-uploads-question]`, "a.txt is there already")
	f.refused(409)
	f.click(`[data-uploads-choose=keep]`)
	f.sum("2 of 2 done")
	f.sees(`table a.name`, "a (2).txt")
	if string(f.content("Resources/a.txt")) != "a" || string(f.content("Resources/a (2).txt")) != "new" {
		f.t.Error("keep both kept something else")
	}
	f.dropHere(a)
	f.refused(409)
	f.click(`[data-uploads-choose=replace]`)
	f.sum("1 of 1 done")
	if got := f.content("Resources/a.txt"); string(got) != "new" {
		f.t.Errorf("after replace it is %q", got)
	}
}

// large writes a file that takes several parts.
func (f *filesJourney) large(name string) (path string, sum string) {
	f.t.Helper()
	data := make([]byte, 40<<20)
	rng := rand.New(rand.NewPCG(1, uint64(len(name))))
	for i := range data {
		data[i] = byte(rng.Uint32())
	}
	return f.write(name, data), fmt.Sprintf("%x", sha256.Sum256(data))
}

// slow lets so many bytes a second up.
func (f *filesJourney) slow(bytes float64) {
	f.t.Helper()
	f.do(network.Enable(), network.EmulateNetworkConditions(false, 0, -1, bytes))
}

func (f *filesJourney) choose(path string) {
	f.t.Helper()
	f.do(chromedp.WaitReady("[data-uploads][data-started]", chromedp.ByQuery), chromedp.SetUploadFiles(`[data-upload-files]`, []string{path}, chromedp.ByQuery))
}

// begun waits until a part of an upload is there.
func (f *filesJourney) begun(path string) client.PartialUpload {
	f.t.Helper()
	var found client.PartialUpload
	eventually(f.t, time.Minute, "a part of "+path+" is there", func() bool {
		list, err := f.s.client().Uploads(f.t.Context(), "shop")
		if err != nil {
			f.t.Fatal(err)
		}
		for _, u := range list {
			if u.Path == path && u.Offset > 0 {
				found = u
			}
		}
		return found.Offset > 0
	})
	return found
}

func (f *filesJourney) resume() {
	f.t.Helper()
	path, sum := f.large("large.bin")
	f.slow(8 << 20)
	f.choose(path)
	u := f.begun("Resources/large.bin")
	if f.eval(`[...document.querySelectorAll("table a.name")].some((a) => a.textContent.includes("large.bin"))`) {
		f.t.Error("a file that is being uploaded is listed")
	}
	f.reload()
	f.slow(-1)
	f.choose(path)
	f.sees(`[data-upload="Resources/large.bin"] .upload-state`, "done, went on where it was")
	f.sees(`table a.name`, "large.bin")
	if got := fmt.Sprintf("%x", sha256.Sum256(f.content("Resources/large.bin"))); got != sum {
		f.t.Errorf("what came has another content; %d bytes were there before the reload", u.Offset)
	}
}

// reload leaves the page although it uploads, which it asks about.
func (f *filesJourney) reload() {
	f.t.Helper()
	asked := make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	chromedp.ListenTarget(ctx, func(event any) {
		if _, ok := event.(*cdppage.EventJavascriptDialogOpening); ok {
			go func() {
				_ = chromedp.Run(f.ctx, cdppage.HandleJavaScriptDialog(true))
				asked <- struct{}{}
			}()
		}
	})
	f.stay()
	f.do(chromedp.Evaluate(`void setTimeout(() => location.reload(), 50)`, nil))
	select {
	case <-asked:
	case <-time.After(5 * time.Second): // a page that nobody has clicked on does not ask
	}
	f.until("the page is loaded again", `!window.stayed && document.querySelector("[data-uploads][data-started]")`)
}

// outage kills the server in the middle of an upload, and starts it again.
func (f *filesJourney) outage() {
	f.t.Helper()
	path, sum := f.large("other.bin")
	f.slow(8 << 20)
	f.choose(path)
	f.begun("Resources/other.bin")
	f.s.mu.Lock()
	server := f.s.live[0]
	f.s.mu.Unlock()
	server.kill()
	f.sees(`[data-upload="Resources/other.bin"] .upload-state`, "connection lost")
	f.s.start("up", "--log-level", "warn")
	f.s.ready(time.Minute)
	f.slow(-1)
	f.sees(`[data-upload="Resources/other.bin"] .upload-state`, "done, went on where it was")
	if got := fmt.Sprintf("%x", sha256.Sum256(f.content("Resources/other.bin"))); got != sum {
		f.t.Error("what came has another content")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = nil // the browser complains of a server that is away
}

func (f *filesJourney) box(name string) string {
	return fmt.Sprintf(`tr[data-path="Resources/%s"] input[name=path]`, name)
}

func (f *filesJourney) move() {
	f.t.Helper()
	f.open("/projects/shop/files/Resources")
	f.click(f.box("a (2).txt"))
	f.sees(`[data-selection-count]`, "1 selected")
	f.do(chromedp.QueryAfter(f.box("b.txt"), func(ctx context.Context, _ runtime.ExecutionContextID, nodes ...*cdp.Node) error {
		return chromedp.MouseClickNode(nodes[0], chromedp.ButtonModifiers(input.ModifierShift)).Do(ctx)
	}, chromedp.ByQuery))
	f.sees(`[data-selection-count]`, "3 selected")
	f.click(`[data-selection] details summary`)
	f.sees(`.picker-list button`, "tree")
	f.click(`.picker-list li:nth-child(2) button`)
	f.until("the folder is chosen", `document.querySelector("#picker input[name=to]").value === "Resources/tree"`)
	f.click(`[data-do=move]`)
	f.sees(`[role=status]`, "Moved")
	f.until("they are gone from here", `!document.querySelector('tr[data-path="Resources/a.txt"]')`)
	if got := f.content("Resources/tree/b.txt"); string(got) != "b" {
		f.t.Errorf("the moved file is %q", got)
	}
}

func (f *filesJourney) rename() {
	f.t.Helper()
	f.open("/projects/shop/files/Resources/tree")
	f.do(chromedp.Focus(`tr[data-path$="b.txt"] a.name`, chromedp.ByQuery), chromedp.KeyEvent(kb.F2))
	f.until("there is a field", `document.activeElement.value === "b.txt"`)
	f.do(chromedp.KeyEvent("c"), chromedp.KeyEvent(kb.Enter)) // over what is selected: the name without its ending
	f.sees(`[role=status]`, "Renamed")
	f.sees(`a.name`, "c.txt")
	f.do(chromedp.Focus(`tr[data-path$="c.txt"] a.name`, chromedp.ByQuery), chromedp.KeyEvent(kb.F2), chromedp.KeyEvent("two"), chromedp.KeyEvent(kb.Enter))
	f.sees(`.rename .alert-bad`, "already")
	f.refused(409)
	f.do(chromedp.KeyEvent(kb.Escape))
	f.until("the field is gone", `!document.querySelector(".rename")`)
}

func (f *filesJourney) trash() {
	f.t.Helper()
	f.do(chromedp.Focus(`tr[data-path$="c.txt"] a.name`, chromedp.ByQuery), chromedp.KeyEvent(" "),
		chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(" "))
	f.sees(`[data-selection-count]`, "2 selected")
	f.do(chromedp.KeyEvent(kb.Delete))
	f.sees(`[role=status]`, "restored from the trash")
	f.until("they are gone", `!document.querySelector('tr[data-path$="c.txt"]')`)
	trash, err := f.s.client().Trash(f.t.Context(), "shop", client.List{})
	if err != nil || len(trash.Items) != 2 {
		f.t.Errorf("in the trash are %+v, %v", trash.Items, err)
	}
}

func (f *filesJourney) preview() {
	f.t.Helper()
	data, err := os.ReadFile("../server/preview/testdata/snappy.parquet")
	if err != nil {
		f.t.Fatal(err)
	}
	f.open("/projects/shop/files/Resources")
	f.dropHere(f.write("table.parquet", data))
	f.sum("1 of 1 done")
	f.click(`a.name[href$="table.parquet"]`)
	f.at("/projects/shop/files/Resources/table.parquet")
	f.sees(`th`, "timestamp")
	f.sees(`td`, "name <7>")
	f.sees(`dd`, "parquet-cpp-arrow")
}

// many looks at a directory of which no page shows all.
func (f *filesJourney) many() {
	f.t.Helper()
	c := f.s.client()
	for i := range 450 {
		if _, err := c.UploadFile(f.t.Context(), "shop", fmt.Sprintf("Jupyter/many/note-%04d.txt", i), strings.NewReader("x"), client.UploadOptions{Parents: true, Overwrite: true}); err != nil {
			f.t.Fatal(err)
		}
	}
	f.open("/projects/shop/files/Jupyter/many")
	f.stay()
	for _, n := range []int{400, 450} {
		f.do(chromedp.ScrollIntoView("#more", chromedp.ByQuery))
		f.until(fmt.Sprintf("%d are listed", n), fmt.Sprintf(`document.querySelectorAll("tr[data-path]").length === %d`, n))
	}
	f.do(chromedp.Focus("[data-filter]", chromedp.ByQuery), input.InsertText("NOTE-044"))
	f.until("the filter holds", `document.querySelectorAll("tr[data-path]").length === 10`)
	f.until("the filter is in the address", `location.search.includes("q=NOTE-044")`)
	f.stayed()
}

// look sees what is told of a directory.
func (f *filesJourney) look() {
	f.t.Helper()
	f.open("/projects/shop/files/Resources?tab=changes")
	f.sees(`td`, "renamed")
	f.open("/projects/shop/files?tab=usage")
	f.sees(`td a.name`, "Trash")
	f.click(`.usage-map a[href*="/Resources?"]`)
	f.at("/projects/shop/files/Resources")
	f.sees(`td a.name`, "large.bin")
	f.open("/projects/shop/files/Resources/table.parquet?tab=details")
	f.fill(`form[action*="/tag"] input[name=tag]`, "source")
	f.fill(`form[action*="/tag"] input[name=value]`, "pyarrow")
	f.click(`form[action*="/tag"] button`)
	f.sees(`.tags li`, "source: pyarrow")
	f.click(`input[aria-label="Others may read"]`)
	f.click(`form[action*="/permissions"] button`)
	f.sees(`[role=status]`, "Saved")
	if !f.eval(`document.querySelector('input[aria-label="Others may read"]').checked`) {
		f.t.Error("others may not read it yet")
	}
}
