package templates

import (
	"html/template"

	"github.com/bine-ml/bine"
)

// PoolsPage shows the pools of a project, and its quota.
type PoolsPage struct {
	Shell
	Pools []bine.Pool
	Quota bine.Quota
}

var poolsPage = load("pools.html")

func (p PoolsPage) page() *template.Template { return poolsPage }

// Limited reports whether the quota bounds anything.
func (p PoolsPage) Limited() bool {
	q := p.Quota
	return q.Runs > 0 || q.Steps > 0 || q.CPU > 0 || q.Memory > 0
}
