// Package webhdfs is a lake in a directory of a file system that speaks WebHDFS:
// HDFS itself, HttpFS, or another Bine.
package webhdfs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs/lake"
)

// Lake is a directory of another file system.
type Lake struct {
	base  *url.URL
	root  string // absolute
	user  string
	token string
	http  *http.Client
}

// Open makes a lake; nothing is asked of the service yet. It signs in with the
// token as bearer, or, without one, says who it is as user.name.
func Open(c bine.Connector, token string, transport http.RoundTripper) (*Lake, error) {
	u, err := url.Parse(c.Endpoint)
	if err != nil {
		return nil, bine.Errorf(bine.Invalid, "the endpoint of connector %q is no address", string(c.Name))
	}
	follow := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Lake{base: u, root: c.Root, user: c.User, token: token, http: &http.Client{Transport: transport, CheckRedirect: follow}}, nil
}

// Close has nothing to give back.
func (l *Lake) Close() error { return nil }

// at is a path as the service knows it.
func (l *Lake) at(p string) string { return path.Join(l.root, p) }

// query makes the parameters of an operation from names and values in turn.
func (l *Lake) query(op string, params ...string) url.Values {
	q := url.Values{"op": {op}}
	if l.token == "" && l.user != "" {
		q.Set("user.name", l.user)
	}
	for i := 0; i+1 < len(params); i += 2 {
		q.Set(params[i], params[i+1])
	}
	return q
}

// send makes a request, and answers what came if its status is as expected;
// else the error says what is wrong.
func (l *Lake) send(ctx context.Context, method, p string, q url.Values) (*http.Response, error) {
	u := *l.base
	u.Path = strings.TrimSuffix(u.Path, "/") + l.at(p)
	u.RawQuery = q.Encode()
	return l.request(ctx, method, p, &u, nil, -1)
}

func (l *Lake) request(ctx context.Context, method, p string, u *url.URL, body io.Reader, size int64) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, bine.Errorf(bine.Invalid, "%s is no address of WebHDFS", u.Host)
	}
	if body != nil {
		r.ContentLength = size
		r.Header.Set("Content-Type", "application/octet-stream")
	}
	if l.token != "" && u.Host == l.base.Host && u.Scheme == l.base.Scheme { // nobody else is told
		r.Header.Set("Authorization", "Bearer "+l.token)
	}
	res, err := l.http.Do(r)
	if err != nil {
		return nil, lake.Unreachable(u.Host, err)
	}
	if res.StatusCode >= 400 {
		defer res.Body.Close()
		return nil, l.refused(p, res)
	}
	return res, nil
}

// redirected gives where an answer leads, if it does.
func (l *Lake) redirected(res *http.Response) (*url.URL, error) {
	if res.StatusCode/100 != 3 {
		return nil, nil
	}
	res.Body.Close()
	to, err := res.Location()
	if err != nil || to.Scheme != "http" && to.Scheme != "https" {
		return nil, bine.Errorf(bine.Unavailable, "%s leads to an address that is none", l.base.Host)
	}
	return to, nil
}

// remote is an exception as WebHDFS sends it.
type remote struct {
	RemoteException struct {
		Exception string `json:"exception"`
		Message   string `json:"message"`
	}
}

// refused says why the service did not do what it was asked for.
func (l *Lake) refused(p string, res *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10)) // what is there of it says enough
	var e remote
	_ = json.Unmarshal(text, &e) // a page of something else is no exception
	name, message := e.RemoteException.Exception, strings.Join(strings.Fields(e.RemoteException.Message), " ")
	if l.token != "" {
		message = strings.ReplaceAll(message, l.token, "…")
	}
	fault := func(kind bine.Kind, what string) error {
		return bine.Errorf(kind, "%s (%s answered %d %s %.200s)", what, res.Request.URL.Host, res.StatusCode, name, message)
	}
	switch {
	case name == "FileNotFoundException":
		return lake.NotFound(p)
	case name == "FileAlreadyExistsException":
		return lake.Exists(p)
	case name == "PathIsNotEmptyDirectoryException":
		return lake.NotEmpty(p)
	case name == "ParentNotDirectoryException":
		return lake.IsFile(path.Dir(p))
	case strings.HasSuffix(name, "QuotaExceededException"):
		return fault(bine.NoQuota, "there is no room")
	case name == "StandbyException" || name == "RetriableException" || name == "SafeModeException" || res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests:
		return fault(bine.Unavailable, "the service cannot answer at present")
	case res.StatusCode == http.StatusUnauthorized:
		return fault(bine.Forbidden, "the user or token is not accepted")
	case res.StatusCode == http.StatusForbidden && (name == "AccessControlException" || name == "SecurityException" || name == "AuthorizationException" || name == ""):
		return fault(bine.Forbidden, "access is denied")
	case res.StatusCode == http.StatusNotFound && name == "":
		return fault(bine.Invalid, "there is no WebHDFS at this address: it mostly ends in /webhdfs/v1")
	}
	return fault(bine.Invalid, "the service refused")
}

