// Package s3 keeps blocks as objects of a bucket, on any service that speaks
// the S3 protocol. Any number of processes may use a bucket at once.
//
// A block is the object <prefix>/ab/<id>, where ab are the first two digits of
// the id. A block that fits one part is one request; a larger one is a
// multipart upload. Both are seen by nobody before the service has all of it,
// and both carry a checksum of every part, so that a service that verifies
// CRC32C (or Content-MD5, by setting) refuses what was damaged on its way. A
// block that is read as a whole is compared with the checksum that the service
// keeps of it; ranges have none.
//
// What failed in passing is tried again some times, with growing pauses. A
// connection on which nothing moves for Config.Timeout is given up.
package s3

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs/block"
)

// Store keeps blocks in a bucket.
type Store struct {
	config    Config
	core      *minio.Core
	transport *http.Transport
	chunks    sync.Pool
	extra     chan struct{} // a place in it for each part that is sent beside the first of its block
	log       *slog.Logger
	tries     int
	pause     time.Duration // before the first retry; doubles with each

	life       context.Context // of what runs by itself
	stop       context.CancelFunc
	background sync.WaitGroup // what runs by itself: aborts, Tidy
}

const (
	tries      = 6
	firstPause = 100 * time.Millisecond
	longPause  = 5 * time.Second
	// extraParts is how many parts beyond the first of each block a store holds in memory.
	extraParts = 16
)

// Open connects to the bucket and makes sure that blocks can be listed, put,
// read and removed there; when they cannot, the error says why. It then begins
// to remove uploads that were left unfinished (Tidy), now and once a day.
func Open(ctx context.Context, c Config) (*Store, error) {
	s, err := connect(c)
	if err != nil {
		return nil, err
	}
	s.tries = 2 // whoever starts wants to know at once
	if err := s.probe(ctx); err != nil {
		s.Close()
		return nil, err
	}
	s.tries = tries
	s.background.Go(func() { s.tidyDaily(s.life) })
	return s, nil
}

// connect makes a store without asking the service anything.
func connect(c Config) (*Store, error) {
	c = c.complete()
	transport, err := c.transport()
	if err != nil {
		return nil, err
	}
	keys, err := c.credentials()
	if err != nil {
		return nil, err
	}
	core, err := minio.NewCore(c.host(), &minio.Options{
		Creds: keys, Secure: c.secure(), Transport: transport, Region: c.Region, BucketLookup: c.lookup(),
		MaxRetries: 1, // retries are made here, where it is known what can be repeated
	})
	if err != nil {
		return nil, bine.Errorf(bine.Invalid, "blocks: %s is no address of an S3 service: %w", c.Endpoint, err)
	}
	core.SetAppInfo("bine", "1")
	life, stop := context.WithCancel(context.Background())
	return &Store{
		config: c, core: core, transport: transport, log: c.Log, tries: tries, pause: firstPause, life: life, stop: stop,
		chunks: sync.Pool{New: func() any { return new([chunkSize]byte) }},
		extra:  make(chan struct{}, extraParts),
	}, nil
}

// Close ends what the store does by itself and gives its connections back.
func (s *Store) Close() error {
	s.stop()
	s.background.Wait()
	s.transport.CloseIdleConnections()
	return nil
}

// key is the name of the object that holds a block.
func (s *Store) key(id block.ID) string {
	return s.config.Prefix + string(id[:2]) + "/" + string(id)
}

// id gives the block that an object holds; others in the bucket are not ours.
func (s *Store) id(key string) (block.ID, bool) {
	rest, found := strings.CutPrefix(key, s.config.Prefix)
	if !found || len(rest) < 3 {
		return "", false
	}
	id := block.ID(rest[3:])
	return id, id.Check() == nil && s.key(id) == key
}

// Remove deletes the block.
func (s *Store) Remove(ctx context.Context, id block.ID) error {
	if err := id.Check(); err != nil {
		return err
	}
	return s.remove(ctx, "remove block "+string(id), s.key(id))
}

func (s *Store) remove(ctx context.Context, what, key string) error {
	err := s.retry(ctx, func() error {
		return s.core.RemoveObject(ctx, s.config.Bucket, key, minio.RemoveObjectOptions{})
	})
	if err != nil && codeOf(err) != minio.NoSuchKey {
		return s.explain(ctx, what, err)
	}
	return nil
}

// probe does each of the things that a store needs to be allowed to do.
func (s *Store) probe(ctx context.Context) error {
	what := "try the block store"
	if err := s.retry(ctx, func() error { return s.look(ctx) }); err != nil {
		return s.explain(ctx, what, err)
	}
	key, text := s.config.Prefix+"probe-"+string(block.NewID()), "Bine may write here."
	if err := s.putText(ctx, key, text, false); err != nil {
		return s.explain(ctx, what, err)
	}
	got, err := s.getText(ctx, key)
	if err == nil && got != text {
		err = fmt.Errorf("what was written, %q, came back as %q", text, got)
	}
	if err != nil {
		return s.explain(ctx, what, err)
	}
	return s.remove(ctx, what, key)
}

// look asks for the name of one object.
func (s *Store) look(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for object := range s.core.ListObjectsIter(ctx, s.config.Bucket, minio.ListObjectsOptions{Prefix: s.config.Prefix, Recursive: true, MaxKeys: 1, FetchOwner: new(false)}) {
		return object.Err
	}
	return nil
}

// putText stores a short object; onlyNew asks the service to keep the one that
// is there.
func (s *Store) putText(ctx context.Context, key, text string, onlyNew bool) error {
	return s.retry(ctx, func() error {
		o := s.putOptions()
		if onlyNew {
			o.SetMatchETagExcept("*")
		}
		_, err := s.core.PutObject(ctx, s.config.Bucket, key, strings.NewReader(text), int64(len(text)), "", "", o)
		return err
	})
}

func (s *Store) getText(ctx context.Context, key string) (text string, err error) {
	err = s.retry(ctx, func() error {
		body, _, _, err := s.core.GetObject(ctx, s.config.Bucket, key, minio.GetObjectOptions{})
		if err != nil {
			return err
		}
		defer body.Close()
		b, err := io.ReadAll(io.LimitReader(body, 64<<10))
		text = string(b)
		return err
	})
	return text, err
}
