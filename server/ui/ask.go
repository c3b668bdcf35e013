package ui

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/gpu"
	"github.com/bine-ml/bine/templates"
)

func showAsk(c *call) error {
	s, err := c.shell("Ask", "hosts")
	if err != nil {
		return err
	}
	s.Crumbs = []templates.Crumb{{Name: "Hosts", URL: "/hosts"}}
	projects, err := c.api.Projects(c.ctx())
	if err != nil {
		return err
	}
	page := templates.AskPage{Shell: s}
	var names []bine.ProjectName
	for _, p := range projects {
		if p.Role != "" { // an administrator sees projects that it cannot ask for
			names = append(names, p.Name)
		}
	}
	f := c.r.URL.Query()
	if !f.Has("cpu") && !f.Has("gpus") {
		f.Set("cpu", "1")
		f.Set("memory", "1")
		f.Set("gpus", "1 GPU on 1 host")
	}
	if f.Has("project") {
		f.Set("ask.project", f.Get("project"))
	}
	if len(names) > 0 && f.Get("ask.project") == "" {
		f.Set("ask.project", string(names[0]))
	}
	f.Set("ask.alone", "true")
	page.Form, _, _ = c.ask(f)
	page.Form.Open, page.Form.Projects = true, names
	page.Form.Choices, err = c.askChoices()
	if err != nil {
		return err
	}
	return c.show(page)
}

// answerAsk shows what has become of a form that asks for resources since its
// words or fields were changed.
func answerAsk(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	if _, err := c.api.Me(c.ctx()); err != nil {
		return err
	}
	answer := templates.AskAnswer{}
	answer.Form, answer.Words, answer.All = c.ask(f)
	if answer.Form.Alone {
		c.w.Header().Set("HX-Replace-Url", "/ask?"+url.Values{"project": {string(answer.Form.Project)}, "cpu": {answer.Form.CPU}, "memory": {answer.Form.Memory}, "gpus": {answer.Form.Words}}.Encode())
	}
	if answer.All {
		if answer.Form.Choices, err = c.askChoices(); err != nil {
			return err
		}
	}
	return c.fragment(http.StatusOK, answer, "answer")
}

// ask reads a form that asks for resources. Where a field was changed, the words
// are made of the fields, else the fields of the words. It says whether the
// words, and whether the fields, are new.
func (c *call) ask(f url.Values) (form templates.AskForm, newWords, newFields bool) {
	form = templates.AskForm{Project: bine.ProjectName(f.Get("ask.project")), CPU: f.Get("cpu"), Memory: f.Get("memory"), Words: f.Get("gpus"), Alone: f.Get("ask.alone") == "true"}
	form.Fields = askFields(f)
	byWords := !f.Has("ask.was") || f.Get("ask.was") == form.Fields.Was()
	if !byWords {
		words := askWords(form.Fields)
		newWords = words != form.Words
		form.Words = words
	}
	var request gpu.Request
	if strings.TrimSpace(form.Words) != "" {
		var err error
		if request, err = gpu.ParseRequest(form.Words); err != nil {
			form.Fault = askFault(err)
			return form, newWords, false
		}
	}
	if newFields = byWords; byWords {
		form.Fields = askParts(request)
	} else if canonical := request.String(); newWords && !request.Zero() && canonical != form.Words {
		form.Words = canonical
	}
	form.Verdict, form.Fault = c.verdict(form)
	return form, newWords, newFields
}

// verdict asks what would become of a form. A project that is not there yet, or
// not the reader's, gives none.
func (c *call) verdict(form templates.AskForm) (*bine.Verdict, *templates.AskFault) {
	body := client.AskResources{GPUs: strings.TrimSpace(form.Words)}
	var err error
	if body.CPU, err = strconv.ParseFloat(form.CPU, 64); form.CPU != "" && (err != nil || body.CPU < 0) {
		return nil, &templates.AskFault{Message: "CPU is a number of cores", Example: "0.5"}
	}
	memory, err := strconv.ParseFloat(form.Memory, 64)
	if form.Memory != "" && (err != nil || memory < 0) {
		return nil, &templates.AskFault{Message: "memory is a number of GiB", Example: "16"}
	}
	if body.Memory = int64(memory * gibibyte); form.Project == "" {
		return nil, nil
	}
	v, err := c.api.Verdict(c.ctx(), form.Project, body)
	if err != nil {
		return nil, askFault(err)
	}
	return &v, nil
}

// getsShown is of how many steps is told what they would get.
const getsShown = 6

// gets asks what would become of the steps that want accelerators. That it
// cannot be asked is no reason to show no page.
func (c *call) gets(d templates.Definition) []templates.StepGets {
	var all []templates.StepGets
	for _, step := range d.Steps {
		if step.Resources == nil || step.Resources.GPUs == 0 || len(all) == getsShown {
			continue
		}
		request, err := gpu.Of(*step.Resources)
		if err != nil {
			continue
		}
		v, err := c.api.Verdict(c.ctx(), c.project(), client.AskResources{GPUs: request.String(), CPU: step.Resources.CPU, Memory: step.Resources.Memory})
		if err != nil {
			continue
		}
		all = append(all, templates.StepGets{Step: step.Name, Asks: *step.Resources, AskForm: templates.AskForm{Verdict: &v}})
	}
	return all
}

