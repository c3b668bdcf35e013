package store_test

import (
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/store"
)

func TestAProjectKeepsADataOwner(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		kind(t, "removing the last", s.RemoveMember(ctx, "p", "ann"), bine.Conflict)
		kind(t, "demoting the last", s.SetMember(ctx, "p", bine.Member{User: "ann", Role: bine.DataScientist}), bine.Conflict)
		kind(t, "deleting the last", s.DeleteUser(ctx, "ann"), bine.Conflict)
		ok(t, s.SetMember(ctx, "p", bine.Member{User: "bob", Role: bine.DataScientist, AddedBy: "ann"}))
		kind(t, "removing the last beside a scientist", s.RemoveMember(ctx, "p", "ann"), bine.Conflict)
		ok(t, s.SetMember(ctx, "p", bine.Member{User: "bob", Role: bine.DataOwner, AddedBy: "ann"}))
		ok(t, s.RemoveMember(ctx, "p", "ann"))
		ok(t, s.RemoveMember(ctx, "p", "ann")) // again
		members := got(s.Members(ctx, "p"))(t)
		if len(members) != 1 || members[0].User != "bob" || members[0].Role != bine.DataOwner || members[0].AddedBy != "ann" || members[0].AddedAt.IsZero() {
			t.Errorf("members = %+v; want bob, a Data Owner", members)
		}
	})
}

func TestRolesAreThoseOfTheProject(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		role, is, err := s.RoleOf(ctx, "p", "ann")
		same(t, "ann", []any{role, is, err}, []any{bine.DataOwner, true, error(nil)})
		role, is, err = s.RoleOf(ctx, "p", "bob")
		same(t, "bob", []any{role, is, err}, []any{bine.Role(""), false, error(nil)})
		kind(t, "a member nobody knows", s.SetMember(ctx, "p", bine.Member{User: "eve", Role: bine.DataOwner}), bine.NotFound)
		kind(t, "a member of no project", s.SetMember(ctx, "q", bine.Member{User: "bob", Role: bine.DataOwner}), bine.NotFound)
	})
}
