package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/encrypt"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs/block"
)

const (
	maxParts   = 10_000                 // that the protocol allows in one upload
	abortWait  = 2 * time.Second        // how long a failed Put waits until the service has forgotten its parts
	cancelWait = 200 * time.Millisecond // the same, where the caller is gone
	abortTime  = 30 * time.Second       // how long it is tried all in all
	abortTries = 5                      // for parts that the service was still writing when it was told to forget them
)

// Put stores what r yields under id. It holds one part in memory, and some more
// while several are under way (Config.Parallel).
//
// When Put fails because the answer to its last request was lost, the service
// may have the block after all, whole.
func (s *Store) Put(ctx context.Context, id block.ID, r io.Reader) error {
	if err := id.Check(); err != nil {
		return err
	}
	what := "put block " + string(id)
	first, last, err := s.fill(ctx, r)
	if err == nil && last {
		err = s.putWhole(ctx, s.key(id), first)
	} else if err == nil {
		err = s.putParts(ctx, s.key(id), first, r)
	}
	if source, failed := errors.AsType[sourceError](err); failed {
		return fmt.Errorf("%s: read what it is to hold: %w", what, source.error)
	}
	if err != nil {
		return s.explain(ctx, what, err)
	}
	return nil
}

// putWhole stores a block of one part.
func (s *Store) putWhole(ctx context.Context, key string, p *part) error {
	defer s.free(p)
	md5, header := s.sums(p)
	return s.retry(ctx, func() error {
		o := s.putOptions()
		o.UserMetadata = header
		content := &body{part: p}
		defer content.revoke()
		_, err := s.core.PutObject(ctx, s.config.Bucket, key, content, p.size, md5, "", o)
		return err
	})
}

// putOptions are those of every new object.
func (s *Store) putOptions() minio.PutObjectOptions {
	var o minio.PutObjectOptions
	if s.config.Encrypt {
		o.ServerSideEncryption = encrypt.NewSSE()
	}
	return o
}

const (
	headerCRC32C    = "x-amz-checksum-crc32c"
	headerAlgorithm = "x-amz-checksum-algorithm"
	headerType      = "x-amz-checksum-type"
)

// sums gives what a part is verified with.
func (s *Store) sums(p *part) (md5 string, header map[string]string) {
	switch s.config.Checksum {
	case CRC32C:
		return "", map[string]string{headerCRC32C: encoded(p.crc)}
	case ContentMD5:
		return p.md5(), nil
	}
	return "", nil
}

// upload is a block on its way in several parts.
type upload struct {
	s       *Store
	key, id string
	begins  int    // tries to begin it: of all but one the id may be lost
	crc     uint32 // of the parts so far
	size    int64
	stop    context.CancelCauseFunc // ends the filling of parts, once one failed
	cancel  context.CancelFunc      // ends what is under way

	flight chan struct{} // a place in it for each part that is sent beside the one being filled
	group  sync.WaitGroup
	mu     sync.Mutex
	parts  []minio.CompletePart
}

// putParts stores a block of which the first part is there and more may come.
func (s *Store) putParts(ctx context.Context, key string, p *part, r io.Reader) (err error) {
	u := &upload{s: s, key: key, flight: make(chan struct{}, s.config.Parallel-1)}
	if err := u.begin(ctx); err != nil {
		s.free(p)
		u.abort(cancelWait)
		return err
	}
	sending, cancel := context.WithCancel(ctx)
	filling, stop := context.WithCancelCause(ctx)
	u.stop, u.cancel = stop, cancel
	defer func() {
		if err != nil {
			u.giveUp(ctx)
		} else if u.begins > 1 {
			u.abort(0)
		}
		stop(nil)
		cancel()
	}()
	for number, last := 1, false; ; number++ {
		if number > maxParts {
			s.free(p)
			return bine.Errorf(bine.TooLarge, "a block is larger than %d parts of %d MiB: set a larger part_size in the setting blocks", maxParts, s.config.PartSize>>20)
		}
		u.crc, u.size = combine(u.crc, p), u.size+p.size
		u.send(sending, number, p)
		if last {
			break
		}
		if p, last, err = s.fill(filling, r); err != nil {
			return u.cause(filling, err)
		}
		if p.size == 0 { // the parts before have everything
			s.free(p)
			break
		}
	}
	u.group.Wait()
	if err := u.cause(filling, nil); err != nil {
		return err
	}
	return u.complete(ctx)
}

// cause gives the failure of a part that stopped everything, rather than err,
// which came of that.
func (u *upload) cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (u *upload) begin(ctx context.Context) error {
	o := u.s.putOptions()
	if u.s.config.Checksum == CRC32C {
		o.UserMetadata = map[string]string{headerAlgorithm: "CRC32C", headerType: "FULL_OBJECT"}
	}
	return u.s.retry(ctx, func() (err error) {
		u.begins++
		u.id, err = u.s.core.NewMultipartUpload(ctx, u.s.config.Bucket, u.key, o)
		return err
	})
}

