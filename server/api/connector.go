package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dfs/lake"
	"github.com/bine-ml/bine/dfs/lake/front"
	"github.com/bine-ml/bine/internal/auth"
)

// connectorRoutes are those of what leads to files that are kept elsewhere. The
// files themselves are below .lake/<connector> of the project's.
func (a *API) connectorRoutes() {
	see := auth.Access{Role: bine.DataScientist, Scopes: reads, Job: true}
	change := auth.Access{Role: bine.DataOwner}
	const all, one = "projects/{project}/connectors", "projects/{project}/connectors/{connector}"
	add(a, route{id: "list-connectors", method: http.MethodGet, path: all, tag: "connectors", summary: "The connectors by name", access: see}, a.connectors)
	add(a, route{id: "describe-connector", method: http.MethodGet, path: one, tag: "connectors", summary: "One connector; its secret is given to nobody", access: see}, a.connector)
	add(a, route{id: "set-connector", method: http.MethodPut, path: one, tag: "connectors", summary: "Make a connector or change it", access: change}, a.setConnector)
	add(a, route{id: "delete-connector", method: http.MethodDelete, path: one, tag: "connectors", summary: "Remove a connector; what it leads to stays as it is", access: change}, a.deleteConnector)
	add(a, route{id: "test-connector", method: http.MethodPost, path: one + "/test", tag: "connectors",
		summary: "Try a connector, as it is or as it would become: can it be listed, and written to where somebody may?", access: change}, a.testConnector)
}

// InConnector names a connector in the path.
type InConnector struct {
	InProject
	Connector bine.ConnectorName `path:"connector" doc:"name of the connector"`
}

func (a *API) connectors(ctx context.Context, in *InProject) (*body[[]bine.Connector], error) {
	return list(a.Store.Connectors(ctx, in.Project))
}

func (a *API) connector(ctx context.Context, in *InConnector) (*body[bine.Connector], error) {
	return answer(a.Store.Connector(ctx, in.Project, in.Connector))
}

// asked gives the connector that a body describes, checked.
func asked(name bine.ConnectorName, b client.SetConnector) (bine.Connector, error) {
	c := bine.Connector{Name: name, Kind: b.Kind, Description: b.Description, Access: b.Access, Endpoint: strings.TrimSpace(b.Endpoint),
		Region: b.Region, Bucket: b.Bucket, Root: b.Root, AccessKey: b.AccessKey, User: b.User}
	c, err := c.Check()
	if err != nil {
		return c, err
	}
	secret := b.Secret != nil && *b.Secret != ""
	switch {
	case secret && c.Kind == bine.ConnectorDirectory:
		return c, bine.Errorf(bine.Invalid, "a connector of kind directory has no secret")
	case secret && c.Kind == bine.ConnectorS3 && c.AccessKey == "":
		return c, bine.Errorf(bine.Invalid, "the secret key belongs to an access key: give both")
	case secret && len(*b.Secret) > longestSecret:
		return c, bine.Errorf(bine.Invalid, "the secret is over %d bytes long", longestSecret)
	}
	return c, nil
}

const longestSecret = 8 << 10

// keeps fails where the secret that is kept would be used for something else
// than it was given for: whoever may change a connector must not learn it.
func (a *API) keeps(ctx context.Context, p bine.ProjectName, c bine.Connector, secret *string) (sealed string, err error) {
	if secret != nil {
		return "", nil
	}
	old, sealed, _, err := a.Store.OpenConnector(ctx, p, c.Name)
	if bine.IsKind(err, bine.NotFound) {
		return "", nil
	}
	if err == nil && sealed != "" && !old.SameService(c) {
		err = bine.Errorf(bine.Invalid, "the kind, endpoint, bucket or access key is another: give the secret anew, or an empty one")
	}
	return sealed, err
}

