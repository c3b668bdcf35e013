package server

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/server/api"
)

// outer is what every request passes, outermost first: an id, recovery,
// headers, and the refusal of requests that another site made a browser send.
func outer(next http.Handler, a *api.API, log *slog.Logger) http.Handler {
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.WriteProblem(w, r, bine.Errorf(bine.Forbidden, "this request was made by another site: it is refused"))
	}))
	return identified(recovered(hardened(origin.Handler(next)), a, log))
}

// identified gives each request an id of the server's own choice.
func identified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := rand.Text()
		w.Header().Set("X-Request-Id", id)
		next.ServeHTTP(w, r.WithContext(api.WithRequestID(r.Context(), id)))
	})
}

// recovered answers a request whose handler panicked, and logs where.
func recovered(next http.Handler, a *api.API, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if err, ok := v.(error); v == nil || ok && errors.Is(err, http.ErrAbortHandler) {
				if v != nil {
					panic(v) // net/http breaks the connection off, as was meant
				}
				return
			}
			log.ErrorContext(r.Context(), "a handler panicked", "panic", v, "path", r.URL.Path, "stack", string(debug.Stack()))
			a.WriteProblem(w, r, bine.Errorf(bine.Internal, "panic"))
		}()
		next.ServeHTTP(w, r)
	})
}

// policy is what pages of this origin may do. Pages that need more or less say so themselves.
const policy = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"

// hardening are the headers of every answer. Whoever sets one anew replaces its
// slice, so all answers share these.
var hardening = http.Header{
	"Content-Security-Policy":    {policy},
	"X-Content-Type-Options":     {"nosniff"},
	"X-Frame-Options":            {"DENY"},
	"Referrer-Policy":            {"same-origin"},
	"Cross-Origin-Opener-Policy": {"same-origin"},
}

// hardened sets the headers by which browsers protect people.
func hardened(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		maps.Copy(w.Header(), hardening)
		next.ServeHTTP(w, r)
	})
}