// askFault takes an error apart that has its place and an example in its text.
func askFault(err error) *templates.AskFault {
	fault := &templates.AskFault{Message: err.Error()}
	e, ok := errors.AsType[*bine.Error](err)
	if !ok {
		return fault
	}
	fault.Message = e.Message
	if len(e.Details) > 0 && e.Details[0].Column > 0 {
		fault.Message, fault.Column = e.Details[0].Message, e.Details[0].Column
	}
	if _, example, found := strings.Cut(e.Message, " An example: "); found {
		fault.Example = example
	}
	return fault
}

// askChoices are what there is to choose from.
func (c *call) askChoices() (templates.AskChoices, error) {
	p, err := c.api.ClusterPicture(c.ctx(), client.ClusterFilter{Host: "\x00"}) // no hosts, only what there is
	choices := templates.AskChoices{Models: p.Models, Profiles: p.Profiles}
	for _, l := range p.Labels {
		switch lower := strings.ToLower(l); {
		case slices.Contains(fabrics, lower):
			choices.Fabrics = append(choices.Fabrics, lower)
		case lower != "rack" && lower != "block":
			choices.Labels = append(choices.Labels, l)
		}
	}
	return choices, err
}

// fabrics are the labels of hosts that name networks.
var fabrics = []string{"infiniband", "roce", "ethernet", "efa", "slingshot", "omnipath"}

func askFields(f url.Values) templates.AskPart {
	text := func(name string) string { return strings.TrimSpace(f.Get("ask." + name)) }
	return templates.AskPart{Of: text("of"), Count: text("count"), Hosts: text("hosts"), Share: text("share"), Profile: text("profile"), Vendor: text("vendor"), Models: text("models"),
		Fabric: text("fabric"), Labels: text("labels"), Within: text("within"), Prefer: text("prefer"), PreferWith: text("prefer_with"), Seconds: text("for"),
		Uneven: text("uneven") == "true", Preemptible: text("preemptible") == "true"}
}

// askWords writes what fields say.
func askWords(p templates.AskPart) string {
	var words string
	switch {
	case p.Of == "share" && p.Share == "", p.Of != "share" && (p.Count == "" || strings.Trim(p.Count, "0") == ""):
		return ""
	case p.Of == "share":
		words = p.Share + " GPU"
	case p.Of == "partition":
		words = p.Count + " MIG " + p.Profile
	default:
		words = p.Count + " GPUs"
	}
	if p.Of != "share" {
		switch p.Hosts {
		case "":
			words += " on any host"
		default:
			words += " on " + p.Hosts + " hosts"
		}
		if p.Uneven && p.Hosts != "" && p.Hosts != "1" {
			words += " uneven"
		}
	}
	list := func(name string, parts ...string) {
		parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
		if len(parts) > 0 {
			words += " " + name + " " + strings.Join(parts, ", ")
		}
	}
	list("with", p.Vendor, p.Models, p.Fabric, p.Labels)
	if p.Of != "share" {
		list("within", p.Within)
		list("prefer", p.Prefer, p.PreferWith)
	} else {
		list("prefer", p.PreferWith)
	}
	list("for", p.Seconds)
	if p.Preemptible {
		words += " preemptible"
	}
	return words
}

// askParts takes a request apart into fields.
func askParts(r gpu.Request) templates.AskPart {
	p := templates.AskPart{Of: "whole", Vendor: r.Vendor, Models: strings.Join(r.Models, " or "), Within: string(r.Within), Prefer: string(r.Prefer.Within),
		PreferWith: r.Prefer.Traits.String(), Uneven: r.Uneven, Preemptible: r.Preemptible, Profile: r.Profile}
	switch {
	case r.Zero():
		return p
	case r.Milli > 0:
		p.Of, p.Share = "share", strconv.FormatFloat(float64(r.Milli)/1000, 'f', -1, 64)
	default:
		if p.Count = strconv.Itoa(r.Count); r.Profile != "" {
			p.Of = "partition"
		}
		if r.Hosts > 0 {
			p.Hosts = strconv.Itoa(r.Hosts)
		}
	}
	var labels []string
	for _, key := range slices.Sorted(maps.Keys(r.Labels)) {
		value := r.Labels[key]
		switch {
		case value == "" && p.Fabric == "" && slices.Contains(fabrics, key):
			p.Fabric = key
		case value == "":
			labels = append(labels, key)
		default:
			labels = append(labels, key+"="+value)
		}
	}
	p.Labels = strings.Join(labels, ", ")
	if r.Duration > 0 {
		_, p.Seconds, _ = strings.Cut(gpu.Request{Count: 1, Duration: r.Duration}.String(), " for ")
	}
	return p
}
