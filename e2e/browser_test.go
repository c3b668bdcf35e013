package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// sales is a pipeline as somebody writes it into the page. %s is how it says
// what count gives: in the first try, misspelled. The model is what the standard
// library has to offer: it answers with the number of rows.
const sales = `name: sales
description: Counts, and registers a model
params:
  rows: {type: int, default: 4, min: 1, max: 100}
steps:
  count:
    python: |
      import time
      from bine import outputs, params
      for n in range(params["rows"]):
          print("row", n, flush=True)
          time.sleep(0.5)
      outputs["rows"] = params["rows"]
    with: {rows: "${{ params.rows }}"}
    %s: {rows: int}
  train:
    needs: [count]
    python: |
      import bine
      bine.save_model(len, example=[1.0, 2.0, 3.0], metrics={"score": 0.75})
    outputs: {model: artifact}
  register:
    model: {name: counter, artifact: train.model, metrics: {score: 0.75}}
`

// faultAt is the line of the misspelled word, from 1.
const faultAt = 15

var firstPassword = regexp.MustCompile(`sign in as admin / (\S+)`)

// TestBrowserJourney does what a newcomer does, in a browser, from signing in
// to the first prediction.
func TestBrowserJourney(t *testing.T) { journey(t) }

// TestEveryPageLooks keeps pictures of every page, for people to look at.
func TestEveryPageLooks(t *testing.T) {
	if shots() == "" {
		t.Skip("BINE_E2E_SHOTS names no directory for the pictures")
	}
	p := journey(t)
	p.look()
	p.clean()
}

func journey(t *testing.T) *page {
	t.Helper()
	need(t, "chromium")
	s := newSystem(t)
	up := s.start("up", "--log-level", "warn")
	s.ready(30 * time.Second)
	p := newPage(t, s.url)
	for _, part := range []struct {
		what string
		do   func(*page)
	}{
		{"sign in", func(p *page) { signIn(p, firstPassword.FindStringSubmatch(up.out.String())) }},
		{"make a project", makeProject},
		{"upload a file", upload},
		{"share a dataset", share},
		{"delete and restore", regret},
		{"store a pipeline", storePipeline},
		{"run it", runPipeline},
		{"read its history", readHistory},
		{"deploy its model", deployModel},
		{"change the environment", changeEnvironment},
		{"schedule it", schedulePipeline},
		{"administer", administer},
	} {
		begun := time.Now()
		part.do(p)
		p.clean()
		t.Logf("%s: %.1f s", part.what, time.Since(begun).Seconds())
	}
	return p
}

func signIn(p *page, said []string) {
	p.t.Helper()
	if said == nil {
		p.t.Fatal("the first start shows no password")
	}
	p.open("/")
	p.at("/sign-in") // and back to where one wanted to go
	p.fill(`[name=user]`, "admin")
	p.fill(`[name=password]`, "wrong")
	p.click(`button.primary`)
	p.sees(`[role=alert]`, "password")
	p.refused(401)
	p.fill(`[name=user]`, "admin")
	p.fill(`[name=password]`, said[1])
	p.click(`button.primary`)
	p.at("/")
}

// makeProject makes one whose environment takes a moment, to see it being provisioned.
func makeProject(p *page) {
	p.t.Helper()
	p.sees("h2", "No projects yet")
	p.fill(`[name=name]`, "shop")
	p.fill(`[name=description]`, "What the browser made")
	p.fill(`[name=requires]`, "six")
	p.click(`form[action="/projects"] button`)
	p.at("/projects/shop")
	p.stay()
	p.sees(`h2`, "Being provisioned")
	p.until("its steps appear", `document.querySelectorAll(".progress li").length >= 3`)
	p.sees(`.tile`, "Pipelines")
	p.sees(`.tile`, "v1")
	p.stayed()
}

func upload(p *page) {
	p.t.Helper()
	path := filepath.Join(p.t.TempDir(), "sales.csv")
	if err := os.WriteFile(path, []byte("day,sold\nmonday,3\ntuesday,5\n"), 0o600); err != nil {
		p.t.Fatal(err)
	}
	p.click(`.nav a[href="/projects/shop/files"]`)
	p.at("/projects/shop/files")
	p.do(chromedp.WaitReady(`[data-uploads][data-started]`, chromedp.ByQuery))
	p.click(`.button.primary`) // the menu
	p.do(chromedp.SetUploadFiles(`[type=file]`, []string{path}, chromedp.ByQuery))
	p.sees(`[data-uploads-count]`, "1 of 1 done")
	p.sees(`td`, "sales.csv")
	p.click(`td a.name[href$="sales.csv"]`)
	p.sees(`table`, "tuesday")
}

