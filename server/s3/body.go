package s3

import (
	"bufio"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/bine-ml/bine"
)

// How the body says that it comes in chunks ("Signature calculations for the
// authorization header: transferring payload in multiple chunks").
const (
	signedChunks          = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	signedChunksTrailer   = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	unsignedChunksTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

	longestLine   = 16 << 10
	mostBody      = 5 << 30 // bytes of one request, as with Amazon
	checksumStart = "x-amz-checksum-"
)

// sums are the checksums that a request may bring, by the end of their headers.
func newSum(name string) hash.Hash {
	switch name {
	case "crc32":
		return crc32.NewIEEE()
	case "crc32c":
		return crc32.New(crc32.MakeTable(crc32.Castagnoli))
	case "crc64nvme":
		return crc64.New(crc64.MakeTable(0x9a6c9329ac4bc9b5))
	case "sha1":
		return sha1.New()
	case "sha256":
		return sha256.New()
	}
	return nil
}

// check is a checksum that the content must have.
type check struct {
	name string // of the header
	sum  hash.Hash
	want string
	code string
	form func([]byte) string
}

// content is the body of a request without what surrounds it. Its end is an error
// if the content is not the one that was promised, so that nothing is kept of it.
type content struct {
	source  io.Reader
	checks  []check
	trailer map[string]string
	want    int64 // bytes; -1 is unknown
	got     int64
	sums    map[string]string // checksums that held, by header
}

// content gives the body.
func (c *call) content() (*content, error) {
	b := &content{source: c.r.Body, want: c.r.ContentLength, sums: map[string]string{}}
	payload := c.signed.payload
	switch payload {
	case signedChunks, signedChunksTrailer, unsignedChunksTrailer:
		n, err := strconv.ParseInt(c.r.Header.Get("X-Amz-Decoded-Content-Length"), 10, 64)
		if err != nil || n < 0 {
			return nil, fail("MissingContentLength", http.StatusLengthRequired, bine.Invalid, "the header x-amz-decoded-content-length is missing")
		}
		b.want, b.trailer = n, map[string]string{}
		chunks := &chunked{source: bufio.NewReaderSize(c.r.Body, 64<<10), trailer: b.trailer, trailing: payload != signedChunks}
		if payload != unsignedChunksTrailer {
			chunks.sign, chunks.last = &c.signed, c.signed.value
		}
		b.source = chunks
	case unsignedPayload:
	default:
		if len(payload) != 64 {
			return nil, badRequest("InvalidArgument", "x-amz-content-sha256 is neither a hash nor a way of signing that is known")
		}
		b.checks = append(b.checks, check{name: "x-amz-content-sha256", sum: sha256.New(), want: payload, code: "XAmzContentSHA256Mismatch", form: hex.EncodeToString})
	}
	if b.want < 0 {
		return nil, fail("MissingContentLength", http.StatusLengthRequired, bine.Invalid, "the header Content-Length is missing")
	}
	if b.want > mostBody {
		return nil, badRequest("EntityTooLarge", "one request brings at most 5 GiB: upload in parts")
	}
	return b, b.expect(c.r.Header)
}

// expect notes the checksums that the headers promise.
func (b *content) expect(h http.Header) error {
	if want := h.Get("Content-Md5"); want != "" {
		if raw, err := base64.StdEncoding.DecodeString(want); err != nil || len(raw) != md5.Size {
			return badRequest("InvalidDigest", "Content-MD5 is not an MD5 in base64")
		}
		b.checks = append(b.checks, check{"content-md5", md5.New(), want, "BadDigest", base64.StdEncoding.EncodeToString})
	}
	for name := range h {
		kind, ok := strings.CutPrefix(strings.ToLower(name), checksumStart)
		if !ok {
			continue
		}
		if sum := newSum(kind); sum != nil {
			b.checks = append(b.checks, check{checksumStart + kind, sum, h.Get(name), "BadDigest", base64.StdEncoding.EncodeToString})
		}
	}
	if b.trailer == nil {
		return nil
	}
	for name := range strings.SplitSeq(strings.ToLower(h.Get("X-Amz-Trailer")), ",") {
		name = strings.TrimSpace(name)
		if sum := newSum(strings.TrimPrefix(name, checksumStart)); sum != nil {
			b.checks = append(b.checks, check{name, sum, "", "BadDigest", base64.StdEncoding.EncodeToString})
		}
	}
	return nil
}

// Read reads the content.
func (b *content) Read(p []byte) (int, error) {
	n, err := b.source.Read(p)
	for _, c := range b.checks {
		c.sum.Write(p[:n])
	}
	if b.got += int64(n); b.got > b.want {
		return 0, badRequest("IncompleteBody", "the body is longer than it was said to be")
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return n, badRequest("IncompleteBody", "the body broke off before its end: send it again")
	case err == io.EOF:
		return n, b.finish()
	}
	return n, err
}

