package cli

import (
	"github.com/spf13/cobra"

	"github.com/bine-ml/bine/client"
)

func (a *app) leaseCommand() *cobra.Command {
	return &cobra.Command{Use: "lease PATH…", Short: "Show who writes to files alone, and until when nobody else may", Args: atLeast(1, 0), RunE: func(c *cobra.Command, args []string) error {
		var all []client.FileLease
		err := a.eachFile(c, args, func(r remote, at string) error {
			l, err := r.api.LeaseOf(c.Context(), r.project, at)
			if err == nil {
				all = append(all, l)
			}
			return err
		})
		if failed := a.showLeases(all); failed != nil {
			return failed
		}
		return err
	}}
}

func (a *app) recoverCommand() *cobra.Command {
	return &cobra.Command{Use: "recover PATH…", Short: "End the leases of files whose writers are gone, so that others write to them", Args: atLeast(1, 0), RunE: func(c *cobra.Command, args []string) error {
		var all []client.FileLease
		err := a.eachFile(c, args, func(r remote, at string) error {
			l, err := r.api.RecoverLease(c.Context(), r.project, at)
			if err == nil {
				all = append(all, l)
			}
			return err
		})
		if failed := a.showLeases(all); failed != nil {
			return failed
		}
		return err
	}}
}

func (a *app) showLeases(all []client.FileLease) error {
	return a.show(all, each(all, func(l client.FileLease) string { return l.Path }), func(t *table) {
		t.row("PATH", "HOLDER", "BY", "SINCE", "RENEWED", "YIELDS")
		for _, l := range all {
			if l.Epoch == 0 {
				t.row(l.Path, "-", "", "", "", "")
				continue
			}
			t.row(l.Path, l.Holder, l.By, l.Taken, l.Renewed, l.Yields)
		}
	})
}
