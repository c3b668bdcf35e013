// Package scaffold writes a first pipeline for somebody's own table: it looks
// at the columns of a CSV or Parquet file and makes a pipeline that trains,
// compares, registers and deploys a model of one of them. What it writes is
// meant to be read and changed.
package scaffold

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"

	"github.com/bine-ml/bine"
)

// Options say what the pipeline is for.
type Options struct {
	Target string // the column to predict; empty is the last one
	Name   string // of the pipeline and of its model; empty is made from the name of the file
}

// MaxData is the largest file that is put beside the steps: it is stored with
// each version of the pipeline.
const MaxData = 200 << 20

//go:embed templates
var templates embed.FS

// The files that are written, and the templates that they are made from.
var targets = []string{"pipeline.yml", "ingest.py", "train.py", "evaluate.py", "README.md"}

// page is what the templates see.
type page struct {
	Name     string
	File     string // the data, relative to the directory, with slashes
	Format   string // csv or parquet
	Comma    string
	Target   string
	Task     string // classification, regression, or auto where the file does not say
	Numbers  []string
	Texts    []string
	Ignored  []Column
	Requires []string
}

// Init writes a pipeline into dir for the table in dataFile, which it copies to
// dir/data unless it lies in dir already. It answers the files that it wrote,
// relative to dir. A file that is there already is a Conflict, and then nothing
// is written.
func Init(dir, dataFile string, o Options) ([]string, error) {
	p, err := describe(dir, dataFile, o)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, name := range targets {
		text, err := render(name, p)
		if err != nil {
			return nil, err
		}
		files[name] = text
	}
	return write(dir, dataFile, p.File, files)
}

// describe decides what the templates say.
func describe(dir, dataFile string, o Options) (page, error) {
	about, err := os.Stat(dataFile)
	if err != nil {
		return page{}, &bine.Error{Kind: bine.NotFound, Message: fmt.Sprintf("%s cannot be read: %v", dataFile, errors.Unwrap(err)), Err: err}
	}
	if about.Size() > MaxData {
		return page{}, bine.Errorf(bine.TooLarge, "%s has %d MiB; a table that is kept beside its pipeline may have %d: start with a part of it", dataFile, about.Size()>>20, MaxData>>20)
	}
	table, err := Inspect(dataFile)
	if err != nil {
		return page{}, err
	}
	target, err := table.target(o.Target)
	if err != nil {
		return page{}, err
	}
	p := page{Name: o.Name, File: placeOf(dir, dataFile), Format: table.Format, Comma: table.Comma, Target: target.Name, Task: target.task(table)}
	if p.Name == "" {
		p.Name = nameOf(dataFile)
	}
	if err := bine.PipelineName(p.Name).Check(); err != nil {
		return page{}, err
	}
	for _, c := range table.Columns {
		switch why := c.ignored(table); {
		case c.Name == target.Name:
		case why != "":
			c.Why = why
			p.Ignored = append(p.Ignored, c)
		case c.Kind == Text:
			p.Texts = append(p.Texts, c.Name)
		default:
			p.Numbers = append(p.Numbers, c.Name)
		}
	}
	if len(p.Numbers)+len(p.Texts) == 0 {
		return page{}, bine.Errorf(bine.Invalid, "%s has no column that %s could be predicted from", dataFile, target.Name)
	}
	p.Requires = []string{"pandas", "scikit-learn"}
	if p.Format == "parquet" {
		p.Requires = append(p.Requires, "pyarrow")
	}
	return p, nil
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// nameOf makes the name of a pipeline from that of a file.
func nameOf(file string) string {
	base := strings.ToLower(filepath.Base(file))
	base, _, _ = strings.Cut(strings.TrimLeft(base, "."), ".")
	base = strings.Trim(notInNames.ReplaceAllString(base, "-"), "-")
	if base == "" {
		return "pipeline"
	}
	return strings.Trim(base[:min(len(base), 63)], "-")
}

// placeOf says where the data is in dir: where it lies, or in data.
func placeOf(dir, dataFile string) string {
	base, err := filepath.Abs(dir)
	if err == nil {
		var file string
		if file, err = filepath.Abs(dataFile); err == nil {
			if relative, err := filepath.Rel(base, file); err == nil && filepath.IsLocal(relative) {
				return filepath.ToSlash(relative)
			}
		}
	}
	return "data/" + filepath.Base(dataFile)
}

func render(name string, p page) ([]byte, error) {
	functions := template.FuncMap{"literal": literal, "list": literals}
	t, err := template.New(name+".tmpl").Funcs(functions).ParseFS(templates, "templates/"+name+".tmpl")
	if err != nil {
		return nil, fmt.Errorf("template %s: %w", name, err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, p); err != nil {
		return nil, fmt.Errorf("template %s: %w", name, err)
	}
	return out.Bytes(), nil
}

// literal writes a text as Python and YAML both read it.
func literal(s string) (string, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(s)
	return strings.TrimSpace(out.String()), err
}

// literals writes a list of texts, one on each line.
func literals(list []string) (string, error) {
	if len(list) == 0 {
		return "[]", nil
	}
	var out strings.Builder
	out.WriteString("[\n")
	for _, s := range list {
		text, err := literal(s)
		if err != nil {
			return "", err
		}
		out.WriteString("    " + text + ",\n")
	}
	return out.String() + "]", nil
}

// write puts the files and the data into dir, all or none of them.
func write(dir, dataFile, place string, files map[string][]byte) (written []string, err error) {
	names := append([]string{}, targets...)
	copied := filepath.Join(dir, filepath.FromSlash(place))
	if !same(copied, dataFile) {
		names = append(names, place)
	}
	if err := free(dir, names); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			for _, name := range written {
				_ = os.Remove(filepath.Join(dir, filepath.FromSlash(name)))
			}
			written = nil
		}
	}()
	for _, name := range names {
		var from io.Reader = bytes.NewReader(files[name])
		if files[name] == nil {
			data, err := os.Open(dataFile)
			if err != nil {
				return written, fmt.Errorf("copy the data: %w", err)
			}
			defer data.Close()
			from = data
		}
		if err := create(filepath.Join(dir, filepath.FromSlash(name)), from); err != nil {
			return written, fmt.Errorf("write %s: %w", name, err)
		}
		written = append(written, name)
	}
	return written, nil
}

func same(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// free says which of the files are there already.
func free(dir string, names []string) error {
	var taken []string
	for _, name := range names {
		if _, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(name))); !errors.Is(err, fs.ErrNotExist) {
			taken = append(taken, name)
		}
	}
	if len(taken) == 0 {
		return nil
	}
	return bine.Errorf(bine.Conflict, "%s has %s already, and nothing is overwritten: choose an empty directory", dir, strings.Join(taken, ", "))
}

// create makes a file that was not there.
func create(path string, from io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		_ = os.Remove(path)
	}
	return err
}
