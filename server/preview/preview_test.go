package preview_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/server/preview"
)

func of(t testing.TB, name string, data []byte) client.FilePreview {
	t.Helper()
	p, err := preview.Of(t.Context(), name, int64(len(data)), bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return p
}

// parquetFiles were written by pyarrow; testdata/make.py says how.
func TestParquet(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.parquet")
	if err != nil || len(paths) < 6 {
		t.Fatalf("the files are not there: %v %v", paths, err)
	}
	first := map[string]string{"id": "1", "small": "-2", "name": "name <1>", "price": "0.25", "ratio": "0.5", "ok": "false", "day": "2026-03-02", "at": "2026-03-01 12:30:01", "tags": "null", "sum": "0.01", "raw": "0x00ff01", "in.a": "1", "in.b": "null"}
	later := map[string]string{"id": "119", "small": "-3", "name": "null", "price": "29.75", "tags": "[a, null, t119]", "sum": "1.19", "day": "2026-06-28", "in.b": "119", "raw": "0x00ff77", "ratio": "59.5", "ok": "false", "at": "2026-03-01 12:31:59"}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			p := of(t, path, data)
			if p.Kind != client.PreviewTable || len(p.Header) == 0 || len(p.Types) != len(p.Header) {
				t.Fatalf("%+v", p)
			}
			switch filepath.Base(path) {
			case "brotli.parquet":
				if !strings.Contains(p.Note, "id is not shown") {
					t.Errorf("the note is %q", p.Note)
				}
				return
			case "empty.parquet":
				if len(p.Rows) != 0 || p.Truncated {
					t.Errorf("%+v", p)
				}
				return
			}
			if p.Note != "" || !p.Truncated || len(p.Rows) < 150 {
				t.Fatalf("note %q, %d rows", p.Note, len(p.Rows))
			}
			for i, name := range p.Header {
				for row, want := range map[int]map[string]string{1: first, 119: later} {
					if w, ok := want[name]; ok && p.Rows[row][i] != w {
						t.Errorf("%s of row %d is %q, want %q", name, row, p.Rows[row][i], w)
					}
				}
			}
		})
	}
	data, _ := os.ReadFile("testdata/snappy.parquet")
	p := of(t, "a.parquet", data)
	if got := strings.Join(p.Types, " "); got != "int64 int8 string double float boolean date timestamp list of string decimal(10,2) binary int64 string" {
		t.Errorf("the types are %s", got)
	}
	if got := fmt.Sprint(p.Facts[:3]); got != "[{Rows 250} {Columns 13} {Row groups 2}]" {
		t.Errorf("the facts are %s", got)
	}
}

func TestText(t *testing.T) {
	long := strings.Repeat("é", preview.TextBytes)
	for name, c := range map[string]struct {
		data string
		want client.FilePreview
	}{
		"a.txt":        {"hello <b>", client.FilePreview{Kind: "text", Text: "hello <b>"}},
		"empty":        {"", client.FilePreview{Kind: "text"}},
		"bom.txt":      {"\xef\xbb\xbfhi", client.FilePreview{Kind: "text", Text: "hi"}},
		"utf16.txt":    {"\xff\xfeh\x00i\x00", client.FilePreview{Kind: "text", Text: "hi", Note: "read as UTF-16"}},
		"utf16be.txt":  {"\xfe\xff\x00h\x00i", client.FilePreview{Kind: "text", Text: "hi", Note: "read as UTF-16"}},
		"latin.txt":    {"caf\xe9 au lait", client.FilePreview{Kind: "text", Text: "café au lait", Note: "read as Latin-1"}},
		"binary":       {"\x7fELF\x00\x01", client.FilePreview{Kind: "none"}},
		"noise":        {"\x01\x02\xff\xfe\x03", client.FilePreview{Kind: "none"}},
		"long.txt":     {"x" + long, client.FilePreview{Kind: "text", Text: ("x" + long)[:preview.TextBytes-1], Truncated: true}},
		"a.json":       {`{"a":[1,2]}`, client.FilePreview{Kind: "text", Text: "{\n  \"a\": [\n    1,\n    2\n  ]\n}"}},
		"bad.json":     {`{"a":`, client.FilePreview{Kind: "text", Text: `{"a":`}},
		"README.md":    {"# a", client.FilePreview{Kind: "markdown", Text: "# a"}},
		"a.csv":        {"a,b\n1,\"x\ny\"\n", client.FilePreview{Kind: "table", Header: []string{"a", "b"}, Rows: [][]string{{"1", "x\ny"}}}},
		"semi.csv":     {"a;b\n1;2\n", client.FilePreview{Kind: "table", Header: []string{"a", "b"}, Rows: [][]string{{"1", "2"}}}},
		"a.tsv":        {"a\tb\n1\t2\n", client.FilePreview{Kind: "table", Header: []string{"a", "b"}, Rows: [][]string{{"1", "2"}}}},
		"a.jsonl":      {"{\"a\":1}\n\n{\"b\":\"x\",\"a\":[2]}\n", client.FilePreview{Kind: "table", Header: []string{"a", "b"}, Rows: [][]string{{"1", ""}, {"[2]", "x"}}}},
		"list.jsonl":   {"[1]\n", client.FilePreview{Kind: "text", Text: "[1]\n"}},
		"bad.ipynb":    {"{}", client.FilePreview{Kind: "text", Text: "{}"}},
		"bad.parquet":  {"PAR1", client.FilePreview{Kind: "none", Note: "its metadata are damaged"}},
		"long.parquet": {"PAR1\xff\xff\xff\x7fPAR1", client.FilePreview{Kind: "none", Note: "its metadata are damaged"}},
		"pict.PNG":     {"x", client.FilePreview{Kind: "image"}},
		"evil.svg":     {"<svg onload=alert(1)>", client.FilePreview{Kind: "text", Text: "<svg onload=alert(1)>"}},
	} {
		t.Run(name, func(t *testing.T) {
			if p := of(t, name, []byte(c.data)); !reflect.DeepEqual(p, c.want) {
				t.Errorf("%+v, want %+v", p, c.want)
			}
		})
	}
}

