package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func (a *app) approvalCommand() *cobra.Command {
	return group("approval", "Approvals: what runs ask people", a.listApprovalsCommand(), a.showApprovalCommand(),
		a.answerCommand("approve RUN STEP", "Approve, with the fields of the form", true), a.answerCommand("reject RUN STEP", "Reject", false))
}

func (a *app) listApprovalsCommand() *cobra.Command {
	var mine bool
	var state string
	c := command("list", "List what waits for an answer", 0, func(c *cobra.Command, _ []string) error {
		var all []bine.Approval
		if mine {
			api, err := a.client()
			if err != nil {
				return err
			}
			if all, err = api.MyApprovals(c.Context()); err != nil {
				return err
			}
		} else {
			api, p, err := a.inProject()
			if err != nil {
				return err
			}
			page, err := api.Approvals(c.Context(), p, bine.ApprovalState(state), client.List{Limit: 1000})
			if err != nil {
				return err
			}
			all = page.Items
		}
		return a.showApprovals(all)
	})
	c.Flags().BoolVar(&mine, "mine", false, "those that you may answer, in all projects")
	c.Flags().StringVar(&state, "state", string(bine.ApprovalWaiting), "waiting, approved, rejected or withdrawn; empty is all")
	return c
}

func (a *app) showApprovals(all []bine.Approval) error {
	return a.show(all, each(all, func(one bine.Approval) string { return string(one.Run) + "/" + string(one.Step) }), func(t *table) {
		t.row("PROJECT", "RUN", "STEP", "ITEM", "STATE", "ASKED", "DEADLINE", "MESSAGE")
		for _, one := range all {
			deadline := ""
			if one.DeadlineAt != nil {
				deadline = one.DeadlineAt.Local().Format("2006-01-02 15:04")
			}
			t.row(one.Project, one.Run, one.Step, one.Item, string(one.State), one.AskedAt, deadline, one.Message)
		}
	})
}

func (a *app) showApprovalCommand() *cobra.Command {
	var item string
	c := command("show RUN STEP", "Describe an approval and its form", 2, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		one, err := api.Approval(c.Context(), p, client.ApprovalRef{Run: bine.RunID(args[0]), Step: bine.StepName(args[1]), Item: item})
		if err != nil {
			return err
		}
		return a.showApproval(one)
	})
	c.Flags().StringVar(&item, "item", "", "key of the item, of a fan-out")
	return c
}

func (a *app) showApproval(one bine.Approval) error {
	return a.show(one, func() []string { return []string{string(one.Run) + "/" + string(one.Step)} }, func(t *table) {
		t.row("RUN", "STEP", "STATE", "BY", "MESSAGE")
		t.row(one.Run, one.Step, string(one.State), fmt.Sprint(one.AnsweredBy, " ", one.Via), one.Message)
		for _, f := range one.Form {
			value := one.Values[f.Name]
			if value == nil {
				value = f.Default
			}
			t.row("  "+f.Name, f.Type, string(value), "", f.Description)
		}
	})
}

func (a *app) answerCommand(use, short string, approve bool) *cobra.Command {
	var item, note string
	var fields []string
	c := command(use, short, 2, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		answer := client.Answer{Approve: approve, Note: note}
		if answer.Values, err = parseParams(fields); err != nil {
			return err
		}
		ref := client.ApprovalRef{Run: bine.RunID(args[0]), Step: bine.StepName(args[1]), Item: item}
		if approve {
			if err := a.asTyped(c.Context(), api, p, ref, answer.Values, fields); err != nil {
				return err
			}
		}
		one, err := api.AnswerApproval(c.Context(), p, ref, answer)
		if err != nil {
			return err
		}
		return a.showApproval(one)
	})
	c.Flags().StringVar(&item, "item", "", "key of the item, of a fan-out")
	c.Flags().StringVar(&note, "note", "", "what is to be remembered with the answer")
	if approve {
		c.Flags().StringArrayVarP(&fields, "field", "F", nil, "name=value of the form")
	}
	return c
}

// asTyped makes texts of what looks like something else and fills a text field:
// the ticket 123 is a text.
func (a *app) asTyped(ctx context.Context, api *client.Client, p bine.ProjectName, ref client.ApprovalRef, values rawValues, given []string) error {
	if len(given) == 0 {
		return nil
	}
	one, err := api.Approval(ctx, p, ref)
	if err != nil {
		return err
	}
	for _, f := range one.Form {
		if v := values[f.Name]; f.Type == "string" && len(v) > 0 && v[0] != '"' {
			if values[f.Name], err = json.Marshal(string(v)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *app) webhookSecretCommand() *cobra.Command {
	return command("webhook-secret NAME", "Show what the project's webhooks are signed with (for Data Owners)", 1, func(c *cobra.Command, args []string) error {
		api, err := a.client()
		if err != nil {
			return err
		}
		secret, err := api.WebhookSecret(c.Context(), bine.ProjectName(args[0]))
		if err != nil {
			return err
		}
		return a.show(client.Secret{Secret: secret}, one(secret), func(t *table) {
			t.row("SECRET")
			t.row(secret)
		})
	})
}

func (a *app) noticesCommand() *cobra.Command {
	return command("notices RUN", "List the messages about a run, and how their delivery went", 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		all, err := api.Notices(c.Context(), p, bine.RunID(args[0]))
		if err != nil {
			return err
		}
		return a.show(all, each(all, func(n bine.Notice) string { return fmt.Sprint(n.ID) }), func(t *table) {
			t.row("EVENT", "CHANNEL", "TO", "STATE", "ATTEMPTS", "AT", "REASON")
			for _, n := range all {
				t.row(string(n.Event), n.Channel, n.To, string(n.State), n.Attempts, n.At, n.Reason)
			}
		})
	})
}

// rawValues are values by name, as JSON.
type rawValues = map[string]json.RawMessage
