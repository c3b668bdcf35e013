package cli

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func (a *app) connectorCommand() *cobra.Command {
	list := command("list", "List the connectors of the project", 0, func(c *cobra.Command, _ []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		all, err := api.Connectors(c.Context(), p)
		if err != nil {
			return err
		}
		return a.show(all, each(all, func(c bine.Connector) string { return string(c.Name) }), func(t *table) { connectorTable(t, all...) })
	})
	show := command("show NAME", "Show a connector; its secret is shown to nobody", 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		one, err := api.Connector(c.Context(), p, bine.ConnectorName(args[0]))
		if err != nil {
			return err
		}
		return a.showConnector(one)
	})
	remove := command("delete NAME", "Remove a connector; what it leads to stays as it is", 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		return api.DeleteConnector(c.Context(), p, bine.ConnectorName(args[0]))
	})
	test := command("test NAME", "Try whether a connector can be read, and written where somebody may", 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		result, err := api.TestConnector(c.Context(), p, bine.ConnectorName(args[0]), nil)
		if err != nil {
			return err
		}
		if !result.OK {
			return bine.Errorf(result.Kind, "%s", result.Reason)
		}
		return a.show(result, one(args[0]), func(t *table) {
			t.row("CONNECTOR", "READS", "WRITES")
			t.row(args[0], "yes", map[bool]string{true: "yes", false: "not tried"}[result.Wrote])
		})
	})
	c := group("connector", "What leads to files that are kept elsewhere", list, show, a.setConnectorCommand(), remove, test,
		a.transferCommand(bine.Import), a.transferCommand(bine.Export))
	c.Long = `What leads from the project to files that are kept elsewhere: a bucket, a directory of
another file system, or one of the server's host. They are read, and where the connector
allows it written, as files of the project below .lake/NAME: bine fs ls .lake/NAME`
	return c
}

func connectorTable(t *table, all ...bine.Connector) {
	t.row("NAME", "KIND", "LEADS TO", "WRITTEN BY", "DESCRIPTION")
	for _, c := range all {
		t.row(c.Name, string(c.Kind), leadsTo(c), map[bine.ConnectorAccess]string{bine.ConnectorRead: "nobody", bine.ConnectorOwners: "Data Owners", bine.ConnectorMembers: "all members"}[c.Access], c.Description)
	}
}

// leadsTo writes in one line what a connector leads to.
func leadsTo(c bine.Connector) string {
	switch c.Kind {
	case bine.ConnectorS3:
		return strings.TrimSuffix("s3://"+c.Bucket+"/"+c.Root, "/") + " at " + c.Endpoint
	case bine.ConnectorWebHDFS:
		return c.Root + " at " + c.Endpoint
	}
	return c.Root
}

func (a *app) showConnector(c bine.Connector) error {
	return a.show(c, one(string(c.Name)), func(t *table) { connectorTable(t, c) })
}

func (a *app) setConnectorCommand() *cobra.Command {
	var body client.SetConnector
	var secretFile string
	c := command("set NAME", "Make a connector, or change it", 1, func(c *cobra.Command, args []string) error {
		secret, given := os.LookupEnv("BINE_CONNECTOR_SECRET")
		if secretFile != "" {
			text, err := os.ReadFile(secretFile)
			if err != nil {
				return usagef("--secret-file: %v", err)
			}
			secret, given = strings.TrimRight(string(text), "\r\n"), true
		}
		if given {
			body.Secret = &secret
		}
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		made, err := api.SetConnector(c.Context(), p, bine.ConnectorName(args[0]), body)
		if err != nil {
			return err
		}
		return a.showConnector(made)
	})
	c.Long = `Make a connector, or change it: what is not given is as if it were empty, but the secret,
which stays. The secret is the secret key of s3, or a bearer token of webhdfs; it is given in a
file or in BINE_CONNECTOR_SECRET, so that nobody sees it in the list of processes.`
	f := c.Flags()
	f.StringVar((*string)(&body.Kind), "kind", string(bine.ConnectorS3), "s3, webhdfs or directory")
	f.StringVar((*string)(&body.Access), "access", string(bine.ConnectorRead), "who writes: read (nobody), owners (Data Owners) or members")
	f.StringVar(&body.Endpoint, "endpoint", "", "of s3 https://host:port, of webhdfs https://host:port/webhdfs/v1")
	f.StringVar(&body.Bucket, "bucket", "", "of s3")
	f.StringVar(&body.Region, "region", "", "of s3")
	f.StringVar(&body.AccessKey, "access-key", "", "of s3")
	f.StringVar(&body.Root, "root", "", "what is shown: of s3 the prefix of the keys, else the directory")
	f.StringVar(&body.User, "hdfs-user", "", "of webhdfs: user.name, where no token is given")
	f.StringVar(&body.Description, "description", "", "what it is for")
	f.StringVar(&secretFile, "secret-file", "", "a file that holds the secret")
	return c
}
