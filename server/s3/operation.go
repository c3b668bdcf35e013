package s3

import (
	"net/http"
	"strings"
)

// operation is one of the protocol.
type operation struct {
	name    string // as the protocol has it
	run     func(*call) (answer, error)
	changes bool // something, so that it takes a key for everything and leaves a record
	stream  bool // lasts as long as the content takes
}

// counted is the name under which an operation is counted and recorded: s3-put-object.
func (o operation) counted() string {
	var b strings.Builder
	b.WriteString("s3")
	for i, r := range o.name {
		if r >= 'A' && r <= 'Z' && (i == 0 || o.name[i-1] < 'A' || o.name[i-1] > 'Z') {
			b.WriteByte('-')
		}
		b.WriteString(strings.ToLower(string(r)))
	}
	return b.String()
}

// route is how an operation is recognised: by the method, the parameter that
// names it, and what the path has.
type route struct {
	method string
	level  int    // 0 the service, 1 a bucket, 2 a key
	sub    string // the parameter; empty is none
	operation
}

func routes() []route {
	get := func(level int, sub, name string, run func(*call) (answer, error)) route {
		return route{http.MethodGet, level, sub, operation{name: name, run: run}}
	}
	change := func(method string, level int, sub, name string, run func(*call) (answer, error)) route {
		return route{method, level, sub, operation{name: name, run: run, changes: true, stream: true}}
	}
	object := get(2, "", "GetObject", (*call).getObject)
	object.stream = true
	const put, post, del = http.MethodPut, http.MethodPost, http.MethodDelete
	return []route{
		get(0, "", "ListBuckets", (*call).listBuckets),
		{http.MethodHead, 1, "", operation{name: "HeadBucket", run: (*call).headBucket}},
		get(1, "location", "GetBucketLocation", (*call).location),
		get(1, "versioning", "GetBucketVersioning", (*call).versioning),
		get(1, "uploads", "ListMultipartUploads", (*call).listUploads),
		get(1, "", "ListObjects", (*call).listObjects),
		change(put, 1, "", "CreateBucket", (*call).createBucket),
		change(post, 1, "delete", "DeleteObjects", (*call).deleteObjects),
		{http.MethodHead, 2, "", operation{name: "HeadObject", run: (*call).headObject}},
		get(2, "tagging", "GetObjectTagging", (*call).getTags),
		get(2, "uploadId", "ListParts", (*call).listParts),
		object,
		change(put, 2, "tagging", "PutObjectTagging", (*call).putTags),
		change(put, 2, "uploadId", "UploadPart", (*call).uploadPart),
		change(put, 2, "", "PutObject", (*call).putObject),
		change(post, 2, "uploads", "CreateMultipartUpload", (*call).createUpload),
		change(post, 2, "uploadId", "CompleteMultipartUpload", (*call).completeUpload),
		change(del, 2, "tagging", "DeleteObjectTagging", (*call).deleteTags),
		change(del, 2, "uploadId", "AbortMultipartUpload", (*call).abortUpload),
		change(del, 2, "", "DeleteObject", (*call).deleteObject),
	}
}

// foreign are the parameters that name operations which are not there.
var foreign = []string{"acl", "policy", "policyStatus", "cors", "lifecycle", "encryption", "replication", "website", "logging", "notification", "accelerate",
	"requestPayment", "object-lock", "ownershipControls", "publicAccessBlock", "versions", "analytics", "inventory", "metrics", "intelligent-tiering",
	"torrent", "restore", "select", "legal-hold", "retention", "attributes"}

// operation finds what the request asks for.
func (c *call) operation() (operation, error) {
	level := 0
	if c.bucket != "" {
		level = 1
	}
	if c.key != "" {
		level = 2
	}
	for _, name := range foreign {
		if _, there := c.param(name); there {
			return operation{}, notImplemented(name)
		}
	}
	for _, o := range routes() {
		if o.method != c.r.Method || o.level != level {
			continue
		}
		if _, there := c.param(o.sub); o.sub == "" || there {
			return o.operation, nil
		}
	}
	return operation{}, notImplemented(c.r.Method)
}
