package webhdfs

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/server/api"
)

// open answers the bytes of a file from offset on. It does not redirect: what
// would be fetched elsewhere is here.
func (c *call) open() (answer, error) {
	if first, err := c.params.flag("noredirect", false); err != nil {
		return answer{}, err
	} else if second, err := c.secondStep(); err != nil {
		return answer{}, err
	} else if first && !second {
		return c.openElsewhere()
	}
	want, partial, err := c.wanted()
	if err != nil {
		return answer{}, err
	}
	// An empty span is opened, too: the right to read is asked for.
	r, info, err := c.files().Open(c.ctx(), c.user(), c.path, want.Offset, max(want.Length, 1))
	if err != nil {
		return answer{}, c.notOpened(err, want.Offset)
	}
	span := api.Span{Offset: want.Offset, Length: min(want.Length, info.Size-want.Offset)}
	if err := c.mayHave(span, info.Size); err != nil {
		r.Close()
		return answer{}, err
	}
	a := answer{length: span.Length, stream: r, header: http.Header{"X-Content-Type-Options": {"nosniff"}, "Content-Security-Policy": {"sandbox; default-src 'none'"},
		"Content-Disposition": {"attachment"}, "Accept-Ranges": {"bytes"}}}
	if partial {
		a.status = http.StatusPartialContent
		a.header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", span.Offset, span.Offset+span.Length-1, info.Size))
	}
	if span.Length == 0 {
		a.stream = struct {
			io.Reader
			io.Closer
		}{strings.NewReader(""), r}
	}
	return a, nil
}

// openElsewhere answers the address of the content of a file.
func (c *call) openElsewhere() (answer, error) {
	info, err := c.stat(c.path)
	if err != nil {
		return answer{}, err
	}
	if info.Dir {
		return answer{}, notFile(c.path)
	}
	return c.redirect()
}

// mayHave says whether the actor may have a part of a file that is there.
func (c *call) mayHave(span api.Span, size int64) error {
	if span.Offset > 0 && span.Offset >= size {
		return outOfRange(span.Offset, size, c.path)
	}
	return c.actor.MayRead(span.Offset + span.Length)
}

// notOpened says why a file was not opened: a directory is no file, and an
// offset behind the end has words of its own.
func (c *call) notOpened(err error, offset int64) error {
	switch {
	case bine.IsKind(err, bine.Conflict):
		return notFile(c.path)
	case bine.IsKind(err, bine.Invalid):
		if info, missing := c.stat(c.path); missing == nil {
			return outOfRange(offset, info.Size, c.path)
		}
	}
	return err
}

func notFile(path string) error {
	return &exception{class: fileNotFound, message: "Path is not a file: " + path}
}

// wanted says which part of a file is asked for, which may go beyond its end:
// by offset and length, or by a Range header.
func (c *call) wanted() (span api.Span, partial bool, err error) {
	if span.Offset, err = c.params.number("offset", 0, 0); err != nil {
		return span, false, err
	}
	if span.Length, err = c.params.number("length", math.MaxInt64, 0); err != nil {
		return span, false, err
	}
	header := c.r.Header.Get("Range")
	if header == "" || c.params.text("offset") != "" || c.params.text("length") != "" {
		return span, false, nil
	}
	info, err := c.stat(c.path)
	if err != nil {
		return span, false, err
	}
	if span, partial, err = api.SpanOf(header, info.Size); err != nil {
		return span, false, &exception{class: class{ioException.name, http.StatusRequestedRangeNotSatisfiable}, message: err.Error()}
	}
	return span, partial, nil
}

func outOfRange(offset, size int64, path string) error {
	return &exception{class: endOfFile, message: fmt.Sprintf("Offset=%d out of the range [0, %d); OPEN, path=%s", offset, size, path)}
}

