package s3

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/bine-ml/bine/dfs"
)

// source gives the key of what a copy is made of, which is in the same bucket.
func (c *call) source() (key string, err error) {
	text := c.r.Header.Get("X-Amz-Copy-Source")
	text, _, _ = strings.Cut(text, "?versionId=")
	text, err = unescape(text)
	if err != nil {
		return "", badRequest("InvalidArgument", "x-amz-copy-source is not encoded as an address is")
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(text, "/"), "/")
	if bucket != c.bucket {
		return "", notImplemented("copying from one bucket to another: read and write")
	}
	return key, nil
}

type copied struct {
	XMLName      xml.Name
	LastModified string
	ETag         string
}

func (c *call) copyObject() (answer, error) {
	full, err := c.writable(c.key)
	if err != nil {
		return answer{}, err
	}
	key, err := c.source()
	if err != nil {
		return answer{}, err
	}
	from, info, err := c.find(key)
	if err != nil {
		return answer{}, err
	}
	if err := c.sourceConditions(info); err != nil {
		return answer{}, err
	}
	xattrs, err := c.aboutCopy(from, key)
	if err != nil {
		return answer{}, err
	}
	if info.Dir {
		info, err = c.files().Mkdir(c.ctx(), c.user(), full, dfs.MkdirOptions{Parents: true, Xattrs: made})
	} else {
		info, err = c.copyFile(from, full, info, xattrs)
	}
	if err != nil {
		return answer{}, err
	}
	return answer{xml: copied{xml.Name{Space: namespace, Local: "CopyObjectResult"}, stamp(info.Modified), etagOf(info)}}, nil
}

// aboutCopy gives what a copy is told beside its content: metadata and tags, each
// those of the source unless the request brings others.
func (c *call) aboutCopy(from, key string) (map[string][]byte, error) {
	other := func(what string) bool {
		return strings.EqualFold(c.r.Header.Get("X-Amz-"+what+"-Directive"), "REPLACE")
	}
	metadata, tagging := other("Metadata"), other("Tagging")
	if key == c.key && !metadata && !tagging {
		return nil, badRequest("InvalidRequest", "an object is copied onto itself only to replace its metadata or tags (x-amz-metadata-directive, x-amz-tagging-directive)")
	}
	all, err := c.files().Xattrs(c.ctx(), c.user(), from)
	if err != nil {
		return nil, err
	}
	var a about
	if text := all[aboutName]; !metadata && text != nil {
		err = json.Unmarshal(text, &a)
	} else if metadata {
		a, err = c.about()
	}
	if err != nil {
		return nil, err
	}
	t := readTags(all[tagsName])
	if tagging {
		t, err = tagsOf(c.r.Header.Get("X-Amz-Tagging"))
	}
	return t.beside(a.xattrs()), err
}

func (c *call) copyFile(from, to string, info dfs.Info, xattrs map[string][]byte) (dfs.Info, error) {
	if err := c.actor.MayRead(info.Size); err != nil {
		return info, err
	}
	r, err := c.openSource(from, 0, info.Size)
	if err != nil {
		return info, err
	}
	defer r.Close()
	return c.create(to, r, xattrs)
}

// openSource opens a part of a file, which may be none.
func (c *call) openSource(path string, offset, length int64) (io.ReadCloser, error) {
	r, _, err := c.files().Open(c.ctx(), c.user(), path, offset, max(length, 1))
	return r, err
}

func (c *call) sourceConditions(info dfs.Info) error {
	h, etag, at := c.r.Header, etagOf(info), info.Modified.Truncate(time.Second)
	const start = "X-Amz-Copy-Source-"
	if want := h.Get(start + "If-Match"); want != "" && !matches(want, etag) {
		return unmet("x-amz-copy-source-if-match")
	}
	if have := h.Get(start + "If-None-Match"); have != "" && matches(have, etag) {
		return unmet("x-amz-copy-source-if-none-match")
	}
	if t, err := http.ParseTime(h.Get(start + "If-Unmodified-Since")); err == nil && at.After(t) {
		return unmet("x-amz-copy-source-if-unmodified-since")
	}
	if t, err := http.ParseTime(h.Get(start + "If-Modified-Since")); err == nil && !at.After(t) {
		return unmet("x-amz-copy-source-if-modified-since")
	}
	return nil
}
