package s3

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

// An upload in parts is a directory of the project's own, in which each part is a
// file under its number. What was said of the object is an extended attribute of it.
// dfs.Reclaim removes directories of uploads that were given up.

const (
	mostParts  = 10_000
	uploadName = "s3.upload"
	planName   = "s3.plan"
)

// upload is what is known of an upload.
type upload struct {
	Key   string `json:"key"`
	About about  `json:"about"`
	Tags  tags   `json:"tags,omitempty"`
}

func (c *call) uploadsDir() string { return dfs.ProjectPath(c.project(), dfs.MultipartName) }

// partsUser is the caller where they change what is in an upload: through no other
// door anybody does.
func (c *call) partsUser() dfs.User {
	u := c.user()
	u.Parts = true
	return u
}

func partName(number int) string { return fmt.Sprintf("%05d", number) }

type startedXML struct {
	XMLName  xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ InitiateMultipartUploadResult"`
	Bucket   string
	Key      string
	UploadID string `xml:"UploadId"`
}

func (c *call) createUpload() (answer, error) {
	at, err := c.writable(c.key)
	if err != nil {
		return answer{}, err
	}
	if strings.HasSuffix(c.key, "/") {
		return answer{}, badRequest("InvalidRequest", "a key that ends in a slash is a directory, which has no content")
	}
	u := upload{Key: c.key}
	if u.About, err = c.about(); err != nil {
		return answer{}, err
	}
	if text := c.r.Header.Get("X-Amz-Tagging"); text != "" {
		if u.Tags, err = tagsOf(text); err != nil {
			return answer{}, err
		}
	}
	text, err := json.Marshal(u)
	if err != nil {
		return answer{}, err
	}
	// Everybody of the project may begin an upload; what is in it is for who began it.
	if _, err := c.files().Mkdir(c.ctx(), dfs.Platform(), c.uploadsDir(), dfs.MkdirOptions{Parents: true, Mode: 0o777}); err != nil {
		return answer{}, err
	}
	id := newUploadID()
	dir := c.uploadsDir() + "/" + id
	if _, err := c.files().Mkdir(c.ctx(), c.partsUser(), dir, dfs.MkdirOptions{Mode: 0o700}); err != nil {
		return answer{}, err
	}
	if err := c.keepAs(dir, at); err != nil {
		return answer{}, err
	}
	if err := c.files().SetXattr(c.ctx(), c.partsUser(), dir, uploadName, text); err != nil {
		return answer{}, err
	}
	return answer{xml: startedXML{Bucket: c.bucket, Key: c.key, UploadID: id}}, nil
}

// keepAs has the parts in a directory lie in the tier in which the object will be:
// its blocks are theirs.
func (c *call) keepAs(dir, at string) error {
	p, err := c.files().Policy(c.ctx(), c.user(), at)
	for bine.IsKind(err, bine.NotFound) && at != dfs.ProjectPath(c.project()) {
		at = path.Dir(at)
		p, err = c.files().Policy(c.ctx(), c.user(), at)
	}
	if err != nil || p.Tier == "" { // what is wrong with the path is told when the object is made
		return nil
	}
	return c.files().SetPolicy(c.ctx(), dfs.Platform(), dir, dfs.Policy{Name: p.Name, Inline: -1})
}

// upload finds the upload that the request names.
func (c *call) upload() (dir string, u upload, err error) {
	id := c.text("uploadId")
	if !isUploadID(id) {
		return "", u, noUpload()
	}
	dir = c.uploadsDir() + "/" + id
	text, err := c.files().Xattr(c.ctx(), c.user(), dir, uploadName)
	if bine.IsKind(err, bine.NotFound) || bine.IsKind(err, bine.Forbidden) {
		return "", u, noUpload()
	}
	if err == nil {
		err = json.Unmarshal(text, &u)
	}
	if err == nil && u.Key != c.key {
		err = noUpload()
	}
	return dir, u, err
}