// regret deletes a folder and restores it under another name.
func regret(p *page) {
	p.t.Helper()
	p.open("/projects/shop/files")
	p.click(`.head details.menu summary`)
	p.fill(`form[action*="/mkdir"] input[name=name]`, "scratch")
	p.click(`form[action*="/mkdir"] button`)
	p.sees(`td`, "scratch")
	p.click(`form[action$="remove?path=scratch"] button`)
	p.sees(`[role=status]`, "restored from the trash")
	p.click(`.head a[href="/projects/shop/trash"]`)
	p.sees(`td`, "scratch")
	p.click(`td details.menu summary`)
	p.fill(`td input[name=to]`, "kept")
	p.click(`td form button.primary`)
	p.sees(`td`, "kept")
}

// share offers the dataset of programs to everyone and asks for one of another project.
func share(p *page) {
	p.t.Helper()
	p.click(`.nav a[href="/projects/shop/files"]`)
	p.click(`.head a[href="/projects/shop/datasets"]`)
	p.at("/projects/shop/datasets")
	p.fill(`#offer-to`, "*")
	p.click(`form[action$="/datasets/offer"] button`)
	p.sees(`td`, "everyone")
	p.fill(`#want-owner`, "weather")
	p.fill(`#want-dataset`, "stations")
	p.click(`form[action$="/datasets/want"] button`)
	p.sees(`[role=status]`, "Asked")
}

func storePipeline(p *page) {
	p.t.Helper()
	p.open("/projects/shop/pipelines/new")
	p.write(fmt.Sprintf(sales, "output"))
	p.sees(`#faults li`, fmt.Sprintf("line %d", faultAt))
	p.sees(`#faults li`, "outputs") // did you mean
	p.until("the line is marked in the editor", `document.querySelector(".editor").shadowRoot.querySelector(".cm-lint-marker-error")`)
	p.click(`form#editor [type=submit]`)
	p.sees(`.answer .alert-bad`, fmt.Sprintf("line %d", faultAt))
	p.refused(422)
	p.write(fmt.Sprintf(sales, "outputs"))
	p.sees(`#faults`, "No faults: 3 steps")
	p.sees(`#drawing`, "register")
	p.click(`form#editor [type=submit]`)
	p.at("/projects/shop/pipelines/sales")
	p.sees(`h1`, "sales")
}

// runPipeline starts a run and sees its log grow while the step goes on.
func runPipeline(p *page) {
	p.t.Helper()
	p.fill(`[name="param.rows"]`, "1000")
	p.until("the browser holds to the bounds", `!document.querySelector('[name="param.rows"]').checkValidity()`)
	p.fill(`[name="param.rows"]`, "8")
	p.click(`form[action$="/runs"] button.primary`)
	p.at("/projects/shop/runs/sales-1")
	p.sees(`.graph`, "count")
	p.click(`.graph a[data-step=count]`)
	p.stay()
	p.sees(`#step .log-lines`, "row 1")
	if !p.eval(`document.querySelector("#overview h1 + span").textContent.includes("running")`) {
		p.t.Error("the log was only shown when the run had ended")
	}
	p.sees(`#step .log-lines`, "row 7")
	p.sees(`#overview h1 + span`, "succeeded")
	p.sees(`.gantt`, "register")
	p.stayed()
	p.click(`#step .tabs a[href*="tab=outputs"]`)
	p.sees(`#step dd`, "8")
	p.click(`.graph a[data-step=train]`)
	p.sees(`#step h2`, "train")
	p.click(`#step .tabs a[href*="tab=outputs"]`)
	p.sees(`#step .artifact`, "model")
}

// readHistory looks at the run's history in its three views.
func readHistory(p *page) {
	p.t.Helper()
	p.click(`.actions a[href*="/history?workflow=run"]`)
	p.at("/projects/shop/history")
	p.sees(`.events`, "count")
	p.click(`.tabs a[href*="view=timeline"]`)
	p.sees(`.gantt`, "count")
	p.click(`.tabs a[href*="view=full"]`)
	p.sees(`.event-type`, "WorkflowExecutionStarted")
	p.click(`.event summary`)
	p.sees(`.event .json`, "sales-1")
}

