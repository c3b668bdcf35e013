package templates

import (
	"html/template"
	"strings"

	"github.com/bine-ml/bine"
)

// ErrorPage says why there is no page.
type ErrorPage struct {
	Shell
	Status  int
	Message string
	Details []bine.Detail
	Request string // id under which the server's log has more
}

var errorPage = load("error.html")

func (p ErrorPage) page() *template.Template { return errorPage }

// Headline names the kind of trouble.
func (p ErrorPage) Headline() string {
	switch p.Status {
	case 403:
		return "Not allowed"
	case 404:
		return "Not found"
	case 503:
		return "Not available right now"
	}
	if p.Status >= 500 {
		return "Something went wrong"
	}
	return "That did not work"
}

// Problem is the fragment that a form shows where its answer belongs.
type Problem struct {
	Message string
	Details []bine.Detail
}

// Others are the details that the message does not say already.
func (p Problem) Others() []bine.Detail {
	if len(p.Details) == 1 && strings.Contains(p.Message, p.Details[0].Message) {
		return nil
	}
	return p.Details
}

// ProblemPart shows only a problem.
type ProblemPart struct{ Problem }

func (p ProblemPart) page() *template.Template { return errorPage }
