package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/internal/store"
	"github.com/bine-ml/bine/workflows"
)

// approvalRoutes are those of what runs ask people, and of what people are told.
func (a *API) approvalRoutes() {
	see := auth.Access{Role: bine.DataScientist, Scopes: follows, Job: true}
	const one, link = "projects/{project}/runs/{run}/approvals/{step}", "approvals/link"
	add(a, route{id: "list-my-approvals", method: http.MethodGet, path: "approvals", tag: "approvals", summary: "What waits for an answer of the caller, in all projects",
		access: auth.Access{User: true, Scopes: follows}}, a.myApprovals)
	add(a, route{id: "list-approvals", method: http.MethodGet, path: "projects/{project}/approvals", tag: "approvals", summary: "The approvals, oldest first", access: see}, a.approvals)
	add(a, route{id: "describe-approval", method: http.MethodGet, path: one, tag: "approvals", summary: "One approval", access: see}, a.approval)
	add(a, route{id: "answer-approval", method: http.MethodPost, path: one + "/answer", tag: "approvals", summary: "Approve or reject; the same answer again is harmless",
		access: auth.Access{Role: bine.DataScientist, Scopes: runs}}, a.answerApproval)
	add(a, route{id: "describe-approval-by-link", method: http.MethodPost, path: link, tag: "approvals", silent: true, summary: "The approval that a signed link is for; decides nothing",
		access: auth.Access{Public: true}}, a.approvalByLink)
	add(a, route{id: "answer-approval-by-link", method: http.MethodPost, path: link + "/answer", tag: "approvals", summary: "Approve or reject by a signed link",
		access: auth.Access{Public: true}}, a.answerByLink)
	add(a, route{id: "list-notices", method: http.MethodGet, path: "projects/{project}/runs/{run}/notices", tag: "runs", summary: "The messages about a run, and how their delivery went", access: see}, a.notices)
}

// InApproval names an approval.
type InApproval struct {
	InRun
	Step bine.StepName `path:"step" doc:"name of the step"`
	Item string        `query:"item" doc:"key of the item, of a fan-out"`
}

func (in InApproval) ref() store.StepRef {
	return store.StepRef{Run: in.Run, Step: in.Step, Item: in.Item}
}

// waits reports whether an approval can be answered now.
func (a *API) waits(one bine.Approval) bool {
	return one.State == bine.ApprovalWaiting && (one.DeadlineAt == nil || a.now().Before(*one.DeadlineAt))
}

// mayAnswer reports whether a member may answer: whoever is named, and every
// member where nobody is. A Data Owner may what a Data Scientist may.
func mayAnswer(a bine.Approval, user bine.UserName, role bine.Role) bool {
	if role == "" {
		return false
	}
	return len(a.By) == 0 || slices.ContainsFunc(a.By, func(name string) bool {
		return name == string(user) || name == string(role) || name == string(bine.DataScientist) && role.Includes(bine.DataScientist)
	})
}

func (a *API) myApprovals(ctx context.Context, _ *struct{}) (*body[[]bine.Approval], error) {
	user := callOf(ctx).User
	found, err := a.Store.WaitingApprovals(ctx, user)
	mine := []bine.Approval{}
	for _, one := range found {
		role, member, err := a.Store.RoleOf(ctx, one.Project, user)
		if err != nil {
			return nil, err
		}
		if one.MayAnswer = member && a.waits(one.Approval) && mayAnswer(one.Approval, user, role); one.MayAnswer {
			mine = append(mine, one.Approval)
		}
	}
	return list(mine, err)
}

func (a *API) approvals(ctx context.Context, in *struct {
	InProject
	InPage
	State bine.ApprovalState `query:"state" enum:"waiting,approved,rejected,withdrawn" doc:"only those in this state"`
}) (*body[client.Page[bine.Approval]], error) {
	found, next, err := a.Store.Approvals(ctx, in.Project, in.State, in.After, in.Limit)
	all := make([]bine.Approval, len(found))
	for i, one := range found {
		all[i] = a.seen(ctx, one.Approval)
	}
	return page(all, next, err)
}

// seen adds whether the caller may answer.
func (a *API) seen(ctx context.Context, one bine.Approval) bine.Approval {
	c := callOf(ctx)
	one.MayAnswer = a.waits(one) && mayAnswer(one, c.User, c.member.Role)
	return one
}

func (a *API) approval(ctx context.Context, in *InApproval) (*body[bine.Approval], error) {
	one, err := a.Store.Approval(ctx, in.Project, in.ref())
	return answer(a.seen(ctx, one.Approval), err)
}