func (c *call) partNumber() (int, error) {
	n, err := strconv.Atoi(c.text("partNumber"))
	if err != nil || n < 1 || n > mostParts {
		return 0, badRequest("InvalidArgument", "partNumber is a number from 1 to %d", mostParts)
	}
	return n, nil
}

func (c *call) uploadPart() (answer, error) {
	n, err := c.partNumber()
	if err != nil {
		return answer{}, err
	}
	dir, _, err := c.upload()
	if err != nil {
		return answer{}, err
	}
	full := dir + "/" + partName(n)
	if c.r.Header.Get("X-Amz-Copy-Source") != "" {
		return c.copyPart(full)
	}
	body, err := c.content()
	if err != nil {
		return answer{}, err
	}
	info, err := c.files().Create(c.ctx(), c.partsUser(), full, body, dfs.CreateOptions{Overwrite: true, Mode: 0o600})
	if err != nil {
		return answer{}, gone(err)
	}
	h := body.header()
	h.Set("ETag", etagOf(info))
	return answer{header: h}, nil
}

// gone is for an upload that ends while a part is written.
func gone(err error) error {
	if bine.IsKind(err, bine.NotFound) {
		return noUpload()
	}
	return err
}

func (c *call) copyPart(full string) (answer, error) {
	key, err := c.source()
	if err != nil {
		return answer{}, err
	}
	from, info, err := c.find(key)
	if err != nil {
		return answer{}, err
	}
	if info.Dir {
		return answer{}, badRequest("InvalidRequest", "a directory has no content to copy")
	}
	if err := c.sourceConditions(info); err != nil {
		return answer{}, err
	}
	first, length := int64(0), info.Size
	if text := c.r.Header.Get("X-Amz-Copy-Source-Range"); text != "" {
		var last int64
		if n, err := fmt.Sscanf(text, "bytes=%d-%d", &first, &last); n != 2 || err != nil || first < 0 || last < first || last >= info.Size {
			return answer{}, badRequest("InvalidArgument", "x-amz-copy-source-range is not bytes=first-last within the %d bytes of the source", info.Size)
		}
		length = last - first + 1
	}
	if err := c.actor.MayRead(first + length); err != nil {
		return answer{}, err
	}
	r, err := c.openSource(from, first, length)
	if err != nil {
		return answer{}, err
	}
	defer r.Close()
	made, err := c.files().Create(c.ctx(), c.partsUser(), full, io.LimitReader(r, length), dfs.CreateOptions{Overwrite: true, Mode: 0o600})
	if err != nil {
		return answer{}, gone(err)
	}
	return answer{xml: copied{xml.Name{Space: namespace, Local: "CopyPartResult"}, stamp(made.Modified), etagOf(made)}}, nil
}

func (c *call) abortUpload() (answer, error) {
	dir, _, err := c.upload()
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, gone(c.files().Remove(c.ctx(), c.partsUser(), dir, dfs.RemoveOptions{Recursive: true}))
}

type partXML struct {
	PartNumber   int
	LastModified string
	ETag         string
	Size         int64
}

type partsXML struct {
	XMLName              xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListPartsResult"`
	Bucket               string
	Key                  string
	UploadID             string `xml:"UploadId"`
	Initiator            ownerXML
	Owner                ownerXML
	StorageClass         string
	PartNumberMarker     int
	NextPartNumberMarker int
	MaxParts             int
	IsTruncated          bool
	Part                 []partXML
}

