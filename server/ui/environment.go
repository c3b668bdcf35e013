package ui

import (
	"strconv"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/templates"
)

func showEnvironments(c *call) error {
	s, err := c.shell("Environment", "environments")
	if err != nil {
		return err
	}
	all, err := c.api.Environments(c.ctx(), c.project())
	if err != nil {
		return err
	}
	return c.show(templates.EnvironmentsPage{Shell: s, Environments: all})
}

// version is the number of an environment in the path.
func (c *call) version() (int, error) {
	n, err := strconv.Atoi(c.name())
	if err != nil || n < 1 {
		return 0, bine.Errorf(bine.NotFound, "%q is not the number of a version", c.name())
	}
	return n, nil
}

func showEnvironment(c *call) error {
	n, err := c.version()
	if err != nil {
		return err
	}
	s, err := c.shell("Environment v"+c.name(), "environments")
	if err != nil {
		return err
	}
	s.Crumbs = append(s.Crumbs, templates.Crumb{Name: "Environment", URL: c.path("environments")})
	page := templates.EnvironmentPage{Shell: s}
	if page.Environment, err = c.api.Environment(c.ctx(), c.project(), n); err != nil {
		return err
	}
	built := ended(page.Environment)
	if built {
		page.Live = ""
	}
	text, err := c.api.EnvironmentLog(c.ctx(), c.project(), n, 0)
	if err == nil {
		page.Log = templates.ReadLog([]byte(text), false)
	} else if !bine.IsKind(err, bine.NotFound) {
		return err
	}
	page.Log.Download, page.Log.File = page.API("environments", n, "log"), "environment-"+c.name()+".log"
	if !built {
		page.Log.Follow = page.Path("environments", n, "log") + "?offset=" + strconv.Itoa(len(text))
	}
	if page.Against = c.number("against"); page.Against == 0 && page.Environment.State == bine.EnvironmentReady {
		page.Against = page.Environment.Base
	}
	if page.Against > 0 {
		if page.Diff, err = c.api.EnvironmentDiff(c.ctx(), c.project(), n, page.Against); err != nil {
			page.Against = 0 // the other version may have failed
		}
	}
	return c.show(page)
}

// ended reports whether nothing more happens to a version.
func ended(e bine.Environment) bool {
	return e.State == bine.EnvironmentReady || e.State == bine.EnvironmentFailed
}

// logPause is the time between two looks at a log that still grows.
const logPause = 500 * time.Millisecond

// followEnvironment streams the log of a version until it is built.
func followEnvironment(c *call) error {
	n, err := c.version()
	if err != nil {
		return err
	}
	offset, begun := int64(c.number("offset")), false
	for {
		// Asked first, so that the text behind it is whole where the version has ended.
		e, err := c.api.Environment(c.ctx(), c.project(), n)
		text := ""
		if err == nil {
			text, err = c.api.EnvironmentLog(c.ctx(), c.project(), n, offset)
		}
		if err != nil && !begun {
			return err
		}
		if err != nil || c.stream(text) != nil || ended(e) {
			return nil // the answer has begun, so a fault can only end it
		}
		offset, begun = offset+int64(len(text)), true
		select {
		case <-c.ctx().Done():
			return nil
		case <-time.After(logPause):
		}
	}
}

func createEnvironment(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	body := client.NewEnvironment{Add: lines(f.Get("add")), Remove: lines(f.Get("remove")), Python: f.Get("python")}
	if f.Get("base") != "" {
		base, err := whole(f, "base")
		if err != nil {
			return err
		}
		body.Base = &base
	}
	e, err := c.api.CreateEnvironment(c.ctx(), c.project(), body)
	if err != nil {
		return err
	}
	return c.goTo(c.path("environments", strconv.Itoa(e.Version)))
}

func useEnvironment(c *call) error {
	n, err := c.version()
	if err != nil {
		return err
	}
	if _, err := c.api.UseEnvironment(c.ctx(), c.project(), n); err != nil {
		return err
	}
	return c.back(c.path("environments"), "saved")
}
