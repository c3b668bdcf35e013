package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dags"
)

func (a *app) gpuCommand() *cobra.Command {
	list := command("list", "List the accelerators of all hosts, and who has them", 0, func(c *cobra.Command, _ []string) error {
		api, err := a.client()
		if err != nil {
			return err
		}
		all, err := api.Devices(c.Context())
		if err != nil {
			return err
		}
		return a.show(all, each(all, func(d bine.DeviceStatus) string { return string(d.ID) }), func(t *table) {
			t.row("HOST", "#", "MODEL", "MEMORY", "STATE", "GRANTED", "BUSY", "WHO", "DEVICE")
			for _, d := range all {
				t.row(d.Host, d.Index, model(d.Device), size(d.Memory), standing(d), percent(float64(d.Used)/1000), busy(d.Use), holders(d.Grants), d.ID)
			}
		})
	})
	show := command("show DEVICE", "Show an accelerator: who had it, and what became of it", 1, func(c *cobra.Command, args []string) error {
		api, err := a.client()
		if err != nil {
			return err
		}
		h, err := api.Device(c.Context(), bine.DeviceID(args[0]))
		if err != nil {
			return err
		}
		return a.show(h, one(args[0]), func(t *table) {
			t.row("EPOCH", "SHARE", "WHO", "FROM", "TO", "BUSY", "MOST MEMORY")
			for _, g := range h.Grants {
				t.row(g.Epoch, percent(float64(g.Milli)/1000), holder(g), g.GrantedAt, g.EndedAt, percent(g.Busy), size(g.MemoryPeak))
			}
			t.row()
			t.row("AT", "STATE", "WHY", "BY")
			for _, e := range h.Events {
				t.row(e.At, e.State, e.Reason, e.User)
			}
		})
	})
	return group("gpu", "Accelerators: what there is, who has it, and what you would get", list, show, a.mapCommand(), a.sharesCommand(), a.leaseHistoryCommand(), a.askCommand(), a.whatIfCommand(), a.idleCommand(), a.idleRuleCommand(), a.cordonCommand("cordon", true), a.cordonCommand("uncordon", false))
}

// askCommand shows the verdict on a request. It ends with 0 also where the
// answer is never, since that is an answer.
func (a *app) askCommand() *cobra.Command {
	var body client.AskResources
	var memory string
	c := command(`ask "REQUEST"`, `Say whether a request would be granted now, later or never: bine gpu ask "4 GPUs on 1 host with A100"`, 1, func(c *cobra.Command, args []string) (err error) {
		if memory != "" {
			if body.Memory, err = dags.ParseMemory(memory); err != nil {
				return usagef("--memory: %v", err)
			}
		}
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		body.GPUs = args[0]
		v, err := api.Verdict(c.Context(), p, body)
		if err != nil {
			return err
		}
		return a.show(v, one(string(v.Answer)), func(t *table) {
			t.row("REQUEST", "ANSWER", "STARTS", "WHY", "HOSTS")
			t.row(v.Request, strings.ReplaceAll(string(v.Answer), "_", " "), v.Starts, v.Reason, strings.Join(each(v.Hosts, func(h bine.HostName) string { return string(h) })(), ", "))
		})
	})
	c.Flags().Float64Var(&body.CPU, "cpu", 0, "cores that it needs with them")
	c.Flags().StringVar(&memory, "memory", "", "memory that it needs with them, for example 16GiB")
	return c
}

func (a *app) cordonCommand(name string, cordoned bool) *cobra.Command {
	short := map[bool]string{true: "Keep new work away from an accelerator (for administrators); what runs goes on", false: "Let new work come to an accelerator again (for administrators)"}[cordoned]
	body := client.Cordon{Cordoned: cordoned}
	c := command(name+" DEVICE", short, 1, func(c *cobra.Command, args []string) error {
		api, err := a.client()
		if err != nil {
			return err
		}
		return api.CordonDevice(c.Context(), bine.DeviceID(args[0]), body)
	})
	cordonFlags(c, &body)
	return c
}

// cordonFlags are those of keeping work away, and of letting it come again.
func cordonFlags(c *cobra.Command, body *client.Cordon) {
	c.Flags().StringVar(&body.Reason, "reason", "", "kept in the audit log, and shown to everybody who asks why")
	if body.Cordoned {
		c.Flags().BoolVar(&body.Drain, "drain", false, "and ask what runs there to leave: it keeps a checkpoint and is tried again elsewhere")
	}
}

func (a *app) cordonHostCommand(name string, cordoned bool) *cobra.Command {
	short := map[bool]string{true: "Keep new work away from a host (for administrators); what runs goes on", false: "Let new work come to a host again (for administrators)"}[cordoned]
	body := client.Cordon{Cordoned: cordoned}
	c := command(name+" HOST", short, 1, func(c *cobra.Command, args []string) error {
		api, err := a.client()
		if err != nil {
			return err
		}
		return api.CordonHost(c.Context(), bine.HostName(args[0]), body)
	})
	cordonFlags(c, &body)
	return c
}

func model(d bine.Device) string {
	if d.Profile != "" {
		return d.Model + " " + d.Profile
	}
	return d.Model
}

func standing(d bine.DeviceStatus) string {
	if d.Cordoned && d.State == bine.DeviceReady {
		return string(bine.DeviceCordoned)
	}
	return string(d.State)
}

func percent(part float64) string { return fmt.Sprintf("%.0f%%", part*100) }

func busy(u *bine.DeviceUse) string {
	if u == nil {
		return "-"
	}
	return percent(u.Busy)
}

func holders(grants []bine.GrantRecord) string {
	return strings.Join(each(grants, holder)(), ", ")
}

// holder names who has a grant; of projects that are not the reader's own,
// nothing is told.
func holder(g bine.GrantRecord) string {
	o := g.Owner
	switch {
	case o.Project == "":
		return "(another project)"
	case o.Step == "":
		return fmt.Sprintf("%s %s", o.Project, o.Name)
	case o.Item != "":
		return fmt.Sprintf("%s %s/%s/%s", o.Project, o.Name, o.Step, o.Item)
	}
	return fmt.Sprintf("%s %s/%s", o.Project, o.Name, o.Step)
}
