package cli

import (
	"context"
	"net/http"
	"net/http/cookiejar"
	"os"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// SignIn signs in with a password and makes a key for this computer.
func SignIn(ctx context.Context, url string, user bine.UserName, password string) (string, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return "", err
	}
	c, err := client.New(client.Options{URL: url, HTTP: &http.Client{Jar: jar}, Patience: patience})
	if err != nil {
		return "", err
	}
	if _, err := c.Login(ctx, client.Login{User: user, Password: password}); err != nil {
		return "", err
	}
	host, _ := os.Hostname()
	key, err := c.CreateKey(ctx, client.NewKey{Name: "CLI on " + host, Scopes: []bine.Scope{bine.ScopeAll}})
	if err != nil {
		return "", err
	}
	return key.Key, c.Logout(ctx)
}
