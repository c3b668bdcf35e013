package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// fares has the shape of the flights pipeline, in a second: a table, models
// trained side by side, the best one chosen, and somebody who lets it be deployed.
const fares = `name: fares
params:
  day: {type: string, default: none}
steps:
  ingest:
    command: |
      seq 10 > "$BINE_OUTPUTS/table"
    outputs: {table: artifact}
  train:
    foreach: {items: [1, 2, 3], max_parallel: 3}
    inputs: {table: ingest.table}
    command: |
      echo "{\"score\": 0.$BINE_ITEM}" > "$BINE_OUTPUTS/values.json"
    outputs: {score: float}
  evaluate:
    values: {best: "${{ max(values(steps.train.score)) }}"}
  ask:
    approval:
      message: Deploy a model that scores ${{ steps.evaluate.best }}?
      form: {share: {type: int, default: 10, min: 1, max: 100}}
      by: [data_owner]
  deploy:
    values: {text: "deployed to ${{ steps.ask.share }} %"}
outputs:
  text: ${{ steps.deploy.text }}
schedule: {cron: "0 6 * * *"}
`

// TestMendingJourney breaks a step of a pipeline, sees why in the list, edits
// it, continues the run, approves the deployment and compares both; then it
// fills in thirty days, pauses, survives a kill of the server, and goes on.
func TestMendingJourney(t *testing.T) {
	need(t, "chromium")
	s := newSystem(t)
	up := s.start("up", "--log-level", "warn")
	s.ready(30 * time.Second)
	said := firstPassword.FindStringSubmatch(up.out.String())
	project := s.project("travel")
	broken := strings.Replace(fares, `seq 10 > "$BINE_OUTPUTS/table"`, `seq ten > "$BINE_OUTPUTS/table"`, 1)
	if broken == fares {
		t.Fatal("nothing was broken")
	}
	s.mustCLI("pipeline", "store", s.pipeline("fares", broken, nil), "-p", "travel")
	run, _ := s.run(project, "fares", client.NewRun{})
	if run.State != bine.Failed {
		t.Fatalf("the broken run is %s", run.State)
	}

	p := newPage(t, s.url)
	signIn(p, said)
	p.open("/projects/travel/runs")
	p.sees("tr", "step ingest: it ended with exit code 1")
	p.click(`a[href="/projects/travel/runs/fares-1"]`)
	p.at("/projects/travel/runs/fares-1")
	p.sees("[data-log-lines]", "ten")
	shot(t, p.ctx, "mending-broken")

	p.open("/projects/travel/pipelines/fares?tab=edit")
	p.write(fares)
	p.sees("#faults", "No faults")
	p.click(`form[action="/projects/travel/pipelines"] button[type=submit]`)
	p.at("/projects/travel/pipelines/fares")

	p.open("/projects/travel/runs/fares-1")
	p.click(`a[href^="/projects/travel/runs/fares-1/continue"]`)
	p.at("/projects/travel/runs/fares-1/continue")
	p.do(selectOption("#version", "2"))
	p.sees("#plan", "seq 10")
	p.sees("#plan tr", "ingest")
	shot(t, p.ctx, "mending-plan")
	p.click(`#plan button.primary`)
	p.at("/projects/travel/runs/fares-2")
	p.sees(".head-line", "fares-1")

	p.open("/approvals")
	p.until("the approval is listed", `[...document.querySelectorAll("a.name")].some((a) => a.textContent.includes("scores 0.3")) || void location.reload()`)
	shot(t, p.ctx, "mending-approvals")
	p.click("a.name")
	p.at("/approvals/travel/fares-2/ask")
	p.fill(`[name="param.share"]`, "25")
	p.fill(`[name=note]`, "looks right")
	shot(t, p.ctx, "mending-approval")
	p.click(`button[value=approve]`)
	p.at("/projects/travel/runs/fares-2")
	end, _ := s.follow(project, "fares-2")
	if end.State != bine.Succeeded || string(end.Outputs["text"]) != `"deployed to 25 %"` {
		t.Fatalf("the continued run is %s (%s) and gave %s", end.State, end.Reason, end.Outputs)
	}

	p.open("/projects/travel/runs/fares-2/compare")
	p.sees("h1", "fares-1 and fares-2")
	p.sees(".diff-add", "seq 10")
	p.sees("tr", "deploy")
	shot(t, p.ctx, "mending-compare")
	p.clean()

	backfillJourney(s, p, project)
}

// backfillJourney starts a backfill of thirty days by three, pauses it, kills
// the server, and lets it go on.
func backfillJourney(s *system, p *page, project bine.ProjectName) {
	t := s.t
	s.mustCLI("pipeline", "store", s.pipeline("days", "name: days\nsteps: {work: {command: sleep 0.3, cache: off}}\n", nil), "-p", "travel")
	p.open("/projects/travel/backfills?pipeline=days")
	p.do(setDate("#from", "2026-10-01"), setDate("#to", "2026-10-31"))
	p.fill("#cron", "@daily")
	p.fill("#cap", "3")
	p.click(`button[name=dry]`)
	p.sees("#planned", "30 of 30 would run")
	shot(t, p.ctx, "mending-backfill-plan")
	p.click(`form[action="/projects/travel/backfills"] button.primary`)
	p.at("/projects/travel/backfills/days-b1")
	p.sees(".slot", "2026-10-01")
	p.until("some days are done", `document.querySelectorAll(".slot.is-ok").length > 3`)
	p.click(`form[action$="/pause"] button`)
	p.sees(".head-title", "paused")
	shot(t, p.ctx, "mending-backfill")
	p.clean()

	up := s.live[len(s.live)-1]
	up.kill()
	s.start("up", "--log-level", "warn")
	s.ready(60 * time.Second)
	before, err := s.client().Backfill(t.Context(), project, "days-b1")
	if err != nil || before.State != bine.BackfillPaused {
		t.Fatalf("after the kill the backfill is %s (%v), want paused", before.State, err)
	}
	p.open("/projects/travel/backfills/days-b1")
	p.click(`form[action$="/resume"] button`)
	eventually(t, 3*time.Minute, "the backfill has succeeded", func() bool {
		now, err := s.client().Backfill(t.Context(), project, "days-b1")
		return err == nil && now.State == bine.BackfillSucceeded
	})
	runs, err := s.client().Runs(t.Context(), project, client.RunFilter{Pipeline: "days"}, client.List{Limit: 1000})
	if err != nil || len(runs.Items) != 30 {
		t.Errorf("%d runs were made (%v), want 30: one for each day", len(runs.Items), err)
	}
}