func (a *API) answerApproval(ctx context.Context, in *struct {
	InApproval
	Body client.Answer
}) (*body[bine.Approval], error) {
	one, err := a.Store.Approval(ctx, in.Project, in.ref())
	if err != nil {
		return nil, err
	}
	c := callOf(ctx)
	if !mayAnswer(one.Approval, c.User, c.member.Role) {
		return nil, bine.Errorf(bine.Forbidden, "%s may not answer this: it is for %s", c.User, strings.Join(one.By, ", "))
	}
	return a.decide(ctx, one, in.Body, c.User, "user")
}

// decide writes an answer down and tells the step that waits for it.
func (a *API) decide(ctx context.Context, one store.Approval, given client.Answer, by bine.UserName, via string) (*body[bine.Approval], error) {
	ref := store.StepRef{Run: one.Run, Step: one.Step, Item: one.Item}
	decision := store.ApprovalAnswer{State: bine.ApprovalRejected, By: by, Via: via, Note: given.Note}
	if given.Approve {
		decision.State = bine.ApprovalApproved
		var err error
		if decision.Values, err = fillIn(one.Form, given.Values); err != nil {
			return nil, err
		}
	}
	if err := a.Store.AnswerApproval(ctx, one.Project, ref, decision); err != nil {
		return nil, err
	}
	a.launched(ctx, a.Launcher.Wake(ctx, workflows.StepWorkflowID(one.Project, one.Run, one.Step, one.Item)))
	one, err := a.Store.Approval(ctx, one.Project, ref)
	return answer(a.seen(ctx, one.Approval), err)
}

// fillIn checks what a form was filled in with, as params are checked.
func fillIn(form []bine.ApprovalField, given map[string]json.RawMessage) (map[string]json.RawMessage, error) {
	var d dags.DAG
	for _, f := range form {
		d.Params = append(d.Params, dags.Param{Name: f.Name, Type: dags.Type(f.Type), Default: f.Default, Min: f.Min, Max: f.Max, Choices: f.Choices})
	}
	if len(form) == 0 && len(given) == 0 {
		return nil, nil
	}
	all, err := d.ResolveParams(given)
	if err != nil {
		return nil, err
	}
	var values map[string]json.RawMessage
	return values, json.Unmarshal(all, &values)
}

// tokenPlace is what tokens of links are sealed for.
const tokenPlace = "approval-link"

// ApprovalToken makes the token of a link that answers an approval.
func ApprovalToken(sealer *auth.Sealer, t bine.ApprovalToken) (string, error) {
	text, err := json.Marshal(t)
	if err != nil {
		return "", err
	}
	return sealer.Seal(string(text), tokenPlace)
}

// linked gives the approval that a token is for. Tokens that are none are
// limited for each address.
func (a *API) linked(ctx context.Context, token string) (store.Approval, bine.ApprovalToken, error) {
	var t bine.ApprovalToken
	right, err := a.Auth.TryLink(callOf(ctx).address)
	if err != nil {
		return store.Approval{}, t, err
	}
	text, err := a.Sealer.Open(token, tokenPlace)
	if err == nil {
		err = json.Unmarshal([]byte(text), &t)
	}
	if err != nil {
		return store.Approval{}, t, bine.Errorf(bine.Unauthenticated, "the link is not one of this installation: sign in and answer on the page of the run")
	}
	right()
	if a.now().After(t.Expires) {
		return store.Approval{}, t, bine.Errorf(bine.Unauthenticated, "the link has expired: sign in and answer on the page of the run")
	}
	one, err := a.Store.Approval(ctx, t.Project, store.StepRef{Run: t.Run, Step: t.Step, Item: t.Item})
	one.MayAnswer = a.waits(one.Approval)
	return one, t, err
}

func (a *API) approvalByLink(ctx context.Context, in *struct{ Body client.Link }) (*body[bine.Approval], error) {
	one, _, err := a.linked(ctx, in.Body.Token)
	return answer(one.Approval, err)
}

func (a *API) answerByLink(ctx context.Context, in *struct{ Body client.LinkAnswer }) (*body[bine.Approval], error) {
	one, t, err := a.linked(ctx, in.Body.Token)
	if err != nil {
		return nil, err
	}
	callOf(ctx).member.Project = one.Project
	named(ctx, fmt.Sprintf("projects/%s/runs/%s/approvals/%s?link=%s", one.Project, one.Run, one.Step, t.Channel))
	out, err := a.decide(ctx, one, in.Body.Answer, "", "link")
	if out != nil {
		out.Body.MayAnswer = false
	}
	return out, err
}

func (a *API) notices(ctx context.Context, in *InRun) (*body[[]bine.Notice], error) {
	found, err := a.Store.Notices(ctx, in.Project, in.Run)
	all := make([]bine.Notice, len(found))
	for i, n := range found {
		all[i] = n.Notice
		all[i].To = n.Whom()
	}
	return list(all, err)
}
