package templates

import (
	"html/template"

	"github.com/bine-ml/bine/client"
)

// TrashPage shows what was removed from a project and can be restored.
type TrashPage struct {
	Shell
	Files []client.TrashedFile
	Next  string // cursor of the next page
}

var trashPage = load("trash.html")

func (p TrashPage) page() *template.Template { return trashPage }
