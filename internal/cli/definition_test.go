package cli_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/internal/cli"
)

const drawn = `
name: drawn
params: {shops: {type: list, default: [graz, wien]}, fast: {type: bool, default: false}}
steps:
  load: {foreach: {items: "${{ params.shops }}"}, command: [load, "${{ item }}"]}
  quick: {when: "${{ params.fast }}", values: {x: 1}}
  ask: {needs: [load], approval: {message: "<b> & go on?"}}
finally:
  clean: {command: [clean]}
`

func drawnFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipeline.yml")
	if err := os.WriteFile(path, []byte(drawn), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestGraphDrawsAFileWithoutAServer(t *testing.T) {
	file := drawnFile(t)
	for _, arg := range []string{file, filepath.Dir(file)} {
		out, _, err := command(t, nil, "pipeline", "graph", arg)
		if err != nil || !strings.Contains(out, "load") || !strings.Contains(out, "finally:") {
			t.Errorf("graph %s: %v\n%s", arg, err, out)
		}
	}
}

func TestGraphAsSVGIsXMLWithEveryStep(t *testing.T) {
	out, _, err := command(t, nil, "pipeline", "graph", drawnFile(t), "--svg")
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for d := xml.NewDecoder(strings.NewReader(out)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, out)
		}
		if text, ok := token.(xml.CharData); ok {
			texts = append(texts, strings.TrimSpace(string(text)))
		}
	}
	all := strings.Join(texts, "|")
	for _, want := range []string{"|load|", "|quick|", "|ask|", "|approval|", "|clean|", "|command, finally|"} {
		if !strings.Contains(all, want) {
			t.Errorf("the picture lacks %s: %s", want, all)
		}
	}
	if !strings.Contains(out, `class="then"`) {
		t.Error("no dashed line leads to what runs at the end")
	}
}

func TestGraphOfANameAsksTheServer(t *testing.T) {
	dag, err := dags.Parse([]byte(drawn))
	if err != nil {
		t.Fatal(err)
	}
	routes := map[string]any{"GET projects/demo/pipelines/drawn/versions/0": bine.PipelineVersion{Pipeline: "drawn", Version: 3, DAG: dag.JSON()}}
	out, _, err := command(t, routes, "pipeline", "graph", "drawn")
	if err != nil || out != dags.Graph(dag) {
		t.Errorf("graph drawn: %v\n%s", err, out)
	}
	if _, _, err := command(t, nil, "pipeline", "graph", "missing"); cli.ExitCode(err) != cli.ExitNotFound {
		t.Errorf("a pipeline that is not there: %v", err)
	}
}

func TestRenderOfAFileSaysWhatARunWouldDo(t *testing.T) {
	file := drawnFile(t)
	out, _, err := command(t, nil, "pipeline", "render", file, "-P", `shops=["a","b","c"]`, "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	var got client.Rendered
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	steps := map[bine.StepName]client.RenderedStep{}
	for _, s := range got.Steps {
		steps[s.Step] = s
	}
	if n := steps["load"].Items; n == nil || *n != 3 || steps["quick"].Runs != "no" || steps["clean"].Phase != "finally" {
		t.Errorf("render gave %+v", got)
	}
	if out, _, err = command(t, nil, "pipeline", "render", file); err != nil || !strings.Contains(out, "quick  values    no") {
		t.Errorf("the table is %v\n%s", err, out)
	}
	for name, args := range map[string][]string{
		"a param that is not there": {"pipeline", "render", file, "-P", "n=1"},
		"a version of a file":       {"pipeline", "render", file, "--version", "2"},
	} {
		if _, _, err := command(t, nil, args...); cli.ExitCode(err) != cli.ExitUsage {
			t.Errorf("%s: %v, want a usage error", name, err)
		}
	}
}

func TestRenderOfANameAsksTheServer(t *testing.T) {
	routes := map[string]any{"POST projects/demo/pipelines/drawn/render": client.Rendered{Pipeline: "drawn", Version: 3,
		Steps: []client.RenderedStep{{Step: "load", Kind: "command", Runs: "yes", Fault: "no such shop"}}}}
	out, _, err := command(t, routes, "pipeline", "render", "drawn")
	if err != nil || !strings.Contains(out, "would fail: no such shop") {
		t.Errorf("render drawn: %v\n%s", err, out)
	}
}
