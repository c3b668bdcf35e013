package auth_test

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/auth"
)

// memory is a store of accounts in memory.
type memory struct {
	users    map[bine.UserName]bine.User
	hashes   map[bine.UserName]string
	sessions map[bine.Hash]auth.Session
	keys     map[string]bine.Key
	secrets  map[string]bine.Hash
	tokens   map[bine.Hash]bine.AttemptID
	ended    map[bine.AttemptID]bool
	touched  int
	extended int
}

func newMemory() *memory {
	return &memory{users: map[bine.UserName]bine.User{}, hashes: map[bine.UserName]string{}, sessions: map[bine.Hash]auth.Session{},
		keys: map[string]bine.Key{}, secrets: map[string]bine.Hash{}, tokens: map[bine.Hash]bine.AttemptID{}, ended: map[bine.AttemptID]bool{}}
}

func absent(what string) error { return bine.Errorf(bine.NotFound, "%s is not there", what) }

func (m *memory) User(_ context.Context, name bine.UserName) (bine.User, error) {
	u, ok := m.users[name]
	if !ok {
		return u, absent("user")
	}
	return u, nil
}

func (m *memory) PasswordHash(_ context.Context, name bine.UserName) (string, error) {
	h, ok := m.hashes[name]
	if !ok {
		return "", absent("user")
	}
	return h, nil
}

func (m *memory) SetPasswordHash(_ context.Context, name bine.UserName, hash string) error {
	m.hashes[name] = hash
	return nil
}

func (m *memory) CreateSession(_ context.Context, s auth.Session) error {
	m.sessions[s.Hash] = s
	return nil
}

func (m *memory) Session(_ context.Context, hash bine.Hash) (auth.Session, error) {
	s, ok := m.sessions[hash]
	if !ok {
		return s, absent("session")
	}
	return s, nil
}

func (m *memory) ExtendSession(_ context.Context, hash bine.Hash, until time.Time) error {
	s := m.sessions[hash]
	s.ExpiresAt = until
	m.sessions[hash] = s
	m.extended++
	return nil
}

func (m *memory) DeleteSession(_ context.Context, hash bine.Hash) error {
	delete(m.sessions, hash)
	return nil
}

func (m *memory) DeleteSessions(_ context.Context, user bine.UserName, except bine.Hash) error {
	for h, s := range m.sessions {
		if s.User == user && h != except {
			delete(m.sessions, h)
		}
	}
	return nil
}

func (m *memory) CreateKey(_ context.Context, k bine.Key, secret bine.Hash) error {
	m.keys[k.ID], m.secrets[k.ID] = k, secret
	return nil
}

func (m *memory) KeyHolder(_ context.Context, id string, _ bine.ProjectName) (auth.Holder, error) {
	k, ok := m.keys[id]
	u, known := m.users[k.User]
	if !ok || !known {
		return auth.Holder{}, absent("key")
	}
	return auth.Holder{Key: k, Secret: m.secrets[id], Admin: u.Admin}, nil
}

func (m *memory) TouchKey(_ context.Context, id string, at time.Time) error {
	k := m.keys[id]
	k.UsedAt = &at
	m.keys[id] = k
	m.touched++
	return nil
}

func (m *memory) PutToken(_ context.Context, token bine.Hash, attempt bine.AttemptID, _ bine.UserName) error {
	m.tokens[token] = attempt
	return nil
}

func (m *memory) TokenAttempt(_ context.Context, token bine.Hash) (bine.Attempt, bine.UserName, bool, error) {
	id, ok := m.tokens[token]
	if !ok {
		return bine.Attempt{}, "", false, nil
	}
	return bine.Attempt{ID: id, Number: 2, State: bine.Lost, Owner: bine.Owner{Project: "demo", Kind: bine.OwnerRun, Name: "r-1", Step: "train"}}, "eva", !m.ended[id], nil
}

// clock is a time that tests move.
type clock struct{ at time.Time }

func (c *clock) now() time.Time          { return c.at }
func (c *clock) forward(d time.Duration) { c.at = c.at.Add(d) }

const password = "correct horse battery"

// newAuth gives an Auth in which eva (an administrator) and ola can sign in.
func newAuth(t *testing.T) (*auth.Auth, *memory, *clock) {
	t.Helper()
	m, c := newMemory(), &clock{time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	a, err := auth.New(m, slog.New(slog.NewTextHandler(io.Discard, nil)), c.now)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := a.HashPassword(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []bine.UserName{"eva", "ola"} {
		m.users[name] = bine.User{Name: name, Admin: name == "eva"}
		m.hashes[name] = hash
	}
	return a, m, c
}

// cheapHash is that of password at a cost that is not the current one.
const cheapHash = "$argon2id$v=19$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$gLHIkr1qgP4r3sH1P/NIg3+PMckaLQ3RkuIiytJhVlY"
