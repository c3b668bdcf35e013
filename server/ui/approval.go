package ui

import (
	"net/url"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/templates"
)

func showMyApprovals(c *call) error {
	s, err := c.shell("Approvals", "my-approvals")
	if err != nil {
		return err
	}
	page := templates.ApprovalsPage{Shell: s, State: bine.ApprovalWaiting}
	if page.Approvals, err = c.api.MyApprovals(c.ctx()); err != nil {
		return err
	}
	return c.show(page)
}

func showApprovals(c *call) error {
	s, err := c.shell("Approvals", "approvals")
	if err != nil {
		return err
	}
	page := templates.ApprovalsPage{Shell: s, State: bine.ApprovalState(c.query("state"))}
	if !c.r.URL.Query().Has("state") {
		page.State = bine.ApprovalWaiting
	}
	found, err := c.api.Approvals(c.ctx(), c.project(), page.State, client.List{After: c.query("after"), Limit: someRuns})
	if err != nil {
		return err
	}
	page.Approvals, page.Next = found.Items, found.Next
	return c.show(page)
}

func (c *call) approvalRef(item string) client.ApprovalRef {
	return client.ApprovalRef{Run: c.run(), Step: bine.StepName(c.r.PathValue("step")), Item: item}
}

// showApproval asks. Whoever comes by a signed link needs no session.
func showApproval(c *call) error {
	if token := c.query("token"); token != "" {
		if _, err := c.api.Me(c.ctx()); err != nil { // not signed in: the link alone counts
			one, err := c.api.ApprovalByLink(c.ctx(), token)
			if err != nil {
				return err
			}
			return c.show(templates.ApprovalPage{Shell: c.bare("Approval"), Approval: one, Token: token})
		}
	}
	one, err := c.api.Approval(c.ctx(), c.project(), c.approvalRef(c.query("item")))
	if err != nil {
		return err
	}
	s, err := c.shell("Approval", "approvals")
	if err != nil {
		return err
	}
	s.Crumbs = append(s.Crumbs, templates.Crumb{Name: "Approvals", URL: c.path("approvals")})
	return c.show(templates.ApprovalPage{Shell: s, Approval: one})
}

// answer reads the answer that a form gives.
func readAnswer(f url.Values, form []bine.ApprovalField) (client.Answer, error) {
	out := client.Answer{Note: f.Get("note")}
	switch f.Get("answer") {
	case "reject":
		return out, nil
	case "approve":
	default:
		return out, bine.Errorf(bine.Invalid, "approve or reject?")
	}
	out.Approve = true
	var err error
	out.Values, err = params(f, templates.Definition{Params: templates.FormFields(form)})
	return out, err
}

func answerApproval(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	ref := c.approvalRef(f.Get("item"))
	one, err := c.api.Approval(c.ctx(), c.project(), ref)
	if err != nil {
		return err
	}
	given, err := readAnswer(f, one.Form)
	if err != nil {
		return err
	}
	if one, err = c.api.AnswerApproval(c.ctx(), c.project(), ref, given); err != nil {
		return err
	}
	return c.goTo(projectPath(one.Project, "runs", string(one.Run)) + "?step=" + url.QueryEscape(string(one.Step)))
}

// answerByLink answers for whoever holds a signed link.
func answerByLink(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	token := f.Get("token")
	one, err := c.api.ApprovalByLink(c.ctx(), token)
	if err != nil {
		return err
	}
	given, err := readAnswer(f, one.Form)
	if err != nil {
		return err
	}
	if one, err = c.api.AnswerByLink(c.ctx(), token, given); err != nil {
		return err
	}
	return c.goTo(templates.ApprovalURL(one) + "?token=" + url.QueryEscape(token))
}
