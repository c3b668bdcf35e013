// Package assets serves what the pages load: style sheets and scripts, bundled
// by build.mjs into dist/ and embedded. Their names hold a hash of their
// content, so browsers keep them for ever.
package assets

import (
	"embed"
	"encoding/json"
	"io/fs"
	"net/http"
	"strings"
)

//go:embed all:dist
var files embed.FS

// Prefix is where Handler expects to be mounted.
const Prefix = "/assets/"

// Set is the assets of one build.
type Set struct {
	names map[string]string // name in the sources to name in dist/
	files fs.FS
}

// Embedded gives the assets inside the program. It is empty in a program that
// was built before build.mjs ran: pages then lack style, and say so.
func Embedded() Set {
	dist, err := fs.Sub(files, "dist")
	if err != nil {
		return Set{}
	}
	s := Set{files: dist, names: map[string]string{}}
	if text, err := fs.ReadFile(dist, "manifest.json"); err == nil {
		_ = json.Unmarshal(text, &s.names)
	}
	return s
}

// Built reports whether there are any assets.
func (s Set) Built() bool { return len(s.names) > 0 }

// URL gives the address of an asset by its name in the sources ("app.js"), and
// nothing for one that is not there.
func (s Set) URL(name string) string {
	built, ok := s.names[name]
	if !ok {
		return ""
	}
	return Prefix + built
}

// Handler serves the assets below Prefix.
func (s Set) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, Prefix)
		if s.files == nil || name == "" || strings.HasPrefix(name, ".") {
			http.NotFound(w, r)
			return
		}
		if info, err := fs.Stat(s.files, name); err != nil || info.IsDir() {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		http.ServeFileFS(w, r, s.files, name)
	})
}
