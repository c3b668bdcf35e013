package s3

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/server/api"
)

// etagOf names the state of a file's content. It has the form of that of an upload
// in parts, so that no client takes it for an MD5.
func etagOf(i dfs.Info) string {
	if i.Dir {
		return emptyETag
	}
	return fmt.Sprintf(`"%016x%016x-1"`, i.ID, i.Version)
}

// about is what a client says of an object beside its content. It is kept in one
// extended attribute, so that it is set and replaced with the content.
type about struct {
	Headers map[string]string `json:"headers,omitempty"`
	Meta    map[string]string `json:"meta,omitempty"`
}

const (
	aboutName = "s3"
	tagsName  = "s3.tags"
	madeName  = "s3.made"
	metaStart = "x-amz-meta-"
	mostMeta  = 2 << 10 // bytes of all together, as with Amazon
)

// made marks the directories that were made because a key has them. They go with
// the last object in them; one that was made otherwise stays.
var made = map[string][]byte{madeName: {}}

// kept are the headers that come back with the object.
var kept = []string{"Content-Type", "Content-Encoding", "Content-Disposition", "Content-Language", "Cache-Control", "Expires"}

// about reads what the request says of the object.
func (c *call) about() (about, error) {
	a := about{Headers: map[string]string{}, Meta: map[string]string{}}
	for _, name := range kept {
		value := c.r.Header.Get(name)
		if name == "Content-Encoding" { // aws-chunked is how it was sent, not what it is
			value = strings.Trim(strings.ReplaceAll(strings.ReplaceAll(value, "aws-chunked", ""), ",,", ","), ", ")
		}
		if value != "" && !(name == "Content-Type" && value == mediaType(c.key)) {
			a.Headers[name] = value
		}
	}
	size := 0
	for name, values := range c.r.Header {
		if rest, ok := strings.CutPrefix(strings.ToLower(name), metaStart); ok {
			a.Meta[rest] = strings.Join(values, ",")
			size += len(rest) + len(a.Meta[rest])
		}
	}
	if size > mostMeta {
		return a, badRequest("MetadataTooLarge", "metadata of an object is at most 2 KiB")
	}
	return a, nil
}

func (a about) empty() bool { return len(a.Headers)+len(a.Meta) == 0 }

func (a about) xattrs() map[string][]byte {
	if a.empty() {
		return nil
	}
	text, err := json.Marshal(a)
	if err != nil {
		panic(err) // maps of text can be written
	}
	return map[string][]byte{aboutName: text}
}

func mediaType(name string) string {
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "binary/octet-stream"
}

// headers gives those of an object.
func (c *call) headers(full string, i dfs.Info) (http.Header, error) {
	h := http.Header{"Last-Modified": {i.Modified.UTC().Format(http.TimeFormat)}, "Etag": {etagOf(i)}, "Accept-Ranges": {"bytes"},
		"Content-Type": {mediaType(c.key)}, "X-Content-Type-Options": {"nosniff"}, "Content-Security-Policy": {"sandbox; default-src 'none'"}}
	if i.Dir {
		h.Set("Content-Type", "application/x-directory")
		return h, nil
	}
	all, err := c.files().Xattrs(c.ctx(), c.user(), full)
	if err != nil {
		return nil, err
	}
	var a about
	if text := all[aboutName]; text != nil && json.Unmarshal(text, &a) == nil {
		for name, value := range a.Headers {
			h.Set(name, value)
		}
		for name, value := range a.Meta {
			h[metaStart+name] = []string{value}
		}
	}
	if n := len(readTags(all[tagsName])); n > 0 {
		h.Set("X-Amz-Tagging-Count", strconv.Itoa(n))
	}
	for param, name := range map[string]string{"response-content-type": "Content-Type", "response-content-disposition": "Content-Disposition",
		"response-content-encoding": "Content-Encoding", "response-content-language": "Content-Language", "response-cache-control": "Cache-Control", "response-expires": "Expires"} {
		if value := c.text(param); value != "" {
			h.Set(name, value)
		}
	}
	return h, nil
}

// emptyETag is the MD5 of nothing, which is what a directory has.
const emptyETag = `"d41d8cd98f00b204e9800998ecf8427e"`

// find describes the object of a key: a file, or, where the key ends in a slash, a directory.
func (c *call) find(key string) (string, dfs.Info, error) {
	full, err := c.path(key)
	if err != nil {
		return "", dfs.Info{}, err
	}
	info, err := c.files().Stat(c.ctx(), c.user(), full)
	if err == nil && info.Dir != strings.HasSuffix(key, "/") {
		err = bine.Errorf(bine.NotFound, "there is no object %.200q", key)
	}
	return full, info, err
}

func (c *call) headObject() (answer, error) {
	full, info, err := c.find(c.key)
	if err != nil {
		return answer{}, err
	}
	if a, done, err := c.conditions(info); done || err != nil {
		return a, err
	}
	a := answer{length: info.Size}
	if a.header, err = c.headers(full, info); err != nil {
		return answer{}, err
	}
	return a, c.part(&a, info)
}

// part makes an answer that of the range that is asked for.
func (c *call) part(a *answer, info dfs.Info) error {
	span, partial, err := api.SpanOf(c.r.Header.Get("Range"), info.Size)
	if err != nil {
		return &failure{code: "InvalidRange", status: http.StatusRequestedRangeNotSatisfiable, kind: bine.Invalid, message: err.Error(),
			header: http.Header{"Content-Range": {fmt.Sprintf("bytes */%d", info.Size)}}}
	}
	a.length = span.Length
	if partial {
		a.status = http.StatusPartialContent
		a.header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", span.Offset, span.Offset+span.Length-1, info.Size))
	}
	return nil
}

