package webhdfs

import (
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/server/api"
)

// TokenRoute is where clients of OAuth 2.0 exchange their secret for a token to
// bear, by the grant client_credentials (RFC 6749, 4.4). Hadoop's own client
// knows no other way to send a bearer without a class of one's own. The secret is
// the API key, and so is the token: nothing is made that would have to be
// revoked, and a key that is revoked is refused by the next request.
const TokenRoute = "/webhdfs/oauth2/token"

const (
	tokenLife    = 3600 // seconds until a client asks again
	mostGrant    = 8 << 10
	clientSecret = "client_secret"
)

type token struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"` // seconds
}

// noToken is a refusal as RFC 6749, 5.2, has it.
type noToken struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// Token answers a request at TokenRoute.
func (d *Door) Token(g *gin.Context) {
	api.CountAs(g, "webhdfs-token")
	d.Desk.GiveUpIdle(g.Writer, g.Request)
	c := &call{door: d, w: g.Writer, r: g.Request, context: g.Request.Context()}
	said, refused := grant(g.Writer, g.Request)
	if refused != nil {
		c.answer(answer{status: http.StatusBadRequest, json: refused})
		return
	}
	_, _, err := d.Guard.AdmitToken(c.ctx(), said, auth.AddressOf(c.r), auth.Access{User: true, Bound: true, Job: true, Scopes: []bine.Scope{bine.ScopeRead}}, "")
	if err != nil {
		problem, header := d.Desk.Explain(c.ctx(), err)
		maps.Copy(c.w.Header(), header)
		code := "invalid_client"
		if problem.Kind == bine.Forbidden {
			code = "unauthorized_client"
		}
		c.answer(answer{status: problem.Status, json: noToken{code, problem.Detail}})
		return
	}
	c.answer(answer{json: token{said, "bearer", tokenLife}})
}

// grant reads the secret that a request for a token brings: in its body, or as
// the password of Basic.
func grant(w http.ResponseWriter, r *http.Request) (string, *noToken) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostGrant))
	form, bad := url.ParseQuery(string(text))
	if err != nil || bad != nil || kind != "application/x-www-form-urlencoded" {
		return "", &noToken{"invalid_request", "send grant_type and client_secret as a form (application/x-www-form-urlencoded)"}
	}
	if form.Get("grant_type") != "client_credentials" {
		return "", &noToken{"unsupported_grant_type", "the only grant_type is client_credentials, with an API key as the client_secret"}
	}
	said := strings.TrimSpace(form.Get(clientSecret))
	if said == "" {
		_, said, _ = r.BasicAuth()
	}
	if said == "" {
		return "", &noToken{"invalid_request", "client_secret is missing: it is your API key"}
	}
	return said, nil
}
