package store_test

import (
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/store"
)

func TestUsersAndTheirPasswords(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		ok(t, s.CreateUser(ctx, bine.User{Name: "root", Admin: true}, "x"))
		kind(t, "the same name again", s.CreateUser(ctx, bine.User{Name: "root"}, "y"), bine.Conflict)
		same(t, "admin", got(s.User(ctx, "root"))(t).Admin, true)
		same(t, "users", len(got(s.Users(ctx))(t)), 3)
		same(t, "hash", got(s.PasswordHash(ctx, "root"))(t), "x")
		ok(t, s.SetPasswordHash(ctx, "root", "z"))
		same(t, "new hash", got(s.PasswordHash(ctx, "root"))(t), "z")
		kind(t, "nobody's password", s.SetPasswordHash(ctx, "eve", "z"), bine.NotFound)
		kind(t, "deleting the last administrator", s.DeleteUser(ctx, "root"), bine.Conflict)
		ok(t, s.DeleteUser(ctx, "bob"))
		kind(t, "deleting again", s.DeleteUser(ctx, "bob"), bine.NotFound)
	})
}

func TestSessionsEnd(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		until := soon(time.Hour)
		for _, hash := range []bine.Hash{"one", "two", "three"} {
			ok(t, s.CreateSession(ctx, store.Session{Hash: hash, User: "bob", ExpiresAt: until, Address: "::1"}))
		}
		kind(t, "of nobody", s.CreateSession(ctx, store.Session{Hash: "x", User: "eve", ExpiresAt: until}), bine.NotFound)
		v := got(s.Session(ctx, "one"))(t)
		same(t, "session", []any{v.User, v.ExpiresAt, v.Address}, []any{bine.UserName("bob"), until, "::1"})
		ok(t, s.ExtendSession(ctx, "one", until.Add(time.Hour)))
		same(t, "extended", got(s.Session(ctx, "one"))(t).ExpiresAt, until.Add(time.Hour))
		ok(t, s.DeleteSessions(ctx, "bob", "one"))
		kind(t, "another one", second(s.Session(ctx, "two")), bine.NotFound)
		ok(t, s.DeleteSession(ctx, "one"))
		kind(t, "one that ended", second(s.Session(ctx, "one")), bine.NotFound)
		kind(t, "extending one that ended", s.ExtendSession(ctx, "one", until), bine.NotFound)
		ok(t, s.CreateSession(ctx, store.Session{Hash: "old", User: "bob", ExpiresAt: soon(-time.Hour)}))
		ok(t, s.CreateSession(ctx, store.Session{Hash: "new", User: "bob", ExpiresAt: until}))
		kind(t, "one that expired, after the next sign-in", second(s.Session(ctx, "old")), bine.NotFound)
	})
}

func TestKeysGoWithTheirUserAndProject(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		expires, used := soon(time.Hour), soon(0)
		k := bine.Key{ID: "k1", Name: "notebook", User: "bob", Scopes: []bine.Scope{bine.ScopeRun, bine.ScopeRead}, Project: "p", CreatedAt: soon(0), ExpiresAt: &expires}
		ok(t, s.CreateKey(ctx, k, "secret"))
		kind(t, "the same id", s.CreateKey(ctx, k, "secret"), bine.Conflict)
		kind(t, "of nobody", s.CreateKey(ctx, bine.Key{ID: "k2", User: "eve"}, "x"), bine.NotFound)
		ok(t, s.TouchKey(ctx, "k1", used))
		k.UsedAt = &used
		same(t, "key", got(s.Keys(ctx, "bob"))(t), []bine.Key{k})
		want := store.Holder{Key: k, Secret: "secret"}
		want.Key.Name, want.Key.CreatedAt = "", time.Time{}
		same(t, "holder", got(s.KeyHolder(ctx, "k1", ""))(t), want)
		same(t, "holder elsewhere", got(s.KeyHolder(ctx, "k1", "nowhere"))(t), want)
		ok(t, s.SetMember(ctx, "p", bine.Member{User: "bob", Role: bine.DataScientist}))
		want.Role = bine.DataScientist
		same(t, "holder in p", got(s.KeyHolder(ctx, "k1", "p"))(t), want)
		ok(t, s.RemoveMember(ctx, "p", "bob"))
		want.Role = ""
		same(t, "holder after they left", got(s.KeyHolder(ctx, "k1", "p"))(t), want)
		ok(t, s.CreateKey(ctx, bine.Key{ID: "k3", User: "bob", Scopes: []bine.Scope{bine.ScopeAll}}, "x"))
		same(t, "bob's keys", len(got(s.Keys(ctx, "bob"))(t)), 2)
		kind(t, "deleting another's", s.DeleteKey(ctx, "ann", "k3"), bine.NotFound)
		ok(t, s.DeleteProject(ctx, "p"))
		same(t, "bob's keys when the project is gone", len(got(s.Keys(ctx, "bob"))(t)), 1)
		ok(t, s.DeleteKey(ctx, "bob", "k3"))
		kind(t, "a key that was revoked", second(s.KeyHolder(ctx, "k3", "")), bine.NotFound)
		ok(t, s.TouchKey(ctx, "k3", used))
	})
}
