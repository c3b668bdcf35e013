package api_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine/server/api"
)

// FuzzSpan compares how a Range header is read with how net/http reads it.
func FuzzSpan(f *testing.F) {
	for _, header := range []string{"", "bytes=", "bytes=-", "bytes=0-", "bytes=0-0", "bytes=3-9", "bytes=-1", "bytes=-0", "bytes=-99", "bytes=9-3", "bytes=10-", "bytes=0-0,2-3", "bytes=+1-2", "bytes=1-+2",
		"bytes=--1", "bytes= 1 - 2 ", "bytes =1-2", "BYTES=1-2", "rows=1-2", "bytes=0x1-2", "bytes=1_0-", "bytes=9223372036854775807-", "bytes=0-9223372036854775808", "bytes=9223372036854775808-", "bytes=-9223372036854775808"} {
		for _, size := range []int64{0, 1, 10, 1 << 62} {
			f.Add(header, size)
		}
	}
	f.Fuzz(func(t *testing.T, header string, size int64) {
		size = max(size, 0)
		s, partial, err := api.SpanOf(header, size)
		if s.Offset < 0 || s.Length < 0 || s.Offset > size || s.Length > size-s.Offset {
			t.Fatalf("%q of %d bytes is %+v", header, size, s)
		}
		if err == nil && !partial && s != (api.Span{Length: size}) || partial && s.Length == 0 {
			t.Fatalf("%q of %d bytes is %+v, partial %t", header, size, s, partial)
		}
		_, numbers, _ := strings.Cut(header, "=")
		if size == 0 || strings.Trim(numbers, "0123456789-") != "" {
			return // net/http sends all of nothing, several ranges, and takes blanks and signs
		}
		r := httptest.NewRequest(http.MethodHead, "/", nil)
		r.Header.Set("Range", header)
		out := httptest.NewRecorder()
		http.ServeContent(out, r, "x.bin", time.Time{}, &long{size: size})
		want := out.Header().Get("Content-Range")
		switch {
		case partial && out.Code == http.StatusPartialContent:
			if got := fmt.Sprintf("bytes %d-%d/%d", s.Offset, s.Offset+s.Length-1, size); got != want {
				t.Errorf("%q is %s, net/http says %s", header, got, want)
			}
		case partial && !beyond(header):
			t.Errorf("%q of %d bytes is %+v, net/http answers %d", header, size, s, out.Code)
		case err != nil && out.Code != http.StatusRequestedRangeNotSatisfiable && strings.Trim(numbers, "-0") != "": // the last 0 bytes are no part
			t.Errorf("%q of %d bytes is refused, net/http answers %d", header, size, out.Code)
		case err == nil && out.Code == http.StatusPartialContent:
			t.Errorf("%q of %d bytes is taken as all of it, net/http sends %s", header, size, want)
		}
	})
}

// beyond reports whether a number of a range is too large for net/http to read.
func beyond(header string) bool {
	return slices.ContainsFunc(strings.FieldsFunc(header, func(c rune) bool { return c < '0' || c > '9' }), func(number string) bool {
		_, err := strconv.ParseInt(number, 10, 64)
		return err != nil
	})
}

// long is a content of which only the size is asked.
type long struct{ size, at int64 }

func (l *long) Read([]byte) (int, error) { return 0, io.EOF }

func (l *long) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
		l.at = offset
	case io.SeekEnd:
		l.at = l.size + offset
	default:
		return 0, errors.New("nobody asks for that")
	}
	return l.at, nil
}
