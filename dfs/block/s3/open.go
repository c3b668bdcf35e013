package s3

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs/block"
)

// Open returns length bytes of the block from offset on. A connection that
// breaks while they are read is replaced by another, which goes on where it
// broke, if the block is still the same.
func (s *Store) Open(ctx context.Context, id block.ID, offset, length int64) (io.ReadCloser, error) {
	if err := id.Check(); err != nil {
		return nil, err
	}
	if offset < 0 || length < 0 {
		return nil, bine.Errorf(bine.Invalid, "open block %s: there are no %d bytes at %d", id, length, offset)
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &reader{s: s, ctx: ctx, cancel: cancel, what: "read block " + string(id), key: s.key(id), at: offset, end: -1}
	if length > 0 {
		r.end = offset + length
	}
	if err := s.retry(ctx, r.connect); err != nil {
		err = r.explain(err) // which asks whether ctx was cancelled
		cancel()
		return nil, err
	}
	return r, nil
}

// reader reads the bytes of an object from at to end.
type reader struct {
	s      *Store
	ctx    context.Context
	cancel context.CancelFunc
	what   string
	key    string

	at, end int64 // end is -1 until the service has said how long the object is
	etag    string
	body    io.ReadCloser // nil between two connections
	failed  int           // how often in a row, without a byte in between
	err     error         // how it ended

	sum     uint32
	wantSum uint32
	summed  bool // whether there is a sum to compare with
}

// connect asks for the bytes from at on.
func (r *reader) connect() error {
	var o minio.GetObjectOptions
	ranged := r.at > 0 || r.end >= 0
	if ranged {
		o.Set("Range", rangeOf(r.at, r.end))
	} else {
		o.Set("x-amz-checksum-mode", "ENABLED")
	}
	if r.etag != "" {
		o.SetMatchETag(r.etag)
	}
	body, info, header, err := r.s.core.GetObject(r.ctx, r.s.config.Bucket, r.key, o)
	if codeOf(err) == minio.InvalidRange && r.etag == "" {
		r.end, r.body = r.at, http.NoBody // it ends before that
		return nil
	}
	if err != nil {
		return err
	}
	if err := r.accept(info, header, ranged); err != nil {
		body.Close()
		return err
	}
	r.body = body
	return nil
}

func rangeOf(at, end int64) string {
	if end < 0 {
		return fmt.Sprintf("bytes=%d-", at)
	}
	return fmt.Sprintf("bytes=%d-%d", at, end-1)
}

// accept checks that an answer is about the bytes that were asked for.
func (r *reader) accept(info minio.ObjectInfo, header http.Header, ranged bool) error {
	if ranged && !strings.HasPrefix(header.Get("Content-Range"), fmt.Sprintf("bytes %d-", r.at)) {
		return bine.Errorf(bine.Internal, "%s: %s did not answer with the bytes from %d on: it, or a proxy before it, cannot do ranges", r.what, r.s.config, r.at)
	}
	if info.Size < 0 || info.ETag == "" {
		return bine.Errorf(bine.Internal, "%s: the answer of %s has no length or no ETag", r.what, r.s.config)
	}
	if r.etag != "" {
		if info.ETag != r.etag || r.at+info.Size != r.end {
			return errChanged
		}
		return nil
	}
	r.etag, r.end = info.ETag, r.at+info.Size
	if sum, err := base64.StdEncoding.DecodeString(info.ChecksumCRC32C); !ranged && err == nil && len(sum) == 4 && info.ChecksumMode != "COMPOSITE" {
		r.wantSum, r.summed = binary.BigEndian.Uint32(sum), true
	}
	return nil
}

var errChanged = errors.New("the object is no longer the same")

// Read reads on, over as many connections as it takes.
func (r *reader) Read(p []byte) (int, error) {
	for r.err == nil {
		if r.at == r.end {
			r.err = r.finish()
			break
		}
		if r.body == nil {
			if r.err = r.reconnect(); r.err != nil {
				break
			}
		}
		n, err := r.body.Read(p[:min(int64(len(p)), r.end-r.at)])
		if err != nil {
			r.body.Close()
			r.body = nil
			r.lose(n, err)
		}
		if n > 0 {
			r.took(p[:n])
			return n, nil
		}
		if len(p) == 0 {
			return 0, nil
		}
	}
	return 0, r.err
}

func (r *reader) took(p []byte) {
	r.at += int64(len(p))
	r.failed = 0
	if r.summed {
		r.sum = crc32.Update(r.sum, castagnoli, p)
	}
}

// lose counts a connection that ended before the bytes did.
func (r *reader) lose(n int, err error) {
	if n > 0 || r.ctx.Err() != nil {
		return
	}
	if r.failed++; r.failed >= r.s.tries {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		r.err = r.explain(err)
	}
}

// reconnect opens a connection that goes on at at.
func (r *reader) reconnect() error {
	if r.failed > 0 {
		if err := r.s.wait(r.ctx, r.failed); err != nil {
			return r.explain(err)
		}
	}
	if err := r.s.retry(r.ctx, r.connect); err != nil {
		return r.explain(err)
	}
	return nil
}

// finish compares what was read with the sum that the service keeps.
func (r *reader) finish() error {
	if r.summed && r.sum != r.wantSum {
		return bine.Errorf(bine.Internal, "%s: it is damaged: its bytes do not have the checksum that %s keeps of them", r.what, r.s.config)
	}
	return io.EOF
}

func (r *reader) explain(err error) error {
	switch code := codeOf(err); {
	case code == minio.NoSuchKey:
		return fmt.Errorf("%s: %w", r.what, block.ErrNotExist)
	case code == minio.PreconditionFailed || errors.Is(err, errChanged):
		return bine.Errorf(bine.Unavailable, "%s: it was replaced meanwhile: read it again", r.what)
	}
	return r.s.explain(r.ctx, r.what, err)
}

// Close gives up the rest.
func (r *reader) Close() error {
	r.cancel()
	if r.err == nil {
		r.err = errors.New("the block is closed")
	}
	if r.body == nil {
		return nil
	}
	body := r.body
	r.body = nil
	return body.Close()
}
