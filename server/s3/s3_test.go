package s3_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/mem"
)

func same[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// words writes values with spaces between them.
func words(values ...any) string { return strings.TrimSpace(fmt.Sprintln(values...)) }

// code fails the test unless err is an answer with a code.
func code(t *testing.T, what string, err error, want string) {
	t.Helper()
	if got := minio.ToErrorResponse(err).Code; err == nil || got != want {
		t.Errorf("%s: %v (%s), want %s", what, err, got, want)
	}
}

func put(t *testing.T, c *minio.Client, key, text string, o minio.PutObjectOptions) minio.UploadInfo {
	t.Helper()
	info, err := c.PutObject(t.Context(), "demo", key, strings.NewReader(text), int64(len(text)), o)
	if err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
	return info
}

func get(t *testing.T, c *minio.Client, key string, o minio.GetObjectOptions) string {
	t.Helper()
	r, err := c.GetObject(t.Context(), "demo", key, o)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("get %s: %v", key, err)
	}
	return string(text)
}

func keys(t *testing.T, c *minio.Client, o minio.ListObjectsOptions) []string {
	t.Helper()
	var all []string
	for i := range c.ListObjects(t.Context(), "demo", o) {
		if i.Err != nil {
			t.Fatal(i.Err)
		}
		all = append(all, i.Key)
	}
	return all
}

func TestObjectsAreFiles(t *testing.T) {
	w := newWorld(t)
	c := w.as("olga")
	made := put(t, c, "Resources/new/ü a.txt", "hello", minio.PutObjectOptions{ContentType: "text/x-own", UserMetadata: map[string]string{"origin": "here"}, UserTags: map[string]string{"a": "b"}})
	same(t, "the file", w.file("demo/Resources/new/ü a.txt"), "hello")
	same(t, "the object", get(t, c, "Resources/new/ü a.txt", minio.GetObjectOptions{}), "hello")
	about, err := c.StatObject(t.Context(), "demo", "Resources/new/ü a.txt", minio.StatObjectOptions{})
	w.ok(err)
	same(t, "what is told of it", words(about.ETag == made.ETag, about.Size, about.ContentType, about.UserMetadata["Origin"], about.UserTagCount), "true 5 text/x-own here 1")
	var o minio.GetObjectOptions
	w.ok(o.SetRange(1, 3))
	same(t, "a range", get(t, c, "Resources/new/ü a.txt", o), "ell")
	put(t, c, "Resources/new/ü a.txt", "", minio.PutObjectOptions{})
	about, err = c.StatObject(t.Context(), "demo", "Resources/new/ü a.txt", minio.StatObjectOptions{})
	w.ok(err)
	same(t, "what is told of it when replaced", words(about.Size, about.ContentType, len(about.UserMetadata), about.UserTagCount), "0 application/octet-stream 0 0")
	same(t, "an empty object", get(t, c, "Resources/new/ü a.txt", minio.GetObjectOptions{}), "")
	w.put("/Projects/demo/Resources/theirs", "from elsewhere")
	same(t, "a file", get(t, c, "Resources/theirs", minio.GetObjectOptions{}), "from elsewhere")
	w.ok(c.RemoveObject(t.Context(), "demo", "Resources/theirs", minio.RemoveObjectOptions{}))
	w.ok(c.RemoveObject(t.Context(), "demo", "Resources/theirs", minio.RemoveObjectOptions{}))
	_, err = c.StatObject(t.Context(), "demo", "Resources/theirs", minio.StatObjectOptions{})
	code(t, "what was removed", err, "NoSuchKey")
	w.ok(c.RemoveObject(t.Context(), "demo", "Resources/new", minio.RemoveObjectOptions{}))
	w.ok(c.RemoveObject(t.Context(), "demo", "Resources/new/", minio.RemoveObjectOptions{}))
	same(t, "what is in a directory that was removed as an object", w.file("demo/Resources/new/ü a.txt"), "")
}

func TestConditions(t *testing.T) {
	w := newWorld(t)
	c := w.as("olga")
	var once minio.PutObjectOptions
	once.SetMatchETagExcept("*")
	put(t, c, "Resources/a", "one", once)
	_, err := c.PutObject(t.Context(), "demo", "Resources/a", strings.NewReader("two"), 3, once)
	code(t, "what must not be there and is", err, "PreconditionFailed")
	about, err := c.StatObject(t.Context(), "demo", "Resources/a", minio.StatObjectOptions{})
	w.ok(err)
	var o minio.StatObjectOptions
	w.ok(o.SetMatchETag("0000"))
	_, err = c.StatObject(t.Context(), "demo", "Resources/a", o)
	if minio.ToErrorResponse(err).StatusCode != http.StatusPreconditionFailed {
		t.Errorf("If-Match with another ETag: %v", err)
	}
	var replace minio.PutObjectOptions
	replace.SetMatchETag(about.ETag)
	put(t, c, "Resources/a", "two", replace)
	_, err = c.PutObject(t.Context(), "demo", "Resources/a", strings.NewReader("three"), 5, replace)
	code(t, "replacing what is another by now", err, "PreconditionFailed")
	same(t, "the file", w.file("demo/Resources/a"), "two")
}

