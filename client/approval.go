package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/bine-ml/bine"
)

// Answer is the body of an answer to an approval.
type Answer struct {
	Approve bool                       `json:"approve"`
	Values  map[string]json.RawMessage `json:"values,omitempty" doc:"fields of the form, where it is approved"`
	Note    string                     `json:"note,omitempty" maxLength:"2000"`
	Token   string                     `json:"token,omitempty" doc:"of a signed link: answers without being signed in"`
}

// ApprovalRef names an approval of a run.
type ApprovalRef struct {
	Run  bine.RunID
	Step bine.StepName
	Item string
}

func (r ApprovalRef) path(p bine.ProjectName, more ...string) []string {
	return append([]string{"projects", string(p), "runs", string(r.Run), "approvals", string(r.Step)}, more...)
}

func (r ApprovalRef) query() url.Values {
	if r.Item == "" {
		return nil
	}
	return url.Values{"item": {r.Item}}
}

// Approvals lists the approvals of a project in a state, oldest first; an empty state is every one.
func (c *Client) Approvals(ctx context.Context, p bine.ProjectName, state bine.ApprovalState, l List) (Page[bine.Approval], error) {
	q := l.query()
	if state != "" {
		q.Set("state", string(state))
	}
	return get[Page[bine.Approval]](ctx, c, q, "projects", string(p), "approvals")
}

// MyApprovals lists, over all projects, the approvals that wait and that the caller may answer.
func (c *Client) MyApprovals(ctx context.Context) ([]bine.Approval, error) {
	return get[[]bine.Approval](ctx, c, nil, "approvals")
}

// Approval describes one.
func (c *Client) Approval(ctx context.Context, p bine.ProjectName, ref ApprovalRef) (bine.Approval, error) {
	return get[bine.Approval](ctx, c, ref.query(), ref.path(p)...)
}

// AnswerApproval answers one that waits. The same answer again is harmless, another one a Conflict.
func (c *Client) AnswerApproval(ctx context.Context, p bine.ProjectName, ref ApprovalRef, a Answer) (bine.Approval, error) {
	return call[bine.Approval](ctx, c, request{method: http.MethodPost, path: ref.path(p, "answer"), query: ref.query(), body: a, safe: true})
}
