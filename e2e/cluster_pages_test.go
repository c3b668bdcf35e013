package e2e_test

import (
	"os"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

const holding = `
name: holding
steps:
  hold:
    command: [sleep, "600"]
    resources: {cpu: 0.1, memory: 64MiB, gpus: 3 GPUs on 1 host preemptible}
`

const waitingFor = `
name: hoping
steps:
  hope:
    command: [sleep, "1"]
    resources: {cpu: 0.1, memory: 64MiB, gpus: 4 GPUs on 1 host for 1h}
`

// TestClusterPages asks for accelerators by the form, follows who has them and
// who waits on the pages, and keeps work away. None of the pages is wider than
// its window or complains; BINE_E2E_AXE and BINE_E2E_SHOTS are as for the pages
// of files.
func TestClusterPages(t *testing.T) {
	need(t, "chromium")
	s := newSystem(t)
	s.env = append(s.env, nodeFile(t, s.dir, "node", 4))
	up := s.start("up", "--log-level", "warn")
	s.ready(30 * time.Second)
	c := s.client()
	project := s.project("shop")
	for name, text := range map[string]string{"holding": holding, "hoping": waitingFor} {
		s.mustCLI("pipeline", "store", s.pipeline(name, text, nil), "-p", "shop")
	}
	p := newPage(t, s.url)
	signIn(p, firstPassword.FindStringSubmatch(up.out.String()))
	askByForm(p)

	start := func(pipeline bine.PipelineName) bine.Run {
		run, err := c.StartRun(t.Context(), project, pipeline, client.NewRun{NoCache: true})
		if err != nil {
			t.Fatal(err)
		}
		return run
	}
	held := start("holding")
	eventually(t, time.Minute, "three accelerators are held", func() bool { return len(grants(t, c)) == 1 })
	start("hoping")
	var waiting bine.Lease
	eventually(t, time.Minute, "somebody waits", func() bool {
		all, err := c.Leases(t.Context())
		for _, l := range all {
			if l.GrantedAt == nil && l.Resources.GPUs > 0 {
				waiting = l
			}
		}
		return err == nil && waiting.Attempt != ""
	})
	devices, err := c.Devices(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	host := string(devices[0].Host)
	p.showAll([]filePage{
		{"hosts", "/hosts", "shop"}, {"hosts-free", "/hosts?state=free", "1 on 1 host"}, {"host", "/hosts/" + host, "Keep new work away"}, {"device", "/devices/" + string(devices[0].ID), "Who had it"},
		{"queue", "/queue", waiting.Reason}, {"queue-granted", "/queue?show=granted", string(held.ID)}, {"lease", "/leases/" + string(waiting.Attempt), "Change its priority"}, {"shares", "/shares", "shop"},
		{"ask", "/ask?project=shop&gpus=9+GPUs+on+2+hosts", "At character"}, {"job-new", "/projects/shop/jobs/new", "By fields"}, {"pipeline", "/projects/shop/pipelines/hoping", "Not now"},
	})
	keepAway(p, "/hosts/"+host, waiting)
	audit, err := c.Audit(t.Context(), client.List{Limit: 20})
	if err != nil {
		t.Fatal(err)
	}
	notes := map[string]string{}
	for _, a := range audit.Items {
		notes[a.Action] = a.Note
	}
	for action, want := range map[string]string{"cordon-host": "cordoned and drained: new fan", "set-lease-priority": "high: it is late", "set-quota": "guaranteed gpus 0 → guaranteed gpus 2: the paper"} {
		if notes[action] != want {
			t.Errorf("the audit record of %s says %q, want %q", action, notes[action], want)
		}
	}
	p.clean()
}

// askByForm makes words of fields and fields of words, and sees verdicts change.
func askByForm(p *page) {
	p.t.Helper()
	p.open("/ask?project=shop")
	p.sees("#ask-answer", "Now.")
	p.stay()
	p.fill(`[name="ask.count"]`, "9")
	p.sees("#ask-answer", "Never.")
	p.until("the words follow the fields", `document.querySelector("#ask-words").value === "9 GPUs on 1 host"`)
	p.fill("#ask-words", "2 P100 GPUs within rack for 2h preemptible")
	p.until("the fields follow the words", `document.querySelector("[name='ask.models']").value === "P100" && document.querySelector("[name='ask.within']").value === "rack" && document.querySelector("[name='ask.preemptible']").checked`)
	p.sees("#ask-answer", "Now.")
	p.fill("#ask-words", "20 GPUs on 3 hosts")
	p.sees("#ask-answer mark", "on")
	p.sees("#ask-answer", "18 GPUs on 3 hosts")
	p.until("the address has the words", `new URL(location).searchParams.get("gpus") === "20 GPUs on 3 hosts"`)
	p.stayed()
}

// keepAway does what administrators do, each with a reason.
func keepAway(p *page, host string, waiting bine.Lease) {
	p.t.Helper()
	p.open("/leases/" + string(waiting.Attempt))
	p.do(selectOption(`form[action$="/priority"] select`, "high"))
	p.fill(`form[action$="/priority"] [name=reason]`, "it is late")
	p.click(`form[action$="/priority"] [name=sure]`)
	p.click(`form[action$="/priority"] button`)
	p.sees(`[role=status]`, "Saved")
	p.open("/shares")
	p.fill(`#quota [name=guaranteed]`, "2")
	p.fill(`#quota [name=reason]`, "the paper")
	p.click(`#quota [name=sure]`)
	p.click(`#quota button`)
	p.sees(`[role=status]`, "Saved")
	p.open(host)
	p.fill(`#cordon [name=reason]`, "new fan")
	p.click(`#cordon [name=drain]`)
	p.click(`#cordon [name=sure]`)
	p.click(`#cordon button`)
	p.sees(`[role=status]`, "Saved")
	p.sees(`.tile`, "cordoned")
}

// showAll opens pages at both widths and in both schemes where pictures or axe
// are wanted, and else on a phone.
func (p *page) showAll(pages []filePage) {
	p.t.Helper()
	widths, schemes := []int64{400}, []string{"light"}
	if shots() != "" || os.Getenv("BINE_E2E_AXE") != "" {
		widths, schemes = []int64{1280, 400}, []string{"light", "dark"}
	}
	for _, width := range widths {
		for _, scheme := range schemes {
			p.do(emulation.SetDeviceMetricsOverride(width, 900, 1, false),
				emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}))
			how := scheme + "-" + map[int64]string{1280: "laptop", 400: "phone"}[width]
			for _, one := range pages {
				p.open(one.path)
				p.sees("main", one.sees)
				p.until(one.name+" is as wide as the window", `document.documentElement.scrollWidth <= window.innerWidth`)
				p.audit(how + " " + one.name)
				shot(p.t, p.ctx, how+"-cluster-"+one.name)
			}
		}
	}
}