// TestListing compares listings with what follows from all keys in order.
func TestListing(t *testing.T) {
	w := newWorld(t)
	c := w.as("olga")
	names := []string{"a/x", "a/y/z", "a-b", "a-b.c/d", "a.txt", "a0", "ab", "b/c", "b/c-d/e", "b/c/e2", "b-", "~", "ü/ö", "a b/c", "a/x-1/2"}
	names = slices.DeleteFunc(names, func(n string) bool { return n == "b/c" })
	for _, n := range names {
		put(t, c, "Resources/l/"+n, n, minio.PutObjectOptions{})
	}
	var all []string
	for _, n := range names {
		all = append(all, "Resources/l/"+n)
	}
	slices.Sort(all)
	for _, prefix := range []string{"", "a", "a/", "a-", "a-b", "b/c", "b/c/", "x", "a/x", "ü", "a/x-1/2"} {
		full := "Resources/l/" + prefix
		for _, most := range []int{1, 2, 1000} {
			for _, first := range []bool{false, true} {
				want := slices.DeleteFunc(slices.Clone(all), func(k string) bool { return !strings.HasPrefix(k, full) })
				o := minio.ListObjectsOptions{Prefix: full, Recursive: true, MaxKeys: most, UseV1: first}
				if got := keys(t, c, o); !slices.Equal(got, want) {
					t.Errorf("prefix %q, pages of %d, version 1 %v:\n got %q\nwant %q", prefix, most, first, got, want)
				}
				o.Recursive = false
				if got := keys(t, c, o); !sameSet(got, folded(want, full)) {
					t.Errorf("prefix %q with delimiter, pages of %d, version 1 %v:\n got %q\nwant %q", prefix, most, first, got, folded(want, full))
				}
			}
		}
	}
	for _, after := range append(slices.Clone(all), "Resources/l/a", "Resources/l/a/", "Resources/l/a-b.c/", "Resources/l/a/x-", "Resources/l/", "Resources/k", "Resources/m", "R") {
		want := slices.DeleteFunc(slices.Clone(all), func(k string) bool { return k <= after })
		if got := keys(t, c, minio.ListObjectsOptions{Prefix: "Resources/l", Recursive: true, StartAfter: after}); !slices.Equal(got, want) {
			t.Errorf("behind %q:\n got %q\nwant %q", after, got, want)
		}
	}
	if top := keys(t, c, minio.ListObjectsOptions{}); !slices.Contains(top, "Resources/") || slices.ContainsFunc(top, func(k string) bool { return strings.HasPrefix(k, ".") }) {
		t.Errorf("the top of the bucket: %q", top)
	}
}