func (a *API) setConnector(ctx context.Context, in *struct {
	InConnector
	Body client.SetConnector
}) (*body[bine.Connector], error) {
	c, err := asked(in.Connector, in.Body)
	if err != nil {
		return nil, err
	}
	kept, err := a.keeps(ctx, in.Project, c, in.Body.Secret)
	if err != nil {
		return nil, err
	}
	if c.Kind == bine.ConnectorS3 && c.AccessKey != "" && kept == "" && (in.Body.Secret == nil || *in.Body.Secret == "") {
		return nil, bine.Errorf(bine.Invalid, "the access key needs its secret key")
	}
	if c.Kind == bine.ConnectorDirectory { // what is not allowed is refused at once
		l, err := a.Lakes.Dial(c, "")
		if err != nil {
			return nil, err
		}
		l.Close()
	}
	var sealed *string
	if in.Body.Secret != nil {
		text := ""
		if *in.Body.Secret != "" {
			if text, err = a.Sealer.Seal(*in.Body.Secret, front.SecretPlace(in.Project, c.Name)); err != nil {
				return nil, err
			}
		}
		sealed = &text
	}
	c.CreatedBy = callOf(ctx).User
	return answer(a.Store.PutConnector(ctx, in.Project, c, sealed))
}

func (a *API) deleteConnector(ctx context.Context, in *InConnector) (*none, error) {
	return done(a.Store.DeleteConnector(ctx, in.Project, in.Connector))
}

// testTimeout bounds a test.
const testTimeout = 20 * time.Second

func (a *API) testConnector(ctx context.Context, in *struct {
	InConnector
	Body *client.SetConnector
}) (*body[client.ConnectorTest], error) {
	l, c, err := a.tried(ctx, in.Project, in.Connector, in.Body)
	if bine.IsKind(err, bine.NotFound) && in.Body == nil && l == nil {
		return nil, err
	}
	result := client.ConnectorTest{}
	if err == nil {
		defer l.Close()
		ctx, cancel := context.WithTimeout(ctx, testTimeout)
		defer cancel()
		if result.Wrote, err = try(ctx, l, c); err != nil && ctx.Err() != nil {
			err = bine.Errorf(bine.Unavailable, "there was no answer within %s: is the address right, and the way to it open?", testTimeout)
		}
	}
	if err != nil {
		result.Kind, result.Reason = bine.KindOf(err), err.Error()
		if result.Kind == bine.Internal {
			return nil, err
		}
	}
	result.OK = err == nil
	return answer(result, nil)
}

// tried opens the connector that is kept, or the one that a body describes.
func (a *API) tried(ctx context.Context, p bine.ProjectName, name bine.ConnectorName, b *client.SetConnector) (lake.Lake, bine.Connector, error) {
	if b == nil {
		l, c, _, err := a.Lakes.Open(ctx, p, name)
		return l, c, err
	}
	c, err := asked(name, *b)
	if err != nil {
		return nil, c, err
	}
	sealed, err := a.keeps(ctx, p, c, b.Secret)
	if err != nil {
		return nil, c, err
	}
	secret := ""
	switch {
	case b.Secret != nil:
		secret = *b.Secret
	case sealed != "":
		if secret, err = a.Sealer.Open(sealed, front.SecretPlace(p, name)); err != nil {
			return nil, c, err
		}
	}
	l, err := a.Lakes.Dial(c, secret)
	return l, c, err
}

// try lists the root, and where somebody may write makes a file and removes it.
func try(ctx context.Context, l lake.Lake, c bine.Connector) (wrote bool, err error) {
	if _, err := l.Stat(ctx, ""); err != nil {
		return false, err
	}
	if _, err := l.List(ctx, "", "", 1); err != nil || c.Access == bine.ConnectorRead {
		return false, err
	}
	probe := lake.PartName()
	if _, err := l.Create(ctx, probe, strings.NewReader("Bine may write here.\n"), lake.CreateOptions{Size: -1}); err != nil {
		return false, err
	}
	return true, l.Remove(ctx, probe)
}
