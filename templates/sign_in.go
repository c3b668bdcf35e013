package templates

import "html/template"

// SignInPage asks who is there.
type SignInPage struct {
	Shell
	Next    string // where to go afterwards
	Problem string
}

var signInPage = load("sign_in.html")

func (p SignInPage) page() *template.Template { return signInPage }
