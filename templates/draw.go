package templates

import (
	"html"
	"html/template"
	"strings"
)

// markup writes drawings of hundreds of elements, which would take a template
// many times as long. Whatever people or programs chose goes through text or
// attr, which escape it.
type markup struct{ strings.Builder }

// put writes markup as it is.
func (m *markup) put(parts ...string) {
	for _, p := range parts {
		m.WriteString(p)
	}
}

// text writes text.
func (m *markup) text(s string) { m.WriteString(html.EscapeString(s)) }

// attr writes an attribute with a space before it.
func (m *markup) attr(name, value string) {
	m.put(" ", name, `="`)
	m.text(value)
	m.put(`"`)
}

// swap writes the attributes of a link that replaces an element of the page.
func (m *markup) swap(url, target string) {
	if target == "" {
		return
	}
	m.attr("hx-get", url)
	m.attr("hx-target", "#"+target)
	m.put(` hx-swap="outerHTML" hx-push-url="true"`)
}

// html is what was written.
func (m *markup) html() template.HTML { return template.HTML(m.String()) }