// deployModel deploys from the model's page and asks the deployment.
func deployModel(p *page) {
	p.t.Helper()
	p.open("/projects/shop/models")
	p.sees(`.badge`, "score")
	p.click(`a.name`)
	p.at("/projects/shop/models/counter")
	p.sees(`dd`, "sales-1")
	p.click(`.button.primary`) // the menu
	p.click(`form[action$="/deployments"] button`)
	p.at("/projects/shop/deployments/counter")
	p.stay()
	p.sees(`h1 + span`, "ready")
	p.fill(`[name=row]`, "[3, 1, 2]")
	p.click(`form[action$="/predict"] button.primary`)
	p.sees(`.result`, `"predict": 1`)
	p.sees(`.answer`, "counter v1")
	p.fill(`[name=row]`, "[3, 1]")
	p.click(`form[action$="/predict"] button.primary`)
	p.sees(`.answer .alert-bad`, "has 2 numbers, the model takes 3")
	p.sees(`.log-lines`, "serving counter")
	p.stayed()
}

// changeEnvironment builds a second version, follows its log, compares, and goes back.
func changeEnvironment(p *page) {
	p.t.Helper()
	p.open("/projects/shop/environments")
	p.sees(`.badge`, "current")
	p.fill(`[name=add]`, "iniconfig")
	p.click(`form[action$="/environments"] button`)
	p.at("/projects/shop/environments/2")
	p.stay()
	p.sees(`.log-lines`, "iniconfig")
	p.sees(`h1 + .status, .head-title`, "ready")
	p.sees(`#built`, "Compared with v1")
	p.sees(`#built td`, "iniconfig")
	p.stayed()
	p.open("/projects/shop/environments")
	p.click(`form[action$="/environments/1/use"] button`)
	p.sees(`[role=status]`, "Saved")
	p.until("version 1 is current", `document.querySelector("tbody tr:last-child").textContent.includes("current")`)
}

// schedulePipeline makes a schedule, pauses it and runs it by hand.
func schedulePipeline(p *page) {
	p.t.Helper()
	p.open("/projects/shop/pipelines/sales")
	p.click(`.actions a[href*="/schedules"]`)
	p.at("/projects/shop/schedules")
	p.fill(`[name=name]`, "nightly")
	p.fill(`[name=cron]`, "61 6 * * *")
	p.click(`form[action$="/schedules"] button`)
	p.sees(`.answer .alert-bad`, "61")
	p.refused(422)
	p.fill(`[name=cron]`, "0 6 * * *")
	p.fill(`[name=time_zone]`, "Europe/Vienna")
	p.fill(`[name=params]`, `{"rows": 1}`)
	p.click(`form[action$="/schedules"] button`)
	p.at("/projects/shop/schedules/nightly")
	p.until("it says when it starts runs", `document.querySelectorAll(".rows time").length >= 3`)
	p.click(`form[action$="/pause"] button`)
	p.sees(`.badge`, "paused")
	p.click(`form[action$="/trigger"] button`)
	p.sees(`.name`, "sales-2")
	p.sees(`tr`, "nightly")
}

// administer runs a job, and looks after people and keys.
func administer(p *page) {
	p.t.Helper()
	p.open("/projects/shop/jobs")
	p.click(`main .button.primary`)
	p.at("/projects/shop/jobs/new")
	p.fill(`[name=name]`, "hello")
	p.fill(`[name=command]`, `echo "hello you"`)
	p.click(`form[action$="/jobs"] button`)
	p.at("/projects/shop/jobs/hello")
	p.click(`form[action$="/executions"] button`)
	p.at("/projects/shop/runs/hello-1")
	p.sees(`.log-lines`, "hello you")

	p.open("/admin/users")
	p.fill(`[name=name]`, "ada")
	p.fill(`[name=password]`, "correct horse battery")
	p.click(`form[action="/admin/users"] button`)
	p.sees(`td`, "ada")
	p.open("/projects/shop/members")
	p.fill(`[name=user]`, "ada")
	p.click(`form[action$="/members"] button.primary`)
	p.sees(`td`, "shop__ada")
	p.open("/keys")
	p.fill(`[name=name]`, "notebook")
	p.click(`form[action="/keys"] button.primary`)
	p.sees(`#new-key`, "bine_")
	p.open("/admin/audit")
	p.sees(`td`, "ada")
}
