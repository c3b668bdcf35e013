package s3_test

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/bine-ml/bine/dfs/block"
	"github.com/bine-ml/bine/dfs/block/dir"
	"github.com/bine-ml/bine/dfs/block/s3/s3test"
)

// plain is minio-go as one would use it without this package.
type plain struct {
	client *minio.Client
	bucket string
}

func (p plain) Put(ctx context.Context, id block.ID, r io.Reader) error {
	_, err := p.client.PutObject(ctx, p.bucket, string(id), r, -1, minio.PutObjectOptions{PartSize: 8 << 20, ConcurrentStreamParts: true, NumThreads: 4})
	return err
}

func (p plain) Open(ctx context.Context, id block.ID, _, _ int64) (io.ReadCloser, error) {
	return p.client.GetObject(ctx, p.bucket, string(id), minio.GetObjectOptions{})
}

func (p plain) Remove(ctx context.Context, id block.ID) error {
	return p.client.RemoveObject(ctx, p.bucket, string(id), minio.RemoveObjectOptions{})
}

type store interface {
	Put(ctx context.Context, id block.ID, r io.Reader) error
	Open(ctx context.Context, id block.ID, offset, length int64) (io.ReadCloser, error)
	Remove(ctx context.Context, id block.ID) error
}

// BenchmarkBlock writes and reads a block of the size that files are cut into,
// in a directory, in a bucket, and in a bucket by minio-go alone.
func BenchmarkBlock(b *testing.B) {
	server := s3test.Start(b)
	client, err := minio.New(server.Address, &minio.Options{Creds: credentials.NewStaticV4(s3test.AccessKey, s3test.SecretKey, ""), Region: "us-east-1"})
	if err != nil {
		b.Fatal(err)
	}
	directory, err := dir.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer directory.Close()
	data := noise(128 << 20)
	for _, on := range []struct {
		name  string
		store store
	}{
		{"directory", directory}, {"s3", s3test.Open(b, server.Config(b))}, {"minio-go", plain{client, server.Bucket(b)}},
	} {
		b.Run("write/"+on.name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				id := block.NewID()
				if err := on.store.Put(b.Context(), id, bytes.NewBuffer(data)); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := on.store.Remove(b.Context(), id); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
		b.Run("read/"+on.name, func(b *testing.B) {
			id := block.NewID()
			if err := on.store.Put(b.Context(), id, bytes.NewBuffer(data)); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				r, err := on.store.Open(b.Context(), id, 0, 0)
				if err != nil {
					b.Fatal(err)
				}
				if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r}, make([]byte, 256<<10)); err != nil || n != int64(len(data)) {
					b.Fatalf("%d bytes, %v", n, err)
				}
				r.Close()
			}
		})
	}
}
