package ui

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/templates"
)

// The limits of what one form does.
const (
	mostSelected = 1000
	mostCopied   = 1000 // entries below directories that are copied
	mostNames    = 100  // tries for a name that is free
)

// eachSelected does something to every path of a form and leads back to the
// directory. What went wrong is told for each; what went right stays.
func eachSelected(notice string, do func(c *call, f url.Values, at string) error) handler {
	return func(c *call) error {
		f, err := c.form()
		if err != nil {
			return err
		}
		paths := f["path"]
		switch {
		case len(paths) == 0:
			return bine.Errorf(bine.Invalid, "nothing is selected")
		case len(paths) > mostSelected:
			return bine.Errorf(bine.TooLarge, "at most %d are taken at once: %d are selected", mostSelected, len(paths))
		}
		failed := &bine.Error{}
		for _, at := range paths {
			err := do(c, f, strings.Trim(at, "/"))
			if err == nil {
				continue
			}
			e, ok := errors.AsType[*bine.Error](err)
			if !ok {
				return err
			}
			failed.Kind = e.Kind
			failed.Details = append(failed.Details, bine.Detail{Location: path.Base(at), Message: e.Message})
		}
		if n := len(failed.Details); n > 0 {
			c.w.Header().Set("HX-Trigger", "bine:files")
			failed.Message = fmt.Sprintf("%d of %d could not be done:", n, len(paths))
			return failed
		}
		return c.back(c.filesURL(c.target()), notice)
	}
}

var (
	removeAll = eachSelected("trashed", func(c *call, _ url.Values, at string) error {
		_, err := c.discard(at)
		return err
	})
	moveAll = eachSelected("moved", func(c *call, f url.Values, at string) error {
		return c.transfer(f, at, func(to string, overwrite bool) error {
			_, err := c.api.ChangeFile(c.ctx(), c.project(), at, client.FileChange{Op: "rename", To: to, Overwrite: overwrite})
			return err
		})
	})
	copyAll = eachSelected("copied", func(c *call, f url.Values, at string) error {
		file, err := c.api.Stat(c.ctx(), c.project(), at)
		if err != nil {
			return err
		}
		left := mostCopied
		return c.transfer(f, at, func(to string, overwrite bool) error { return c.copy(file, to, overwrite, &left) })
	})
	allowAll = eachSelected("saved", func(c *call, f url.Values, at string) error {
		file, err := c.api.Stat(c.ctx(), c.project(), at)
		if err != nil {
			return err
		}
		mode := withGroup(file, f.Get("group"))
		_, err = c.api.SetFileAttributes(c.ctx(), c.project(), at, client.FileAttributes{Mode: &mode})
		return err
	})
)

// withGroup gives the mode of a file when its group may do something.
func withGroup(f client.File, may string) uint32 {
	bits := map[string]uint32{"none": 0, "read": 4, "write": 6}[may]
	if f.Dir && bits > 0 {
		bits |= 1
	} else if !f.Dir {
		bits |= f.Mode >> 6 & 1 & (bits >> 2) // a program stays one
	}
	return f.Mode&^0o70 | bits<<3
}

// transfer moves or copies into the directory that a form names, and finds another
// name, or none, where one is taken.
func (c *call) transfer(f url.Values, at string, do func(to string, overwrite bool) error) error {
	dir := strings.Trim(f.Get("to"), "/ ")
	to := strings.Trim(dir+"/"+path.Base(at), "/")
	conflict := f.Get("conflict")
	if to == at && conflict != "keep" {
		return bine.Errorf(bine.Conflict, "%s is there already", at)
	}
	if dir != "" {
		if found, err := c.api.Stat(c.ctx(), c.project(), dir); err != nil {
			return err
		} else if !found.Dir {
			return bine.Errorf(bine.Conflict, "%s is a file, not a folder", dir)
		}
	}
	err := do(to, conflict == "replace")
	if !bine.IsKind(err, bine.Conflict) {
		return err
	}
	switch conflict {
	case "skip":
		return nil
	case "keep":
		for n := 2; n < mostNames && bine.IsKind(err, bine.Conflict); n++ {
			err = do(otherName(to, n), false)
		}
	}
	return err
}

// otherName is the n-th name beside one that is taken.
func otherName(p string, n int) string {
	ext := path.Ext(p)
	if ext == path.Base(p) { // the name begins with a dot
		ext = ""
	}
	return strings.TrimSuffix(p, ext) + " (" + strconv.Itoa(n) + ")" + ext
}

