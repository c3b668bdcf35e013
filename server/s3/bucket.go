package s3

import (
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"

	"github.com/bine-ml/bine"
)

// mostKeys is how many keys one answer lists.
const mostKeys = 1000

type bucketXML struct {
	Name         string
	CreationDate string
}

type ownerXML struct {
	ID          string
	DisplayName string
}

type bucketsXML struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListAllMyBucketsResult"`
	Owner   ownerXML
	Buckets struct {
		Bucket []bucketXML
	}
}

// listBuckets lists the projects that the key is good for.
func (c *call) listBuckets() (answer, error) {
	all, err := c.door.Store.Projects(c.ctx(), c.actor.Identity.User)
	if err != nil {
		return answer{}, err
	}
	out := bucketsXML{Owner: owner(string(c.actor.Identity.User))}
	for _, p := range all {
		if bound := c.actor.Identity.Project; (bound == "" || bound == p.Name) && p.State == bine.ProjectReady {
			out.Buckets.Bucket = append(out.Buckets.Bucket, bucketXML{string(p.Name), stamp(p.CreatedAt)})
		}
	}
	return answer{xml: out}, nil
}

func owner(name string) ownerXML { return ownerXML{name, name} }

// region is that of every bucket; any that a client signs for is taken.
const region = "us-east-1"

func (c *call) headBucket() (answer, error) {
	return answer{header: http.Header{"X-Amz-Bucket-Region": {region}}}, nil
}

func (c *call) location() (answer, error) {
	return answer{xml: struct {
		XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ LocationConstraint"`
	}{}}, nil
}

func (c *call) versioning() (answer, error) {
	return answer{xml: struct {
		XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ VersioningConfiguration"`
	}{}}, nil
}

// createBucket says that it is there: who is no member does not get here.
func (c *call) createBucket() (answer, error) {
	return answer{}, fail("BucketAlreadyOwnedByYou", http.StatusConflict, bine.Conflict, "the bucket %s is a project, and there", c.bucket)
}

type objectXML struct {
	Key          string
	LastModified string
	ETag         string
	Size         int64
	StorageClass string
	Owner        *ownerXML `xml:",omitempty"`
}

type prefixXML struct{ Prefix string }

type listXML struct {
	XMLName               xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListBucketResult"`
	Name                  string
	Prefix                string
	Marker                *string `xml:",omitempty"`
	NextMarker            string  `xml:",omitempty"`
	StartAfter            string  `xml:",omitempty"`
	ContinuationToken     string  `xml:",omitempty"`
	NextContinuationToken string  `xml:",omitempty"`
	KeyCount              *int    `xml:",omitempty"`
	MaxKeys               int
	Delimiter             string `xml:",omitempty"`
	EncodingType          string `xml:",omitempty"`
	IsTruncated           bool
	Contents              []objectXML
	CommonPrefixes        []prefixXML
}

// listObjects lists keys, in either version of the operation.
func (c *call) listObjects() (answer, error) {
	out := listXML{Name: c.bucket, Prefix: c.text("prefix"), Delimiter: c.text("delimiter"), EncodingType: c.text("encoding-type")}
	second := c.text("list-type") == "2"
	after, err := c.after(&out, second)
	if err != nil {
		return answer{}, err
	}
	if out.MaxKeys, err = c.count("max-keys"); err != nil {
		return answer{}, err
	}
	if out.Delimiter != "" && out.Delimiter != "/" {
		return answer{}, notImplemented("a delimiter other than a slash")
	}
	last := ""
	if out.MaxKeys > 0 {
		last, err = c.collect(&out, after, !second || c.text("fetch-owner") == "true")
	}
	if err != nil {
		return answer{}, err
	}
	if second {
		n := len(out.Contents) + len(out.CommonPrefixes)
		out.KeyCount = &n
		if out.IsTruncated {
			out.NextContinuationToken = base64.RawURLEncoding.EncodeToString([]byte(last))
		}
	} else if out.IsTruncated {
		out.NextMarker = last
	}
	if out.EncodingType == "url" {
		out.escape()
	}
	return answer{xml: out}, nil
}