// create makes a file: the first step looks whether it may be made, the second
// brings the content.
func (c *call) create() (answer, error) {
	o, err := c.createOptions()
	if err != nil {
		return answer{}, err
	}
	if err := c.mayWrite(c.path); err != nil {
		return answer{}, err
	}
	second, err := c.secondStep()
	if err != nil {
		return answer{}, err
	}
	if !second {
		if info, err := c.stat(c.path); err == nil && (info.Dir || !o.Overwrite) {
			return answer{}, &exception{class: alreadyExists, message: c.path + " is there already"}
		}
		return c.redirect()
	}
	o.Holder = c.holder()
	if _, err := c.files().Create(c.ctx(), c.user(), c.path, c.r.Body, o); err != nil {
		return answer{}, c.inTheWay(brokenOff(err))
	}
	made := url.URL{Scheme: c.scheme("webhdfs", "swebhdfs"), Host: c.r.Host, Path: c.path}
	return answer{status: http.StatusCreated, location: made.String()}, nil
}

func (c *call) createOptions() (dfs.CreateOptions, error) {
	var o dfs.CreateOptions
	var err error
	if o.Overwrite, err = c.params.flag("overwrite", false); err != nil {
		return o, err
	}
	if o.Parents, err = c.params.flag("createparent", true); err != nil {
		return o, err
	}
	for flag := range strings.SplitSeq(c.params.text("createflag"), ",") {
		switch strings.ToLower(strings.TrimSpace(flag)) {
		case "", "null", "create", "sync_block", "new_block", "no_local_write", "should_replicate", "ignore_client_locality", "no_local_rack":
		case "overwrite":
			o.Overwrite = true
		default:
			return o, badParam("createflag", "%.40q cannot be done here: use create and overwrite, or the operation APPEND", flag)
		}
	}
	if o.BlockSize, err = c.askedBlockSize(); err != nil {
		return o, err
	}
	o.Mode, o.Unmasked, err = c.params.modes()
	return o, err
}

// inTheWay says which kind of conflict stopped something from being made.
func (c *call) inTheWay(err error) error {
	if !bine.IsKind(err, bine.Conflict) {
		return err
	}
	if _, missing := c.stat(c.path); missing != nil {
		return conflictAs(err, parentNotDirectory)
	}
	return conflictAs(err, alreadyExists)
}

// brokenOff is for a body that ended before its end.
func brokenOff(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return bine.Errorf(bine.Invalid, "the content broke off before its end: send it again")
	}
	return err
}

// piece is how much of a body is added to a file at once.
const piece = 4 << 20

var pieces = sync.Pool{New: func() any { b := make([]byte, piece); return &b }}

// holder is the name under which the request writes: nobody else has it.
func (c *call) holder() string {
	return fmt.Sprintf("WebHDFS_%s_%s", auth.AddressOf(c.r), rand.Text())
}

// append adds to a file. Its address may be used again, for the next part. What does
// not come as one piece is added under a lease: nobody else adds to the file meanwhile.
func (c *call) append() (answer, error) {
	if err := c.mayWrite(c.path); err != nil {
		return answer{}, err
	}
	info, err := c.stat(c.path)
	if err != nil {
		return answer{}, err
	}
	if info.Dir {
		return answer{}, notFile(c.path)
	}
	second, err := c.secondStep()
	if err != nil {
		return answer{}, err
	}
	if !second {
		return c.redirect()
	}
	user, at := c.user(), info.Size
	if c.r.ContentLength < 0 || c.r.ContentLength > piece { // it lasts
		l, err := c.files().Lease(c.ctx(), user, c.path, c.holder())
		if err != nil {
			return answer{}, err
		}
		defer dfs.KeepLease(c.ctx(), c.files(), user, l)()
		user.Lease, info.ID, at = l.Epoch, l.Inode, l.Size
	}
	buffer := pieces.Get().(*[]byte)
	defer pieces.Put(buffer)
	for begin := at; ; {
		n, err := fill(*buffer, c.r.Body)
		if err != nil && err != io.EOF {
			return answer{}, brokenOff(err)
		}
		if n > 0 || at == begin {
			if _, err := c.files().AppendTo(c.ctx(), user, info, at, (*buffer)[:n]); err != nil {
				return answer{}, err
			}
		}
		if at += int64(n); err == io.EOF {
			return answer{}, nil
		}
	}
}

// fill reads until p is full. Unlike io.ReadFull it tells the end of r from a
// body that broke off.
func fill(p []byte, r io.Reader) (n int, err error) {
	for n < len(p) && err == nil {
		var more int
		more, err = r.Read(p[n:])
		n += more
	}
	return n, err
}
