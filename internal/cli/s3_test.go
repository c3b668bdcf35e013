package cli_test

import (
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/cli"
)

func TestKeysForS3(t *testing.T) {
	var body string
	routes := map[string]any{
		"GET keys":          []bine.Key{{ID: "other1", Name: "notebook"}, {ID: "duck1", Name: "duck", S3: true, Project: "demo", Scopes: []bine.Scope{bine.ScopeRead}}},
		"POST keys":         sent(&body, client.CreatedKey{Key: "bine_duck1_geheim", AccessKey: "duck1", SecretKey: "geheim", Info: bine.Key{ID: "duck1", S3: true}}),
		"DELETE keys/duck1": map[string]any{},
	}
	out, _, err := command(t, routes, "s3", "keys", "ls")
	shows(t, "ls", out, err, "duck1", "demo", "read")
	if strings.Contains(out, "notebook") {
		t.Errorf("a key that cannot sign is listed:\n%s", out)
	}
	out, _, err = command(t, routes, "s3", "keys", "create", "duck")
	shows(t, "create", out, err, "export AWS_ACCESS_KEY_ID=duck1\n", "export AWS_SECRET_ACCESS_KEY=geheim\n", "export AWS_ENDPOINT_URL=http")
	shows(t, "what was sent", body, nil, `"s3":true`, `"project":"demo"`, `"scopes":["all"]`)
	if strings.Contains(body, "expires_at") {
		t.Errorf("it ends: %s", body)
	}
	_, _, err = command(t, routes, "s3", "keys", "create", "duck", "--read-only", "--all-projects", "--days", "30")
	shows(t, "what was sent", body, err, `"scopes":["read"]`, "expires_at")
	if strings.Contains(body, "project") {
		t.Errorf("it is good for one project: %s", body)
	}
	if _, _, err = command(t, routes, "s3", "keys", "rm", "duck1"); err != nil {
		t.Error(err)
	}
	if _, _, err = command(t, routes, "s3", "keys", "rm", "gone"); cli.ExitCode(err) != cli.ExitNotFound {
		t.Errorf("a key that is not there: %v", err)
	}
}
