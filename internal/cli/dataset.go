package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
)

// datasetCommand lets projects use datasets of each other.
func (a *app) datasetCommand() *cobra.Command {
	list := command("shares", "List what the project shares, what is asked of it, and what others offer it", 0, func(c *cobra.Command, _ []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		all, err := api.Shares(c.Context(), p)
		if err != nil {
			return err
		}
		return a.showShares(all)
	})
	public := command("public", "List the datasets that are offered to everyone", 0, func(c *cobra.Command, _ []string) error {
		api, err := a.client()
		if err != nil {
			return err
		}
		all, err := api.PublicDatasets(c.Context())
		if err != nil {
			return err
		}
		return a.showShares(all)
	})
	withdraw := command("withdraw DATASET PROJECT", "Take an offer back, which ends the use at once", 2, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		return api.WithdrawDataset(c.Context(), p, args[0], bine.ProjectName(args[1]))
	})
	leave := command("leave PROJECT::DATASET", "Give up a dataset of another project", 1, func(c *cobra.Command, args []string) error {
		owner, dataset, err := sharedName(args[0])
		if err != nil {
			return err
		}
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		return api.LeaveDataset(c.Context(), p, owner, dataset)
	})
	return group("dataset", "Datasets that projects share with each other", list, public, a.offerCommand(), withdraw, a.wantCommand(), leave)
}

func (a *app) offerCommand() *cobra.Command {
	var write bool
	c := command("offer DATASET PROJECT", "Offer a dataset, a directory at the top of the project, to another project, or to '*' for everyone", 2, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		s, err := api.OfferDataset(c.Context(), p, args[0], bine.ProjectName(args[1]), shareAccess(write))
		if err != nil {
			return err
		}
		return a.showShares([]bine.Share{s})
	})
	c.Flags().BoolVar(&write, "write", false, "to read and write; without it to read")
	return c
}

func (a *app) wantCommand() *cobra.Command {
	var write bool
	c := command("want PROJECT::DATASET", "Accept a dataset that another project offers, or ask for it", 1, func(c *cobra.Command, args []string) error {
		owner, dataset, err := sharedName(args[0])
		if err != nil {
			return err
		}
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		s, err := api.WantDataset(c.Context(), p, owner, dataset, shareAccess(write))
		if err != nil {
			return err
		}
		return a.showShares([]bine.Share{s})
	})
	c.Flags().BoolVar(&write, "write", false, "to read and write; without it to read")
	return c
}

func shareAccess(write bool) bine.ShareAccess {
	if write {
		return bine.ShareWrite
	}
	return bine.ShareRead
}

// sharedName reads the name of a dataset of another project.
func sharedName(text string) (bine.ProjectName, string, error) {
	owner, dataset, ok := strings.Cut(text, bine.SharedSeparator)
	if !ok || owner == "" || dataset == "" || strings.Contains(dataset, "/") {
		return "", "", usagef("%q names no dataset of another project: write it like weather::stations", text)
	}
	return bine.ProjectName(owner), dataset, nil
}

func (a *app) showShares(all []bine.Share) error {
	return a.show(all, each(all, func(s bine.Share) string { return s.Path() }), func(t *table) {
		t.row("DATASET", "FOR", "OFFERED", "WANTED", "USABLE")
		for _, s := range all {
			t.row(s.Path(), s.To, word(s.Offered), word(s.Wanted), word(s.Access))
		}
	})
}

// word shows an access, which may be none.
func word(a bine.ShareAccess) string {
	if a == "" {
		return "-"
	}
	return string(a)
}
