package e2e_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// TestFilePages opens every page that shows something of the file system, with
// something on it: none is wider than its window, none complains, and where
// BINE_E2E_AXE names axe-core, it finds nothing. With BINE_E2E_SHOTS pictures are
// kept, in both schemes and at both widths.
func TestFilePages(t *testing.T) {
	need(t, "chromium")
	s := newSystem(t)
	outside := s.outside()
	s.env = append(s.env, "BINE_CONNECTOR_DIRS="+outside)
	up := s.start("up", "--log-level", "warn")
	s.ready(30 * time.Second)
	filesToShow(t, s, outside)
	p := newPage(t, s.url)
	signIn(p, firstPassword.FindStringSubmatch(up.out.String()))
	p.clean()
	f := &filesJourney{page: p, s: s, dir: t.TempDir()}
	f.settle()
	widths, schemes := []int64{390}, []string{"light"}
	if shots() != "" || os.Getenv("BINE_E2E_AXE") != "" {
		widths, schemes = []int64{1280, 390}, []string{"light", "dark"}
	}
	for _, width := range widths {
		for _, scheme := range schemes {
			p.do(emulation.SetDeviceMetricsOverride(width, 900, 1, false),
				emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}))
			for _, one := range filePages {
				f.show(one, scheme+"-"+map[int64]string{1280: "laptop", 390: "phone"}[width])
			}
		}
	}
	p.clean()
}

// settle says by the pages what is said by no other means above: limits, how files are kept, a tag, a key.
func (f *filesJourney) settle() {
	f.t.Helper()
	f.open("/projects/shop/files/Resources?tab=details")
	f.fill(`form[action*="/quota"] input[name=size]`, "40 MiB")
	f.fill(`form[action*="/quota"] input[name=names]`, "1000")
	f.click(`form[action*="/quota"] button`)
	f.sees(`[role=status]`, "Saved")
	f.sees(`.head-line`, "of 40 MiB")
	f.do(selectOption(`form[action*="/policy"] select`, "BLOCKS"))
	f.click(`form[action*="/policy"] button`)
	f.sees(`[role=status]`, "Saved")
	f.sees(`dd`, "everything in blocks")
	f.open("/projects/shop/files/Resources/table.parquet?tab=details")
	f.fill(`form[action*="/tag"] input[name=tag]`, "source")
	f.click(`form[action*="/tag"] button`)
	f.sees(`.tags li`, "source")
	f.open("/keys")
	f.fill(`#s3 [name=name]`, "duck")
	f.click(`#s3 button.primary`)
	f.sees(`#new-key`, "AWS_SECRET_ACCESS_KEY")
	f.open("/keys")
	f.fill(`#s3 [name=name]`, "gone")
	f.click(`#s3 button.primary`)
	f.sees(`#new-key`, "AWS_SECRET_ACCESS_KEY")
}

// filePage is a page with what has to be seen on it.
type filePage struct{ name, path, sees string }

var filePages = []filePage{
	{"top", "files", "Resources"}, {"directory", "files/Resources", "table.parquet"}, {"selected", "files/Resources", "table.parquet"},
	{"space", "files/Resources?tab=usage", "larger"}, {"space-top", "files?tab=usage", "Resources"}, {"changes", "files/Resources?tab=changes", "renamed"}, {"details", "files/Resources?tab=details", "Permissions"},
	{"parquet", "files/Resources/table.parquet", "timestamp"}, {"file-details", "files/Resources/table.parquet?tab=details", "source"}, {"notebook", "files/Resources/explore.ipynb", "ZeroDivisionError"},
	{"markdown", "files/Resources/README.md", "Flights"}, {"image", "files/Resources/picture.png", "Preview"}, {"text", "files/Resources/larger/notes-2.txt", "lines"},
	{"empty", "files/Jupyter", "Nothing here yet"}, {"trash", "trash", "Resources/old.csv"}, {"access", "access?path=Resources", "mask"}, {"snapshots", "snapshots?path=Resources&from=before", "created"},
	{"no-snapshots", "snapshots?path=Jupyter", "No snapshots"}, {"datasets", "datasets", "stations"}, {"connectors", "connectors", "import-1"}, {"connector-edit", "connectors?edit=host", "Change host"},
	{"lake", "files/.lake/host", "raw"}, {"lake-file", "files/.lake/host/raw/1.csv", "Preview"}, {"keys", "/keys", "duck"},
}

func (f *filesJourney) show(one filePage, how string) {
	f.t.Helper()
	path := "/projects/shop/" + one.path
	if strings.HasPrefix(one.path, "/") {
		path = one.path
	}
	f.open(path)
	f.sees("main", one.sees)
	if one.name == "selected" {
		f.click(f.box("table.parquet"))
		f.click(`[data-selection] details summary`)
		f.sees(`.picker-list button`, "larger")
	}
	f.until(one.name+" is as wide as the window", `document.documentElement.scrollWidth <= window.innerWidth`)
	f.audit(how + " " + one.name)
	shot(f.t, f.ctx, how+"-files-"+one.name)
}

// audit looks for what keeps people out, with axe-core where BINE_E2E_AXE names it.
func (p *page) audit(name string) {
	p.t.Helper()
	path := os.Getenv("BINE_E2E_AXE")
	if path == "" {
		return
	}
	axe, err := os.ReadFile(path)
	if err != nil {
		p.t.Fatal(err)
	}
	var found string
	p.do(chromedp.Evaluate(string(axe)+"\nundefined", nil), chromedp.Evaluate(`axe.run().then((r) => r.violations.map((v) => v.impact + " " + v.id + ": " + v.nodes.map((n) => n.html.slice(0, 200)).join(" | ")).join("\n"))`, &found,
		func(e *runtime.EvaluateParams) *runtime.EvaluateParams { return e.WithAwaitPromise(true) }))
	if found != "" {
		p.t.Errorf("%s: axe finds\n%s", name, found)
	}
}