// ask does an operation and reads its answer into v, where that is not nil.
func (l *Lake) ask(ctx context.Context, method, p string, q url.Values, v any) error {
	res, err := l.send(ctx, method, p, q)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		return bine.Errorf(bine.Invalid, "%s answers %d: it wants people to sign in another way, or is no WebHDFS", l.base.Host, res.StatusCode)
	}
	if v == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 64<<20)).Decode(v); err != nil {
		return bine.Errorf(bine.Invalid, "%s does not answer as WebHDFS: the endpoint mostly ends in /webhdfs/v1", l.base.Host)
	}
	return nil
}

type status struct {
	Length           int64  `json:"length"`
	ModificationTime int64  `json:"modificationTime"` // milliseconds since 1970
	FileID           int64  `json:"fileId"`
	PathSuffix       string `json:"pathSuffix"`
	Type             string `json:"type"`
}

func (s status) entry(name string) lake.Entry {
	e := lake.Entry{Name: name, Dir: s.Type == "DIRECTORY", Modified: time.UnixMilli(s.ModificationTime).UTC()}
	if !e.Dir {
		e.Size = s.Length
		e.Tag = strconv.FormatInt(s.ModificationTime, 10) + "-" + strconv.FormatInt(s.Length, 10) + "-" + strconv.FormatInt(s.FileID, 10)
	}
	return e
}

// Stat describes what is at path.
func (l *Lake) Stat(ctx context.Context, p string) (lake.Entry, error) {
	var answer struct {
		FileStatus *status
	}
	if err := l.ask(ctx, http.MethodGet, p, l.query("GETFILESTATUS"), &answer); err != nil {
		return lake.Entry{}, err
	}
	if answer.FileStatus == nil {
		return lake.Entry{}, bine.Errorf(bine.Invalid, "%s does not answer as WebHDFS: the endpoint mostly ends in /webhdfs/v1", l.base.Host)
	}
	name := ""
	if p != "" {
		name = path.Base(p)
	}
	return answer.FileStatus.entry(name), nil
}

// List gives entries of a directory by name.
func (l *Lake) List(ctx context.Context, dir, after string, limit int) (lake.Page, error) {
	limit, after = lake.Limit(limit), strings.TrimSuffix(after, "/")
	var page lake.Page
	for {
		var answer struct {
			DirectoryListing struct {
				PartialListing struct {
					FileStatuses struct{ FileStatus []status }
				} `json:"partialListing"`
				RemainingEntries int64 `json:"remainingEntries"`
			}
		}
		q := l.query("LISTSTATUS_BATCH")
		if after != "" {
			q.Set("startAfter", after)
		}
		if err := l.ask(ctx, http.MethodGet, dir, q, &answer); err != nil {
			return lake.Page{}, err
		}
		list := answer.DirectoryListing.PartialListing.FileStatuses.FileStatus
		for _, s := range list {
			switch {
			case s.PathSuffix == "" && s.Type == "FILE":
				return lake.Page{}, lake.IsFile(dir)
			case len(page.Entries) == limit:
				page.More = true
				return page, nil
			case !lake.CheckName(s.PathSuffix) || s.Type != "FILE" && s.Type != "DIRECTORY":
				page.Omitted++
			default:
				page.Entries = append(page.Entries, s.entry(s.PathSuffix))
			}
			after = s.PathSuffix
		}
		if answer.DirectoryListing.RemainingEntries == 0 || len(list) == 0 {
			return page, nil
		}
	}
}

