// Package s3 is a lake in a bucket of a service that speaks the S3 protocol.
// A key is a path below the prefix; a directory is what keys have in common up
// to a slash, or an empty object whose key ends in one.
package s3

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs/lake"
)

// tries is how often a request is made that fails in passing.
const tries = 3

// Lake is what lies below a prefix of a bucket.
type Lake struct {
	core   *minio.Core
	host   string
	bucket string
	prefix string // empty, or with a slash at its end
	secret string
}

// Open makes a lake; nothing is asked of the service yet. The keys are those
// given, and none but those: without any, what everybody may read is read.
func Open(c bine.Connector, secret string, transport http.RoundTripper) (*Lake, error) {
	u, err := url.Parse(c.Endpoint)
	if err != nil {
		return nil, bine.Errorf(bine.Invalid, "the endpoint of connector %q is no address", string(c.Name))
	}
	lookup := minio.BucketLookupPath
	if strings.HasSuffix(u.Hostname(), ".amazonaws.com") {
		lookup = minio.BucketLookupAuto
	}
	core, err := minio.NewCore(u.Host, &minio.Options{
		Creds: credentials.NewStaticV4(c.AccessKey, secret, ""), Secure: u.Scheme == "https", Transport: transport,
		Region: cmp.Or(c.Region, "us-east-1"), BucketLookup: lookup, MaxRetries: tries,
	})
	if err != nil {
		return nil, bine.Errorf(bine.Invalid, "the endpoint of connector %q is no address of an S3 service", string(c.Name))
	}
	core.SetAppInfo("bine", "1")
	l := &Lake{core: core, host: u.Host, bucket: c.Bucket, secret: secret}
	if c.Root != "" {
		l.prefix = c.Root + "/"
	}
	return l, nil
}

// Close has nothing to give back.
func (l *Lake) Close() error { return nil }

// below gives what keys of a directory begin with.
func (l *Lake) below(dir string) string {
	if dir == "" {
		return l.prefix
	}
	return l.prefix + dir + "/"
}

func entry(name string, o minio.ObjectInfo) lake.Entry {
	return lake.Entry{Name: name, Size: o.Size, Modified: o.LastModified.UTC().Truncate(time.Microsecond), Tag: strings.Trim(o.ETag, `"`)}
}

// Stat describes what is at path: a file, where a directory has its name too.
func (l *Lake) Stat(ctx context.Context, p string) (lake.Entry, error) {
	if p != "" {
		o, err := l.core.StatObject(ctx, l.bucket, l.prefix+p, minio.StatObjectOptions{})
		if err == nil {
			return entry(path.Base(p), o), nil
		}
		if !missing(err) {
			return lake.Entry{}, l.explain(p, err)
		}
	}
	there, err := l.holds(ctx, p)
	if err != nil || !there && p != "" {
		return lake.Entry{}, cmp.Or(err, lake.NotFound(p))
	}
	e := lake.Entry{Dir: true}
	if p != "" {
		e.Name = path.Base(p)
	}
	return e, nil
}

// holds reports whether there is anything below a directory.
func (l *Lake) holds(ctx context.Context, dir string) (bool, error) {
	result, err := l.list(ctx, l.below(dir), "", "", 1)
	if err != nil {
		return false, l.explain(dir, err)
	}
	return len(result.Contents)+len(result.CommonPrefixes) > 0, nil
}

// list asks for a page of keys. The library's call knows no context, so it is
// left to itself when ctx ends; it ends by the limits of its connection.
func (l *Lake) list(ctx context.Context, prefix, after, token string, limit int) (minio.ListBucketV2Result, error) {
	type answered struct {
		result minio.ListBucketV2Result
		err    error
	}
	done := make(chan answered, 1)
	go func() {
		result, err := l.core.ListObjectsV2(l.bucket, prefix, after, token, "/", limit)
		done <- answered{result, err}
	}()
	select {
	case a := <-done:
		return a.result, a.err
	case <-ctx.Done():
		return minio.ListBucketV2Result{}, ctx.Err()
	}
}

// found is an entry with the key, or the beginning of keys, that it stands for.
type found struct {
	key string
	lake.Entry
}

