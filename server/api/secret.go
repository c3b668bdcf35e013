package api

import (
	"context"
	"crypto/rand"
	"net/http"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/internal/store"
)

// settings keeps small values of the installation.
type settings interface {
	Setting(ctx context.Context, name string) (value string, ok bool, err error)
	// KeepSetting keeps what is not there yet, and gives what is there then.
	KeepSetting(ctx context.Context, name, value string) (kept string, err error)
}

// WebhookSecret gives what the webhooks of a project are signed with, making it
// where there is none. It is kept sealed.
func WebhookSecret(ctx context.Context, s settings, sealer *auth.Sealer, project bine.ProjectName) (string, error) {
	name := store.WebhookSecretSetting(project)
	kept, found, err := s.Setting(ctx, name)
	if err == nil && !found {
		if kept, err = sealer.Seal("whsec_"+rand.Text(), name); err == nil {
			kept, err = s.KeepSetting(ctx, name, kept)
		}
	}
	if err != nil {
		return "", err
	}
	return sealer.Open(kept, name)
}

func (a *API) secretRoutes() {
	add(a, route{id: "show-webhook-secret", method: http.MethodPost, path: "projects/{project}/webhook-secret", tag: "projects",
		summary: "The secret that the project's webhooks are signed with", access: auth.Access{Role: bine.DataOwner}}, a.webhookSecret)
}

func (a *API) webhookSecret(ctx context.Context, in *InProject) (*body[client.Secret], error) {
	secret, err := WebhookSecret(ctx, a.Store, a.Sealer, in.Project)
	return answer(client.Secret{Secret: secret}, err)
}
