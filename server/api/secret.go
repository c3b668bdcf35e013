package api

import (
	"context"
	"crypto/rand"
	"net/http"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/auth"
)

// settings keeps small values of the installation.
type settings interface {
	Setting(ctx context.Context, name string) (value string, ok bool, err error)
	PutSetting(ctx context.Context, name, value string) error
}

// secretName is under which setting the signing secret of a project is kept.
func secretName(project bine.ProjectName) string { return "webhook-secret/" + string(project) }

// WebhookSecret gives what the webhooks of a project are signed with, making it
// where there is none. It is kept sealed.
func WebhookSecret(ctx context.Context, s settings, sealer *auth.Sealer, project bine.ProjectName) (string, error) {
	kept, found, err := s.Setting(ctx, secretName(project))
	if err != nil {
		return "", err
	}
	if found {
		return sealer.Open(kept, secretName(project))
	}
	sealed, err := sealer.Seal("whsec_"+rand.Text(), secretName(project))
	if err != nil {
		return "", err
	}
	if err := s.PutSetting(ctx, secretName(project), sealed); err != nil {
		return "", err
	}
	// Of two that made one at once, the one that was kept last counts for both.
	return WebhookSecret(ctx, s, sealer, project)
}

func (a *API) secretRoutes() {
	add(a, route{id: "show-webhook-secret", method: http.MethodPost, path: "projects/{project}/webhook-secret", tag: "projects",
		summary: "The secret that the project's webhooks are signed with", access: auth.Access{Role: bine.DataOwner}}, a.webhookSecret)
}

func (a *API) webhookSecret(ctx context.Context, in *InProject) (*body[client.Secret], error) {
	secret, err := WebhookSecret(ctx, a.Store, a.Sealer, in.Project)
	return answer(client.Secret{Secret: secret}, err)
}
