package cli

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// fileACL is the access list of a file, as getfacl shows it.
type fileACL struct {
	Path string `json:"path"`
	bine.ACL
}

func (a *app) getfaclCommand() *cobra.Command {
	var recursive bool
	c := &cobra.Command{Use: "getfacl PATH…", Short: "Show access lists of files and directories", Args: atLeast(1, 0), RunE: func(c *cobra.Command, args []string) error {
		all := []fileACL{}
		err := a.eachBelow(c, args, recursive, func(r remote, f client.File) error {
			list, err := r.api.ACL(c.Context(), r.project, f.Path)
			if err == nil {
				all = append(all, fileACL{f.Path, list})
			}
			return err
		})
		if a.output == "table" {
			for _, list := range all {
				a.printACL(list)
			}
			return err
		}
		if failed := a.show(all, each(all, func(l fileACL) string { return l.Path }), nil); failed != nil {
			return failed
		}
		return err
	}}
	c.Flags().BoolVarP(&recursive, "recursive", "R", false, "directories and everything in them")
	return c
}

// printACL writes a list as getfacl does, so that setfacl reads it.
func (a *app) printACL(l fileACL) {
	fmt.Fprintf(a.Out, "# file: %s\n# owner: %s\n# group: %s\n", l.Path, l.Owner, l.Group)
	masks := [2]uint32{7, 7}
	of := func(e bine.ACLEntry) *uint32 {
		if e.Default {
			return &masks[1]
		}
		return &masks[0]
	}
	for _, e := range l.Entries {
		if e.Type == bine.ACLMask {
			*of(e), _ = e.Bits() // the server wrote it
		}
	}
	for _, e := range l.Entries {
		fmt.Fprint(a.Out, e)
		bits, _ := e.Bits()
		if bounded := e.Name != "" || e.Type == bine.ACLGroup; bounded && bits&*of(e) != bits {
			fmt.Fprintf(a.Out, "\t#effective:%s", bine.PermText(bits&*of(e)))
		}
		fmt.Fprintln(a.Out)
	}
	fmt.Fprintln(a.Out)
}

// settingACL are the flags of setfacl.
type settingACL struct {
	modify, remove, set       string
	all, defaults, everything bool
}

func (a *app) setfaclCommand() *cobra.Command {
	o := &settingACL{}
	c := &cobra.Command{Use: "setfacl -m|-x|--set ENTRIES PATH… | -b|-k PATH…", Short: "Change access lists: -m user:maria:rwx,default:group::r-x", Args: atLeast(1, 0)}
	c.Flags().StringVarP(&o.modify, "modify", "m", "", "add entries, or replace those of the same type and name")
	c.Flags().StringVarP(&o.remove, "remove", "x", "", "remove entries, named like user:maria")
	c.Flags().StringVar(&o.set, "set", "", "replace the list")
	c.Flags().BoolVarP(&o.all, "remove-all", "b", false, "remove the list; what the mode says remains")
	c.Flags().BoolVarP(&o.defaults, "remove-default", "k", false, "remove the default list of a directory")
	c.Flags().BoolVarP(&o.everything, "recursive", "R", false, "directories and everything in them; files get no default entries")
	c.RunE = func(c *cobra.Command, args []string) error {
		change, err := o.change()
		if err != nil {
			return err
		}
		return a.eachBelow(c, args, o.everything, func(r remote, f client.File) error { return change(c, r, f) })
	}
	return c
}

// change makes one function of the flags.
func (o *settingACL) change() (func(*cobra.Command, remote, client.File) error, error) {
	asked := 0
	for _, given := range []bool{o.modify != "", o.remove != "", o.set != "", o.all, o.defaults} {
		if given {
			asked++
		}
	}
	if asked != 1 {
		return nil, usagef("say what to do by one of -m, -x, --set, -b and -k")
	}
	if o.all || o.defaults {
		return func(c *cobra.Command, r remote, f client.File) error {
			if o.defaults && !f.Dir {
				return nil
			}
			_, err := r.api.RemoveACL(c.Context(), r.project, f.Path, o.defaults)
			return err
		}, nil
	}
	list, err := bine.ParseACL(o.modify+o.remove+o.set, o.remove == "")
	if err != nil {
		return nil, usageError{err}
	}
	return func(c *cobra.Command, r remote, f client.File) error {
		entries := slices.Clone(list)
		if !f.Dir && o.everything {
			entries = slices.DeleteFunc(entries, func(e bine.ACLEntry) bool { return e.Default })
		}
		for i := range entries {
			if name := inProjectName(r.project, entries[i].Name); name != nil {
				entries[i].Name = *name
			}
		}
		if len(entries) == 0 {
			return nil
		}
		var err error
		switch {
		case o.set != "":
			_, err = r.api.SetACL(c.Context(), r.project, f.Path, entries)
		case o.remove != "":
			_, err = r.api.ChangeACL(c.Context(), r.project, f.Path, client.ChangeACL{Op: client.ACLRemove, Entries: entries})
		default:
			_, err = r.api.ChangeACL(c.Context(), r.project, f.Path, client.ChangeACL{Op: client.ACLModify, Entries: entries})
		}
		return err
	}, nil
}
