package ui_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

var wasField = regexp.MustCompile(`id="ask-was" name="ask.was" value="([^"]*)"`)

// was is what a form has to send so that a changed field is noticed.
func was(t *testing.T, body string) string {
	t.Helper()
	found := wasField.FindStringSubmatch(body)
	if found == nil {
		t.Fatalf("the answer has no ask.was: %s", body)
	}
	return html.UnescapeString(found[1])
}

func TestWordsAndFieldsFollowEachOther(t *testing.T) {
	h := newUI(newFakeAPI())
	form := url.Values{"ask.project": {"demo"}, "cpu": {"1"}, "memory": {"1"}, "ask.of": {"whole"}, "ask.was": {was(t, get(h, "/projects/demo/jobs/new").Body.String())}}

	form.Set("gpus", "2 GPUs with A100")
	w := post(h, "/ask", form)
	if body := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(body, `name="ask.models" value="A100"`) || strings.Contains(body, `id="ask-words"`) || !strings.Contains(body, "<b>Not now.</b>") {
		t.Fatalf("words that were typed are answered by %d %s", w.Code, body)
	}
	form.Set("ask.count", "2")
	form.Set("ask.hosts", "1")
	form.Set("ask.models", "A100")
	form.Set("ask.was", was(t, w.Body.String()))

	form.Set("ask.count", "4")
	w = post(h, "/ask", form)
	if body := w.Body.String(); !strings.Contains(body, `value="4 GPUs on 1 host with A100"`) || strings.Contains(body, `id="ask-fields"`) {
		t.Fatalf("a field that was changed is answered by %s", body)
	}
	form.Set("gpus", "4 GPUs on 1 host with A100")
	form.Set("ask.was", was(t, w.Body.String()))

	form.Set("gpus", "4 GPUs on 3 hosts with A100")
	w = post(h, "/ask", form)
	if body := w.Body.String(); !strings.Contains(body, "4 GPUs <mark>on</mark> 3 hosts") || !strings.Contains(body, "An example: <code>3 GPUs on 3 hosts</code>") || strings.Contains(body, `id="ask-words"`) {
		t.Fatalf("a fault is answered by %s", body)
	}
	form.Set("ask.was", was(t, w.Body.String()))
	form.Set("cpu", "2")
	if body := post(h, "/ask", form).Body.String(); strings.Contains(body, `id="ask-words"`) || !strings.Contains(body, "<mark>on</mark>") {
		t.Errorf("words with a fault are written over when something else changes: %s", body)
	}
}

func TestAdministratorsSayWhyTheyKeepWorkAway(t *testing.T) {
	h := newUI(newFakeAPI())
	for _, path := range []string{"/hosts/h/cordon", "/devices/GPU-1/cordon", "/shares/quota", "/queue/demo/a1/priority"} {
		for name, c := range map[string]struct {
			form url.Values
			want int
		}{
			"no reason": {url.Values{"cordoned": {"true"}, "sure": {"true"}, "reason": {" "}}, http.StatusUnprocessableEntity},
			"not sure":  {url.Values{"cordoned": {"true"}, "reason": {"fan"}}, http.StatusUnprocessableEntity},
			"all of it": {url.Values{"cordoned": {"true"}, "drain": {"true"}, "project": {"demo"}, "gpus": {"4"}, "sure": {"true"}, "reason": {"fan"}}, http.StatusNoContent},
		} {
			if w := post(h, path, c.form); w.Code != c.want {
				t.Errorf("%s with %s = %d %s, want %d", path, name, w.Code, w.Body, c.want)
			}
		}
	}
}
