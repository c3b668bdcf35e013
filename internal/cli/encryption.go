package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// encryptCommand says whether what is written to a project is sealed.
func (a *app) encryptCommand() *cobra.Command {
	var off, rotate, show bool
	c := command("encrypt NAME", "Seal what is written to a project from now on, with a key of its own (for Data Owners and administrators)", 1, func(c *cobra.Command, args []string) error {
		if off && rotate || show && (off || rotate) {
			return usagef("--off, --rotate and --show go one at a time")
		}
		api, err := a.client()
		if err != nil {
			return err
		}
		name := bine.ProjectName(args[0])
		var e client.Encryption
		if show {
			e, err = api.Encryption(c.Context(), name)
		} else {
			e, err = api.SetEncryption(c.Context(), name, client.SetEncryption{On: !off, Rotate: rotate})
		}
		if err != nil {
			return err
		}
		return a.showEncryption(name, e)
	})
	c.Flags().BoolVar(&off, "off", false, "seal nothing from now on; what is sealed stays readable")
	c.Flags().BoolVar(&rotate, "rotate", false, "go on with a new key; the old ones open what they sealed")
	c.Flags().BoolVar(&show, "show", false, "change nothing")
	return c
}

func (a *app) showEncryption(p bine.ProjectName, e client.Encryption) error {
	return a.show(e, one(string(p)), func(t *table) {
		t.row("PROJECT", "SEALED", "KEY", "CREATED")
		if len(e.Keys) == 0 {
			t.row(p, "no", "-", "-")
		}
		for _, k := range e.Keys {
			t.row(p, map[bool]string{true: "now", false: "before"}[k.Used], k.Version, k.CreatedAt)
		}
	})
}

// satisfyCommand brings files to where their policies say.
func (a *app) satisfyCommand() *cobra.Command {
	var wait bool
	var key string
	c := &cobra.Command{Use: "satisfy [PATH]", Short: "Bring what was written before to the tier of its policy and under the project's key (for Data Owners)", Args: atLeast(0, 1), RunE: func(c *cobra.Command, args []string) error {
		r, at, err := a.remote(strings.Join(args, ""))
		if err != nil {
			return err
		}
		t, err := r.api.StartTransfer(c.Context(), r.project, client.NewTransfer{Direction: bine.Relocate, Files: strings.Trim(at, "/"), Key: key})
		if err != nil {
			return err
		}
		if wait {
			return a.waitTransfer(c.Context(), r.api, r.project, t)
		}
		return a.showTransfers(t, t)
	}}
	c.Flags().BoolVar(&wait, "wait", false, "wait for its end, and show how far it is")
	c.Flags().StringVar(&key, "key", "", "idempotency key: the same key answers the same transfer")
	return c
}
