package dags

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/bine-ml/bine/dags/expr"
)

// HTTPAction makes an HTTP request. Its outputs are status, an int, and body,
// the answer: JSON where it is that, else a text; at most 16 KiB of it.
type HTTPAction struct{ Request }

// Methods lists what a request may be.
func Methods() []string { return []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} }

// Kind gives http.
func (HTTPAction) Kind() string { return "http" }

func (HTTPAction) outputs() map[string]Type { return map[string]Type{"status": Int, "body": JSON} }
func (HTTPAction) refs() []Ref              { return nil }

func (a HTTPAction) check(c *checker, s *Step) { a.Request.check(c, s.at("http")) }

func (a HTTPAction) rewrite(f rewriter) (Action, error) {
	r, err := a.Request.rewrite("http", f)
	return HTTPAction{r}, err
}

var headerForm = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

func (r Request) check(c *checker, at string) {
	if r.Method != "" && !slices.Contains(Methods(), r.Method) {
		c.faultf(place(at, "method"), "%q is not one of %s", shorten(r.Method), strings.Join(Methods(), ", "))
	}
	switch {
	case r.URL == "":
		c.faultf(place(at, "url"), "the address is empty")
	case !expr.Has(r.URL):
		c.webhook(place(at, "url"), r.URL)
	}
	for _, name := range sortedKeys(r.Headers) {
		if !headerForm.MatchString(name) {
			c.faultf(place(at, "headers", name), "%q is not the name of a header", shorten(name))
		}
		if strings.EqualFold(name, "Host") || strings.EqualFold(name, "Content-Length") {
			c.faultf(place(at, "headers", name), "%s follows from the request and cannot be set", name)
		}
	}
	for i, status := range r.Expect {
		if status < 100 || status > 599 {
			c.faultf(place(at, "expect", i), "%d is not a status of HTTP", status)
		}
	}
	if r.Body != nil && (r.Method == "" || r.Method == "GET" || r.Method == "HEAD") {
		c.faultf(place(at, "body"), "a %s request has no body: set method", orGet(r.Method))
	}
}

func orGet(method string) string {
	if method == "" {
		return "GET"
	}
	return method
}

func (r Request) rewrite(at string, f rewriter) (Request, error) {
	var err error
	if r.URL, err = f.text(place(at, "url"), r.URL); err != nil {
		return r, err
	}
	r.Headers = maps.Clone(r.Headers)
	for _, name := range sortedKeys(r.Headers) {
		if r.Headers[name], err = f.text(place(at, "headers", name), r.Headers[name]); err != nil {
			return r, err
		}
	}
	r.Body, err = f.tree(place(at, "body"), wantAnything, r.Body)
	return r, err
}

func requestFields() []field[Request] {
	return []field[Request]{
		{name: "url", required: true, doc: "Address, http or https; it may hold expressions.", schema: textSchema,
			read: func(v value, r *Request) { r.URL = v.text() }},
		{name: "method", doc: "GET, HEAD, POST, PUT, PATCH or DELETE; GET if absent.", schema: enum(Methods()...),
			read: func(v value, r *Request) { r.Method = v.choice(Methods()) }},
		{name: "headers", doc: "Headers by name; values may hold expressions.", schema: mapOf(textSchema),
			read: func(v value, r *Request) { r.Headers = v.words("headers") }},
		{name: "body", doc: "What is sent: a text as it is, anything else as JSON; it may hold expressions.", schema: schema{},
			read: func(v value, r *Request) { r.Body = v.tree() }},
		{name: "expect", doc: "Statuses that are a success; any 2xx if absent.", schema: listOf(schema{"type": "integer"}),
			read: func(v value, r *Request) { r.Expect = readStatuses(v) }},
	}
}

func readStatuses(v value) []int {
	if v.isScalar() {
		return []int{v.integer()}
	}
	var list []int
	for _, item := range v.items("a list of statuses") {
		list = append(list, item.integer())
	}
	return list
}

func httpKind() Kind {
	return wrappedKind(Kind{
		Name: "http",
		Doc:  "Makes an HTTP request to an address outside; its outputs are status and body.",
	}, requestFields(), func(r Request) HTTPAction { return HTTPAction{r} })
}
