package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/bine-ml/bine/dags"
)

func TestSamePipelineAsTheYAML(t *testing.T) {
	text, err := os.ReadFile("../flights/pipeline.yml")
	if err != nil {
		t.Fatal(err)
	}
	want, err := dags.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	got, err := flights()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.JSON(), want.JSON()) {
		t.Errorf("the Go pipeline is\n%s\nthe YAML is\n%s", got.JSON(), want.JSON())
	}
}
