package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func (a *app) s3Command() *cobra.Command {
	list := command("ls", "List my keys for S3", 0, func(c *cobra.Command, _ []string) error {
		api, err := a.client()
		if err != nil {
			return err
		}
		keys, err := api.Keys(c.Context())
		if err != nil {
			return err
		}
		var all []bine.Key
		for _, k := range keys {
			if k.S3 {
				all = append(all, k)
			}
		}
		return a.show(all, each(all, func(k bine.Key) string { return k.ID }), func(t *table) {
			t.row("ACCESS KEY", "NAME", "SCOPES", "PROJECT", "CREATED", "EXPIRES", "USED")
			for _, k := range all {
				t.row(k.ID, k.Name, k.Scopes, k.Project, k.CreatedAt, k.ExpiresAt, k.UsedAt)
			}
		})
	})
	var readOnly, everywhere bool
	var days int
	create := command("create NAME", "Make a key for S3, good for the project; its secret is shown once", 1, func(c *cobra.Command, args []string) error {
		api, project, err := a.inProject()
		if err != nil {
			return err
		}
		body := client.NewKey{Name: args[0], Project: project, S3: true, Scopes: []bine.Scope{bine.ScopeAll}}
		if everywhere {
			body.Project = ""
		}
		if readOnly {
			body.Scopes = []bine.Scope{bine.ScopeRead}
		}
		if days > 0 {
			end := time.Now().AddDate(0, 0, days)
			body.Expires = &end
		}
		key, err := api.CreateKey(c.Context(), body)
		if err != nil {
			return err
		}
		return a.show(key, one(key.AccessKey), func(*table) {
			fmt.Fprintf(a.Out, "export AWS_ENDPOINT_URL=%s\nexport AWS_ACCESS_KEY_ID=%s\nexport AWS_SECRET_ACCESS_KEY=%s\nexport AWS_DEFAULT_REGION=us-east-1\n", api.URL(), key.AccessKey, key.SecretKey)
		})
	})
	create.Flags().BoolVar(&readOnly, "read-only", false, "good for reading alone")
	create.Flags().BoolVar(&everywhere, "all-projects", false, "good for every project that I am a member of")
	create.Flags().IntVar(&days, "days", 0, "days until it expires; 0 is never")
	remove := command("rm ACCESS_KEY", "Revoke a key for S3", 1, func(c *cobra.Command, args []string) error {
		api, err := a.client()
		if err != nil {
			return err
		}
		return api.DeleteKey(c.Context(), args[0])
	})
	return group("s3", "Files by S3", group("keys", "Keys that requests of S3 are signed with", list, create, remove))
}
