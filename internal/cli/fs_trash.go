package cli

import (
	"strconv"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine/client"
)

// trashCommand restores what was removed.
func (a *app) trashCommand() *cobra.Command {
	list := command("list", "List what can be restored, what was removed last first", 0, func(c *cobra.Command, _ []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		all := []client.TrashedFile{}
		for l := (client.List{Limit: 1000}); ; {
			page, err := api.Trash(c.Context(), p, l)
			if err != nil {
				return err
			}
			all = append(all, page.Items...)
			if l.After = page.Next; l.After == "" {
				break
			}
		}
		return a.show(all, each(all, func(f client.TrashedFile) string { return strconv.FormatInt(f.Number, 10) }), func(t *table) {
			t.row("NUMBER", "PATH", "SIZE", "REMOVED BY", "REMOVED", "EXPIRES")
			for _, f := range all {
				held := size(f.Size)
				if f.Dir {
					held = "-"
				}
				t.row(f.Number, f.Path, held, f.By, f.Removed, f.Expires)
			}
		})
	})
	restore := &cobra.Command{Use: "restore NUMBER [PATH]", Short: "Restore something to where it was, or to another path", Args: cobra.RangeArgs(1, 2), RunE: func(c *cobra.Command, args []string) error {
		number, err := trashNumber(args[0])
		if err != nil {
			return err
		}
		var body client.RestoreFile
		if len(args) > 1 {
			body.To = args[1]
		}
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		f, err := api.RestoreFile(c.Context(), p, number, body)
		if err != nil {
			return err
		}
		return a.show(f, one(f.Path), func(t *table) { t.row(f.Path) })
	}}
	discard := command("discard NUMBER", "Remove something in the trash for good", 1, func(c *cobra.Command, args []string) error {
		number, err := trashNumber(args[0])
		if err != nil {
			return err
		}
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		return api.DiscardFile(c.Context(), p, number)
	})
	return group("trash", "What was removed with bine fs rm, and can be restored for a week", list, restore, discard)
}

func trashNumber(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 {
		return 0, usagef("%q is no number of something in the trash: bine fs trash list shows them", text)
	}
	return n, nil
}