// finish compares what came with what was promised.
func (b *content) finish() error {
	if b.got != b.want {
		return badRequest("IncompleteBody", "the body has %d bytes and was said to have %d", b.got, b.want)
	}
	for _, c := range b.checks {
		want := c.want
		if want == "" {
			want = b.trailer[c.name]
		}
		got := c.form(c.sum.Sum(nil))
		if got != want {
			return badRequest(c.code, "%s of the content is %s, not %.100s as was said", c.name, got, want)
		}
		if strings.HasPrefix(c.name, checksumStart) {
			b.sums[c.name] = got
		}
	}
	return io.EOF
}

// header gives the checksums that held, as the answer has them.
func (b *content) header() http.Header {
	h := http.Header{}
	for name, value := range b.sums {
		h.Set(name, value)
	}
	return h
}

// chunked reads a body that comes in chunks, which may each be signed.
type chunked struct {
	source   *bufio.Reader
	sign     *signature // nil if chunks are not signed
	last     string     // signature of what came before
	trailing bool
	trailer  map[string]string
	left     int64 // of the chunk that is read
	inChunk  bool
	claimed  string
	sum      hash.Hash
	end      error
}

// Read reads what is in the chunks.
func (k *chunked) Read(p []byte) (int, error) {
	for k.end == nil && k.left == 0 {
		k.end = k.next()
	}
	if k.end != nil {
		return 0, k.end
	}
	n, err := k.source.Read(p[:min(int64(len(p)), k.left)])
	k.left -= int64(n)
	if k.sum != nil {
		k.sum.Write(p[:n])
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// next ends a chunk and begins the following one. It answers io.EOF behind the last.
func (k *chunked) next() error {
	if k.inChunk {
		if line, err := k.line(); err != nil || line != "" {
			return errors.Join(err, badRequest("IncompleteBody", "a chunk does not end where it should"))
		}
		if err := k.verify(); err != nil {
			return err
		}
	}
	line, err := k.line()
	if err != nil {
		return err
	}
	size, rest, _ := strings.Cut(line, ";")
	if k.left, err = strconv.ParseInt(size, 16, 64); err != nil || k.left < 0 || k.left > mostBody {
		return badRequest("IncompleteBody", "a chunk does not say how long it is")
	}
	k.inChunk, k.claimed = true, strings.TrimPrefix(rest, "chunk-signature=")
	if k.sign != nil {
		k.sum = sha256.New()
	}
	if k.left > 0 {
		return nil
	}
	if err := k.verify(); err != nil {
		return err
	}
	return k.readTrailer()
}

// verify compares the signature of a chunk that was read.
func (k *chunked) verify() error {
	if k.sign == nil {
		return nil
	}
	return k.matches("-PAYLOAD", emptyHash+"\n"+hex.EncodeToString(k.sum.Sum(nil)), k.claimed)
}

func (k *chunked) matches(kind, what, claimed string) error {
	text := algorithm + kind + "\n" + k.sign.at.UTC().Format(timeForm) + "\n" + k.sign.scope() + "\n" + k.last + "\n" + what
	k.last = hex.EncodeToString(mac(k.sign.signing, text))
	if k.last != claimed {
		return fail("SignatureDoesNotMatch", http.StatusForbidden, bine.Unauthenticated, "a chunk of the body is not signed by the key")
	}
	return nil
}

// readTrailer reads what comes behind the last chunk.
func (k *chunked) readTrailer() error {
	var signed strings.Builder
	claimed := ""
	for {
		line, err := k.line()
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		if line == "" && (err != nil || k.sign == nil || claimed != "") {
			break // before the signature there is an empty line, too
		}
		if line == "" {
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if name == "x-amz-trailer-signature" {
			claimed = value
			continue
		}
		if len(k.trailer) > 20 {
			return badRequest("InvalidRequest", "there are too many trailers")
		}
		k.trailer[name] = value
		signed.WriteString(name + ":" + value + "\n")
	}
	if k.sign != nil && k.trailing {
		if err := k.matches("-TRAILER", hashHex([]byte(signed.String())), claimed); err != nil {
			return err
		}
	}
	return io.EOF
}

// line reads a line, without its end.
func (k *chunked) line() (string, error) {
	var b strings.Builder
	for {
		part, err := k.source.ReadSlice('\n')
		b.Write(part)
		if b.Len() > longestLine {
			return "", badRequest("InvalidRequest", "a line between the chunks is too long")
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return strings.TrimRight(b.String(), "\r\n"), err
	}
}
