// Package auth says who makes a request and what they may do: passwords,
// sessions, API keys, job tokens, sealed secrets, and the rule by which an
// operation admits a caller.
//
// It keeps nothing itself: sessions and keys are rows of the store that it is
// given, in which only hashes of what a caller must present are written. It
// promises that an unknown name costs a caller as much time as a known one,
// that what it refuses does not tell whether a project exists, and that an
// operation which declares nothing admits nobody.
package auth

import (
	"context"
	"log/slog"
	"time"

	"github.com/bine-ml/bine"
)

// Via says what a request was authenticated by.
type Via string

// The ways in.
const (
	ViaSession Via = "session"
	ViaKey     Via = "key"
	ViaJob     Via = "job"
)

// Identity is who makes a request. The zero value is nobody.
type Identity struct {
	User    bine.UserName
	Admin   bool
	Via     Via
	Scopes  []bine.Scope     // of a key
	Project bine.ProjectName // the only project that a key or job token is good for
	Attempt bine.AttemptID   // of a job token
	session bine.Hash
	// standing is what was found along with the identity, nil if nothing was.
	standing *standing
}

// standing is the role of a user in a project, empty for none.
type standing struct {
	project bine.ProjectName
	role    bine.Role
}

// Known reports whether anybody in particular is asking.
func (id Identity) Known() bool { return id.User != "" }

// Session is a sign-in that lasts, as it is kept.
type Session struct {
	Hash      bine.Hash // of the id that the caller holds
	User      bine.UserName
	CreatedAt time.Time
	ExpiresAt time.Time
	Address   string
}

// accounts is the part of the store that passwords need.
type accounts interface {
	User(ctx context.Context, name bine.UserName) (bine.User, error)
	PasswordHash(ctx context.Context, name bine.UserName) (string, error)
	SetPasswordHash(ctx context.Context, name bine.UserName, hash string) error
}

// sessions is the part of the store that sessions need.
type sessions interface {
	CreateSession(ctx context.Context, s Session) error
	Session(ctx context.Context, hash bine.Hash) (Session, error)
	ExtendSession(ctx context.Context, hash bine.Hash, expires time.Time) error
	DeleteSession(ctx context.Context, hash bine.Hash) error
	DeleteSessions(ctx context.Context, user bine.UserName, except bine.Hash) error
}

// Holder is what a key says of who presents it: whose it is, and how they stand
// to the project that was asked about.
type Holder struct {
	Key    bine.Key
	Secret bine.Hash
	Admin  bool
	Role   bine.Role // empty: no member, or no project was asked about
}

// keys is the part of the store that keys and job tokens need.
type keys interface {
	CreateKey(ctx context.Context, key bine.Key, secret bine.Hash) error
	KeyHolder(ctx context.Context, id string, project bine.ProjectName) (Holder, error)
	TouchKey(ctx context.Context, id string, at time.Time) error
	PutToken(ctx context.Context, token bine.Hash, attempt bine.AttemptID, user bine.UserName) error
	TokenAttempt(ctx context.Context, token bine.Hash) (bine.Attempt, bine.UserName, bool, error)
}

// Store keeps what authentication needs between requests.
type Store interface {
	accounts
	sessions
	keys
}

// Auth authenticates requests.
type Auth struct {
	store     Store
	log       *slog.Logger
	passwords *passwords
	signIns   *Limiter // by name and address
	wrongKeys *Limiter // by address
	links     *Limiter // signed ones, by address
	now       func() time.Time
}

// New makes an Auth over a store. now is the clock.
func New(store Store, log *slog.Logger, now func() time.Time) (*Auth, error) {
	p, err := newPasswords()
	if err != nil {
		return nil, err
	}
	return &Auth{store: store, log: log, passwords: p, now: now,
		signIns: NewLimiter(triesBurst, triesEvery, now), wrongKeys: NewLimiter(triesBurst, triesEvery, now), links: NewLimiter(triesBurst, triesEvery, now)}, nil
}
