package e2e_test

import (
	"os"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

func TestLook(t *testing.T) {
	url, pw := os.Getenv("LOOK_URL"), os.Getenv("LOOK_PW")
	if url == "" {
		t.Skip()
	}
	for _, mode := range []string{"light", "dark"} {
		ctx := browser(t, 1280, 900)
		if err := chromedp.Run(ctx,
			emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: mode}}),
			chromedp.Navigate(url+"/sign-in"), chromedp.WaitVisible(`input[name=password]`),
		); err != nil {
			t.Fatal(err)
		}
		shot(t, ctx, mode+"-signin")
		if err := chromedp.Run(ctx, chromedp.SendKeys(`input[name=user]`, "admin"), chromedp.SendKeys(`input[name=password]`, pw+"\r"), chromedp.WaitVisible(`main`), chromedp.Sleep(time.Second)); err != nil {
			t.Fatal(err)
		}
		for name, path := range map[string]string{"home": "/", "project": "/projects/demo", "pipelines": "/projects/demo/pipelines", "pipeline": "/projects/demo/pipelines/flights",
			"run": "/projects/demo/runs/flights-1", "runs": "/projects/demo/runs", "history": "/projects/demo/runs/flights-1/history", "files": "/projects/demo/files", "deployment": "/projects/demo/deployments/delay", "model": "/projects/demo/models/delay",
			"environments": "/projects/demo/environments", "environment": "/projects/demo/environments/1", "hosts": "/hosts", "schedules": "/projects/demo/schedules", "members": "/projects/demo/members", "jobs": "/projects/demo/jobs", "keys": "/keys"} {
			if err := chromedp.Run(ctx, chromedp.Navigate(url+path), chromedp.WaitVisible("main"), chromedp.Sleep(700*time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			shot(t, ctx, mode+"-"+name)
		}
	}
}
