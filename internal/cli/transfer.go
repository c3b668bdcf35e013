package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// transferCommand is the verb of connectors that starts an import or an export.
func (a *app) transferCommand(direction bine.TransferDirection) *cobra.Command {
	use, short := "import NAME:PATH DIRECTORY", "Copy a file, or what is in a directory, from a connector into a directory of the project"
	if direction == bine.Export {
		use, short = "export FILES NAME:PATH", "Copy a file or directory of the project into a directory of a connector"
	}
	var wait bool
	body := client.NewTransfer{Direction: direction}
	c := command(use, short, 2, func(c *cobra.Command, args []string) error {
		far, near := args[0], args[1]
		if direction == bine.Export {
			far, near = near, far
		}
		name, path, found := strings.Cut(far, ":")
		if !found {
			return usagef("%s: write the connector and the path in it as NAME:PATH, or NAME: for all of it", far)
		}
		body.Connector, body.Path, body.Files = bine.ConnectorName(name), path, near
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		t, err := api.StartTransfer(c.Context(), p, body)
		if err != nil {
			return err
		}
		if wait {
			return a.waitTransfer(c.Context(), api, p, t)
		}
		return a.showTransfers(t, t)
	})
	c.Flags().BoolVar(&wait, "wait", false, "wait for its end, and show how far it is")
	c.Flags().StringVar(&body.Key, "key", "", "idempotency key: the same key answers the same transfer")
	return c
}

// waitTransfer shows how far a transfer is until it has ended; one that did not
// succeed is an error.
func (a *app) waitTransfer(ctx context.Context, api *client.Client, p bine.ProjectName, t bine.Transfer) error {
	for said := ""; !t.State.Ended(); {
		if line := fmt.Sprintf("%s: %d files, %s", t.ID, t.Copied+t.Skipped, size(t.Bytes+t.Moving)); line != said {
			said = line
			fmt.Fprintln(a.Err, line)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
		var err error
		if t, err = api.Transfer(ctx, p, t.ID); err != nil {
			return err
		}
	}
	if err := a.showTransfers(t, t); err != nil || t.State == bine.TransferSucceeded {
		return err
	}
	return bine.Errorf(bine.Conflict, "%s has %s: %s", t.ID, t.State, t.Reason)
}

func (a *app) showTransfers(answer any, all ...bine.Transfer) error {
	return a.show(answer, each(all, func(t bine.Transfer) string { return string(t.ID) }), func(t *table) {
		t.row("ID", "STATE", "CONNECTOR", "FILES", "COPIED", "SKIPPED", "FAILED", "BYTES", "CREATED", "REASON")
		for _, v := range all {
			t.row(v.ID, string(v.State), farSide(v), v.Files, v.Copied, v.Skipped, v.Failed, size(v.Bytes), v.CreatedAt, v.Reason)
		}
	})
}

// farSide is where a transfer comes from or goes to; one within the project has none.
func farSide(t bine.Transfer) string {
	if t.Direction == bine.Relocate {
		return "-"
	}
	return string(t.Connector) + ":" + t.Path
}

func (a *app) transfersCommand() *cobra.Command {
	list := command("list", "List imports, exports and relocations, newest first", 0, func(c *cobra.Command, _ []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		page, err := api.Transfers(c.Context(), p, client.List{})
		if err != nil {
			return err
		}
		return a.showTransfers(page.Items, page.Items...)
	})
	faults := command("faults ID", "List the files that were not copied", 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		all, err := api.TransferFaults(c.Context(), p, bine.TransferID(args[0]))
		if err != nil {
			return err
		}
		return a.show(all, each(all, func(f bine.TransferFault) string { return f.Path }), func(t *table) {
			t.row("PATH", "REASON")
			for _, f := range all {
				t.row(f.Path, f.Reason)
			}
		})
	})
	return group("transfer", "Imports from connectors, exports to them, and relocations of files", list,
		a.transferVerb("show ID", "Show how far a transfer is", (*client.Client).Transfer), faults,
		a.transferVerb("cancel ID", "Stop a transfer; what was copied stays", (*client.Client).CancelTransfer),
		a.transferVerb("retry ID", "Begin a transfer that failed or was cancelled again; what was copied is passed over", (*client.Client).RetryTransfer))
}

func (a *app) transferVerb(use, short string, do func(*client.Client, context.Context, bine.ProjectName, bine.TransferID) (bine.Transfer, error)) *cobra.Command {
	return command(use, short, 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		t, err := do(api, c.Context(), p, bine.TransferID(args[0]))
		if err != nil {
			return err
		}
		return a.showTransfers(t, t)
	})
}

// sandboxCommand says whether anything may leave a project.
func (a *app) sandboxCommand() *cobra.Command {
	var off bool
	c := command("sandbox NAME", "Let nothing be exported from a project, or shared with others; --off allows it again", 1, func(c *cobra.Command, args []string) error {
		api, err := a.client()
		if err != nil {
			return err
		}
		p, err := api.SetSandboxed(c.Context(), bine.ProjectName(args[0]), !off)
		if err != nil {
			return err
		}
		return a.show(p, one(string(p.Name)), func(t *table) {
			t.row("PROJECT", "SANDBOXED")
			t.row(p.Name, map[bool]string{true: "yes", false: "no"}[p.Sandboxed])
		})
	})
	c.Flags().BoolVar(&off, "off", false, "allow it again")
	return c
}