// copy copies a file, or a directory with what is below it.
func (c *call) copy(f client.File, to string, overwrite bool, left *int) error {
	if *left--; *left < 0 {
		return bine.Errorf(bine.TooLarge, "more than %d entries are not copied here: use bine fs cp -r", mostCopied)
	}
	if !f.Dir {
		_, err := c.api.CopyFile(c.ctx(), c.project(), client.FileCopy{From: f.Path, To: to, Overwrite: overwrite})
		return err
	}
	if to == f.Path || strings.HasPrefix(to, f.Path+"/") {
		return bine.Errorf(bine.Invalid, "%s cannot be copied into itself", f.Path)
	}
	if _, err := c.api.Stat(c.ctx(), c.project(), to); err == nil {
		return bine.Errorf(bine.Conflict, "%s is there already", to)
	} else if !bine.IsKind(err, bine.NotFound) {
		return err
	}
	usage, err := c.api.Usage(c.ctx(), c.project(), f.Path)
	if err != nil {
		return err
	}
	if usage.Files+usage.Directories > int64(*left) {
		return bine.Errorf(bine.TooLarge, "%s holds %d entries; more than %d are not copied here: use bine fs cp -r", f.Path, usage.Files+usage.Directories, mostCopied)
	}
	if _, err := c.api.ChangeFile(c.ctx(), c.project(), to, client.FileChange{Op: "mkdir"}); err != nil {
		return err
	}
	return c.copyBelow(f.Path, to, left)
}

func (c *call) copyBelow(from, to string, left *int) error {
	for after := ""; ; {
		found, err := c.api.Files(c.ctx(), c.project(), from, client.List{After: after, Limit: mostCopied})
		if err != nil {
			return err
		}
		for _, f := range found.Items {
			if f.Link != "" {
				continue
			}
			if err := c.copy(f, to+"/"+f.Name, false, left); err != nil {
				return err
			}
		}
		if after = found.Next; after == "" {
			return nil
		}
	}
}

// tagPrefix is how the extended attributes begin that the pages show as tags.
const tagPrefix = "user.tag."

func (c *call) tag(f url.Values, at string) error {
	name := strings.TrimSpace(f.Get("tag"))
	if name == "" {
		return bine.Errorf(bine.Invalid, "a tag needs a name")
	}
	return c.api.SetXattr(c.ctx(), c.project(), at, tagPrefix+name, []byte(strings.TrimSpace(f.Get("value"))))
}

// tagAll tags what is selected, or the path that a form is about.
func tagAll(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	if len(f["path"]) > 0 {
		return eachSelected("saved", (*call).tag)(c)
	}
	if err := c.tag(f, c.target()); err != nil {
		return err
	}
	return c.goTo(c.detailsURL())
}

func untag(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	if err := c.api.RemoveXattr(c.ctx(), c.project(), c.target(), tagPrefix+f.Get("tag")); err != nil && !bine.IsKind(err, bine.NotFound) {
		return err
	}
	return c.goTo(c.detailsURL())
}

func (c *call) detailsURL() string { return c.filesURL(c.target()) + "?tab=details" }

// setPermissions changes what differs from what is there.
func setPermissions(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	file, err := c.api.Stat(c.ctx(), c.project(), c.target())
	if err != nil {
		return err
	}
	var change client.FileAttributes
	mode := uint32(0)
	for _, text := range f["bit"] {
		bit, err := strconv.ParseUint(text, 10, 9)
		if err != nil {
			return bine.Errorf(bine.Invalid, "%q is not a permission", text)
		}
		mode |= uint32(bit)
	}
	if mode != file.Mode {
		change.Mode = &mode
	}
	if owner := strings.TrimSpace(f.Get("owner")); owner != "" && owner != file.Owner {
		change.Owner = &owner
	}
	if group := f.Get("group"); group != "" && group != file.Group {
		change.Group = &group
	}
	if change != (client.FileAttributes{}) {
		if _, err := c.api.SetFileAttributes(c.ctx(), c.project(), c.target(), change); err != nil {
			return err
		}
	}
	return c.goTo(c.detailsURL() + "&notice=saved")
}

// pickDirectory shows the directories in one, to choose from.
func pickDirectory(c *call) error {
	dir := strings.Trim(c.query("dir"), "/")
	p := templates.PickerPart{Shell: c.bare(""), Dir: dir}
	p.Project = &bine.Project{Name: c.project()}
	found, err := c.api.Files(c.ctx(), c.project(), dir, client.List{Limit: filesSorted})
	if err != nil {
		return err
	}
	for _, f := range found.Items {
		if f.Dir {
			p.Dirs = append(p.Dirs, f.Name)
		}
	}
	p.More = found.Next != ""
	return c.fragment(200, p, "picker")
}
