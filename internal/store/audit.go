package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

type auditRow struct {
	ID      int64 `gorm:"primaryKey"`
	At      int64
	Actor   bine.UserName
	Address string
	Project bine.ProjectName
	Action  string
	Object  string
	Result  string
	Request string
	Note    string
}

// TableName names the table.
func (auditRow) TableName() string { return "audit" }

// AppendAudit keeps the record of an action.
func (s *Store) AppendAudit(ctx context.Context, a bine.Audit) error {
	return s.write(ctx, func(t *tx) error {
		_, err := t.exec("INSERT INTO audit (at, actor, address, project, action, object, result, request, note) VALUES "+in(9),
			orNow(a.At, t.now), a.Actor, a.Address, a.Project, a.Action, a.Object, a.Result, a.Request, a.Note)
		return err
	})
}

// Audits gives records of actions, newest first: those before the one with the
// id after, or with 0 the newest.
func (s *Store) Audits(ctx context.Context, after int64, limit int) ([]bine.Audit, error) {
	query := gorm.G[auditRow](s.read(ctx)).Order("id DESC").Limit(limit)
	if after > 0 {
		query = query.Where("id < ?", after)
	}
	found, err := query.Find(ctx)
	if err != nil {
		return nil, s.db.Explain(err)
	}
	list := make([]bine.Audit, len(found))
	for i, r := range found {
		list[i] = bine.Audit{ID: r.ID, At: database.Time(r.At), Actor: r.Actor, Address: r.Address, Project: r.Project, Action: r.Action, Object: r.Object, Result: r.Result, Request: r.Request, Note: r.Note}
	}
	return list, nil
}
