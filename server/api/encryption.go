package api

import (
	"context"
	"net/http"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/auth"
)

// Encryption is the part of the file system that says how projects are sealed.
type Encryption interface {
	Encryption(ctx context.Context, user dfs.User, project bine.ProjectName) (dfs.Encryption, error)
	Encrypt(ctx context.Context, user dfs.User, project bine.ProjectName, on, rotate bool) (dfs.Encryption, error)
}

func (a *API) encryptionRoutes() {
	const path = "projects/{project}/encryption"
	add(a, route{id: "show-encryption", method: http.MethodGet, path: path, tag: "projects", summary: "Whether what is written to a project is sealed, and the versions of its keys",
		access: auth.Access{Role: bine.DataScientist, Scopes: reads, OrAdmin: true}}, a.encryption)
	add(a, route{id: "set-encryption", method: http.MethodPut, path: path, tag: "projects", summary: "Seal what is written to a project from now on, with a new key or not at all",
		access: auth.Access{Role: bine.DataOwner, OrAdmin: true}}, a.setEncryption)
}

func encryptionOf(e dfs.Encryption) client.Encryption {
	answer := client.Encryption{On: e.On, Keys: []client.KeyVersion{}}
	for _, k := range e.Keys {
		answer.Keys = append(answer.Keys, client.KeyVersion{Version: k.Version, Used: k.Used, CreatedAt: k.Made})
	}
	return answer
}

// keeper is who asks about the keys of a project: an administrator asks as the platform.
func keeper(ctx context.Context) dfs.User {
	if callOf(ctx).member.Role == "" {
		return dfs.Platform()
	}
	return fileUser(ctx)
}

func (a *API) encryption(ctx context.Context, in *InProject) (*body[client.Encryption], error) {
	e, err := a.Files.Encryption(ctx, keeper(ctx), in.Project)
	return answer(encryptionOf(e), err)
}

func (a *API) setEncryption(ctx context.Context, in *struct {
	InProject
	Body client.SetEncryption
}) (*body[client.Encryption], error) {
	user := keeper(ctx)
	if callOf(ctx).member.Role != bine.DataOwner { // an administrator who is a Data Scientist here
		user = dfs.Platform()
	}
	e, err := a.Files.Encrypt(ctx, user, in.Project, in.Body.On, in.Body.Rotate)
	return answer(encryptionOf(e), err)
}
