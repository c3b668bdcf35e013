package cli

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dags"
)

// parseSize reads bytes: a number of them, 10G as ls -h writes it, or 10GiB and 10GB.
func parseSize(flag, text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= 0 {
		return n, nil
	}
	if strings.ContainsAny(text[len(text)-1:], "KMGT") {
		text += "iB"
	}
	n, err := dags.ParseMemory(text)
	if err != nil {
		return 0, usagef("%s %s is not a size: write it like 500000, 512MiB or 10G", flag, text)
	}
	return n, nil
}

// quotaFlags are those of a quota of files.
type quotaFlags struct {
	bytes string
	names int64
}

func (q *quotaFlags) flags(c *cobra.Command) *cobra.Command {
	c.Flags().StringVar(&q.bytes, "bytes", "", "how much may be in it: 10GiB; 0 is no limit")
	c.Flags().Int64Var(&q.names, "names", 0, "how many files and directories may be there, with the directory itself; 0 is no limit")
	return c
}

// apply changes what was given, and leaves the rest of quota.
func (q *quotaFlags) apply(c *cobra.Command, quota *client.FileQuota) (err error) {
	if !c.Flags().Changed("bytes") && !c.Flags().Changed("names") {
		return usagef("say what to limit: --bytes, --names or both")
	}
	if c.Flags().Changed("names") {
		quota.Names = q.names
	}
	if c.Flags().Changed("bytes") {
		quota.Bytes, err = parseSize("--bytes", q.bytes)
	}
	return err
}

func (a *app) showLimits(all []client.FileLimit) error {
	return a.show(all, each(all, func(l client.FileLimit) string { return l.Path }), func(t *table) {
		t.row("PATH", "USED", "OF", "NAMES", "OF", "")
		for _, l := range all {
			note := ""
			if l.Path == "" {
				l.Path = "."
			}
			if l.Counting {
				note = "being counted"
			}
			t.row(l.Path, size(l.Bytes), bound(l.Quota.Bytes, size(l.Quota.Bytes)), l.Names, bound(l.Quota.Names, cell(l.Quota.Names)), note)
		}
	})
}

// fileQuotaCommand limits directories.
func (a *app) fileQuotaCommand() *cobra.Command {
	show := &cobra.Command{Use: "show [PATH]", Short: "Show the quotas that a path counts towards, and what is in use", Args: atLeast(0, 1), RunE: func(c *cobra.Command, args []string) error {
		r, at, err := a.remote(strings.Join(args, ""))
		if err != nil {
			return err
		}
		all, err := r.api.FileQuotas(c.Context(), r.project, at)
		if err != nil {
			return err
		}
		return a.showLimits(all)
	}}
	q := &quotaFlags{}
	set := &cobra.Command{Use: "set PATH", Short: "Limit what is below a directory (for Data Owners)", Args: atLeast(1, 1), RunE: func(c *cobra.Command, args []string) error {
		r, at, err := a.remote(args[0])
		if err != nil {
			return err
		}
		all, err := r.api.FileQuotas(c.Context(), r.project, at)
		if err != nil {
			return err
		}
		var quota client.FileQuota
		for _, l := range all {
			if l.Path == strings.Trim(at, "/") {
				quota = l.Quota
			}
		}
		if err := q.apply(c, &quota); err != nil {
			return err
		}
		if all, err = r.api.SetFileQuota(c.Context(), r.project, at, quota); err != nil {
			return err
		}
		return a.showLimits(all)
	}}
	unset := &cobra.Command{Use: "clear PATH…", Short: "Take the quotas of directories away", Args: atLeast(1, 0), RunE: func(c *cobra.Command, args []string) error {
		return a.eachFile(c, args, func(r remote, at string) error {
			_, err := r.api.SetFileQuota(c.Context(), r.project, at, client.FileQuota{})
			return err
		})
	}}
	return group("quota", "Limit how much is below a directory", show, q.flags(set), unset)
}

// spaceCommand limits the files of a project.
func (a *app) spaceCommand() *cobra.Command {
	q := &quotaFlags{}
	return q.flags(command("space NAME", "Limit the files of a project (for administrators)", 1, func(c *cobra.Command, args []string) error {
		api, err := a.client()
		if err != nil {
			return err
		}
		var quota client.FileQuota
		if err := q.apply(c, &quota); err != nil {
			return err
		}
		all, err := api.SetSpace(c.Context(), bine.ProjectName(args[0]), quota)
		if err != nil {
			return err
		}
		return a.showLimits(all)
	}))
}

func (a *app) showPolicy(p client.FilePolicy) error {
	from := "the installation"
	if !p.Installed {
		if from = p.Path; from == "" {
			from = "."
		}
	}
	return a.show(p, one(p.Name), func(t *table) {
		tier := p.Tier
		if tier == "" {
			tier = "-"
		}
		t.row("POLICY", "IN THE DATABASE UP TO", "BLOCKS OF", "TIER", "FROM")
		t.row(p.Name, size(p.Inline), bound(p.BlockSize, size(p.BlockSize)), tier, from)
	})
}

// policyCommand says how what is below directories is kept.
func (a *app) policyCommand() *cobra.Command {
	show := &cobra.Command{Use: "show [PATH]", Short: "Show how what is at a path is kept", Args: atLeast(0, 1), RunE: func(c *cobra.Command, args []string) error {
		r, at, err := a.remote(strings.Join(args, ""))
		if err != nil {
			return err
		}
		p, err := r.api.FilePolicy(c.Context(), r.project, at)
		if err != nil {
			return err
		}
		return a.showPolicy(p)
	}}
	body, inline, block := client.SetFilePolicy{}, "", ""
	set := &cobra.Command{Use: "set PATH", Short: "Say how what is written below a directory is kept from now on (for Data Owners)", Args: atLeast(1, 1), RunE: func(c *cobra.Command, args []string) error {
		r, at, err := a.remote(args[0])
		if err != nil {
			return err
		}
		if c.Flags().Changed("inline") {
			n, err := parseSize("--inline", inline)
			if err != nil {
				return err
			}
			body.Inline = &n
		}
		if body.BlockSize, err = parseSize("--block-size", block); err != nil {
			return err
		}
		p, err := r.api.SetFilePolicy(c.Context(), r.project, at, body)
		if err != nil {
			return err
		}
		return a.showPolicy(p)
	}}
	set.Flags().StringVar(&body.Name, "policy", "HOT", "HOT: small files in the database, DB: files up to 1 MiB, too, BLOCKS: none, COLD or another tier: blocks lie there")
	set.Flags().StringVar(&inline, "inline", "", "up to how much of a file lies in the database, at most 1MiB; without it what goes with the policy")
	set.Flags().StringVar(&block, "block-size", "", "how large blocks are at most, from 1MiB to 1GiB; without it what the installation has")
	unset := &cobra.Command{Use: "clear PATH…", Short: "Leave it to the directories above how files are kept", Args: atLeast(1, 0), RunE: func(c *cobra.Command, args []string) error {
		return a.eachFile(c, args, func(r remote, at string) error {
			_, err := r.api.SetFilePolicy(c.Context(), r.project, at, client.SetFilePolicy{})
			return err
		})
	}}
	return group("policy", "Say how what is below a directory is kept", show, set, unset, a.satisfyCommand())
}
