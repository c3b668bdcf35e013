package ui

import (
	"encoding/json"
	"strings"
	"unicode"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/gpu"
	"github.com/bine-ml/bine/templates"
)

func showJobs(c *call) error {
	s, err := c.shell("Jobs", "jobs")
	if err != nil {
		return err
	}
	jobs, err := c.api.Jobs(c.ctx(), c.project())
	if err != nil {
		return err
	}
	return c.show(templates.JobsPage{Shell: s, Jobs: jobs})
}

func showJob(c *call) error {
	name := bine.PipelineName(c.name())
	s, err := c.shell(string(name), "jobs")
	if err != nil {
		return err
	}
	s.Crumbs = append(s.Crumbs, templates.Crumb{Name: "Jobs", URL: c.path("jobs")})
	page := templates.JobPage{Shell: s}
	if page.Job, err = c.api.Job(c.ctx(), c.project(), name); err != nil {
		return err
	}
	if page.Version, err = c.api.PipelineVersion(c.ctx(), c.project(), name, 0); err != nil {
		return err
	}
	page.Definition = templates.ReadDefinition(page.Version.DAG)
	runs, err := c.api.Runs(c.ctx(), c.project(), client.RunFilter{Pipeline: name}, client.List{Limit: someRuns})
	if err != nil {
		return err
	}
	page.Runs, page.Gets = runs.Items, c.gets(page.Definition)
	return c.show(page)
}

// newJob shows the form of a job.
func newJob(c *call) error {
	s, err := c.shell("New job", "jobs")
	if err != nil {
		return err
	}
	s.Crumbs = append(s.Crumbs, templates.Crumb{Name: "Jobs", URL: c.path("jobs")})
	page := templates.NewJobPage{Shell: s, Ask: templates.AskForm{Project: c.project(), CPU: "1", Memory: "1"}}
	page.Ask.Choices, err = c.askChoices()
	if err != nil {
		return err
	}
	return c.show(page)
}

const gibibyte = 1 << 30

func storeJob(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	command, err := words(f.Get("command"))
	if err != nil {
		return err
	}
	cpu, err := decimal(f, "cpu")
	if err != nil {
		return err
	}
	memory, err := decimal(f, "memory")
	if err != nil {
		return err
	}
	resources := bine.Resources{CPU: cpu, Memory: int64(memory * gibibyte)}
	if text := strings.TrimSpace(f.Get("gpus")); text != "" {
		request, err := gpu.ParseRequest(text)
		if err != nil {
			return err
		}
		resources = request.On(resources)
	}
	body := client.NewJob{Name: bine.PipelineName(f.Get("name")), Description: f.Get("description"), Python: program(f.Get("python")), Command: command,
		Resources: &resources}
	if raw := f.Get("params"); raw != "" {
		body.Params = json.RawMessage(raw)
	}
	v, err := c.api.StoreJob(c.ctx(), c.project(), body)
	if err != nil {
		return err
	}
	return c.back(c.path("jobs", string(v.Pipeline)), "stored")
}

func startExecution(c *call) error {
	body, err := c.newRun()
	if err != nil {
		return err
	}
	run, err := c.api.StartExecution(c.ctx(), c.project(), bine.PipelineName(c.name()), body)
	if err != nil {
		return err
	}
	return c.goTo(c.path("runs", string(run.ID)))
}

func deleteJob(c *call) error {
	if err := c.confirmed(c.name()); err != nil {
		return err
	}
	if err := c.api.DeleteJob(c.ctx(), c.project(), bine.PipelineName(c.name())); err != nil {
		return err
	}
	return c.back(c.path("jobs"), "deleted")
}

// program gives the text of a program as a job wants it: with a line break,
// which tells it from the name of a file.
func program(text string) string {
	text = strings.ReplaceAll(strings.TrimRight(text, " \r\n"), "\r\n", "\n")
	if text == "" || (!strings.ContainsAny(text, "\n ()=") && strings.HasSuffix(text, ".py")) {
		return text
	}
	return text + "\n"
}

// words splits a command at blanks; quotes of either kind keep words together.
func words(text string) ([]string, error) {
	var all []string
	var word strings.Builder
	var quote rune
	begun := false
	for _, r := range text {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '"' || r == '\'':
			quote, begun = r, true
		case unicode.IsSpace(r):
			if begun {
				all = append(all, word.String())
				word.Reset()
				begun = false
			}
		default:
			begun = true
			word.WriteRune(r)
		}
	}
	if quote != 0 {
		return nil, bine.Errorf(bine.Invalid, "command: a quote %c is not closed", quote)
	}
	if begun {
		all = append(all, word.String())
	}
	return all, nil
}