// folded gives keys with what is behind the next slash taken together.
func folded(all []string, prefix string) []string {
	var out []string
	for _, k := range all {
		if head, _, below := strings.Cut(k[len(prefix):], "/"); below {
			k = prefix + head + "/"
		}
		if !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}

func sameSet(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

func TestDirectories(t *testing.T) {
	w := newWorld(t)
	c := w.as("olga")
	put(t, c, "Resources/d/", "", minio.PutObjectOptions{})
	info, err := w.files.Stat(t.Context(), dfs.Platform(), "/Projects/demo/Resources/d")
	w.ok(err)
	same(t, "a key that ends in a slash is a directory", info.Dir, true)
	same(t, "an empty directory", strings.Join(keys(t, c, minio.ListObjectsOptions{Prefix: "Resources/d/"}), " "), "Resources/d/")
	_, err = c.StatObject(t.Context(), "demo", "Resources/d/", minio.StatObjectOptions{})
	w.ok(err)
	_, err = c.StatObject(t.Context(), "demo", "Resources/d", minio.StatObjectOptions{})
	code(t, "a directory as an object", err, "NoSuchKey")
	w.ok(c.RemoveObject(t.Context(), "demo", "Resources/d/", minio.RemoveObjectOptions{}))
	_, err = c.StatObject(t.Context(), "demo", "Resources/d/", minio.StatObjectOptions{})
	code(t, "a directory that was removed", err, "NoSuchKey")
}

func TestUploadInParts(t *testing.T) {
	w := newWorld(t)
	c := w.as("olga")
	content := make([]byte, 17<<20)
	rand.NewChaCha8([32]byte{}).Read(content)
	made, err := c.PutObject(t.Context(), "demo", "Resources/deep/large", bytes.NewReader(content), int64(len(content)),
		minio.PutObjectOptions{PartSize: 5 << 20, NumThreads: 3, UserMetadata: map[string]string{"a": "b"}})
	w.ok(err)
	same(t, "the file", w.file("demo/Resources/deep/large") == string(content), true)
	about, err := c.StatObject(t.Context(), "demo", "Resources/deep/large", minio.StatObjectOptions{})
	w.ok(err)
	same(t, "what is told", words(about.ETag == made.ETag, about.UserMetadata["A"]), "true b")
	info, err := w.files.Stat(t.Context(), dfs.Platform(), "/Projects/demo/Resources/deep/large")
	w.ok(err)
	above, err := w.files.Stat(t.Context(), dfs.Platform(), "/Projects/demo/Resources/deep")
	w.ok(err)
	same(t, "owner and mode", fmt.Sprintf("%s %o", info.Owner, info.Mode), fmt.Sprintf("demo__olga %o", above.Mode&^0o111))
	_, err = c.ComposeObject(t.Context(), minio.CopyDestOptions{Bucket: "demo", Object: "Resources/twice"},
		minio.CopySrcOptions{Bucket: "demo", Object: "Resources/deep/large"}, minio.CopySrcOptions{Bucket: "demo", Object: "Resources/deep/large", MatchRange: true, Start: 0, End: 99})
	w.ok(err)
	same(t, "what was put together on the server", w.file("demo/Resources/twice") == string(content)+string(content[:100]), true)
	_, err = w.as("sven").PutObject(t.Context(), "demo", "Resources/svens", bytes.NewReader(content[:6<<20]), 6<<20, minio.PutObjectOptions{PartSize: 5 << 20})
	w.ok(err)
	same(t, "what a Data Scientist uploads", w.file("demo/Resources/svens") == string(content[:6<<20]), true)
	left, _, err := w.files.List(t.Context(), dfs.Platform(), "/Projects/demo/.multipart", "", 0)
	w.ok(err)
	same(t, "uploads that are left", len(left), 0)
}

func TestUploadsThatEndEarly(t *testing.T) {
	w := newWorld(t)
	core := minio.Core{Client: w.as("olga")}
	ctx := t.Context()
	id, err := core.NewMultipartUpload(ctx, "demo", "Resources/a", minio.PutObjectOptions{})
	w.ok(err)
	part, err := core.PutObjectPart(ctx, "demo", "Resources/a", id, 2, strings.NewReader("two"), 3, minio.PutObjectPartOptions{})
	w.ok(err)
	list, err := core.ListObjectParts(ctx, "demo", "Resources/a", id, 0, 10)
	w.ok(err)
	same(t, "parts", words(len(list.ObjectParts), list.ObjectParts[0].PartNumber, list.ObjectParts[0].Size), "1 2 3")
	ups, err := core.ListMultipartUploads(ctx, "demo", "Resources/", "", "", "", 10)
	w.ok(err)
	same(t, "uploads", words(len(ups.Uploads), ups.Uploads[0].Key, ups.Uploads[0].UploadID == id), "1 Resources/a true")
	_, err = core.CompleteMultipartUpload(ctx, "demo", "Resources/a", id, []minio.CompletePart{{PartNumber: 1, ETag: part.ETag}}, minio.PutObjectOptions{})
	code(t, "a part that was not uploaded", err, "InvalidPart")
	_, err = core.CompleteMultipartUpload(ctx, "demo", "Resources/b", id, []minio.CompletePart{{PartNumber: 2, ETag: part.ETag}}, minio.PutObjectOptions{})
	code(t, "the upload of another key", err, "NoSuchUpload")
	svens := minio.Core{Client: w.as("sven")}
	_, err = svens.ListObjectParts(ctx, "demo", "Resources/a", id, 0, 10)
	code(t, "the upload of somebody else", err, "NoSuchUpload")
	w.ok(core.AbortMultipartUpload(ctx, "demo", "Resources/a", id))
	_, err = core.PutObjectPart(ctx, "demo", "Resources/a", id, 1, strings.NewReader("x"), 1, minio.PutObjectPartOptions{})
	code(t, "a part of what was aborted", err, "NoSuchUpload")

	_, err = core.NewMultipartUpload(ctx, "demo", "Resources/given-up", minio.PutObjectOptions{})
	w.ok(err)
	later := dfs.New(w.db, w.blocks, dfs.Options{Now: func() time.Time { return time.Now().Add(8 * 24 * time.Hour) }})
	for n := 1; n > 0; {
		n, err = later.Reclaim(ctx, 1000)
		w.ok(err)
	}
	ups, err = core.ListMultipartUploads(ctx, "demo", "", "", "", "", 10)
	w.ok(err)
	same(t, "uploads after a week", len(ups.Uploads), 0)
}

// TestPartsLieInTheTierOfTheObject uploads parts of what has a policy.
func TestPartsLieInTheTierOfTheObject(t *testing.T) {
	w := newWorld(t)
	core := minio.Core{Client: w.as("olga")}
	ctx := t.Context()
	owner := dfs.User{Project: "demo", Name: "olga", Role: bine.DataOwner}
	w.ok(w.files.SetPolicy(ctx, owner, dfs.ProjectPath("demo", "Resources"), dfs.Policy{Name: "COLD", Inline: -1}))
	id, err := core.NewMultipartUpload(ctx, "demo", "Resources/new/a", minio.PutObjectOptions{})
	w.ok(err)
	part := strings.Repeat("x", 5<<20)
	p, err := core.PutObjectPart(ctx, "demo", "Resources/new/a", id, 1, strings.NewReader(part), int64(len(part)), minio.PutObjectPartOptions{})
	w.ok(err)
	_, err = core.CompleteMultipartUpload(ctx, "demo", "Resources/new/a", id, []minio.CompletePart{{PartNumber: 1, ETag: p.ETag}}, minio.PutObjectOptions{})
	w.ok(err)
	count := func(s *mem.Store) (n int) {
		for range s.List(ctx) {
			n++
		}
		return n
	}
	same(t, "blocks in the tiers", words(count(w.blocks), count(w.cold)), "0 1")
}

// TestCompletedAgain completes an upload after a fault in the middle of it.
func TestCompletedAgain(t *testing.T) {
	w := newWorld(t)
	core := minio.Core{Client: w.as("olga")}
	ctx := t.Context()
	id, err := core.NewMultipartUpload(ctx, "demo", "Resources/a", minio.PutObjectOptions{})
	w.ok(err)
	var parts []minio.CompletePart
	for n := 1; n <= 3; n++ {
		p, err := core.PutObjectPart(ctx, "demo", "Resources/a", id, n, strings.NewReader(strings.Repeat(fmt.Sprint(n), 10)), 10, minio.PutObjectPartOptions{})
		w.ok(err)
		parts = append(parts, minio.CompletePart{PartNumber: n, ETag: p.ETag})
	}
	w.broken.after = "Concat"
	_, err = core.CompleteMultipartUpload(ctx, "demo", "Resources/a", id, parts, minio.PutObjectOptions{})
	code(t, "a fault", err, "InternalError")
	w.broken.after = "Rename"
	_, err = core.CompleteMultipartUpload(ctx, "demo", "Resources/a", id, parts, minio.PutObjectOptions{})
	code(t, "a fault", err, "InternalError")
	w.broken.after = ""
	_, err = core.CompleteMultipartUpload(ctx, "demo", "Resources/a", id, parts, minio.PutObjectOptions{})
	w.ok(err)
	same(t, "the file", w.file("demo/Resources/a"), "111111111122222222223333333333")
}

func TestWhoMayDoWhat(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	olga, sven := w.as("olga"), w.as("sven")
	put(t, olga, "Resources/large", strings.Repeat("x", 2<<20), minio.PutObjectOptions{})
	_, err := sven.PutObject(ctx, "demo", "Models/m", strings.NewReader("x"), 1, minio.PutObjectOptions{})
	code(t, "a Data Scientist writing a model", err, "AccessDenied")
	_, err = olga.PutObject(ctx, "demo", ".artifacts/m", strings.NewReader("x"), 1, minio.PutObjectOptions{})
	code(t, "writing what the platform keeps", err, "AccessDenied")
	put(t, sven, "Resources/s", "x", minio.PutObjectOptions{})
	r, err := sven.GetObject(ctx, "demo", "Resources/large", minio.GetObjectOptions{})
	w.ok(err)
	_, err = io.ReadAll(r)
	code(t, "a Data Scientist reading more than a preview", err, "AccessDenied")
	_, err = sven.CopyObject(ctx, minio.CopyDestOptions{Bucket: "demo", Object: "Resources/copy"}, minio.CopySrcOptions{Bucket: "demo", Object: "Resources/large"})
	code(t, "a Data Scientist copying more than a preview", err, "AccessDenied")
	_, err = w.as("mallory").StatObject(ctx, "demo", "Resources/s", minio.StatObjectOptions{})
	if minio.ToErrorResponse(err).StatusCode != http.StatusNotFound {
		t.Errorf("somebody else: %v", err)
	}
	there, err := w.as("mallory").BucketExists(ctx, "demo")
	w.ok(err)
	same(t, "the bucket of another project", there, false)
	buckets, err := olga.ListBuckets(ctx)
	w.ok(err)
	same(t, "buckets", words(len(buckets), buckets[0].Name), "1 demo")
	code(t, "a bucket that is there", olga.MakeBucket(ctx, "demo", minio.MakeBucketOptions{}), "BucketAlreadyOwnedByYou")

	reader := w.with(w.key("olga", client.NewKey{Scopes: []bine.Scope{bine.ScopeRead}}))
	same(t, "a key for reading", len(get(t, reader, "Resources/s", minio.GetObjectOptions{})), 1)
	_, err = reader.PutObject(ctx, "demo", "Resources/no", strings.NewReader("x"), 1, minio.PutObjectOptions{})
	code(t, "writing with a key for reading", err, "AccessDenied")
}

func TestKeys(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	k := w.key("olga", client.NewKey{Project: "demo"})
	c := w.with(k)
	put(t, c, "Resources/a", "x", minio.PutObjectOptions{})
	wrong := k
	wrong.SecretKey = strings.Repeat("x", len(k.SecretKey))
	_, err := w.with(wrong).ListBuckets(ctx)
	code(t, "a wrong secret", err, "SignatureDoesNotMatch")
	wrong.AccessKey = "0000000000"
	_, err = w.with(wrong).ListBuckets(ctx)
	code(t, "a key that is not known", err, "InvalidAccessKeyId")
	text, info, err := w.auth.NewKey(ctx, w.identity("olga"), bine.Key{Scopes: []bine.Scope{bine.ScopeAll}})
	w.ok(err)
	_, err = w.with(client.CreatedKey{AccessKey: info.ID, SecretKey: text[len(text)-43:]}).ListBuckets(ctx)
	code(t, "an API key that is none for S3", err, "InvalidAccessKeyId")
	address, err := c.PresignedGetObject(ctx, "demo", "Resources/a", time.Minute, nil)
	w.ok(err)
	for _, at := range []struct {
		address string
		status  int
	}{{address.String(), 200}, {strings.Replace(address.String(), "Resources/a", "Resources/b", 1), 403}, {strings.Replace(address.String(), "Expires=60", "Expires=61", 1), 403}} {
		res, err := http.Get(at.address)
		w.ok(err)
		res.Body.Close()
		same(t, "an address that was signed: "+at.address, res.StatusCode, at.status)
	}
	w.ok(w.store.DeleteKey(ctx, "olga", k.AccessKey))
	_, err = c.ListBuckets(ctx)
	code(t, "a key that was revoked", err, "InvalidAccessKeyId")
	if strings.Contains(w.log.String(), k.SecretKey) {
		t.Error("the secret is in the log")
	}
}

func TestContentMustBeWhatWasSigned(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	c := w.as("olga")
	_, err := c.PutObject(ctx, "demo", "Resources/a", strings.NewReader("x"), 1, minio.PutObjectOptions{UserMetadata: map[string]string{"x-amz-checksum-crc32": "AAAAAA=="}, DisableContentSha256: true})
	code(t, "a checksum that is another", err, "BadDigest")
	_, err = w.files.Stat(ctx, dfs.Platform(), "/Projects/demo/Resources/a")
	same(t, "what was refused", bine.KindOf(err), bine.NotFound)
	for _, how := range []struct{ md5, whole bool }{{true, false}, {false, true}} {
		put(t, c, "Resources/a", strings.Repeat("x", 300<<10), minio.PutObjectOptions{SendContentMd5: how.md5, DisableContentSha256: how.whole})
	}
	for _, kind := range []minio.ChecksumType{minio.ChecksumCRC32, minio.ChecksumCRC32C, minio.ChecksumCRC64NVME, minio.ChecksumSHA1, minio.ChecksumSHA256} {
		put(t, c, "Resources/"+kind.String(), strings.Repeat("y", 100<<10), minio.PutObjectOptions{Checksum: kind})
	}
}
