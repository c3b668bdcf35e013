package api

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"sort"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/bine-ml/bine/internal/auth"
)

//go:embed docs.html
var docsHTML string

// Where the document is, and the page made from it. These are the only routes
// that are not operations of the document.
const (
	DocumentJSON = "/api/openapi.json"
	DocumentYAML = "/api/openapi.yaml"
	DocsPage     = "/api/docs"
)

// finish completes the document when every operation is in it.
func (a *API) finish() {
	schemas := a.huma.OpenAPI().Components.Schemas.Map()
	for _, unused := range []string{"ErrorModel", "ErrorDetail"} { // huma's own problem, which translate replaces
		delete(schemas, unused)
	}
}

// mountDocs serves the document in its forms.
func (a *API) mountDocs(router *gin.Engine) error {
	a.finish()
	asYAML, err := a.huma.OpenAPI().YAML()
	if err != nil {
		return fmt.Errorf("write the API's document: %w", err)
	}
	asJSON, err := json.Marshal(a.huma.OpenAPI())
	if err != nil {
		return fmt.Errorf("write the API's document: %w", err)
	}
	page, err := a.docsPage()
	if err != nil {
		return fmt.Errorf("write the API's page: %w", err)
	}
	serve := func(path, media string, text []byte) {
		router.GET(path, func(c *gin.Context) { c.Data(http.StatusOK, media, text) })
	}
	serve(DocumentJSON, "application/openapi+json", asJSON)
	serve(DocumentYAML, "application/openapi+yaml", asYAML)
	serve(DocsPage, "text/html; charset=utf-8", page)
	return nil
}

// Document gives the OpenAPI document.
func (a *API) Document() *huma.OpenAPI { return a.huma.OpenAPI() }

// docsData is what the page shows.
type docsData struct {
	Version string
	Tags    []docsTag
	Schemas []docsSchema
}

type docsTag struct {
	Name       string
	Operations []docsOperation
}

type docsOperation struct {
	ID, Method, Path, Summary, Access string
	Params                            []docsParam
	Body, Answer                      template.HTML
}

type docsParam struct {
	Name, In, Type, Doc string
	Required            bool
}

type docsSchema struct {
	Name   string
	Fields []docsField
}

type docsField struct {
	Name, Doc string
	Type      template.HTML
	Required  bool
}

func (a *API) docsPage() ([]byte, error) {
	page, err := template.New("docs").Parse(docsHTML)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = page.Execute(&out, a.docs())
	return out.Bytes(), err
}

func (a *API) docs() docsData {
	data := docsData{Version: a.Version}
	for _, r := range a.routes {
		op := a.operationOf(r)
		i := slices.IndexFunc(data.Tags, func(t docsTag) bool { return t.Name == r.tag })
		if i < 0 {
			data.Tags = append(data.Tags, docsTag{Name: r.tag})
			i = len(data.Tags) - 1
		}
		data.Tags[i].Operations = append(data.Tags[i].Operations, describeOperation(r, op))
	}
	for name, s := range a.huma.OpenAPI().Components.Schemas.Map() {
		data.Schemas = append(data.Schemas, describeSchema(name, s))
	}
	sort.Slice(data.Schemas, func(i, j int) bool { return data.Schemas[i].Name < data.Schemas[j].Name })
	return data
}

func (a *API) operationOf(r route) *huma.Operation {
	item := a.huma.OpenAPI().Paths[base+"/"+r.path]
	return map[string]*huma.Operation{http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put, http.MethodPatch: item.Patch, http.MethodDelete: item.Delete}[r.method]
}

func describeOperation(r route, op *huma.Operation) docsOperation {
	d := docsOperation{ID: r.id, Method: r.method, Path: base + "/" + r.path, Summary: r.summary, Access: describeAccess(r.access)}
	for _, p := range op.Parameters {
		d.Params = append(d.Params, docsParam{Name: p.Name, In: p.In, Type: plainType(p.Schema), Doc: p.Description, Required: p.Required})
	}
	if op.RequestBody != nil {
		d.Body = contentType(op.RequestBody.Content)
	}
	for status, answer := range op.Responses {
		if status != "default" {
			d.Answer = contentType(answer.Content)
		}
	}
	return d
}

// describeAccess says in words who may call an operation.
func describeAccess(x auth.Access) string {
	who := map[bool]string{x.Public: "everybody", x.User: "whoever is signed in", x.Admin: "administrators", x.Agent: "agents, by a key with the scope agent"}[true]
	if x.Role != "" {
		who = "members of the project with the role " + string(x.Role)
	}
	if x.OrAdmin {
		who += ", and administrators"
	}
	if x.Public || x.Agent {
		return who
	}
	scopes := []string{"all"}
	for _, s := range x.Scopes {
		scopes = append(scopes, string(s))
	}
	who += "; keys with the scope " + strings.Join(scopes, " or ")
	if x.Job {
		who += "; job tokens"
	}
	return who
}

func contentType(content map[string]*huma.MediaType) template.HTML {
	var out []string
	for media, m := range content {
		text := template.HTMLEscapeString(media)
		if m.Schema != nil {
			text += " " + string(schemaType(m.Schema))
		}
		out = append(out, text)
	}
	sort.Strings(out)
	return template.HTML(strings.Join(out, ", "))
}

func describeSchema(name string, s *huma.Schema) docsSchema {
	d := docsSchema{Name: name}
	for field, f := range s.Properties {
		d.Fields = append(d.Fields, docsField{Name: field, Type: schemaType(f), Doc: f.Description, Required: slices.Contains(s.Required, field)})
	}
	sort.Slice(d.Fields, func(i, j int) bool { return d.Fields[i].Name < d.Fields[j].Name })
	return d
}

// schemaType names a type; those of the document are links. Only names of
// types of this program come in here, and they are escaped all the same.
func schemaType(s *huma.Schema) template.HTML {
	switch {
	case s == nil:
		return ""
	case s.Ref != "":
		name := template.HTMLEscapeString(s.Ref[strings.LastIndex(s.Ref, "/")+1:])
		return template.HTML(`<a href="#schema-` + name + `">` + name + `</a>`)
	case s.Type == huma.TypeArray:
		return "list of " + schemaType(s.Items)
	case s.Type == huma.TypeObject:
		if of, ok := s.AdditionalProperties.(*huma.Schema); ok {
			return "map of " + schemaType(of)
		}
	}
	return template.HTML(template.HTMLEscapeString(plainType(s)))
}

func plainType(s *huma.Schema) string {
	switch {
	case s == nil || s.Type == "":
		return "any"
	case s.Format != "":
		return s.Type + " (" + s.Format + ")"
	}
	return s.Type
}
