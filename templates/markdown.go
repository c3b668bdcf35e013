package templates

import (
	"bytes"
	"html/template"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer/html"
	source "github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// markdown renders what a user wrote. HTML in it is left out and so are addresses
// that run something; headings begin below those of the page.
var markdown = goldmark.New(
	goldmark.WithExtensions(extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignNone)), extension.Strikethrough, extension.Linkify),
	goldmark.WithParserOptions(parser.WithASTTransformers(util.Prioritized(lower{}, 100))),
	goldmark.WithRendererOptions(html.WithXHTML()),
)

// longestMarkdown is how many bytes are rendered: what is longer is shown as text.
const longestMarkdown = 64 << 10

// Markdown renders a text, and nothing of what it cannot.
func Markdown(written string) template.HTML {
	if len(written) > longestMarkdown {
		written = written[:longestMarkdown]
	}
	var out bytes.Buffer
	if err := markdown.Convert([]byte(written), &out); err != nil {
		return template.HTML("<pre>" + template.HTMLEscapeString(written) + "</pre>")
	}
	return template.HTML(out.String())
}

// lower moves headings two levels down, and takes pictures out: they would be
// fetched from wherever the text says.
type lower struct{}

// Transform changes the document.
func (lower) Transform(doc *ast.Document, _ source.Reader, _ parser.Context) {
	var images []*ast.Image
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			n.Level = min(n.Level+2, 6)
		case *ast.Image:
			images = append(images, n)
		}
		return ast.WalkContinue, nil
	})
	for _, image := range images {
		link := ast.NewLink()
		link.Destination, link.Title = image.Destination, image.Title
		for child := image.FirstChild(); child != nil; {
			next := child.NextSibling()
			link.AppendChild(link, child)
			child = next
		}
		if parent := image.Parent(); parent != nil {
			parent.ReplaceChild(parent, image, link)
		}
	}
}
