package templates

import (
	"html/template"

	"github.com/bine-ml/bine"
)

// ArtifactPage shows an artifact: a file's beginning or what a directory holds.
type ArtifactPage struct {
	Shell
	Name    string
	Ref     bine.ArtifactRef
	Entries []bine.ArtifactEntry
	Preview Preview
}

var artifactPage = load("artifact.html", "preview.html")

func (p ArtifactPage) page() *template.Template { return artifactPage }

// Dir reports whether it is a directory.
func (p ArtifactPage) Dir() bool { return p.Ref.Kind == bine.ArtifactDir }

// EntryURL is the page of a file in the directory.
func (p ArtifactPage) EntryURL(e bine.ArtifactEntry) string {
	return p.artifactURL(bine.ArtifactRef{Hash: e.Hash, Kind: bine.ArtifactFile, Name: e.Path})
}

// Bytes is where the content of a file is.
func (p ArtifactPage) Bytes() string { return p.API("artifacts", p.Ref.Hash) }