func (c *call) listParts() (answer, error) {
	dir, _, err := c.upload()
	if err != nil {
		return answer{}, err
	}
	out := partsXML{Bucket: c.bucket, Key: c.key, UploadID: c.text("uploadId"), StorageClass: "STANDARD", Owner: owner(string(c.actor.Identity.User))}
	out.Initiator = out.Owner
	if out.MaxParts, err = c.count("max-parts"); err != nil {
		return answer{}, err
	}
	if text := c.text("part-number-marker"); text != "" {
		if out.PartNumberMarker, err = strconv.Atoi(text); err != nil || out.PartNumberMarker < 0 || out.PartNumberMarker > mostParts {
			return answer{}, badRequest("InvalidArgument", "part-number-marker is not a number")
		}
	}
	if out.MaxParts == 0 {
		return answer{xml: out}, nil
	}
	parts, more, err := c.files().List(c.ctx(), c.user(), dir, partName(out.PartNumberMarker), out.MaxParts)
	if err != nil {
		return answer{}, gone(err)
	}
	for _, p := range parts {
		n, err := strconv.Atoi(p.Name)
		if err != nil {
			continue
		}
		out.Part = append(out.Part, partXML{n, stamp(p.Modified), etagOf(p), p.Size})
		out.NextPartNumberMarker = n
	}
	out.IsTruncated = more
	return answer{xml: out}, nil
}

type uploadXML struct {
	Key          string
	UploadID     string `xml:"UploadId"`
	Initiator    ownerXML
	Owner        ownerXML
	StorageClass string
	Initiated    string
}

type uploadsXML struct {
	XMLName            xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListMultipartUploadsResult"`
	Bucket             string
	KeyMarker          string
	UploadIDMarker     string `xml:"UploadIdMarker"`
	NextKeyMarker      string `xml:",omitempty"`
	NextUploadIDMarker string `xml:"NextUploadIdMarker,omitempty"`
	Prefix             string
	EncodingType       string `xml:",omitempty"`
	MaxUploads         int
	IsTruncated        bool
	Upload             []uploadXML
}

// listUploads lists the uploads that the caller began (a Data Owner: all), by key.
func (c *call) listUploads() (answer, error) {
	out := uploadsXML{Bucket: c.bucket, Prefix: c.text("prefix"), KeyMarker: c.text("key-marker"), UploadIDMarker: c.text("upload-id-marker"), EncodingType: c.text("encoding-type")}
	var err error
	if out.MaxUploads, err = c.count("max-uploads"); err != nil {
		return answer{}, err
	}
	all, _, err := c.files().List(c.ctx(), c.user(), c.uploadsDir(), "", mostParts)
	if err != nil && !bine.IsKind(err, bine.NotFound) {
		return answer{}, err
	}
	for _, d := range all {
		text, err := c.files().Xattr(c.ctx(), c.user(), d.Path, uploadName)
		var u upload
		if err != nil || json.Unmarshal(text, &u) != nil || !strings.HasPrefix(u.Key, out.Prefix) {
			continue // somebody else's, or ended meanwhile
		}
		o := owner(d.Owner)
		out.Upload = append(out.Upload, uploadXML{u.Key, d.Name, o, o, "STANDARD", stamp(d.Created)})
	}
	slices.SortFunc(out.Upload, func(a, b uploadXML) int {
		return strings.Compare(a.Key+"\x00"+a.UploadID, b.Key+"\x00"+b.UploadID)
	})
	out.Upload = slices.DeleteFunc(out.Upload, func(u uploadXML) bool {
		return u.Key < out.KeyMarker || u.Key == out.KeyMarker && (out.UploadIDMarker == "" || u.UploadID <= out.UploadIDMarker) && out.KeyMarker != ""
	})
	if len(out.Upload) > out.MaxUploads {
		out.Upload, out.IsTruncated = out.Upload[:out.MaxUploads], true
		if out.MaxUploads > 0 {
			last := out.Upload[out.MaxUploads-1]
			out.NextKeyMarker, out.NextUploadIDMarker = last.Key, last.UploadID
		}
	}
	if out.EncodingType == "url" {
		for i := range out.Upload {
			out.Upload[i].Key = encode(out.Upload[i].Key, true)
		}
	}
	return answer{xml: out}, nil
}
