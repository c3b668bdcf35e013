package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/auth"
)

// accountRoutes are those of people: signing in, users, keys, and the record of
// what they did.
func (a *API) accountRoutes() {
	anybody := auth.Access{Public: true}
	self := auth.Access{User: true}
	admin := auth.Access{Admin: true}
	add(a, route{id: "version", method: http.MethodGet, path: "version", tag: "account", summary: "Which program answers", access: anybody}, a.version)
	add(a, route{id: "sign-in", method: http.MethodPost, path: "auth/login", tag: "account", summary: "Sign in; the session is in a cookie of the answer", access: anybody}, a.signIn)
	add(a, route{id: "sign-out", method: http.MethodPost, path: "auth/logout", tag: "account", summary: "End the session", access: anybody}, a.signOut)
	add(a, route{id: "describe-me", method: http.MethodGet, path: "auth/me", tag: "account", summary: "Who the caller is",
		access: auth.Access{User: true, Scopes: []bine.Scope{bine.ScopeRead, bine.ScopeRun, bine.ScopeServe}, Job: true, Bound: true}}, a.me)
	add(a, route{id: "set-password", method: http.MethodPost, path: "auth/password", tag: "account", summary: "Change the caller's password and end all other sessions", access: self}, a.setPassword)

	add(a, route{id: "list-users", method: http.MethodGet, path: "users", tag: "users", summary: "Everybody who can sign in", access: auth.Access{Admin: true, Scopes: reads}}, a.users)
	add(a, route{id: "create-user", method: http.MethodPost, path: "users", tag: "users", summary: "Add a person", access: admin, status: http.StatusCreated}, a.createUser)
	add(a, route{id: "delete-user", method: http.MethodDelete, path: "users/{user}", tag: "users", summary: "Remove a person, with sessions, keys and memberships", access: admin}, a.deleteUser)

	add(a, route{id: "list-keys", method: http.MethodGet, path: "keys", tag: "keys", summary: "The caller's API keys", access: auth.Access{User: true, Scopes: reads}}, a.keys)
	add(a, route{id: "create-key", method: http.MethodPost, path: "keys", tag: "keys", summary: "Make an API key; it is shown once", access: self, status: http.StatusCreated}, a.createKey)
	add(a, route{id: "delete-key", method: http.MethodDelete, path: "keys/{key}", tag: "keys", summary: "Revoke an API key of the caller's", access: self}, a.deleteKey)

	add(a, route{id: "list-audit", method: http.MethodGet, path: "audit", tag: "audit", summary: "What was changed, newest first", access: auth.Access{Admin: true, Scopes: reads}}, a.audits)
}

func (a *API) version(context.Context, *none) (*body[client.Version], error) {
	return answer(client.Version{Version: a.Version, API: "v1"}, nil)
}

// signedIn is an answer that sets or clears the cookie of a session.
type signedIn struct {
	Cookie string `header:"Set-Cookie"`
	Body   client.Identity
}

type cookieOnly struct {
	Cookie string `header:"Set-Cookie"`
}

// sessionCookie carries a session; an empty id takes it away.
func (a *API) sessionCookie(id string) string {
	c := http.Cookie{Name: a.Cookie(), Value: id, Path: "/", HttpOnly: true, Secure: a.Secure, SameSite: http.SameSiteLaxMode, MaxAge: int(auth.SessionLife.Seconds())}
	if id == "" {
		c.MaxAge = -1
	}
	return c.String()
}

// presented gives the id of the session that the caller presented, if any.
func (a *API) presented(ctx context.Context) string {
	r := callOf(ctx).http
	if r == nil {
		return ""
	}
	c, err := r.Cookie(a.Cookie())
	if err != nil {
		return ""
	}
	return c.Value
}

func (a *API) signIn(ctx context.Context, in *struct{ Body client.Login }) (*signedIn, error) {
	c := callOf(ctx)
	named(ctx, "users/"+clip(string(in.Body.User)))
	id, who, err := a.Auth.SignIn(ctx, in.Body.User, in.Body.Password, c.address, a.presented(ctx))
	if err != nil {
		return nil, err
	}
	c.actor = who.User
	return &signedIn{a.sessionCookie(id), identityOf(who)}, nil
}

// clip bounds a text that comes from outside before it is kept in a record.
func clip(s string) string {
	if len(s) > 64 {
		return s[:64]
	}
	return s
}

func identityOf(who auth.Identity) client.Identity {
	return client.Identity{User: who.User, Admin: who.Admin, Via: string(who.Via), Scopes: who.Scopes, Project: who.Project}
}