const book = `{"nbformat":4,"cells":[
{"cell_type":"markdown","source":["# Title\n","<script>alert(1)</script>"]},
{"cell_type":"code","execution_count":3,"source":"print(1)","outputs":[
 {"output_type":"stream","name":"stdout","text":["1\n","2\n"]},
 {"output_type":"execute_result","data":{"text/html":["<script>alert(2)</script>"],"text/plain":["   a\n0  1"]}},
 {"output_type":"display_data","data":{"image/png":"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ","text/plain":"<Figure>"}},
 {"output_type":"display_data","data":{"image/png":"PHNjcmlwdD4=","text/plain":"<Fake>"}},
 {"output_type":"display_data","data":{"image/svg+xml":"<svg onload=alert(3)>"}},
 {"output_type":"error","ename":"ValueError","evalue":"no","traceback":["a","b"]}]},
{"cell_type":"surprise","source":{"a":1}}]}`

func TestNotebook(t *testing.T) {
	p := of(t, "a.ipynb", []byte(book))
	if p.Kind != client.PreviewNotebook || len(p.Cells) != 3 || p.Cells[0].Kind != "markdown" || *p.Cells[1].Count != 3 || p.Cells[2].Kind != "raw" {
		t.Fatalf("%+v", p)
	}
	var got []string
	for _, o := range p.Cells[1].Outputs {
		got = append(got, fmt.Sprintf("%s %q %d", o.Kind, o.Text, len(o.Image)))
	}
	want := `text "1\n2\n" 0|text "   a\n0  1" 0|image "" 33|text "<Fake>" 0|text "<svg onload=alert(3)>" 0|error "a\nb" 0`
	if strings.Join(got, "|") != want {
		t.Errorf("the outputs are %s, want %s", strings.Join(got, "|"), want)
	}
}

// bounded checks what every preview keeps to, whatever the file.
func bounded(t *testing.T, name string, data []byte) {
	t.Helper()
	begun := time.Now()
	p := of(t, name, data)
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("%s of %d bytes took %s", name, len(data), took)
	}
	size := len(p.Text) + len(p.Note)
	check := func(s string) {
		if size += len(s); !utf8.ValidString(s) {
			t.Errorf("%q is not UTF-8", s)
		}
	}
	check(p.Text)
	for _, row := range append(p.Rows, p.Header, p.Types) {
		for _, cell := range row {
			check(cell)
		}
	}
	for _, c := range p.Cells {
		check(c.Text)
		for _, o := range c.Outputs {
			check(o.Text)
			size += len(o.Image)
		}
	}
	if size > 64<<20 {
		t.Errorf("of %d bytes came %d", len(data), size)
	}
}

func TestHostileFiles(t *testing.T) {
	for name, data := range map[string]string{
		"deep.json":   strings.Repeat("[", 60_000),
		"nested.json": strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000),
		"quote.csv":   `a,"` + strings.Repeat("x\n", 200_000),
		"wide.csv":    strings.Repeat(",", 250_000),
		"wide.jsonl":  "{" + strings.Repeat(`"a":1,`, 40_000) + `"b":2}`,
		"many.jsonl":  strings.Repeat(`{"a":1}`+"\n", 30_000),
		"deep.ipynb":  `{"nbformat":4,"cells":` + strings.Repeat("[", 20_000),
		"many.ipynb":  `{"nbformat":4,"cells":[` + strings.Repeat(`{"source":"x"},`, 100_000) + `{}]}`,
	} {
		t.Run(name, func(t *testing.T) { bounded(t, name, []byte(data)) })
	}
	good, err := os.ReadFile("testdata/zstd_v2.parquet")
	if err != nil {
		t.Fatal(err)
	}
	for i := range good { // a byte at a time
		bad := bytes.Clone(good)
		bad[i] ^= 0x55
		bounded(t, "a.parquet", bad)
	}
	for n := 0; n < len(good); n += 97 { // cut off, with an end
		bounded(t, "a.parquet", append(bytes.Clone(good[:n]), good[len(good)-8:]...))
	}
}

func fuzz(f *testing.F, name, pattern string, more ...string) {
	paths, _ := filepath.Glob(pattern)
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, text := range more {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) { bounded(t, name, data) })
}

func FuzzParquet(f *testing.F)  { fuzz(f, "a.parquet", "testdata/*.parquet") }
func FuzzCSV(f *testing.F)      { fuzz(f, "a.csv", "none", "a,b\n1,\"2\"\n", "\xff\xfea\x00,\x00") }
func FuzzNotebook(f *testing.F) { fuzz(f, "a.ipynb", "none", book) }
func FuzzLines(f *testing.F)    { fuzz(f, "a.jsonl", "none", "{\"a\":1}\n{\"b\":{\"c\":[]}}\n") }
