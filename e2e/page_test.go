package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// page is what a person has open in a browser. Whatever is an error to the
// browser is one to the test.
type page struct {
	t   *testing.T
	ctx context.Context
	url string

	mu     sync.Mutex
	faults []string
	wanted []string // answers that the test asked for, and the browser takes for errors
}

// newPage opens a browser.
func newPage(t *testing.T, url string) *page {
	t.Helper()
	p := &page{t: t, ctx: browser(t, 1280, 900), url: url}
	chromedp.ListenTarget(p.ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			p.fault("exception: " + e.ExceptionDetails.Error())
		case *runtime.EventConsoleAPICalled:
			if e.Type == runtime.APITypeError || e.Type == runtime.APITypeAssert {
				p.fault(fmt.Sprintf("console: %s", said(e.Args)))
			}
		case *log.EventEntryAdded:
			if e.Entry.Level == log.LevelError {
				p.fault(fmt.Sprintf("%s: %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL))
			}
		}
	})
	t.Cleanup(func() {
		if t.Failed() {
			p.explain()
		}
	})
	return p
}

func said(args []*runtime.RemoteObject) string {
	var words []string
	for _, a := range args {
		words = append(words, string(a.Value)+a.Description)
	}
	return strings.Join(words, " ")
}

func (p *page) fault(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, text)
}

// refused says that the page was just answered with a status that the browser
// takes for an error, as it had to be.
func (p *page) refused(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wanted = append(p.wanted, fmt.Sprintf("status of %d", status))
}

// clean fails the test where the browser complained of anything but refusals.
func (p *page) clean() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.faults {
		i := slices.IndexFunc(p.wanted, func(w string) bool { return strings.Contains(f, w) })
		if i < 0 {
			p.t.Errorf("the browser complains: %s", f)
			continue
		}
		p.wanted = slices.Delete(p.wanted, i, i+1)
	}
	p.faults, p.wanted = nil, nil
}

// explain leaves what the page showed when the test failed.
func (p *page) explain() {
	var at, text string
	if err := chromedp.Run(p.ctx, chromedp.Location(&at), chromedp.Evaluate(`document.body.innerText`, &text)); err != nil {
		p.t.Logf("the browser shows nothing: %v", err)
		return
	}
	p.mu.Lock()
	p.t.Logf("the browser complained of: %v", p.faults)
	p.mu.Unlock()
	p.t.Logf("the browser was at %s and showed:\n%s", at, tail(text))
	if png, err := picture(p.ctx); err == nil {
		path := filepath.Join(os.TempDir(), "bine-e2e-"+p.t.Name()+".png")
		p.t.Logf("picture: %s (%v)", path, os.WriteFile(path, png, 0o600))
	}
}

// do acts on the page, in a minute at most.
func (p *page) do(actions ...chromedp.Action) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, time.Minute)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		p.t.Fatalf("the browser: %v", err)
	}
}

// open goes to an address of the installation.
func (p *page) open(path string) {
	p.t.Helper()
	p.do(chromedp.Navigate(p.url+path), chromedp.WaitReady("main"))
}

// eval asks the page for a truth.
func (p *page) eval(js string) bool {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 10*time.Second)
	defer cancel()
	var holds bool
	// A page that is being left answers with an error: it is asked again.
	return chromedp.Run(ctx, chromedp.Evaluate("Boolean("+js+")", &holds)) == nil && holds
}

// until waits until an expression holds on the page.
func (p *page) until(what, js string) {
	p.t.Helper()
	eventually(p.t, 30*time.Second, what, func() bool { return p.eval(js) })
}

// sees waits until an element shows a text.
func (p *page) sees(selector, text string) {
	p.t.Helper()
	p.until(fmt.Sprintf("%s shows %q", selector, text), fmt.Sprintf(
		`[...document.querySelectorAll(%s)].some((e) => e.checkVisibility() && e.textContent.includes(%s))`, quote(selector), quote(text)))
}

// click clicks on what can be seen of a selector.
func (p *page) click(selector string) {
	p.t.Helper()
	p.until("something to click on at "+selector, fmt.Sprintf(
		`[...document.querySelectorAll(%s)].some((e) => e.checkVisibility() && !e.disabled)`, quote(selector)))
	p.do(chromedp.ScrollIntoView(selector, chromedp.ByQuery), chromedp.Click(selector, chromedp.ByQuery, chromedp.NodeVisible))
}

// fill writes into a field, over what is there.
func (p *page) fill(selector, text string) {
	p.t.Helper()
	p.do(chromedp.WaitVisible(selector, chromedp.ByQuery), chromedp.Focus(selector, chromedp.ByQuery),
		chromedp.Evaluate("void document.activeElement.select()", nil), input.InsertText(text))
	p.until(selector+" took the text", fmt.Sprintf(`document.querySelector(%s).value === %s`, quote(selector), quote(text)))
}

// write replaces the text of the YAML editor, as by pasting over it.
func (p *page) write(text string) {
	p.t.Helper()
	p.until("the editor is there", `document.querySelector(".editor")?.shadowRoot.querySelector(".cm-content")`)
	p.do(chromedp.Evaluate(`document.querySelector(".editor").shadowRoot.querySelector(".cm-content").focus()`, nil),
		chromedp.KeyEvent("a", chromedp.KeyModifiers(input.ModifierCtrl)),
		chromedp.Evaluate(fmt.Sprintf(`(() => {
			const data = new DataTransfer();
			data.setData("text/plain", %s);
			document.querySelector(".editor").shadowRoot.querySelector(".cm-content")
				.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true}));
		})()`, quote(text)), nil))
	p.until("the editor took the text", `document.querySelector("textarea[data-editor]").value === `+quote(text))
}

// stay marks the page as loaded, so that staying can be told from loading it again.
func (p *page) stay() { p.t.Helper(); p.do(chromedp.Evaluate(`void (window.stayed = true)`, nil)) }

// stayed fails the test if the page was loaded again since stay.
func (p *page) stayed() {
	p.t.Helper()
	if !p.eval(`window.stayed === true`) {
		p.t.Error("the page was loaded again, and should have changed in place")
	}
}

// at waits until the page has an address.
func (p *page) at(path string) {
	p.t.Helper()
	p.until("the page is at "+path, `document.readyState === "complete" && location.pathname === `+quote(path))
}

func quote(text string) string {
	out, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string always has a JSON form
	}
	return string(out)
}

// selectOption chooses an option of a list, as a person does.
func selectOption(selector, value string) chromedp.Action {
	return chromedp.Evaluate(fmt.Sprintf(`(() => {
		const list = document.querySelector(%s);
		list.value = %s;
		list.dispatchEvent(new Event("change", {bubbles: true}));
	})()`, quote(selector), quote(value)), nil)
}

// setDate fills a field for a day, which takes no pasted text.
func setDate(selector, day string) chromedp.Action {
	return chromedp.Evaluate(fmt.Sprintf(`void (document.querySelector(%s).value = %s)`, quote(selector), quote(day)), nil)
}
