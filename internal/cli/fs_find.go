package cli

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine/client"
)

var sizeForm = regexp.MustCompile(`^([+-]?)([0-9]+)([ckMG]?)$`)

// finding are the conditions of find.
type finding struct {
	name, kind, size, newer string
	depth                   int
}

func (a *app) findCommand() *cobra.Command {
	o := &finding{}
	c := &cobra.Command{Use: "find [PATH…]", Short: "List what is below directories and meets conditions, as find does", DisableFlagParsing: true}
	c.Flags().StringVar(&o.name, "name", "", "pattern of the name: *.csv")
	c.Flags().StringVar(&o.kind, "type", "", "f for files, d for directories, l for symbolic links")
	c.Flags().StringVar(&o.size, "size", "", "of files: +10M is more, -1k is less; c, k, M, G; rounded up to the unit")
	c.Flags().StringVar(&o.newer, "newer", "", "changed within a time (90m, 2h, 7d), since a date, or after another file of the project")
	c.Flags().IntVar(&o.depth, "maxdepth", 0, "directories as deep as this only")
	c.RunE = func(c *cobra.Command, args []string) error {
		c.DisableFlagParsing = false
		if err := c.ParseFlags(doubleDashes(args)); err != nil {
			return usageError{err}
		}
		if help, _ := c.Flags().GetBool("help"); help {
			return c.Help()
		}
		return a.find(c, c.Flags().Args(), o)
	}
	return c
}

// doubleDashes writes the conditions as the other commands have their flags: find's own have one dash.
func doubleDashes(args []string) []string {
	out := slices.Clone(args)
	for i, arg := range out {
		word, _, _ := strings.Cut(arg, "=")
		if slices.Contains([]string{"-name", "-type", "-size", "-newer", "-maxdepth"}, word) {
			out[i] = "-" + arg
		}
	}
	return out
}

func (a *app) find(c *cobra.Command, args []string, o *finding) error {
	if len(args) == 0 {
		args = []string{""}
	}
	meets, err := o.test(c, a)
	if err != nil {
		return err
	}
	all := []client.File{}
	err = a.eachFile(c, args, func(r remote, at string) error {
		top, err := r.api.Stat(c.Context(), r.project, at)
		if err != nil {
			return err
		}
		if at != "" && meets(top) {
			all = append(all, top)
		}
		if !top.Dir {
			return nil
		}
		return r.files(c.Context(), at, o.depth, func(f client.File, _ int) error {
			if meets(f) {
				all = append(all, f)
			}
			return nil
		})
	})
	if a.output == "table" {
		for _, f := range all {
			fmt.Fprintln(a.Out, f.Path)
		}
		return err
	}
	if failed := a.show(all, each(all, func(f client.File) string { return f.Path }), nil); failed != nil {
		return failed
	}
	return err
}

// test makes one condition of all.
func (o *finding) test(c *cobra.Command, a *app) (func(client.File) bool, error) {
	if _, err := path.Match(o.name, ""); err != nil {
		return nil, usagef("-name %s is not a pattern: a bracket is not closed", o.name)
	}
	if o.kind != "" && o.kind != "f" && o.kind != "d" && o.kind != "l" {
		return nil, usagef("-type takes f, d or l, not %s", o.kind)
	}
	if o.depth < 0 {
		return nil, usagef("-maxdepth takes a number from 1 on")
	}
	fits, err := sizeTest(o.size)
	if err != nil {
		return nil, err
	}
	since, err := a.since(c, o.newer, time.Now())
	if err != nil {
		return nil, err
	}
	return func(f client.File) bool {
		if o.name != "" {
			if ok, _ := path.Match(o.name, f.Name); !ok {
				return false
			}
		}
		return (o.kind == "" || o.kind == typeOf(f)) && fits(f) && f.Modified.After(since)
	}, nil
}

// typeOf is the type of a file as find names it.
func typeOf(f client.File) string {
	switch {
	case f.Dir:
		return "d"
	case f.Link != "":
		return "l"
	}
	return "f"
}

// sizeTest reads +10M, -1k or 5c.
func sizeTest(text string) (func(client.File) bool, error) {
	if text == "" {
		return func(client.File) bool { return true }, nil
	}
	parts := sizeForm.FindStringSubmatch(text)
	if parts == nil {
		return nil, usagef("-size %s is not a size: write it like +10M, -1k or 5c", text)
	}
	n, err := strconv.ParseInt(parts[2], 10, 64)
	if err != nil {
		return nil, usagef("-size %s is too large a number", text)
	}
	unit := int64(1) << (10 * max(strings.Index("ckMG", parts[3]), 0))
	return func(f client.File) bool {
		units := (f.Size + unit - 1) / unit
		switch parts[1] {
		case "+":
			return !f.Dir && units > n
		case "-":
			return !f.Dir && units < n
		}
		return !f.Dir && units == n
	}, nil
}

// since gives the time that -newer means.
func (a *app) since(c *cobra.Command, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseFloat(days, 64); err == nil && n >= 0 {
			return now.Add(-time.Duration(n * 24 * float64(time.Hour))), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	for _, form := range dates() {
		if t, err := time.ParseInLocation(form, text, time.Local); err == nil {
			return t, nil
		}
	}
	r, at, err := a.remote(text)
	if err != nil {
		return time.Time{}, err
	}
	f, err := r.api.Stat(c.Context(), r.project, at)
	if err != nil {
		return time.Time{}, fmt.Errorf("-newer %s, which is no time and so a file: %w", text, err)
	}
	return f.Modified, nil
}

// dates are the ways to write a date.
func dates() []string {
	return []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly}
}