func (c *call) getObject() (answer, error) {
	full, info, err := c.find(c.key)
	if err != nil {
		return answer{}, err
	}
	if a, done, err := c.conditions(info); done || err != nil {
		return a, err
	}
	var a answer
	if a.header, err = c.headers(full, info); err != nil {
		return answer{}, err
	}
	if err := c.part(&a, info); err != nil {
		return answer{}, err
	}
	span, _, _ := api.SpanOf(c.r.Header.Get("Range"), info.Size)
	if info.Dir {
		return a, nil
	}
	if err := c.actor.MayRead(span.Offset + span.Length); err != nil {
		return answer{}, err
	}
	// An empty span is opened, too: the right to read is asked for.
	r, now, err := c.files().Open(c.ctx(), c.user(), full, span.Offset, max(span.Length, 1))
	if err != nil {
		return answer{}, err
	}
	if now.Version != info.Version || now.ID != info.ID {
		r.Close()
		return answer{}, bine.Errorf(bine.Unavailable, "%s was overwritten just now: ask again", c.key)
	}
	a.stream = r
	if span.Length == 0 {
		a.stream = struct {
			io.Reader
			io.Closer
		}{strings.NewReader(""), r}
	}
	return a, nil
}

// conditions answers a request whose conditions do not hold, as RFC 9110 orders them.
func (c *call) conditions(info dfs.Info) (answer, bool, error) {
	h, etag, at := c.r.Header, etagOf(info), info.Modified.Truncate(time.Second)
	if want := h.Get("If-Match"); want != "" {
		if !matches(want, etag) {
			return answer{}, false, unmet("If-Match")
		}
	} else if t, err := http.ParseTime(h.Get("If-Unmodified-Since")); err == nil && at.After(t) {
		return answer{}, false, unmet("If-Unmodified-Since")
	}
	same := false
	if have := h.Get("If-None-Match"); have != "" {
		same = matches(have, etag)
	} else if t, err := http.ParseTime(h.Get("If-Modified-Since")); err == nil {
		same = !at.After(t)
	}
	if same {
		return answer{status: http.StatusNotModified, header: http.Header{"Etag": {etag}, "Last-Modified": {info.Modified.UTC().Format(http.TimeFormat)}}}, true, nil
	}
	return answer{}, false, nil
}

func matches(list, etag string) bool {
	for one := range strings.SplitSeq(list, ",") {
		one = strings.TrimSpace(one)
		if one == "*" || strings.Trim(one, `"`) == strings.Trim(etag, `"`) {
			return true
		}
	}
	return false
}

// mayReplace says whether the conditions for writing hold, and whether a file that
// is there may be replaced: one that must not be there is looked for when it is made.
func (c *call) mayReplace() (overwrite bool, err error) {
	switch c.r.Header.Get("If-None-Match") {
	case "":
	case "*":
		return false, nil
	default:
		return false, notImplemented("If-None-Match with an ETag")
	}
	if want := c.r.Header.Get("If-Match"); want != "" {
		_, info, err := c.find(c.key)
		if err != nil {
			return false, err
		}
		if !matches(want, etagOf(info)) {
			return false, unmet("If-Match")
		}
	}
	return true, nil
}

func (c *call) putObject() (answer, error) {
	if c.r.Header.Get("X-Amz-Copy-Source") != "" {
		return c.copyObject()
	}
	full, err := c.writable(c.key)
	if err != nil {
		return answer{}, err
	}
	body, err := c.content()
	if err != nil {
		return answer{}, err
	}
	if strings.HasSuffix(c.key, "/") {
		return c.makeDirectory(full, body)
	}
	a, err := c.about()
	if err != nil {
		return answer{}, err
	}
	tags, err := tagsOf(c.r.Header.Get("X-Amz-Tagging"))
	if err != nil {
		return answer{}, err
	}
	info, err := c.create(full, body, tags.beside(a.xattrs()))
	if err != nil {
		return answer{}, err
	}
	h := body.header()
	h.Set("ETag", etagOf(info))
	return answer{header: h}, nil
}

// create makes the file of the key, as the conditions of the request allow.
func (c *call) create(full string, r io.Reader, xattrs map[string][]byte) (dfs.Info, error) {
	overwrite, err := c.mayReplace()
	if err != nil {
		return dfs.Info{}, err
	}
	info, err := c.files().Create(c.ctx(), c.user(), full, r, dfs.CreateOptions{Overwrite: overwrite, Parents: true, Xattrs: xattrs, AboveXattrs: made})
	if bine.IsKind(err, bine.Conflict) && !overwrite {
		return info, unmet("If-None-Match")
	}
	if err == nil && info.Version > 1 { // what was said of the content before
		for _, name := range []string{aboutName, tagsName} {
			if xattrs[name] == nil {
				err = c.dropXattr(full, name)
			}
			if err != nil {
				break
			}
		}
	}
	return info, err
}

func (c *call) dropXattr(full, name string) error {
	err := c.files().RemoveXattr(c.ctx(), c.user(), full, name)
	if bine.IsKind(err, bine.NotFound) {
		return nil
	}
	return err
}

// makeDirectory makes a directory of a key that ends in a slash.
func (c *call) makeDirectory(full string, body *content) (answer, error) {
	if body.want > 0 {
		return answer{}, badRequest("InvalidRequest", "a key that ends in a slash is a directory, which has no content")
	}
	if _, err := io.Copy(io.Discard, body); err != nil {
		return answer{}, err
	}
	_, err := c.files().Mkdir(c.ctx(), c.user(), full, dfs.MkdirOptions{Parents: true, Xattrs: made})
	return answer{header: http.Header{"Etag": {emptyETag}}}, err
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
