package store_test

import (
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/store"
)

func TestTheAuditIsReadFromTheNewest(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		var records []bine.Audit
		for _, action := range []string{"create-project", "start-run", "delete-project"} {
			a := bine.Audit{At: soon(0), Actor: "ann", Address: "::1", Project: "p", Action: action, Object: "p", Result: "done", Request: "r"}
			ok(t, s.AppendAudit(ctx, a))
			records = append([]bine.Audit{a}, records...)
		}
		page := got(s.Audits(ctx, 0, 2))(t)
		rest := got(s.Audits(ctx, page[1].ID, 2))(t)
		all := append(page, rest...)
		for i := range all {
			records[i].ID = all[i].ID
		}
		same(t, "audit", all, records)
	})
}

func TestSettingsAreReplaced(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		_, is, err := s.Setting(ctx, "seal")
		same(t, "at first", []any{is, err}, []any{false, error(nil)})
		ok(t, s.PutSetting(ctx, "seal", "a"))
		ok(t, s.PutSetting(ctx, "seal", "b"))
		value, is, err := s.Setting(ctx, "seal")
		same(t, "then", []any{value, is, err}, []any{"b", true, error(nil)})
	})
}