// after says behind which key a list begins.
func (c *call) after(out *listXML, second bool) (string, error) {
	if !second {
		marker := c.text("marker")
		out.Marker = &marker
		return marker, nil
	}
	out.StartAfter, out.ContinuationToken = c.text("start-after"), c.text("continuation-token")
	if out.ContinuationToken == "" {
		return out.StartAfter, nil
	}
	after, err := base64.RawURLEncoding.DecodeString(out.ContinuationToken)
	if err != nil {
		return "", badRequest("InvalidArgument", "the continuation token is none that was given here")
	}
	return string(after), nil
}

// count reads how many entries are wanted.
func (c *call) count(name string) (int, error) {
	text := c.text(name)
	if text == "" {
		return mostKeys, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, badRequest("InvalidArgument", "%s is not a number of entries", name)
	}
	return min(n, mostKeys), nil
}

// collect fills a list and gives the last key that is in it.
func (c *call) collect(out *listXML, after string, owners bool) (last string, err error) {
	l := &lister{files: c.files(), user: c.user(), at: c.path}
	n := 0
	err = l.walk(c.ctx(), out.Prefix, after, out.Delimiter == "", func(i item) bool {
		isPrefix := i.info.Dir && out.Delimiter != "" && i.key != out.Prefix
		if isPrefix && strings.HasPrefix(after, i.key) { // it was given already
			return false
		}
		if n == out.MaxKeys {
			out.IsTruncated = true
			return true
		}
		n, last = n+1, i.key
		if isPrefix {
			out.CommonPrefixes = append(out.CommonPrefixes, prefixXML{i.key})
			return false
		}
		object := objectXML{Key: i.key, LastModified: stamp(i.info.Modified), ETag: etagOf(i.info), Size: i.info.Size, StorageClass: "STANDARD"}
		if i.info.Dir {
			object.ETag = emptyETag
		}
		if owners {
			o := owner(i.info.Owner)
			object.Owner = &o
		}
		out.Contents = append(out.Contents, object)
		return false
	})
	return last, err
}

// escape writes keys so that XML can hold each of their characters.
func (out *listXML) escape() {
	for _, text := range []*string{&out.Prefix, &out.NextMarker, &out.StartAfter, &out.Delimiter} {
		*text = encode(*text, true)
	}
	if out.Marker != nil {
		*out.Marker = encode(*out.Marker, true)
	}
	for i := range out.Contents {
		out.Contents[i].Key = encode(out.Contents[i].Key, true)
	}
	for i := range out.CommonPrefixes {
		out.CommonPrefixes[i].Prefix = encode(out.CommonPrefixes[i].Prefix, true)
	}
}

type deleteXML struct {
	XMLName xml.Name `xml:"Delete"`
	Quiet   bool
	Object  []struct{ Key, VersionID string }
}

type deletedXML struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ DeleteResult"`
	Deleted []struct{ Key string }
	Error   []struct{ Key, Code, Message string }
}

// deleteObjects removes up to a thousand objects, each for itself.
func (c *call) deleteObjects() (answer, error) {
	var in deleteXML
	if err := c.readXML(&in); err != nil {
		return answer{}, err
	}
	if len(in.Object) > mostKeys {
		return answer{}, badRequest("MalformedXML", "at most %d keys are deleted at once", mostKeys)
	}
	var out deletedXML
	var removed []string
	for _, o := range in.Object {
		if err := c.remove(o.Key); err != nil {
			code, message := c.explain(err)
			out.Error = append(out.Error, struct{ Key, Code, Message string }{o.Key, code, message})
			continue
		}
		removed = append(removed, o.Key)
		if !in.Quiet {
			out.Deleted = append(out.Deleted, struct{ Key string }{o.Key})
		}
	}
	return answer{xml: out}, c.prune(removed)
}
