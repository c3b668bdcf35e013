// Package templates holds the pages of the UI: one struct and one HTML file for
// each. A struct says what its page shows, as records and wire types; how it
// looks is the HTML's business, and everything that needs to be worked out for
// it (the layout of a graph, the bars of a chart) is a method of the struct.
//
// A part of a page that can be asked for alone is a block named "part-" and the
// id of its element, so that a fragment is never written twice.
package templates

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
)

//go:embed *.html
var files embed.FS

// Page is one of the structs of this package.
type Page interface{ page() *template.Template }

// Render writes a whole page, or nothing of it.
func Render(w io.Writer, p Page) error { return render(w, p, "layout") }

// HasPart reports whether a page has a part that can be asked for alone.
func HasPart(p Page, id string) bool { return p.page().Lookup("part-"+id) != nil }

// RenderPart writes one part of a page, or nothing of it.
func RenderPart(w io.Writer, p Page, id string) error { return render(w, p, "part-"+id) }

func render(w io.Writer, p Page, block string) error {
	var buf bytes.Buffer
	if err := p.page().ExecuteTemplate(&buf, block, p); err != nil {
		return fmt.Errorf("render %s of %T: %w", block, p, err)
	}
	_, err := w.Write(buf.Bytes())
	return err
}

// load parses the HTML file of a page together with what all pages share, and
// with the files that hold its parts.
func load(name string, parts ...string) *template.Template {
	return template.Must(template.New(name).Funcs(functions()).ParseFS(files, append([]string{"layout.html", "parts.html", name}, parts...)...))
}
