package templates

import (
	"encoding/json"
	"html/template"

	"github.com/bine-ml/bine"
)

// ApprovalsPage lists what waits for an answer: in a project, or of the reader
// in all of them.
type ApprovalsPage struct {
	Shell
	Approvals []bine.Approval
	State     bine.ApprovalState // that is shown; empty is every one
	Next      string             // cursor of the next page
}

// ApprovalPage asks for the answer to one approval. Showing it decides nothing.
type ApprovalPage struct {
	Shell
	Approval bine.Approval
	Token    string // of a signed link; empty for whoever is signed in
	Run      *bine.Run
}

var (
	approvalsPage = load("approvals.html")
	approvalPage  = load("approval.html")
)

func (p ApprovalsPage) page() *template.Template { return approvalsPage }
func (p ApprovalPage) page() *template.Template  { return approvalPage }

// ApprovalURL is the address of the page of an approval.
func ApprovalURL(a bine.Approval) string {
	path := join("approvals", a.Project, a.Run, a.Step)
	if a.Item != "" {
		path += "?item=" + template.URLQueryEscaper(a.Item)
	}
	return path
}

// ApprovalStates are the states that a list may be narrowed to.
func (p ApprovalsPage) ApprovalStates() []bine.ApprovalState {
	return []bine.ApprovalState{bine.ApprovalWaiting, bine.ApprovalApproved, bine.ApprovalRejected, bine.ApprovalWithdrawn, ""}
}

// Fields are the fields of the form.
func (p ApprovalPage) Fields() []Param { return FormFields(p.Approval.Form) }

// FormFields are fields of an approval as the form of params shows them.
func FormFields(form []bine.ApprovalField) []Param {
	var all []Param
	for _, f := range form {
		all = append(all, Param{Name: f.Name, Type: f.Type, Description: f.Description, Default: f.Default, Min: f.Min, Max: f.Max, Choices: f.Choices})
	}
	return all
}

// Given are the values of an answer.
func (p ApprovalPage) Given() []Pair {
	text, err := json.Marshal(p.Approval.Values)
	if err != nil {
		return nil
	}
	return pairs(text)
}

// Action is where the answer is sent.
func (p ApprovalPage) Action() string {
	if p.Token != "" {
		return "/approvals/answer"
	}
	return join("approvals", p.Approval.Project, p.Approval.Run, p.Approval.Step)
}

// ApprovalOf is the address of the page of the approval that a step is.
func (p RunPage) ApprovalOf(s bine.Step) string {
	return ApprovalURL(bine.Approval{Project: p.Run.Project, Run: p.Run.ID, Step: s.Name, Item: s.Item})
}
