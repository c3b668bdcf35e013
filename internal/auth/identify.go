package auth

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bine-ml/bine"
)

// The names of the cookie that carries a session. The one with __Host- is
// Secure, so browsers take it over TLS only and from this very host.
const (
	SecureCookie = "__Host-bine"
	PlainCookie  = "bine_session"
)

// keyStep is how exactly the last use of a key is noted.
const keyStep = time.Minute

// Identify says who makes a request: by the Authorization header, else by the
// session in the cookie of that name. Neither is nobody and no error; one that
// is not good is Unauthenticated, and Limited where too many API keys from the
// same address were not known. A good one is always taken.
func (a *Auth) Identify(r *http.Request, cookie string) (Identity, error) {
	return a.identifyFor(r, cookie, "")
}

// identifyFor is Identify for a request about a project: how the caller stands
// to it is found along, where that costs nothing more.
func (a *Auth) identifyFor(r *http.Request, cookie string, project bine.ProjectName) (Identity, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, token, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return Identity{}, bine.Errorf(bine.Unauthenticated, "the Authorization header is not understood: send Bearer and an API key")
		}
		return a.identifyBearer(r.Context(), strings.TrimSpace(token), AddressOf(r), project)
	}
	if c, err := r.Cookie(cookie); err == nil && c.Value != "" {
		return a.IdentifySession(r.Context(), c.Value)
	}
	return Identity{}, nil
}

// identifyBearer says who presents a key or token from an address, and counts
// those that are not known.
func (a *Auth) identifyBearer(ctx context.Context, token, address string, project bine.ProjectName) (Identity, error) {
	who, err := a.identifyToken(ctx, token, project)
	if errors.Is(err, errUnknownKey) {
		if wait, ok := a.wrongKeys.Take(address); !ok {
			err = limited("too many API keys that are not known", wait)
		}
	}
	return who, err
}

// AddressOf gives the network address that a request comes from.
func AddressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// IdentifyToken says who presents an API key or a job token.
func (a *Auth) IdentifyToken(ctx context.Context, token string) (Identity, error) {
	return a.identifyToken(ctx, token, "")
}

func (a *Auth) identifyToken(ctx context.Context, token string, project bine.ProjectName) (Identity, error) {
	if strings.HasPrefix(token, jobPrefix) {
		return a.identifyJob(ctx, token)
	}
	return a.identifyKey(ctx, token, project)
}

// IdentifySession says whose session an id is, and lets it last longer.
func (a *Auth) IdentifySession(ctx context.Context, id string) (Identity, error) {
	over := bine.Errorf(bine.Unauthenticated, "the session is over: sign in again")
	s, err := a.store.Session(ctx, hashOf(id))
	if err != nil {
		return Identity{}, asUnauthenticated(err, over)
	}
	now := a.now()
	if !now.Before(s.ExpiresAt) {
		return Identity{}, over
	}
	user, err := a.store.User(ctx, s.User)
	if err != nil {
		return Identity{}, asUnauthenticated(err, over)
	}
	if until := now.Add(SessionLife); until.Sub(s.ExpiresAt) > sessionStep {
		if err := a.store.ExtendSession(ctx, s.Hash, until.UTC()); err != nil && !bine.IsKind(err, bine.NotFound) {
			return Identity{}, err
		}
	}
	return Identity{User: user.Name, Admin: user.Admin, Via: ViaSession, session: s.Hash}, nil
}

// asUnauthenticated gives refused where err says that something is not there.
func asUnauthenticated(err, refused error) error {
	if bine.IsKind(err, bine.NotFound) {
		return refused
	}
	return err
}

// errUnknownKey refuses a key that was never made, or was taken back.
var errUnknownKey error = bine.Errorf(bine.Unauthenticated, "the API key is not known; it may have been revoked")

func (a *Auth) identifyKey(ctx context.Context, token string, project bine.ProjectName) (Identity, error) {
	id, secret, ok := splitKey(token)
	if !ok {
		return Identity{}, errUnknownKey
	}
	h, err := a.store.KeyHolder(ctx, id, project)
	if err != nil {
		return Identity{}, asUnauthenticated(err, errUnknownKey)
	}
	key := h.Key
	if !same(hashOf(secret), h.Secret) {
		return Identity{}, errUnknownKey
	}
	now := a.now()
	if key.ExpiresAt != nil && !now.Before(*key.ExpiresAt) {
		return Identity{}, bine.Errorf(bine.Unauthenticated, "the API key %s has expired: make a new one", key.ID)
	}
	if key.UsedAt == nil || now.Sub(*key.UsedAt) >= keyStep {
		if err := a.store.TouchKey(ctx, id, now.UTC()); err != nil {
			a.log.WarnContext(ctx, "the use of a key could not be noted", "key", id, "error", err)
		}
	}
	return Identity{User: key.User, Admin: h.Admin, Via: ViaKey, Scopes: key.Scopes, Project: key.Project, standing: &standing{project, h.Role}}, nil
}

func (a *Auth) identifyJob(ctx context.Context, token string) (Identity, error) {
	attempt, user, ok, err := a.store.TokenAttempt(ctx, hashOf(token))
	if err != nil && !bine.IsKind(err, bine.NotFound) {
		return Identity{}, err
	}
	if err == nil && !ok && attempt.ID != "" {
		return Identity{}, attempt.Refused()
	}
	if !ok || err != nil {
		return Identity{}, bine.Errorf(bine.Unauthenticated, "the job token is not good: it ends with its attempt")
	}
	return Identity{User: user, Via: ViaJob, Project: attempt.Owner.Project, Attempt: attempt.ID}, nil
}

// JobToken makes a token for an attempt, which acts for user in the attempt's
// project until the attempt ends.
func (a *Auth) JobToken(ctx context.Context, attempt bine.AttemptID, user bine.UserName) (string, error) {
	token := jobPrefix + random(secretLength)
	return token, a.store.PutToken(ctx, hashOf(token), attempt, user)
}

// NewKey makes an API key for the caller and answers it, once.
func (a *Auth) NewKey(ctx context.Context, who Identity, wanted bine.Key) (string, bine.Key, error) {
	if err := a.checkKey(who, wanted); err != nil {
		return "", bine.Key{}, err
	}
	id, secret, text := newKey()
	wanted.ID, wanted.User, wanted.CreatedAt, wanted.UsedAt = id, who.User, a.now().UTC(), nil
	if err := a.store.CreateKey(ctx, wanted, hashOf(secret)); err != nil {
		return "", bine.Key{}, err
	}
	return text, wanted, nil
}

func (a *Auth) checkKey(who Identity, wanted bine.Key) error {
	known := []bine.Scope{bine.ScopeAll, bine.ScopeRun, bine.ScopeRead, bine.ScopeServe, bine.ScopeAgent}
	switch {
	case len(wanted.Name) > 100:
		return bine.Errorf(bine.Invalid, "the name of a key has at most 100 bytes")
	case len(wanted.Scopes) == 0:
		return bine.Errorf(bine.Invalid, "say what the key is for: all, run, read or serve")
	case wanted.ExpiresAt != nil && !wanted.ExpiresAt.After(a.now()):
		return bine.Errorf(bine.Invalid, "the key would have expired already")
	}
	for _, s := range wanted.Scopes {
		if !slices.Contains(known, s) {
			return bine.Errorf(bine.Invalid, "%q is not a scope: use all, run, read or serve", s)
		}
		if s == bine.ScopeAgent && !who.Admin {
			return bine.Errorf(bine.Forbidden, "keys for agents are made by administrators of the platform")
		}
	}
	return nil
}
