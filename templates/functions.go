package templates

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/bine-ml/bine"
)

// functions are what the HTML may call beside the methods of its page.
func functions() template.FuncMap {
	return template.FuncMap{
		"icon": icon, "stateicon": func(s any) template.HTML { return icon(stateIcon(s)) },
		"iconpath": func(s any) template.HTML { return template.HTML(icons[stateIcon(s)]) },
		"views":    func() []string { return []string{"compact", "timeline", "full"} },
		"used":     used, "scores": scores, "minutes": func(s float64) string { return cores(s / 60) }, "link": link, "remove": remove, "snippet": func(id, text string) Snippet { return Snippet{id, text} },
		"difflines": DiffLines, "plain": Plain, "approval": ApprovalURL,
		"standing": standing, "holder": holder, "holders": holders, "projectname": projectName, "ailing": ailing, "ownerurl": ownerURL, "ownername": ownerName,
		"gpus": func(milli int) float64 { return float64(milli) / 1000 }, "inuse": inUse, "starts": starts, "askedurl": askedURL, "ofdevices": func(limit, devices float64) float64 {
			if limit > 0 {
				return limit
			}
			return devices
		},
		"status": status, "badge": badge, "tone": tone, "mark": mark,
		"post": post, "url": join, "text": text, "word": word,
		"ago": ago, "when": when, "took": took, "seconds": seconds, "clock": clock,
		"bytes": size, "cores": cores, "percent": percent, "pretty": pretty, "short": short, "number": number, "share": share,
		"markdown": Markdown, "dataimage": dataImage, "terminal": func(s string) string { return escapes.ReplaceAllString(s, "") },
		"empty": func(icon, title, text, cli string) Empty { return Empty{icon, title, text, cli} },
	}
}

// Empty is what stands where there is nothing yet: what belongs here, and the
// command that does the same as the page's button.
type Empty struct{ Icon, Title, Text, CLI string }

// Used is how much of something is in use.
type Used struct{ Text, Share string }

func used(capacity, free any) Used {
	taken := float(capacity) - float(free)
	if n, ok := capacity.(int64); ok {
		return Used{size(int64(taken)) + " of " + size(n), share(taken, capacity)}
	}
	return Used{cores(taken) + " of " + cores(float(capacity)), share(taken, capacity)}
}

// inUse is used, by what is in use.
func inUse(capacity, taken any) Used {
	if n, ok := capacity.(int64); ok {
		return Used{size(int64(float(taken))) + " of " + size(n), share(taken, capacity)}
	}
	return Used{cores(float(taken)) + " of " + cores(float(capacity)), share(taken, capacity)}
}

// Snippet is text to be copied.
type Snippet struct{ ID, Text string }

// Removal is a button that removes something, after it was said what goes with
// it. Name is what must be typed out, empty where a click is enough.
type Removal struct{ Label, Text, Name, Path string }

func remove(label, text, name string, path string) Removal { return Removal{label, text, name, path} }

func link(p interface{ section() string }, section, url, name, icon string) Link {
	return Link{Name: name, URL: url, Icon: icon, Here: p.section() == section}
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case nil:
		return ""
	}
	return fmt.Sprint(v)
}

// post gives the attributes of a form that is sent to a path: in place where
// scripts run, else as any form. What is wrong appears in its .answer.
func post(segments ...any) template.HTMLAttr {
	path := html.EscapeString(join(segments...))
	if len(segments) == 1 && strings.HasPrefix(text(segments[0]), "/") {
		path = html.EscapeString(text(segments[0]))
	}
	return template.HTMLAttr(fmt.Sprintf(`method="post" action="%s" hx-post="%s" hx-target="find .answer" hx-swap="innerHTML" hx-disable="find button[type=submit]"`, path, path))
}

