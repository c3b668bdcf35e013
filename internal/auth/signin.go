package auth

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/bine-ml/bine"
)

// SessionLife is how long a session lasts after it was last used.
const SessionLife = 14 * 24 * time.Hour

// sessionStep is how far a session must have gone before it is extended, so
// that not every request writes.
const sessionStep = time.Hour

// Limited is the refusal of somebody who tried too often.
type Limited struct {
	Err  error         // what the caller is told
	Wait time.Duration // until the next try
}

// Error gives the message.
func (e *Limited) Error() string { return e.Err.Error() }

// Unwrap gives the error with its kind.
func (e *Limited) Unwrap() error { return e.Err }

// SignIn checks a password and makes a session, whose id it answers. old is
// the id that the caller presented, if any: it ends, so that an id that
// somebody planted is worth nothing.
func (a *Auth) SignIn(ctx context.Context, name bine.UserName, password, address, old string) (id string, who Identity, err error) {
	bucket := string(name) + "\x00" + address
	if wait, ok := a.signIns.Take(bucket); !ok {
		return "", Identity{}, limited(manySignIns, wait)
	}
	user, err := a.check(ctx, name, password)
	if err != nil {
		return "", Identity{}, err
	}
	a.signIns.Return(bucket)
	if old != "" {
		if err := a.store.DeleteSession(ctx, hashOf(old)); err != nil && !bine.IsKind(err, bine.NotFound) {
			return "", Identity{}, err
		}
	}
	id, hash, err := a.newSession(ctx, name, address)
	return id, Identity{User: user.Name, Admin: user.Admin, Via: ViaSession, session: hash}, err
}

const manySignIns = "too many tries to sign in"

// TryLink counts an attempt to use a signed link from an address; right takes it
// back where the link was one. Too many are refused.
func (a *Auth) TryLink(address string) (right func(), err error) {
	wait, ok := a.links.Take(address)
	if !ok {
		return nil, limited("too many links that are none", wait)
	}
	return func() { a.links.Return(address) }, nil
}

func limited(why string, wait time.Duration) error {
	seconds := int(math.Ceil(wait.Seconds()))
	return &Limited{Wait: wait, Err: bine.Errorf(bine.NoQuota, "%s; wait %d seconds", why, seconds)}
}

// check compares a password, with the same work whether the user is there or not.
func (a *Auth) check(ctx context.Context, name bine.UserName, password string) (bine.User, error) {
	kept, err := a.store.PasswordHash(ctx, name)
	if err != nil && !bine.IsKind(err, bine.NotFound) {
		return bine.User{}, err
	}
	match, again, err := a.passwords.verify(ctx, kept, password)
	if err != nil {
		return bine.User{}, err
	}
	if !match {
		return bine.User{}, bine.Errorf(bine.Unauthenticated, "the user or the password is not right")
	}
	if again {
		a.rehash(ctx, name, password)
	}
	return a.store.User(ctx, name)
}

// rehash keeps a password under the current cost. That it fails is no reason
// to refuse the sign-in.
func (a *Auth) rehash(ctx context.Context, name bine.UserName, password string) {
	hash, err := a.passwords.hash(ctx, password)
	if err == nil {
		err = a.store.SetPasswordHash(ctx, name, hash)
	}
	if err != nil {
		a.log.WarnContext(ctx, "a password could not be hashed anew", "user", name, "error", err)
	}
}

func (a *Auth) newSession(ctx context.Context, name bine.UserName, address string) (id string, hash bine.Hash, err error) {
	id = random(secretLength)
	now := a.now().UTC()
	s := Session{Hash: hashOf(id), User: name, CreatedAt: now, ExpiresAt: now.Add(SessionLife), Address: address}
	if err := a.store.CreateSession(ctx, s); err != nil {
		return "", "", fmt.Errorf("keep session: %w", err)
	}
	return id, s.Hash, nil
}

// SignOut ends the session with an id. One that is not there is no error.
func (a *Auth) SignOut(ctx context.Context, id string) error {
	err := a.store.DeleteSession(ctx, hashOf(id))
	if bine.IsKind(err, bine.NotFound) {
		return nil
	}
	return err
}

// ChangePassword changes the caller's own password and ends every session of
// theirs. A caller with a session gets a new one, whose id is answered.
func (a *Auth) ChangePassword(ctx context.Context, who Identity, old, wanted, address string) (id string, err error) {
	if err := CheckPassword(wanted); err != nil {
		return "", err
	}
	bucket := string(who.User) + "\x00" + address
	if wait, ok := a.signIns.Take(bucket); !ok {
		return "", limited(manySignIns, wait)
	}
	if _, err := a.check(ctx, who.User, old); err != nil {
		if bine.IsKind(err, bine.Unauthenticated) {
			return "", bine.Errorf(bine.Invalid, "the old password is not right")
		}
		return "", err
	}
	a.signIns.Return(bucket)
	hash, err := a.passwords.hash(ctx, wanted)
	if err != nil {
		return "", err
	}
	if err := a.store.SetPasswordHash(ctx, who.User, hash); err != nil {
		return "", err
	}
	var keep bine.Hash
	if who.Via == ViaSession {
		if id, keep, err = a.newSession(ctx, who.User, address); err != nil {
			return "", err
		}
	}
	return id, a.store.DeleteSessions(ctx, who.User, keep)
}
