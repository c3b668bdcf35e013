package templates

import (
	"fmt"
	"html"
	"html/template"
	"strconv"
	"strings"

	"github.com/bine-ml/bine"
)

// AskForm asks for CPU, memory and accelerators, in words and by fields, and
// shows at once what would become of it. It is a part of a form: its fields are
// named gpus, cpu, memory and ask.*.
type AskForm struct {
	Project bine.ProjectName
	Words   string  // as typed, or made of the fields
	CPU     string  // cores
	Memory  string  // GiB
	Fields  AskPart // what the words say
	Choices AskChoices
	Verdict *bine.Verdict // nil where nothing was asked, or it is not known
	Fault   *AskFault     // what is wrong with the words
	Open    bool          // whether the fields are shown from the start
	// Projects can be chosen from where it is a page of its own, which has the
	// words in its address.
	Alone    bool
	Projects []bine.ProjectName
}

// AskPart is a request for accelerators, field by field.
type AskPart struct {
	Of                                  string // whole, share, partition
	Count, Hosts, Share, Profile        string
	Vendor, Models, Fabric, Labels      string
	Within, Prefer, PreferWith, Seconds string
	Uneven, Preemptible                 bool
}

// AskChoices are what the cluster has to choose from.
type AskChoices struct{ Models, Profiles, Fabrics, Labels []string }

// AskFault is what is wrong with a request, and where.
type AskFault struct {
	Message string
	Column  int // 1-based, in characters; 0 is nowhere in particular
	Example string
}

// AskPage lets people ask without meaning it.
type AskPage struct {
	Shell
	Form AskForm
}

// AskAnswer is what has changed of a form, for those who look at it.
type AskAnswer struct {
	Form  AskForm
	Words bool // the words are new
	All   bool // the fields are new
}

var (
	askPage   = load("ask.html", "ask_form.html")
	askAnswer = load("ask_form.html")
)

func (p AskPage) page() *template.Template   { return askPage }
func (p AskAnswer) page() *template.Template { return askAnswer }

// Levels are what devices can have in common, with words for people.
func (f AskForm) Levels() [][2]string {
	return [][2]string{{"nvlink", "NVLink or XGMI"}, {"host", "one host"}, {"rack", "one rack"}, {"block", "one block of racks"}}
}

// Was tells later whether a field was changed, from what they are now.
func (p AskPart) Was() string {
	if p.Of == "" {
		p.Of = "whole"
	}
	return fmt.Sprint(p)
}

// Marked are the words with the place of the fault marked.
func (f AskForm) Marked() template.HTML {
	if f.Fault == nil || f.Fault.Column == 0 {
		return ""
	}
	runes := []rune(f.Words)
	at := min(f.Fault.Column-1, len(runes))
	end := at
	for end < len(runes) && runes[end] != ' ' && runes[end] != ',' {
		end++
	}
	part := string(runes[at:max(end, min(at+1, len(runes)))])
	if part == "" {
		part = "…"
	}
	return template.HTML(html.EscapeString(string(runes[:at])) + "<mark>" + html.EscapeString(part) + "</mark>" + html.EscapeString(string(runes[min(len(runes), at+len([]rune(part))):])))
}

// Answer names the verdict for people.
func (f AskForm) Answer() string {
	if f.Verdict == nil {
		return ""
	}
	switch f.Verdict.Answer {
	case bine.VerdictNow:
		return "Now"
	case bine.VerdictNever:
		return "Never"
	}
	return "Not now"
}

// Tone is the look of the verdict.
func (f AskForm) Tone() string {
	if f.Verdict == nil {
		return "still"
	}
	return map[bine.VerdictAnswer]string{bine.VerdictNow: "ok", bine.VerdictNotNow: "wait", bine.VerdictNever: "bad"}[f.Verdict.Answer]
}

// Icon goes with the tone.
func (f AskForm) Icon() string {
	return map[string]string{"ok": "check", "wait": "clock", "bad": "cross"}[f.Tone()]
}

// Where says on which hosts it would be, some of them.
func (f AskForm) Where() string {
	if f.Verdict == nil || len(f.Verdict.Hosts) == 0 {
		return ""
	}
	var names []string
	for i, h := range f.Verdict.Hosts {
		if i == 6 {
			names = append(names, fmt.Sprintf("%d more", len(f.Verdict.Hosts)-i))
			break
		}
		names = append(names, string(h))
	}
	return strings.Join(names, ", ")
}

// YAML is how a step asks for the same.
func (f AskForm) YAML() string {
	var parts []string
	for _, p := range [][2]string{{"cpu", f.CPU}, {"memory", f.gib()}, {"gpus", f.Canonical()}} {
		if p[1] != "" {
			if strings.ContainsAny(p[1], ",:") {
				p[1] = strconv.Quote(p[1])
			}
			parts = append(parts, p[0]+": "+p[1])
		}
	}
	return "resources: {" + strings.Join(parts, ", ") + "}"
}

// CLI is the command that asks the same.
func (f AskForm) CLI() string {
	text := "bine gpu ask " + strconv.Quote(f.Canonical())
	if f.CPU != "" {
		text += " --cpu " + f.CPU
	}
	if m := f.gib(); m != "" {
		text += " --memory " + m
	}
	if f.Project != "" {
		text += " -p " + string(f.Project)
	}
	return text
}

// Canonical are the words as everybody reads them, where they are understood.
func (f AskForm) Canonical() string {
	if f.Verdict != nil && f.Verdict.Request != "" {
		return f.Verdict.Request
	}
	return f.Words
}

func (f AskForm) gib() string {
	if f.Memory == "" {
		return ""
	}
	return f.Memory + "GiB"
}

// Vendors are those that can be asked for.
func (f AskForm) Vendors() [][2]string {
	return [][2]string{{"nvidia", "Nvidia"}, {"amd", "AMD"}, {"simulated", "simulated"}}
}

// Fabrics are the networks that hosts say they are on, with the one that is
// asked for.
func (f AskForm) Fabrics() []string {
	all := f.Choices.Fabrics
	for _, known := range all {
		if known == f.Fields.Fabric {
			return all
		}
	}
	if f.Fields.Fabric != "" {
		all = append([]string{f.Fields.Fabric}, all...)
	}
	return all
}