// filesToShow fills a project with what the pages are about.
func filesToShow(t *testing.T, s *system, outside string) {
	t.Helper()
	c, ctx := s.client(), t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s.project("weather")
	s.project("shop")
	put := func(project bine.ProjectName, path, text string) {
		t.Helper()
		_, err := c.UploadFile(ctx, project, path, strings.NewReader(text), client.UploadOptions{Parents: true})
		must(err)
	}
	put("weather", "stations/2026.csv", "name,height\nGraz,353\n")
	parquet, err := os.ReadFile("../server/preview/testdata/snappy.parquet")
	must(err)
	for path, content := range map[string][]byte{
		"README.md": []byte("# Flights\n\nWhat is *here*, and `how` it came:\n\n| file | rows |\n|---|---|\n| a | 1 |\n\n- one\n- two\n"), "explore.ipynb": []byte(notebookText), "table.parquet": parquet, "picture.png": drawn(t),
		"a-name-that-is-much-longer-than-names-are-wont-to-be-and-goes-on-2026-11-21.csv": []byte("a\n1\n"), "first.csv": []byte("day,sold\nmonday,3\n"), "old.csv": []byte("1"), "older.csv": []byte("2"),
	} {
		put("shop", "Resources/"+path, string(content))
	}
	for i := range 9 {
		put("shop", fmt.Sprintf("Resources/larger/notes-%d.txt", i), strings.Repeat("some lines of text\n", 1000<<i))
		put("shop", fmt.Sprintf("Resources/smaller/%d/x.txt", i), strings.Repeat("x", 300<<i))
	}
	_, err = c.ChangeFile(ctx, "shop", "Resources/first.csv", client.FileChange{Op: "rename", To: "Resources/sales.csv"})
	must(err)
	must(c.AllowSnapshots(ctx, "shop", "Resources", true))
	_, err = c.CreateSnapshot(ctx, "shop", client.NewSnapshot{Path: "Resources", Name: "before"})
	must(err)
	_, err = c.CreateSnapshot(ctx, "shop", client.NewSnapshot{Path: "Resources"})
	must(err)
	put("shop", "Resources/after.csv", "x\n")
	for _, path := range []string{"Resources/old.csv", "Resources/older.csv"} {
		must(c.TrashFile(ctx, "shop", path))
	}
	_, err = c.ChangeACL(ctx, "shop", "Resources", client.ChangeACL{Op: client.ACLModify, Entries: []bine.ACLEntry{{Type: bine.ACLUser, Name: "shop__admin", Perm: "rwx"}, {Type: bine.ACLGroup, Name: "shop__data_owner", Perm: "rwx"}, {Type: bine.ACLMask, Perm: "r-x"}, {Default: true, Type: bine.ACLUser, Name: "shop__admin", Perm: "rwx"}}})
	must(err)
	_, err = c.OfferDataset(ctx, "weather", "stations", bine.Everyone, bine.ShareRead)
	must(err)
	_, err = c.WantDataset(ctx, "shop", "weather", "stations", bine.ShareRead)
	must(err)
	_, err = c.OfferDataset(ctx, "shop", "Resources", "weather", bine.ShareWrite)
	must(err)
	lakeToShow(t, s, outside)
}

// lakeToShow makes connectors, one import that has come and one that cannot.
func lakeToShow(t *testing.T, s *system, outside string) {
	t.Helper()
	c, ctx := s.client(), t.Context()
	for i := range 3 {
		path := filepath.Join(outside, "raw", fmt.Sprintf("%d.csv", i))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("a,b\n1,2\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	secret := "not told to anybody"
	for name, body := range map[bine.ConnectorName]client.SetConnector{
		"host": {Kind: bine.ConnectorDirectory, Root: outside, Access: bine.ConnectorOwners, Description: "what the instruments write"},
		"sea":  {Kind: bine.ConnectorS3, Bucket: "raw-measurements", Root: "2026/europe", Endpoint: "https://s3.eu-central-1.example.com", AccessKey: "AKIA", Secret: &secret},
		"far":  {Kind: bine.ConnectorWebHDFS, Root: "/data", Endpoint: "https://namenode.example.com:9871/webhdfs/v1", User: "etl", Access: bine.ConnectorMembers},
	} {
		if _, err := c.SetConnector(ctx, "shop", name, body); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"raw", "nothing"} {
		made, err := c.StartTransfer(ctx, "shop", client.NewTransfer{Direction: bine.Import, Connector: "host", Path: path, Files: "sensors"})
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, time.Minute, "the import has ended", func() bool {
			got, err := c.Transfer(ctx, "shop", made.ID)
			return err == nil && got.State.Ended()
		})
	}
}

// drawn is a picture.
func drawn(t *testing.T) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 640, 360))
	for x := range 640 {
		for y := range 360 {
			img.Set(x, y, color.RGBA{uint8(x / 3), uint8(y / 2), 160, 255})
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

const notebookText = `{"nbformat":4,"cells":[{"cell_type":"markdown","source":["# Explore\n","What is in the *data*?"]},
{"cell_type":"code","execution_count":1,"source":"import pandas as pd\ndf = pd.read_parquet('table.parquet')\ndf.head()","outputs":[{"output_type":"execute_result","data":{"text/plain":"   id  small\n0   0     -3\n1   1     -2"}}]},
{"cell_type":"code","execution_count":2,"source":"1/0","outputs":[{"output_type":"error","ename":"ZeroDivisionError","evalue":"division by zero","traceback":["ZeroDivisionError: division by zero"]}]}]}`