// Open reads a part of a file. Its state is asked for first, so that what is
// answered and what is read may differ when it is changed in between.
func (l *Lake) Open(ctx context.Context, p string, offset, length int64) (io.ReadCloser, lake.Entry, error) {
	e, err := l.Stat(ctx, p)
	switch {
	case err != nil:
		return nil, e, err
	case e.Dir:
		return nil, e, lake.IsDirectory(p)
	case offset < 0 || offset > e.Size:
		return nil, e, lake.BehindEnd(p, offset, e.Size)
	case offset == e.Size:
		return io.NopCloser(strings.NewReader("")), e, nil
	}
	q := l.query("OPEN", "offset", strconv.FormatInt(offset, 10))
	if length > 0 {
		q.Set("length", strconv.FormatInt(length, 10))
	}
	res, err := l.send(ctx, http.MethodGet, p, q)
	if err != nil {
		return nil, e, err
	}
	to, err := l.redirected(res)
	if err == nil && to != nil {
		res, err = l.request(ctx, http.MethodGet, p, to, nil, -1)
	}
	if err != nil {
		return nil, e, err
	}
	if res.StatusCode/100 != 2 {
		res.Body.Close()
		return nil, e, bine.Errorf(bine.Unavailable, "%s leads on twice for one file", l.base.Host)
	}
	want := e.Size - offset
	if length > 0 {
		want = min(want, length)
	}
	return &whole{body: res.Body, left: want, path: p}, e, nil
}

// whole makes an answer that ends too early an error: its length is not always said.
type whole struct {
	body io.ReadCloser
	left int64
	path string
}

func (w *whole) Read(b []byte) (int, error) {
	if w.left == 0 {
		return 0, io.EOF
	}
	n, err := w.body.Read(b[:min(int64(len(b)), w.left)])
	if w.left -= int64(n); errors.Is(err, io.EOF) && w.left > 0 {
		err = bine.Errorf(bine.Unavailable, "%s broke off %d bytes before its end, or was changed meanwhile", w.path, w.left)
	}
	return n, err
}

func (w *whole) Close() error { return w.body.Close() }

// Create makes a file beside its place, and then moves it there.
func (l *Lake) Create(ctx context.Context, p string, r io.Reader, o lake.CreateOptions) (lake.Entry, error) {
	e, err := l.Stat(ctx, p)
	switch {
	case err == nil && e.Dir:
		return e, lake.IsDirectory(p)
	case err == nil && !o.Overwrite:
		return e, lake.Exists(p)
	case err != nil && !bine.IsKind(err, bine.NotFound):
		return e, err
	}
	if dir := path.Dir(p); dir != "." {
		if err := l.Mkdir(ctx, dir); err != nil {
			return e, err
		}
	}
	part := path.Join(path.Dir(p), lake.PartName())
	err = l.write(ctx, part, r, o.Size)
	if err == nil {
		option := "NONE"
		if o.Overwrite {
			option = "OVERWRITE"
		}
		err = l.ask(ctx, http.MethodPut, part, l.query("RENAME", "destination", l.at(p), "renameoptions", option), nil)
	}
	if err != nil {
		l.forget(ctx, part)
		return e, err
	}
	return l.Stat(ctx, p)
}

// forget removes what was not finished, as far as that can be done.
func (l *Lake) forget(ctx context.Context, part string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_ = l.ask(ctx, http.MethodDelete, part, l.query("DELETE"), nil) // it is in no listing
}

func (l *Lake) write(ctx context.Context, part string, r io.Reader, size int64) error {
	res, err := l.send(ctx, http.MethodPut, part, l.query("CREATE", "overwrite", "true"))
	if err != nil {
		return err
	}
	to, err := l.redirected(res)
	if err != nil {
		return err
	}
	if to == nil {
		res.Body.Close()
		return bine.Errorf(bine.Invalid, "%s takes no content as WebHDFS does: it led nowhere", l.base.Host)
	}
	source := &reading{r: r}
	var body io.Reader = source
	if size == 0 {
		body = http.NoBody
	}
	res, err = l.request(ctx, http.MethodPut, part, to, body, size)
	if err != nil {
		return cmp.Or(source.err, err)
	}
	return res.Body.Close()
}

// reading remembers how reading failed.
type reading struct {
	r   io.Reader
	err error
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

// truth is the answer of operations that say whether they did something.
type truth struct {
	Boolean bool `json:"boolean"`
}

// Mkdir makes a directory, and those above it.
func (l *Lake) Mkdir(ctx context.Context, p string) error {
	if p == "" {
		return nil
	}
	var made truth
	err := l.ask(ctx, http.MethodPut, p, l.query("MKDIRS"), &made)
	if bine.IsKind(err, bine.Conflict) || err == nil && !made.Boolean {
		return lake.IsFile(p)
	}
	return err
}

// Remove removes a file or an empty directory.
func (l *Lake) Remove(ctx context.Context, p string) error {
	var done truth
	if err := l.ask(ctx, http.MethodDelete, p, l.query("DELETE", "recursive", "false"), &done); err != nil {
		return err
	}
	if !done.Boolean {
		return lake.NotFound(p)
	}
	return nil
}