// List gives entries in the order of their keys, in which a directory's name
// has a slash at its end.
func (l *Lake) List(ctx context.Context, dir, after string, limit int) (lake.Page, error) {
	limit = lake.Limit(limit)
	prefix, start, behind := l.below(dir), "", ""
	if after != "" {
		behind = prefix + after
		if !strings.HasSuffix(after, "/") { // whoever walks by names alone means the directory where there is one
			there, err := l.holds(ctx, path.Join(dir, after))
			if err != nil {
				return lake.Page{}, err
			}
			if there {
				behind += "/"
			}
		}
		start = behind
	}
	var page lake.Page
	any := after != ""
	for token := ""; ; {
		result, err := l.list(ctx, prefix, start, token, limit+1-len(page.Entries))
		if err != nil {
			return lake.Page{}, l.explain(dir, err)
		}
		for _, f := range merged(prefix, result) {
			any = true
			switch {
			case f.key == prefix || behind != "" && f.key <= behind: // the directory itself, or what was listed before
			case !lake.CheckName(f.Name):
				page.Omitted++
			case len(page.Entries) == limit:
				page.More = true
				return page, nil
			default:
				page.Entries = append(page.Entries, f.Entry)
			}
		}
		if !result.IsTruncated || result.NextContinuationToken == "" {
			break
		}
		token = result.NextContinuationToken
	}
	if !any && dir != "" {
		return page, l.noDirectory(ctx, dir)
	}
	return page, nil
}

// noDirectory says what is at a path below which there is nothing.
func (l *Lake) noDirectory(ctx context.Context, dir string) error {
	if _, err := l.Stat(ctx, dir); err != nil {
		return err
	}
	return lake.IsFile(dir)
}

// merged gives files and directories of a result in the one order of their keys.
func merged(prefix string, result minio.ListBucketV2Result) []found {
	all := make([]found, 0, len(result.Contents)+len(result.CommonPrefixes))
	for _, o := range result.Contents {
		all = append(all, found{o.Key, entry(strings.TrimPrefix(o.Key, prefix), o)})
	}
	for _, p := range result.CommonPrefixes {
		name := strings.TrimSuffix(strings.TrimPrefix(p.Prefix, prefix), "/")
		all = append(all, found{p.Prefix, lake.Entry{Name: name, Dir: true}})
	}
	slices.SortFunc(all, func(a, b found) int { return cmp.Compare(a.key, b.key) })
	return all
}

// Open reads a part of a file.
func (l *Lake) Open(ctx context.Context, p string, offset, length int64) (io.ReadCloser, lake.Entry, error) {
	var o minio.GetObjectOptions
	if offset > 0 || length > 0 {
		end := int64(0) // to the end
		if length > 0 {
			end = offset + length - 1
		}
		header := "bytes=" + digits(offset) + "-"
		if end > 0 || length > 0 {
			header += digits(end)
		}
		o.Set("Range", header)
	}
	body, info, header, err := l.core.GetObject(ctx, l.bucket, l.prefix+p, o)
	if err != nil {
		return l.notOpened(ctx, p, offset, err)
	}
	if whole, partial := wholeSize(header); partial {
		info.Size = whole
	}
	return body, entry(path.Base(p), info), nil
}

// notOpened says why a file was not opened; one that ends at the offset has nothing to read.
func (l *Lake) notOpened(ctx context.Context, p string, offset int64, err error) (io.ReadCloser, lake.Entry, error) {
	if code := minio.ToErrorResponse(err).Code; !missing(err) && code != "InvalidRange" {
		return nil, lake.Entry{}, l.explain(p, err)
	}
	e, err := l.Stat(ctx, p)
	switch {
	case err != nil:
	case e.Dir:
		err = lake.IsDirectory(p)
	case offset == e.Size:
		return io.NopCloser(strings.NewReader("")), e, nil
	default:
		err = lake.BehindEnd(p, offset, e.Size)
	}
	return nil, lake.Entry{}, err
}

// Remove removes a file, or the object that stands for an empty directory.
func (l *Lake) Remove(ctx context.Context, p string) error {
	e, err := l.Stat(ctx, p)
	if err != nil {
		return err
	}
	key := l.prefix + p
	if e.Dir {
		page, err := l.List(ctx, p, "", 1)
		if err != nil {
			return err
		}
		if len(page.Entries) > 0 || page.Omitted > 0 {
			return lake.NotEmpty(p)
		}
		key += "/"
	}
	return l.explain(p, l.core.RemoveObject(ctx, l.bucket, key, minio.RemoveObjectOptions{}))
}

// Mkdir makes the object that stands for an empty directory.
func (l *Lake) Mkdir(ctx context.Context, p string) error {
	if p == "" {
		return nil
	}
	e, err := l.Stat(ctx, p)
	switch {
	case err == nil && e.Dir:
		return nil
	case err == nil:
		return lake.IsFile(p)
	case !bine.IsKind(err, bine.NotFound):
		return err
	}
	_, err = l.core.Client.PutObject(ctx, l.bucket, l.prefix+p+"/", strings.NewReader(""), 0, minio.PutObjectOptions{})
	return l.explain(p, err)
}

// missing reports whether an error says that there is no such object.
func missing(err error) bool {
	var answer minio.ErrorResponse
	return errors.As(err, &answer) && (answer.Code == minio.NoSuchKey || answer.Code == "NoSuchObject" ||
		answer.StatusCode == http.StatusNotFound && answer.Code != minio.NoSuchBucket)
}
