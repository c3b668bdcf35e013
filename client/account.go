package client

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/bine-ml/bine"
)

// Login is the body of POST auth/login.
type Login struct {
	User     bine.UserName `json:"user"`
	Password string        `json:"password"`
}

// Identity says who a request is made as.
type Identity struct {
	User    bine.UserName    `json:"user"`
	Admin   bool             `json:"admin"`
	Via     string           `json:"via" doc:"session, key or job"`
	Scopes  []bine.Scope     `json:"scopes,omitempty" doc:"of a key"`
	Project bine.ProjectName `json:"project,omitempty" doc:"the only project that a key or job token is good for"`
}

// Login signs in. The session is in the cookies of the answer, which the
// http.Client of the Options must keep (a cookie jar).
func (c *Client) Login(ctx context.Context, body Login) (Identity, error) {
	return post[Identity](ctx, c, body, "auth", "login")
}

// Logout ends the session.
func (c *Client) Logout(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, nil, "auth", "logout")
}

// Me says who the caller is.
func (c *Client) Me(ctx context.Context) (Identity, error) {
	return get[Identity](ctx, c, nil, "auth", "me")
}

// NewPassword is the body of POST auth/password.
type NewPassword struct {
	Old string `json:"old"`
	New string `json:"new" minLength:"10"`
}

// SetPassword changes the caller's password and ends all other sessions.
func (c *Client) SetPassword(ctx context.Context, body NewPassword) error {
	return c.do(ctx, http.MethodPost, body, "auth", "password")
}

// NewUser is the body of POST users; for administrators.
type NewUser struct {
	Name     bine.UserName `json:"name"`
	Password string        `json:"password" minLength:"10"`
	Admin    bool          `json:"admin,omitempty"`
}

// Users lists everybody who can sign in; for administrators.
func (c *Client) Users(ctx context.Context) ([]bine.User, error) {
	return get[[]bine.User](ctx, c, nil, "users")
}

// CreateUser adds a person; for administrators.
func (c *Client) CreateUser(ctx context.Context, body NewUser) (bine.User, error) {
	return post[bine.User](ctx, c, body, "users")
}

// DeleteUser removes a person, with sessions, keys and memberships; for administrators.
func (c *Client) DeleteUser(ctx context.Context, name bine.UserName) error {
	return c.do(ctx, http.MethodDelete, nil, "users", string(name))
}

// NewKey is the body of POST keys.
type NewKey struct {
	Name    string           `json:"name"`
	Scopes  []bine.Scope     `json:"scopes"`
	Project bine.ProjectName `json:"project,omitempty" doc:"limits the key to one project"`
	Expires *time.Time       `json:"expires_at,omitempty"`
	S3      bool             `json:"s3,omitempty" doc:"make a key that S3 requests can be signed with; it is good for everything else, too"`
}

// CreatedKey is an API key as it is shown, once.
type CreatedKey struct {
	Key  string   `json:"key" doc:"bine_<id>_<secret>; not shown again"`
	Info bine.Key `json:"info"`
	// AccessKey and SecretKey are how programs for S3 call the two parts of a key made for it.
	AccessKey string `json:"access_key,omitempty" doc:"of a key for S3"`
	SecretKey string `json:"secret_key,omitempty" doc:"of a key for S3; not shown again"`
}

// Keys lists the caller's API keys.
func (c *Client) Keys(ctx context.Context) ([]bine.Key, error) {
	return get[[]bine.Key](ctx, c, nil, "keys")
}

// CreateKey makes an API key of the caller's.
func (c *Client) CreateKey(ctx context.Context, body NewKey) (CreatedKey, error) {
	return post[CreatedKey](ctx, c, body, "keys")
}

// DeleteKey revokes an API key of the caller's.
func (c *Client) DeleteKey(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, nil, "keys", id)
}

// Audit lists what was changed, newest first; for administrators.
func (c *Client) Audit(ctx context.Context, l List) (Page[bine.Audit], error) {
	return get[Page[bine.Audit]](ctx, c, l.query(), "audit")
}

// Hosts lists the machines with an agent, by name.
func (c *Client) Hosts(ctx context.Context) ([]bine.Host, error) {
	return get[[]bine.Host](ctx, c, nil, "hosts")
}

// Leases lists who holds resources and who waits for them, oldest first.
func (c *Client) Leases(ctx context.Context) ([]bine.Lease, error) {
	return get[[]bine.Lease](ctx, c, nil, "leases")
}

// PastLeases lists who had accelerators, in the order of asking: what was given
// back after since, or is held still; the last 50,000. Only administrators may.
func (c *Client) PastLeases(ctx context.Context, since time.Time) ([]bine.LeaseRecord, error) {
	return get[[]bine.LeaseRecord](ctx, c, url.Values{"since": {since.UTC().Format(time.RFC3339)}}, "lease-history")
}

// Version is what the server says of itself.
type Version struct {
	Version string `json:"version"`
	API     string `json:"api" doc:"v1"`
}

// Version asks which program answers; it needs no identity.
func (c *Client) Version(ctx context.Context) (Version, error) {
	return get[Version](ctx, c, nil, "version")
}
