package ui

import (
	"io"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/templates"
)

// How much of lists the pages show.
const (
	fewRuns  = 10
	someRuns = 50
	manyRuns = 300
)

// most projects are asked for their runs on the first page.
const mostProjects = 30

func showHome(c *call) error {
	s, err := c.shell("Projects", "home")
	if err != nil {
		return err
	}
	projects, err := c.api.Projects(c.ctx())
	if err != nil {
		return err
	}
	page := templates.HomePage{Shell: s}
	for i, p := range projects {
		card := templates.ProjectCard{Project: p}
		if i < mostProjects && p.State == bine.ProjectReady && p.Role != "" {
			card.Last = c.gather(&page, p.Name)
		}
		page.Projects = append(page.Projects, card)
	}
	newest := func(a, b bine.Run) int { return b.CreatedAt.Compare(a.CreatedAt) }
	slices.SortFunc(page.Running, newest)
	slices.SortFunc(page.Failed, newest)
	page.Failed = page.Failed[:min(len(page.Failed), fewRuns)]
	return c.show(page)
}

// gather adds what runs in a project and what failed among its last runs, and
// gives the last.
func (c *call) gather(page *templates.HomePage, p bine.ProjectName) *bine.Run {
	runs, err := c.api.Runs(c.ctx(), p, client.RunFilter{}, client.List{Limit: fewRuns})
	if err != nil || len(runs.Items) == 0 {
		return nil
	}
	for _, r := range runs.Items {
		switch {
		case !r.State.Ended():
			page.Running = append(page.Running, r)
		case r.State == bine.Failed:
			page.Failed = append(page.Failed, r)
		}
	}
	return &runs.Items[0]
}

func createProject(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	p, err := c.api.CreateProject(c.ctx(), client.NewProject{Name: bine.ProjectName(f.Get("name")), Description: f.Get("description"), Requires: lines(f.Get("requires")), Python: f.Get("python")})
	if err != nil {
		return err
	}
	return c.goTo(projectPath(p.Name))
}

func showProject(c *call) error {
	s, err := c.shell("Overview", "overview")
	if err != nil {
		return err
	}
	s.Crumbs = nil
	page := templates.ProjectPage{Shell: s}
	if s.Project.State != bine.ProjectReady {
		workflow := "provision"
		if s.Project.State == bine.ProjectDeleting {
			workflow = "delete"
		}
		if h, err := c.api.ProjectHistory(c.ctx(), c.project(), workflow); err == nil {
			page.Progress = &h
		}
		return c.show(page)
	}
	runs, err := c.api.Runs(c.ctx(), c.project(), client.RunFilter{}, client.List{Limit: fewRuns})
	if err != nil {
		return err
	}
	page.Runs = runs.Items
	if err := c.describeProject(&page); err != nil {
		return err
	}
	return c.show(page)
}

func (c *call) describeProject(page *templates.ProjectPage) error {
	pipelines, err := c.api.Pipelines(c.ctx(), c.project())
	if err != nil {
		return err
	}
	page.Pipelines = len(pipelines)
	if page.Deployments, err = c.api.Deployments(c.ctx(), c.project()); err != nil {
		return err
	}
	environments, err := c.api.Environments(c.ctx(), c.project())
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(environments, func(e bine.Environment) bool { return e.Current }); i >= 0 {
		page.Environment = &environments[i]
	}
	if usage, err := c.api.Usage(c.ctx(), c.project(), ""); err == nil {
		page.Usage = &usage
	}
	page.Readme = c.readme()
	return nil
}

const longestReadme = 64 << 10

// readme gives the project's README, or nothing.
func (c *call) readme() string {
	for _, name := range []string{"README.md", "README"} {
		body, err := c.api.Download(c.ctx(), c.project(), name, 0, longestReadme)
		if err != nil {
			continue
		}
		text, err := io.ReadAll(io.LimitReader(body, longestReadme))
		body.Close()
		if err == nil {
			return string(text)
		}
	}
	return ""
}

func deleteProject(c *call) error {
	if err := c.confirmed(string(c.project())); err != nil {
		return err
	}
	if err := c.api.DeleteProject(c.ctx(), c.project()); err != nil {
		return err
	}
	return c.goTo("/")
}
