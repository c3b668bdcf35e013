package api

import (
	"context"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/internal/store"
)

// Accounts is the store as authentication sees it: package auth has its own
// record of a session, because it may not know the store.
func Accounts(s *store.Store) auth.Store { return accounts{s} }

type accounts struct{ *store.Store }

func (a accounts) CreateSession(ctx context.Context, s auth.Session) error {
	return a.Store.CreateSession(ctx, store.Session(s))
}

func (a accounts) Session(ctx context.Context, hash bine.Hash) (auth.Session, error) {
	s, err := a.Store.Session(ctx, hash)
	return auth.Session(s), err
}

func (a accounts) KeyHolder(ctx context.Context, id string, project bine.ProjectName) (auth.Holder, error) {
	h, err := a.Store.KeyHolder(ctx, id, project)
	return auth.Holder(h), err
}
