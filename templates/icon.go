package templates

import "html/template"

// icons are drawn on a field of 24 × 24 with lines.
var icons = map[string]string{
	"check":    `<circle cx="12" cy="12" r="9"/><path d="m8 12.5 2.7 2.7L16 9.5"/>`,
	"cross":    `<circle cx="12" cy="12" r="9"/><path d="m9 9 6 6m0-6-6 6"/>`,
	"busy":     `<path d="M12 3a9 9 0 1 0 9 9"/>`,
	"clock":    `<circle cx="12" cy="12" r="9"/><path d="M12 7v5l3.2 2"/>`,
	"bolt":     `<path d="M13 3 5 13.5h6L10.5 21 19 10.5h-6z"/>`,
	"circle":   `<circle cx="12" cy="12" r="8" stroke-dasharray="3 3.3"/>`,
	"skip":     `<circle cx="12" cy="12" r="9"/><path d="M8 12h8"/>`,
	"stop":     `<circle cx="12" cy="12" r="9"/><path d="M9.5 9.5h5v5h-5z"/>`,
	"pause":    `<circle cx="12" cy="12" r="9"/><path d="M10 9v6m4-6v6"/>`,
	"warn":     `<path d="M12 4 2.8 20h18.4zM12 10v4.5m0 2.8v.2"/>`,
	"info":     `<circle cx="12" cy="12" r="9"/><path d="M12 11v5m0-8.2V8"/>`,
	"home":     `<path d="m4 11 8-7 8 7v9h-5.5v-6h-5v6H4z"/>`,
	"runs":     `<path d="M7 5v14l12-7z"/>`,
	"pipeline": `<rect x="4" y="3.5" width="7" height="5" rx="1.2"/><rect x="13" y="15.5" width="7" height="5" rx="1.2"/><path d="M7.5 8.5v6a3 3 0 0 0 3 3H13"/>`,
	"job":      `<rect x="3" y="4.5" width="18" height="15" rx="2"/><path d="m7 9.5 3 2.7-3 2.7m6 .1h4"/>`,
	"folder":   `<path d="M3 6.5h6.5l2 2.5H21v10.5H3z"/>`,
	"file":     `<path d="M6 3h8l4.5 4.5V21H6zm8 0v4.5h4.5"/>`,
	"package":  `<path d="m12 3 8 4.5v9L12 21l-8-4.5v-9zm0 9 8-4.5M12 12v9m0-9L4 7.5"/>`,
	"model":    `<circle cx="5.5" cy="12" r="2.3"/><circle cx="18.5" cy="6" r="2.3"/><circle cx="18.5" cy="18" r="2.3"/><path d="m7.6 11 8.8-4M7.6 13l8.8 4"/>`,
	"deploy":   `<path d="M12 20V9m-4.5 4L12 8.5l4.5 4.5M4.5 4.5h15"/>`,
	"members":  `<circle cx="9" cy="8.5" r="3.5"/><path d="M2.8 19.5a6.2 6.2 0 0 1 12.4 0M16 5.3a3.5 3.5 0 0 1 0 6.4m2 2.9a6.2 6.2 0 0 1 3.2 4.9"/>`,
	"host":     `<rect x="3" y="4" width="18" height="7" rx="1.8"/><rect x="3" y="13" width="18" height="7" rx="1.8"/><path d="M7 7.5h.1M7 16.5h.1"/>`,
	"queue":    `<path d="M4 6h16M4 12h11M4 18h7"/>`,
	"chart":    `<path d="M4 4v16h16M8.5 16v-4m4 4V8m4 8v-6"/>`,
	"ask":      `<circle cx="12" cy="12" r="9"/><path d="M9.5 9.7a2.6 2.6 0 1 1 3.4 2.5c-.6.2-.9.7-.9 1.4m0 2.8v.2"/>`,
	"key":      `<circle cx="8" cy="15.5" r="4.3"/><path d="M11.2 12.3 20 3.5m-4 4 3 3"/>`,
	"audit":    `<path d="M6 3h12v18H6zm3 5h6m-6 4h6m-6 4h3.5"/>`,
	"moon":     `<path d="M20 14.5A8.5 8.5 0 1 1 9.5 4a6.8 6.8 0 0 0 10.5 10.5z"/>`,
	"plus":     `<path d="M12 5v14M5 12h14"/>`,
	"play":     `<path d="M7 5v14l12-7z"/>`,
	"retry":    `<path d="M4 12a8 8 0 1 0 2.5-5.8L4 8.5m0-5v5h5"/>`,
	"download": `<path d="M12 4v11m-4.5-4L12 15.5 16.5 11M4.5 20h15"/>`,
	"upload":   `<path d="M12 16V5m-4.5 4L12 4.5 16.5 9M4.5 20h15"/>`,
	"trash":    `<path d="M4.5 7h15M9 7V4h6v3m-8.5 0 1 13h9l1-13"/>`,
	"edit":     `<path d="m4 20 1-4.5L16.5 4l3.5 3.5L8.5 19z"/>`,
	"copy":     `<rect x="8.5" y="8.5" width="12" height="12" rx="2"/><path d="M15.5 8.5V4a.5.5 0 0 0-.5-.5H4a.5.5 0 0 0-.5.5v11a.5.5 0 0 0 .5.5h4.5"/>`,
	"history":  `<path d="M5 4v16m0-12h6m-6 7h11M14 5.5h6v5h-6zm4 7h3v5h-3z"/>`,
	"out":      `<path d="M14 4h6v16h-6M3.5 12H15m-4-4 4 4-4 4"/>`,
	"dots":     `<path d="M6 12h.1m5.9 0h.1m5.9 0h.1" stroke-width="3"/>`,
}

// icon draws a small picture that says nothing that is not also said in words.
func icon(name string) template.HTML {
	return template.HTML(`<svg class="icon icon-` + template.HTMLEscapeString(name) + `" viewBox="0 0 24 24" aria-hidden="true">` + icons[name] + `</svg>`)
}
