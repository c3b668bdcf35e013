package e2e_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// browser starts a headless Chromium with a profile of its own.
func browser(t *testing.T, width, height int) context.Context {
	t.Helper()
	program := need(t, "chromium")
	// Not t.TempDir: Chromium may still write while it ends, and that is no fault of a test.
	profile, err := os.MkdirTemp("", "bine-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(profile) })
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.UserDataDir(profile), chromedp.WindowSize(width, height),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-background-networking", true))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	// Not t.Context: what the page showed is still asked for when the test has failed.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, _ = chromedp.NewContext(ctx)
	t.Cleanup(func() { _ = chromedp.Cancel(ctx) }) // waits until Chromium has ended
	if err := chromedp.Run(ctx); err != nil {      // it ends with the context of the first call
		t.Fatalf("start %s: %v", program, err)
	}
	return ctx
}

// picture is the whole page as a PNG, which is what quality 100 means.
func picture(ctx context.Context) ([]byte, error) {
	var png []byte
	err := chromedp.Run(ctx, chromedp.FullScreenshot(&png, 100))
	return png, err
}

// shots is where pictures are wanted; empty is nowhere.
func shots() string { return os.Getenv("BINE_E2E_SHOTS") }

// shot keeps a picture of the page where pictures are wanted.
func shot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	if shots() == "" {
		return
	}
	png, err := picture(ctx)
	if err != nil {
		t.Logf("no picture of %s: %v", name, err)
		return
	}
	if err := os.WriteFile(filepath.Join(shots(), name+".png"), png, 0o600); err != nil {
		t.Fatal(err)
	}
}

// everyPage are the pages of the journey's installation, by the name of their pictures.
func everyPage() map[string]string {
	const p = "/projects/shop"
	return map[string]string{
		"home": "/", "hosts": "/hosts", "keys": "/keys", "account": "/account", "users": "/admin/users", "audit": "/admin/audit", "missing": "/nothing",
		"project": p, "runs": p + "/runs", "run": p + "/runs/sales-1", "step": p + "/runs/sales-1?step=count", "steps": p + "/runs/sales-1?view=table", "outputs": p + "/runs/sales-1?step=train&tab=outputs", "events": p + "/history?workflow=run%2Fsales-1&view=full", "history": p + "/history?workflow=run%2Fsales-1",
		"timeline": p + "/history?workflow=run%2Fsales-1&view=timeline", "pipelines": p + "/pipelines", "pipeline": p + "/pipelines/sales",
		"edit": p + "/pipelines/sales?tab=edit", "use": p + "/pipelines/sales?tab=use", "versions": p + "/pipelines/sales?tab=versions", "new": p + "/pipelines/new",
		"jobs": p + "/jobs", "job": p + "/jobs/hello", "grid": p + "/pipelines/sales?tab=grid", "pools": p + "/pools", "workflows": p + "/workflows", "approvals": p + "/approvals", "my-approvals": "/approvals", "backfills": p + "/backfills",
		"continue": p + "/runs/sales-1/continue", "schedules": p + "/schedules", "schedule": p + "/schedules/nightly", "files": p + "/files", "file": p + "/files/sales.csv", "datasets": p + "/datasets", "connectors": p + "/connectors", "trash": p + "/trash",
		"environments": p + "/environments", "environment": p + "/environments/1", "models": p + "/models", "model": p + "/models/counter",
		"deployments": p + "/deployments", "deployment": p + "/deployments/counter", "members": p + "/members",
	}
}

// look opens every page, at both widths and in both schemes, and keeps pictures.
func (p *page) look() {
	p.t.Helper()
	for _, width := range []int64{1280, 390} {
		for _, scheme := range []string{"light", "dark"} {
			p.do(emulation.SetDeviceMetricsOverride(width, 900, 1, false),
				emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}))
			for name, path := range everyPage() {
				if name == "missing" {
					p.refused(404)
				}
				p.open(path)
				p.until(name+" is as wide as the window", `document.documentElement.scrollWidth <= window.innerWidth`)
				shot(p.t, p.ctx, scheme+"-"+map[int64]string{1280: "laptop", 390: "phone"}[width]+"-"+name)
			}
		}
	}
}
