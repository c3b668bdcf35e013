package ui

import (
	"fmt"
	"net/http"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/templates"
)

func showMembers(c *call) error {
	s, err := c.shell("Members", "members")
	if err != nil {
		return err
	}
	members, err := c.api.Members(c.ctx(), c.project())
	if err != nil {
		return err
	}
	return c.show(templates.MembersPage{Shell: s, Members: members})
}

func setMember(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	user := bine.UserName(f.Get("user"))
	if err := user.Check(); err != nil {
		return err
	}
	if _, err := c.api.SetMember(c.ctx(), c.project(), user, bine.Role(f.Get("role"))); err != nil {
		return err
	}
	return c.back(c.path("members"), "saved")
}

func removeMember(c *call) error {
	if err := c.api.RemoveMember(c.ctx(), c.project(), bine.UserName(c.name())); err != nil {
		return err
	}
	return c.back(c.path("members"), "saved")
}

func showKeys(c *call) error {
	page, err := c.keysPage()
	if err != nil {
		return err
	}
	return c.show(page)
}

func (c *call) keysPage() (templates.KeysPage, error) {
	s, err := c.shell("API keys", "keys")
	page := templates.KeysPage{Shell: s}
	if err != nil {
		return page, err
	}
	if page.Keys, err = c.api.Keys(c.ctx()); err != nil {
		return page, err
	}
	projects, err := c.api.Projects(c.ctx())
	for _, p := range projects {
		page.Projects = append(page.Projects, p.Name)
	}
	return page, err
}

// createKey shows the key it made, in the page: it is in no address and nowhere
// else afterwards.
func createKey(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	body := client.NewKey{Name: f.Get("name"), Project: bine.ProjectName(f.Get("project")), S3: f.Get("s3") == "true"}
	for _, s := range f["scope"] {
		body.Scopes = append(body.Scopes, bine.Scope(s))
	}
	days, err := whole(f, "days")
	if err != nil {
		return err
	}
	if days > 0 {
		expires := c.now().Add(time.Duration(days) * 24 * time.Hour)
		body.Expires = &expires
	}
	made, err := c.api.CreateKey(c.ctx(), body)
	if err != nil {
		return err
	}
	page, err := c.keysPage()
	if err != nil {
		return err
	}
	if page.Made = made.Key; body.S3 {
		page.Made = fmt.Sprintf("export AWS_ENDPOINT_URL=%s\nexport AWS_ACCESS_KEY_ID=%s\nexport AWS_SECRET_ACCESS_KEY=%s\nexport AWS_DEFAULT_REGION=us-east-1", c.address(), made.AccessKey, made.SecretKey)
	}
	if c.htmx() {
		c.w.Header().Set("HX-Retarget", "#made")
		c.w.Header().Set("HX-Reswap", "innerHTML")
		return c.fragment(http.StatusOK, page, "made-now")
	}
	return c.show(page)
}

func deleteKey(c *call) error {
	if err := c.api.DeleteKey(c.ctx(), c.name()); err != nil {
		return err
	}
	return c.back("/keys", "deleted")
}

func showAccount(c *call) error {
	s, err := c.shell("Account", "account")
	if err != nil {
		return err
	}
	return c.show(templates.AccountPage{Shell: s})
}

func setPassword(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	if err := c.api.SetPassword(c.ctx(), client.NewPassword{Old: f.Get("old"), New: f.Get("new")}); err != nil {
		if _, gone := c.api.Me(c.ctx()); gone == nil && bine.IsKind(err, bine.Unauthenticated) {
			return bine.Errorf(bine.Invalid, "the old password is not right")
		}
		return err
	}
	return c.back("/account", "password")
}

func showUsers(c *call) error {
	s, err := c.shell("Users", "users")
	if err != nil {
		return err
	}
	users, err := c.api.Users(c.ctx())
	if err != nil {
		return err
	}
	return c.show(templates.UsersPage{Shell: s, Users: users})
}

func createUser(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	if _, err := c.api.CreateUser(c.ctx(), client.NewUser{Name: bine.UserName(f.Get("name")), Password: f.Get("password"), Admin: f.Get("admin") == "true"}); err != nil {
		return err
	}
	return c.back("/admin/users", "saved")
}

func deleteUser(c *call) error {
	if err := c.confirmed(c.name()); err != nil {
		return err
	}
	if err := c.api.DeleteUser(c.ctx(), bine.UserName(c.name())); err != nil {
		return err
	}
	return c.back("/admin/users", "deleted")
}

const auditPage = 100

func showAudit(c *call) error {
	s, err := c.shell("Audit", "audit")
	if err != nil {
		return err
	}
	records, err := c.api.Audit(c.ctx(), client.List{After: c.query("after"), Limit: auditPage})
	if err != nil {
		return err
	}
	return c.show(templates.AuditPage{Shell: s, Records: records.Items, Next: records.Next})
}