// dataImage is a picture inside of the page. Its bytes were looked at: they are of
// a kind that carries no script.
func dataImage(kind string, image []byte) template.URL {
	switch kind {
	case "image/png", "image/jpeg", "image/gif", "image/webp":
		return template.URL("data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(image))
	}
	return ""
}

// tones sorts the states of everything into six looks.
func tone(state any) string {
	switch s := text(state); s {
	case "succeeded", "ready", "up", "completed", "done":
		return "ok"
	case "failed", "lost", "terminated", "timed_out":
		return "bad"
	case "running", "provisioning", "building", "starting", "updating", "deleting", "installing":
		return "busy"
	case "waiting", "cordoned", "draining", "testing", "probation":
		return "wait"
	case "cached":
		return "cache"
	}
	return "still"
}

var stateIcons = map[string]string{
	"ok": "check", "bad": "cross", "busy": "busy", "wait": "clock", "cache": "bolt",
	"pending": "circle", "skipped": "skip", "cancelled": "stop", "stopped": "stop", "paused": "pause",
}

func stateIcon(state any) string {
	if i, ok := stateIcons[tone(state)]; ok {
		return i
	}
	if i, ok := stateIcons[text(state)]; ok {
		return i
	}
	return "circle"
}

// status shows a state as icon, word and colour.
func status(state any) template.HTML {
	return template.HTML(fmt.Sprintf(`<span class="status is-%s">%s%s</span>`, tone(state), icon(stateIcon(state)), html.EscapeString(word(state))))
}

// badge is status on a ground of its colour.
func badge(state any) template.HTML {
	return template.HTML(fmt.Sprintf(`<span class="badge status is-%s">%s%s</span>`, tone(state), icon(stateIcon(state)), html.EscapeString(word(state))))
}

// mark is the icon of a state alone, with its word for those who do not see it.
func mark(state any) template.HTML {
	return template.HTML(fmt.Sprintf(`<span class="status is-%s" title="%s">%s<span class="hidden-text">%s</span></span>`,
		tone(state), html.EscapeString(word(state)), icon(stateIcon(state)), html.EscapeString(word(state))))
}

func word(v any) string {
	s := strings.ReplaceAll(text(v), "_", " ")
	switch s {
	case "":
		return "unknown"
	case "data owner":
		return "Data Owner"
	case "data scientist":
		return "Data Scientist"
	}
	return s
}

// instant takes a time or a pointer to one.
func instant(v any) (time.Time, bool) {
	switch t := v.(type) {
	case time.Time:
		return t, !t.IsZero()
	case *time.Time:
		if t != nil && !t.IsZero() {
			return *t, true
		}
	}
	return time.Time{}, false
}

const stamp = "2006-01-02 15:04:05 MST"

// ago shows how long ago something was; a script keeps it true.
func ago(now time.Time, v any) template.HTML {
	t, ok := instant(v)
	if !ok {
		return `<span class="muted">never</span>`
	}
	return template.HTML(fmt.Sprintf(`<time datetime="%s" data-ago title="%s" class="nowrap">%s</time>`,
		t.UTC().Format(time.RFC3339), t.UTC().Format(stamp), since(now.Sub(t))))
}

func since(d time.Duration) string {
	plural := func(n int, unit string) string {
		if n == 1 {
			return "1 " + unit + " ago"
		}
		return fmt.Sprintf("%d %ss ago", n, unit)
	}
	switch {
	case d < 5*time.Second:
		return "just now"
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 24*time.Hour:
		return plural(int(d.Hours()), "hour")
	}
	return plural(int(d.Hours()/24), "day")
}

// when shows a moment as a date and time.
func when(v any) template.HTML {
	t, ok := instant(v)
	if !ok {
		return `<span class="muted">–</span>`
	}
	return template.HTML(fmt.Sprintf(`<time datetime="%s" class="nowrap">%s</time>`, t.UTC().Format(time.RFC3339), t.UTC().Format("2006-01-02 15:04 MST")))
}

// clock shows the time of day of an RFC 3339 text.
func clock(v string) string {
	t, err := time.Parse(time.RFC3339Nano, v)
	if err != nil {
		return v
	}
	return t.UTC().Format("15:04:05.000")
}

// took shows how long something lasted, counting on while it does.
func took(now time.Time, from, to any) template.HTML {
	start, ok := instant(from)
	if !ok {
		return `<span class="muted">–</span>`
	}
	if end, ok := instant(to); ok {
		return template.HTML(duration(end.Sub(start)))
	}
	return template.HTML(fmt.Sprintf(`<span data-since="%s">%s</span>`, start.UTC().Format(time.RFC3339Nano), duration(now.Sub(start))))
}

func seconds(s float64) string { return duration(time.Duration(s * float64(time.Second))) }

func duration(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < 10*time.Second:
		return strconv.FormatFloat(math.Round(d.Seconds()*10)/10, 'f', -1, 64) + "s"
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm %ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh %dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd %dh", int(d.Hours())/24, int(d.Hours())%24)
}

func size(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, units := float64(n), []string{"KiB", "MiB", "GiB", "TiB", "PiB"}
	for i, u := range units {
		if f /= 1024; f < 1024 || i == len(units)-1 {
			return strconv.FormatFloat(math.Round(f*10)/10, 'f', -1, 64) + " " + u
		}
	}
	return ""
}

func cores(n float64) string { return strconv.FormatFloat(math.Round(n*100)/100, 'f', -1, 64) }

func number(f float64) string {
	if math.Abs(f) >= 1e6 || (f != 0 && math.Abs(f) < 1e-4) {
		return strconv.FormatFloat(f, 'e', 3, 64)
	}
	return strconv.FormatFloat(math.Round(f*1e5)/1e5, 'f', -1, 64)
}

// percent gives a share as the value of an attribute of SVG.
func percent(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) + "%" }

// share gives how much of the whole a part is.
func share(part, whole any) string {
	p, w := float(part), float(whole)
	if w <= 0 {
		return "0%"
	}
	return strconv.FormatFloat(min(max(100*p/w, 0), 100), 'f', 0, 64) + "%"
}

func float(v any) float64 {
	switch n := v.(type) {
	case float64:
		return n
	case int64:
		return float64(n)
	case *float64:
		if n != nil {
			return *n
		}
	case int:
		return float64(n)
	}
	return 0
}

// pretty shows JSON with line breaks, or what it is if it is none.
func pretty(v any) string {
	raw, ok := v.(json.RawMessage)
	if !ok {
		encoded, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			return text(v)
		}
		return string(encoded)
	}
	var buf bytes.Buffer
	if json.Indent(&buf, raw, "", "  ") != nil {
		return string(raw)
	}
	return buf.String()
}

// short cuts a hash to what tells it apart.
func short(h bine.Hash) string {
	if len(h) > 12 {
		return string(h[:12])
	}
	return string(h)
}
