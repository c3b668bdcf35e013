package mlflow

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/bine-ml/bine"
)

// route is one operation of the protocol. A path below /api/2.0 may have
// variables, {id}, the last of which takes slashes if it is {path...}.
type route struct {
	method, path string
	name         string // under which it is counted and recorded
	run          func(*call) (any, error)
	changes      bool
	silent       bool // changes what is measured only: no record
	stream       bool // moves the content of a file
	owner        bool // takes a Data Owner, as registering a model does
}

// unknown is an operation that is not there.
type unknown struct{ error }

func (u unknown) Unwrap() error { return u.error }

// unsupported is one that is left out, as clients expect it to be said.
type unsupported struct{ error }

func (u unsupported) Unwrap() error { return u.error }

const (
	get, post, put = http.MethodGet, http.MethodPost, http.MethodPut
	patch, del     = http.MethodPatch, http.MethodDelete
)

// routes is the whole surface.
func routes() []route {
	var list []route
	read := func(method, path string, run func(*call) (any, error)) {
		list = append(list, route{method: method, path: "mlflow/" + path, run: run})
	}
	change := func(method, path string, run func(*call) (any, error)) {
		list = append(list, route{method: method, path: "mlflow/" + path, run: run, changes: true})
	}
	log := func(method, path string, run func(*call) (any, error)) {
		list = append(list, route{method: method, path: "mlflow/" + path, run: run, changes: true, silent: true})
	}
	own := func(method, path string, run func(*call) (any, error)) {
		list = append(list, route{method: method, path: "mlflow/" + path, run: run, changes: true, owner: true})
	}
	experimentRoutes(read, change)
	runRoutes(read, change, log)
	registryRoutes(read, own)
	loggedRoutes(read, change)
	list = append(list, fileRoutes()...)
	for i := range list {
		list[i].name = "mlflow-" + strings.ToLower(list[i].method) + "-" + strings.NewReplacer("mlflow/", "", "/", "-", "{", "", "}", "", "...", "").Replace(list[i].path)
	}
	return list
}

// route finds what a request asks for. Clients of several ages say 2.0, 3.0 and,
// from pages, ajax-api.
func (d *Door) route(method, path string) (route, map[string]string, error) {
	path = strings.Trim(path, "/")
	rest := path
	for _, base := range []string{"api/2.0/", "api/3.0/", "ajax-api/2.0/", "ajax-api/3.0/", "api/2.0/preview/"} {
		if below, ok := strings.CutPrefix(path, base); ok {
			rest = below
		}
	}
	for _, o := range d.routes {
		if o.method != method {
			continue
		}
		if vars, ok := match(o.path, rest); ok {
			return o, vars, nil
		}
	}
	return route{}, nil, unknown{bine.Errorf(bine.NotFound, "Bine does not offer %s /%s of MLflow", method, path)}
}

// match holds a path against a pattern.
func match(pattern, path string) (map[string]string, bool) {
	vars := map[string]string{}
	for {
		want, more, _ := strings.Cut(pattern, "/")
		if name, ok := strings.CutSuffix(want, "...}"); ok {
			vars[name[1:]] = path
			return vars, path != ""
		}
		is, rest, _ := strings.Cut(path, "/")
		if name, ok := strings.CutPrefix(want, "{"); ok && is != "" {
			vars[strings.TrimSuffix(name, "}")] = is
		} else if want != is {
			return nil, false
		}
		if more == "" || rest == "" {
			return vars, more == rest
		}
		pattern, path = more, rest
	}
}

// maxBody bounds what is asked for.
const maxBody = 32 << 20

// lists are the parameters of an address that may come several times.
var lists = map[string]bool{"run_ids": true, "experiment_ids": true, "order_by": true}

// params gives what is asked for as one JSON object: the body, or the
// parameters of the address, all of them texts.
func (c *call) params() (json.RawMessage, error) {
	if c.r.Method != get {
		text, err := io.ReadAll(io.LimitReader(c.r.Body, maxBody+1))
		if err != nil {
			return nil, bine.Errorf(bine.Invalid, "the request broke off: %w", err)
		}
		if len(text) > maxBody {
			return nil, bine.Errorf(bine.TooLarge, "a request has at most %d bytes", maxBody)
		}
		if len(text) > 0 {
			return text, nil
		}
	}
	return fromQuery(c.r.URL.Query())
}

func fromQuery(q url.Values) (json.RawMessage, error) {
	all := map[string]any{}
	for name, values := range q {
		all[name] = values[0]
		if lists[name] {
			all[name] = values
		}
	}
	return json.Marshal(all)
}

// read decodes what is asked for.
func read[T any](c *call) (T, error) {
	var v T
	if err := json.Unmarshal(c.body, &v); err != nil {
		return v, bine.Errorf(bine.Invalid, "the request cannot be read: %w", err)
	}
	return v, nil
}

// whole is an integer that may be written as text, as protocol buffers do.
type whole int64

// UnmarshalJSON reads it.
func (w *whole) UnmarshalJSON(text []byte) error {
	plain := strings.Trim(string(text), `"`)
	if plain == "" || plain == "null" {
		return nil
	}
	n, err := strconv.ParseInt(plain, 10, 64)
	if err != nil {
		f, ferr := strconv.ParseFloat(plain, 64)
		if ferr != nil {
			return bine.Errorf(bine.Invalid, "%.40s is no integer", text)
		}
		n = int64(f)
	}
	*w = whole(n)
	return nil
}

// pair is a name with a value, as params and tags are written.
type pair struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

func pairsOf(m map[string]string) []pair {
	list := []pair{}
	for k, v := range m {
		list = append(list, pair{k, v})
	}
	return list
}

func mapOf(list []pair) map[string]string {
	m := map[string]string{}
	for _, p := range list {
		m[p.Key] = p.Value
	}
	return m
}

// page cuts a page out of a list: tokens are places in it.
func page[T any](all []T, token string, limit whole) ([]T, string, error) {
	from, err := place(token)
	if err != nil {
		return nil, "", err
	}
	if limit <= 0 {
		limit = 1000
	}
	all = all[min(from, len(all)):]
	if len(all) <= int(limit) {
		return all, "", nil
	}
	return all[:limit], strconv.Itoa(from + int(limit)), nil
}

func place(token string) (int, error) {
	if token == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(token)
	if err != nil || n < 0 {
		return 0, bine.Errorf(bine.Invalid, "page_token is %q: give the next_page_token of the page before", token)
	}
	return n, nil
}
