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
}

// Link is the body of POST approvals/link: the token of a signed link.
type Link struct {
	Token string `json:"token" maxLength:"4000"`
}

// LinkAnswer is an answer by a signed link.
type LinkAnswer struct {
	Answer
	Token string `json:"token" maxLength:"4000"`
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

// ApprovalByLink describes the approval that the token of a signed link is for.
// It needs no session.
func (c *Client) ApprovalByLink(ctx context.Context, token string) (bine.Approval, error) {
	return call[bine.Approval](ctx, c, request{method: http.MethodPost, path: []string{"approvals", "link"}, body: Link{token}, safe: true})
}

// AnswerByLink answers with the token of a signed link. It needs no session.
func (c *Client) AnswerByLink(ctx context.Context, token string, a Answer) (bine.Approval, error) {
	return call[bine.Approval](ctx, c, request{method: http.MethodPost, path: []string{"approvals", "link", "answer"}, body: LinkAnswer{a, token}, safe: true})
}

// Secret is what webhooks are signed with.
type Secret struct {
	Secret string `json:"secret"`
}

// WebhookSecret gives the secret that the project's webhooks are signed with;
// only Data Owners may see it. See docs/pipelines.md for how to check a signature.
func (c *Client) WebhookSecret(ctx context.Context, p bine.ProjectName) (string, error) {
	out, err := post[Secret](ctx, c, nil, "projects", string(p), "webhook-secret")
	return out.Secret, err
}
