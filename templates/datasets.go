package templates

import (
	"html/template"

	"github.com/bine-ml/bine"
)

// DatasetsPage shows which datasets projects share with each other.
type DatasetsPage struct {
	Shell
	Own     []string     // the project's datasets, which it can offer
	Shares  []bine.Share // that the project gives or gets, and those asked for
	Offered []bine.Share // to everyone, by other projects
}

var datasetsPage = load("datasets.html")

func (p DatasetsPage) page() *template.Template { return datasetsPage }

// Got are the shares by which the project uses, or could use, what others have.
func (p DatasetsPage) Got() []bine.Share {
	return p.where(func(s bine.Share) bool { return s.Owner != p.Project.Name })
}

// Given are those by which others use, or ask for, what the project has.
func (p DatasetsPage) Given() []bine.Share {
	return p.where(func(s bine.Share) bool { return s.Owner == p.Project.Name })
}

func (p DatasetsPage) where(keep func(bine.Share) bool) (list []bine.Share) {
	for _, s := range p.Shares {
		if keep(s) {
			list = append(list, s)
		}
	}
	return list
}

// Public are the datasets offered to everyone that the project does not use or ask for yet.
func (p DatasetsPage) Public() (list []bine.Share) {
	known := map[string]bool{}
	for _, s := range p.Got() {
		known[s.Path()] = true
	}
	for _, s := range p.Offered {
		if s.Owner != p.Project.Name && !known[s.Path()] {
			list = append(list, s)
		}
	}
	return list
}