func (a *API) signOut(ctx context.Context, _ *none) (*cookieOnly, error) {
	id := a.presented(ctx)
	if id != "" {
		if err := a.Auth.SignOut(ctx, id); err != nil {
			return nil, err
		}
	}
	return &cookieOnly{a.sessionCookie("")}, nil
}

func (a *API) me(ctx context.Context, _ *none) (*body[client.Identity], error) {
	return answer(identityOf(callOf(ctx).Identity), nil)
}

func (a *API) setPassword(ctx context.Context, in *struct{ Body client.NewPassword }) (*cookieOnly, error) {
	c := callOf(ctx)
	id, err := a.Auth.ChangePassword(ctx, c.Identity, in.Body.Old, in.Body.New, c.address)
	if err != nil || id == "" {
		return &cookieOnly{}, err
	}
	return &cookieOnly{a.sessionCookie(id)}, nil
}

func (a *API) users(ctx context.Context, _ *none) (*body[[]bine.User], error) {
	return list(a.Store.Users(ctx))
}

func (a *API) createUser(ctx context.Context, in *struct{ Body client.NewUser }) (*body[bine.User], error) {
	user := bine.User{Name: in.Body.Name, Admin: in.Body.Admin, CreatedAt: a.now().UTC()}
	named(ctx, "users/"+clip(string(user.Name)))
	if err := user.Name.Check(); err != nil {
		return nil, err
	}
	hash, err := a.Auth.HashPassword(ctx, in.Body.Password)
	if err != nil {
		return nil, err
	}
	return answer(user, a.Store.CreateUser(ctx, user, hash))
}

// InUser names a person in the path.
type InUser struct {
	User bine.UserName `path:"user" doc:"name of a person"`
}

func (a *API) deleteUser(ctx context.Context, in *InUser) (*none, error) {
	if in.User == callOf(ctx).User {
		return nil, bine.Errorf(bine.Conflict, "you cannot remove yourself: another administrator can")
	}
	return done(a.Store.DeleteUser(ctx, in.User))
}

func (a *API) keys(ctx context.Context, _ *none) (*body[[]bine.Key], error) {
	return list(a.Store.Keys(ctx, callOf(ctx).User))
}

func (a *API) createKey(ctx context.Context, in *struct{ Body client.NewKey }) (*body[client.CreatedKey], error) {
	c := callOf(ctx)
	wanted := bine.Key{Name: in.Body.Name, Scopes: in.Body.Scopes, Project: in.Body.Project, ExpiresAt: in.Body.Expires}
	if wanted.Project != "" { // a key for a project that one may not know of must not tell that it is there
		if _, member, err := a.Store.RoleOf(ctx, wanted.Project, c.User); err != nil && !bine.IsKind(err, bine.NotFound) {
			return nil, err
		} else if !member || err != nil {
			return nil, auth.NoProject(wanted.Project)
		}
	}
	text, key, err := a.Auth.NewKey(ctx, c.Identity, wanted)
	named(ctx, "keys/"+key.ID)
	made := client.CreatedKey{Key: text, Info: key}
	if err == nil && in.Body.S3 {
		err = a.sealForS3(ctx, &made)
	}
	return answer(made, err)
}

// sealForS3 keeps the secret of a new key so that the server can read it: a
// signature of S3 is compared by making it once more.
func (a *API) sealForS3(ctx context.Context, k *client.CreatedKey) error {
	k.Info.S3, k.AccessKey, k.SecretKey = true, k.Info.ID, auth.SecretOf(k.Key)
	sealed, err := a.Sealer.Seal(k.SecretKey, auth.S3Place(k.Info.ID))
	if err != nil {
		return err
	}
	return a.Store.SealKey(ctx, k.Info.ID, sealed)
}

func (a *API) deleteKey(ctx context.Context, in *struct {
	Key string `path:"key" doc:"id of the key"`
}) (*none, error) {
	return done(a.Store.DeleteKey(ctx, callOf(ctx).User, in.Key))
}

func (a *API) audits(ctx context.Context, in *InPage) (*body[client.Page[bine.Audit]], error) {
	after, err := cursor(in.After)
	if err != nil {
		return nil, err
	}
	items, err := a.Store.Audits(ctx, after, in.Limit)
	next := ""
	if len(items) == in.Limit {
		next = strconv.FormatInt(items[len(items)-1].ID, 10)
	}
	return page(items, next, err)
}

// cursor reads a cursor that is a number; none is 0.
func cursor(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, bine.Errorf(bine.Invalid, "after is not a cursor: use next of the page before")
	}
	return n, nil
}

func page[T any](items []T, next string, err error) (*body[client.Page[T]], error) {
	if items == nil {
		items = []T{}
	}
	return answer(client.Page[T]{Items: items, Next: next}, err)
}