// send sends a part beside others where there is a place for it, else at once.
func (u *upload) send(ctx context.Context, number int, p *part) {
	select {
	case u.flight <- struct{}{}:
	default:
		u.sendOne(ctx, number, p)
		return
	}
	select {
	case u.s.extra <- struct{}{}:
	default:
		<-u.flight
		u.sendOne(ctx, number, p)
		return
	}
	u.group.Go(func() {
		defer func() { <-u.s.extra; <-u.flight }()
		u.sendOne(ctx, number, p)
	})
}

func (u *upload) sendOne(ctx context.Context, number int, p *part) {
	defer u.s.free(p)
	md5, header := u.s.sums(p)
	o := minio.PutObjectPartOptions{Md5Base64: md5, CustomHeader: http.Header{}}
	for name, value := range header {
		o.CustomHeader.Set(name, value)
	}
	err := u.s.retry(ctx, func() error {
		content := &body{part: p}
		defer content.revoke()
		sent, err := u.s.core.PutObjectPart(ctx, u.s.config.Bucket, u.key, u.id, number, content, p.size, o)
		if err != nil {
			return err
		}
		u.mu.Lock()
		defer u.mu.Unlock()
		u.parts = append(u.parts, minio.CompletePart{PartNumber: number, ETag: sent.ETag, ChecksumCRC32C: sent.ChecksumCRC32C})
		return nil
	})
	if err != nil {
		u.stop(err)
	}
}

// complete makes the block appear.
func (u *upload) complete(ctx context.Context) error {
	slices.SortFunc(u.parts, func(a, b minio.CompletePart) int { return a.PartNumber - b.PartNumber })
	o := u.s.putOptions()
	if u.s.config.Checksum == CRC32C && u.parts[0].ChecksumCRC32C != "" { // the service knows them
		o.UserMetadata = map[string]string{headerCRC32C: encoded(u.crc), headerType: "FULL_OBJECT"}
	}
	var again bool
	return u.s.retry(ctx, func() error {
		_, err := u.s.core.CompleteMultipartUpload(ctx, u.s.config.Bucket, u.key, u.id, u.parts, o)
		if again && codeOf(err) == minio.NoSuchUpload && u.isThere(ctx) {
			return nil // the try before did it, but its answer was lost
		}
		again = true
		return err
	})
}

func (u *upload) isThere(ctx context.Context) bool {
	info, err := u.s.core.StatObject(ctx, u.s.config.Bucket, u.key, minio.StatObjectOptions{})
	return err == nil && info.Size == u.size
}

// giveUp makes the service forget the parts. Those that are under way may end
// first, since the service may take them even after the abort. It goes on by
// itself where that takes long, so that a service that does not answer holds
// nobody up; what is left then is found by Tidy.
func (u *upload) giveUp(ctx context.Context) {
	patience := abortWait
	if ctx.Err() != nil {
		patience = 0
	}
	timer := time.AfterFunc(patience, u.cancel)
	defer timer.Stop()
	u.group.Wait()
	u.abort(max(patience, cancelWait))
}

func (u *upload) abort(patience time.Duration) {
	done := make(chan struct{})
	u.s.background.Go(func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(u.s.life, abortTime)
		defer cancel()
		if err := u.forget(ctx); err != nil {
			u.s.log.Warn("the parts of a block that was not finished could not be removed; that is tried again later", "object", u.key, "error", err)
		}
	})
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

// forget aborts all that was begun, and removes nothing that was finished.
func (u *upload) forget(ctx context.Context) error {
	ids := []string{u.id}
	if u.begins > 1 || u.id == "" { // a block's key is its own, and so is every upload to it
		var page minio.ListMultipartUploadsResult
		err := u.s.retry(ctx, func() (err error) {
			page, err = u.s.core.ListMultipartUploads(ctx, u.s.config.Bucket, u.key, "", "", "", pageSize)
			return err
		})
		if err != nil {
			return err
		}
		ids = ids[:0]
		for _, one := range page.Uploads {
			ids = append(ids, one.UploadID)
		}
	}
	for _, id := range ids {
		if err := u.forgetOne(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// forgetOne aborts until nothing is left: a part that was under way when its
// request was given up may arrive at the service after the first abort.
func (u *upload) forgetOne(ctx context.Context, id string) error {
	for n := 1; ; n++ {
		err := u.s.retry(ctx, func() error { return u.s.core.AbortMultipartUpload(ctx, u.s.config.Bucket, u.key, id) })
		if err != nil && codeOf(err) != minio.NoSuchUpload {
			return err
		}
		if err := u.s.wait(ctx, n); err != nil {
			return err
		}
		_, err = u.s.core.ListObjectParts(ctx, u.s.config.Bucket, u.key, id, 0, 1)
		if codeOf(err) == minio.NoSuchUpload || n == abortTries {
			return nil
		}
	}
}
