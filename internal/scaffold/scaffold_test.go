package scaffold_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/internal/scaffold"
)

// putFile writes a file into a new directory and gives its path.
func putFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// homes is a table with every kind of column; price depends on area and city.
func homes(comma string) string {
	var b strings.Builder
	b.WriteString(strings.ReplaceAll("id,city,rooms,area,balcony,built,zip,note,same,sold,price\n", ",", comma))
	cities := []string{"Bern", "Köln", "Łódź"}
	for i := range 300 {
		area := 20 + math.Mod(float64(i)*37.7, 100)
		fields := []any{i, cities[i%3], i % 7, area, i%2 == 0, fmt.Sprintf("20%02d-01-02", i%20), fmt.Sprintf("0%04d", i%40),
			fmt.Sprintf("nice flat, \"no. %d\"", i), "x", []string{"yes", "no"}[i%3/2], 1000*area + float64(i%3)*20000}
		for j, f := range fields {
			text := fmt.Sprint(f)
			if strings.ContainsAny(text, `",;`) {
				text = `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
			}
			if j > 0 {
				b.WriteString(comma)
			}
			b.WriteString(text)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestInspectFindsTheKindOfEachColumn(t *testing.T) {
	want := map[string]scaffold.Kind{"id": scaffold.Whole, "city": scaffold.Text, "rooms": scaffold.Whole, "area": scaffold.Number,
		"balcony": scaffold.Bool, "built": scaffold.Time, "zip": scaffold.Text, "note": scaffold.Text, "same": scaffold.Text,
		"sold": scaffold.Text, "price": scaffold.Number}
	for name, file := range map[string]string{
		"commas":     putFile(t, "homes.csv", homes(",")),
		"semicolons": putFile(t, "homes.csv", "\xef\xbb\xbf"+homes(";")),
		"tabs":       putFile(t, "homes.tsv", homes("\t")),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := scaffold.Inspect(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range got.Columns {
				if c.Kind != want[c.Name] {
					t.Errorf("%s is %q, want %q", c.Name, c.Kind, want[c.Name])
				}
			}
			if len(got.Columns) != len(want) || got.Rows != 300 {
				t.Errorf("%d columns and %d rows, want %d and 300", len(got.Columns), got.Rows, len(want))
			}
		})
	}
}

func TestInspectReadsTheSchemaOfParquet(t *testing.T) {
	got, err := scaffold.Inspect("testdata/homes.parquet")
	if err != nil {
		t.Fatal(err)
	}
	want := []scaffold.Column{{Name: "id", Kind: scaffold.Whole}, {Name: "city", Kind: scaffold.Text}, {Name: "rooms", Kind: scaffold.Whole},
		{Name: "area", Kind: scaffold.Number}, {Name: "balcony", Kind: scaffold.Bool}, {Name: "built", Kind: scaffold.Time},
		{Name: "seen", Kind: scaffold.Time}, {Name: "tags", Kind: scaffold.Other}, {Name: "price", Kind: scaffold.Number}}
	if !slices.Equal(got.Columns, want) {
		t.Errorf("columns are %+v, want %+v", got.Columns, want)
	}
}

func TestWhatIsNoTableIsRefusedWithTheReason(t *testing.T) {
	parquet, err := os.ReadFile("testdata/homes.parquet")
	if err != nil {
		t.Fatal(err)
	}
	for part, file := range map[string]string{
		"is empty":              putFile(t, "a.csv", "\n"),
		"neither CSV nor":       putFile(t, "a.xlsx", "x"),
		"not UTF-8":             putFile(t, "a.csv", "a,b\xff\n1,2\n"),
		"two columns named":     putFile(t, "a.csv", "a,a\n1,2\n"),
		"without a name":        putFile(t, "a.csv", "a,\n1,2\n"),
		"not CSV throughout":    putFile(t, "a.csv", "a,b\n1,2,3\n"),
		"at least one":          putFile(t, "a.csv", "a\n1\n"),
		"does not end in PAR1":  putFile(t, "a.parquet", "a,b\n1,2\n1,2\n"),
		"malformed":             putFile(t, "b.parquet", "PAR1....\xff\xff\xff\x00PAR1"),
		"not compressed by":     putFile(t, "a.csv.gz", "a,b\n1,2\n"),
		"that can be read":      putFile(t, "c.parquet", "PAR1"+strings.Repeat("\x15", 200)+"\xc8\x00\x00\x00PAR1"),
		"cannot be read: no su": filepath.Join(t.TempDir(), "none.csv"),
	} {
		if _, err := scaffold.Init(t.TempDir(), file, scaffold.Options{}); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("Init of %s = %v, want an error with %q", filepath.Base(file), err, part)
		}
	}
	for n := range len(parquet) { // cut anywhere, it is refused and nothing worse happens
		file := putFile(t, "cut.parquet", string(parquet[:n])+"PAR1")
		if _, err := scaffold.Inspect(file); err == nil {
			t.Fatalf("Inspect of the first %d bytes succeeds", n)
		}
		if n > 64 {
			break
		}
	}
}

func FuzzParquet(f *testing.F) {
	whole, err := os.ReadFile("testdata/homes.parquet")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole[len(whole)-3000:])
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "x.parquet")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		_, _ = scaffold.Inspect(path)
	})
}

func TestInitWritesAPipelineThatIsValid(t *testing.T) {
	for name, c := range map[string]struct {
		file, target, task, name string
	}{
		"regression from CSV":                   {putFile(t, "My Homes.2024.csv", homes(",")), "", "regression", "my-homes"},
		"classification from CSV":               {putFile(t, "homes.csv", homes(";")), "sold", "classification", "homes"},
		"few whole numbers are classes":         {putFile(t, "homes.csv", homes(";")), "rooms", "classification", "homes"},
		"regression from Parquet":               {"testdata/homes.parquet", "price", "regression", "homes"},
		"Parquet that does not say":             {"testdata/homes.parquet", "rooms", "auto", "homes"},
		"column names that would break a quote": {putFile(t, "x.csv", "\"a\"\"'\\\",b\n1,2\n3,4\n"), "", "classification", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "new")
			files, err := scaffold.Init(dir, c.file, scaffold.Options{Target: c.target})
			if err != nil {
				t.Fatal(err)
			}
			want := []string{"pipeline.yml", "ingest.py", "train.py", "evaluate.py", "README.md", "data/" + filepath.Base(c.file)}
			if !slices.Equal(files, want) {
				t.Errorf("files are %q, want %q", files, want)
			}
			text, err := os.ReadFile(filepath.Join(dir, "pipeline.yml"))
			if err != nil {
				t.Fatal(err)
			}
			dag, err := dags.Parse(text)
			if err != nil {
				t.Fatalf("Parse = %v\n%s", err, text)
			}
			if string(dag.Name) != c.name {
				t.Errorf("the pipeline is called %s, want %s", dag.Name, c.name)
			}
			if !strings.Contains(string(text), "default: "+c.task+"\n") {
				t.Errorf("the task is not %s:\n%s", c.task, text)
			}
			compile(t, dir)
		})
	}
}

// compile checks that the Python files in dir are Python.
func compile(t *testing.T, dir string) {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 here")
	}
	check := "import sys\nfor f in sys.argv[1:]: compile(open(f, encoding='utf-8').read(), f, 'exec')"
	cmd := exec.Command(python, "-c", check, "ingest.py", "train.py", "evaluate.py")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("the steps are not Python: %v\n%s", err, out)
	}
}

func TestInitOverwritesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "train.py"), []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := scaffold.Init(dir, putFile(t, "homes.csv", homes(",")), scaffold.Options{})
	if !bine.IsKind(err, bine.Conflict) || !strings.Contains(err.Error(), "train.py") {
		t.Errorf("Init = %v, want a Conflict that names train.py", err)
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 1 {
		t.Errorf("there are %d files, want the one that was there", len(entries))
	}
}

func TestInitBesideTheDataUsesItWhereItLies(t *testing.T) {
	file := putFile(t, "homes.csv", homes(","))
	files, err := scaffold.Init(filepath.Dir(file), file, scaffold.Options{Name: "flats"})
	if err != nil || len(files) != 5 {
		t.Fatalf("Init = %q, %v, want five files", files, err)
	}
	text, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "ingest.py"))
	if !strings.Contains(string(text), `.parent / "homes.csv"`) {
		t.Errorf("ingest.py does not read homes.csv:\n%s", text)
	}
	for _, part := range []string{`"note": 300 different texts`, `"same": always the same`, `"built": a time`, `"id": a number of its own`} {
		if !strings.Contains(string(text), part) {
			t.Errorf("ingest.py does not say %s", part)
		}
	}
}

func TestAnUnknownTargetIsToldWithWhatThereIs(t *testing.T) {
	file := putFile(t, "homes.csv", homes(","))
	_, err := scaffold.Init(t.TempDir(), file, scaffold.Options{Target: "Price"})
	if !bine.IsKind(err, bine.Invalid) || !strings.Contains(err.Error(), `did you mean "price"`) {
		t.Errorf("Init = %v, want a hint", err)
	}
	_, err = scaffold.Init(t.TempDir(), file, scaffold.Options{Target: "colour"})
	if !bine.IsKind(err, bine.Invalid) || !strings.Contains(err.Error(), "it has id, city") {
		t.Errorf("Init = %v, want the columns", err)
	}
	if _, err = scaffold.Init(t.TempDir(), file, scaffold.Options{Name: "Bad Name"}); !bine.IsKind(err, bine.Invalid) {
		t.Errorf("Init with a bad name = %v, want Invalid", err)
	}
}

// TestTheStepsRun runs what is written, with the Python of an environment that
// has pandas and scikit-learn (and pyarrow) where BINE_TEST_PYTHON names one.
func TestTheStepsRun(t *testing.T) {
	python := os.Getenv("BINE_TEST_PYTHON")
	if python == "" {
		t.Skip("BINE_TEST_PYTHON names no Python with pandas and scikit-learn")
	}
	for name, c := range map[string]struct{ file, target string }{
		"regression":     {putFile(t, "homes.csv", homes(",")), ""},
		"classification": {putFile(t, "homes.csv", homes(";")), "sold"},
		"bool":           {putFile(t, "homes.csv", homes(";")), "balcony"},
		"parquet":        {"testdata/homes.parquet", "rooms"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if _, err := scaffold.Init(dir, c.file, scaffold.Options{Target: c.target}); err != nil {
				t.Fatal(err)
			}
			run := steps{t, python, dir, t.TempDir()}
			ingest := run.step("ingest", `{"test_share": 0.2}`, nil)
			with := `{"task": "auto", "learning_rate": 0.1, "depth": 3, "iterations": 30}`
			train := run.step("train", with, map[string]string{"train": ingest + "/train"})
			models := filepath.Join(run.work, "models")
			if err := os.MkdirAll(models, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(train+"/model", models+"/shallow"); err != nil {
				t.Fatal(err)
			}
			evaluate := run.step("evaluate", "{}", map[string]string{"models": models, "test": ingest + "/test"})
			if _, err := os.Stat(evaluate + "/best/model.json"); err != nil {
				t.Error(err)
			}
		})
	}
}

// steps runs the steps of a directory as an agent would.
type steps struct {
	t                 *testing.T
	python, dir, work string
}

func (s steps) step(name, with string, inputs map[string]string) string {
	s.t.Helper()
	outputs := filepath.Join(s.work, name)
	if err := os.MkdirAll(outputs, 0o755); err != nil {
		s.t.Fatal(err)
	}
	text, _ := json.Marshal(inputs)
	for file, content := range map[string]string{"with": with, "inputs": string(text)} {
		if err := os.WriteFile(filepath.Join(s.work, name+"."+file), []byte(content), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	source, err := filepath.Abs("../../python/src")
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(s.python, filepath.Join(s.dir, name+".py"))
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "PYTHONPATH=" + source, "PYTHONDONTWRITEBYTECODE=1", "OMP_NUM_THREADS=1",
		"BINE_OUTPUTS=" + outputs, "BINE_WITH=" + filepath.Join(s.work, name+".with"), "BINE_INPUTS=" + filepath.Join(s.work, name+".inputs")}
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", name, err, out)
	}
	s.t.Logf("%s: %s", name, out)
	return outputs
}
