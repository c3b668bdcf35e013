package s3

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/bine-ml/bine"
)

type tag struct{ Key, Value string }

type tags []tag

type tagging struct {
	XMLName xml.Name `xml:"Tagging"`
	TagSet  struct {
		Tag tags
	}
}

func (t tags) text() []byte {
	text, err := json.Marshal(t)
	if err != nil {
		panic(err) // text can be written
	}
	return text
}

// beside gives the extended attributes of an object with these tags.
func (t tags) beside(xattrs map[string][]byte) map[string][]byte {
	if len(t) == 0 {
		return xattrs
	}
	if xattrs == nil {
		xattrs = map[string][]byte{}
	}
	xattrs[tagsName] = t.text()
	return xattrs
}

func readTags(text []byte) tags {
	var t tags
	if json.Unmarshal(text, &t) != nil {
		return nil
	}
	return t
}

func (t tags) check() error {
	seen := map[string]bool{}
	for _, one := range t {
		if one.Key == "" || len(one.Key) > 128 || len(one.Value) > 256 || seen[one.Key] {
			return badRequest("InvalidTag", "a tag has a key of 1 to 128 characters, once, and a value of at most 256")
		}
		seen[one.Key] = true
	}
	if len(t) > 10 {
		return badRequest("BadRequest", "an object has at most 10 tags")
	}
	return nil
}

// tagsOf reads tags as the header has them: a=b&c=d.
func tagsOf(text string) (tags, error) {
	values, err := url.ParseQuery(text)
	if err != nil {
		return nil, badRequest("InvalidArgument", "x-amz-tagging is not written as a=b&c=d")
	}
	var t tags
	for key := range values {
		t = append(t, tag{key, values.Get(key)})
	}
	return t, t.check()
}

func (c *call) getTags() (answer, error) {
	full, _, err := c.find(c.key)
	if err != nil {
		return answer{}, err
	}
	text, err := c.files().Xattr(c.ctx(), c.user(), full, tagsName)
	if err != nil && !bine.IsKind(err, bine.NotFound) {
		return answer{}, err
	}
	var t tagging
	t.TagSet.Tag = readTags(text)
	return answer{xml: t}, nil
}

func (c *call) putTags() (answer, error) {
	full, err := c.writable(c.key)
	if err != nil {
		return answer{}, err
	}
	var t tagging
	if err := c.readXML(&t); err != nil {
		return answer{}, err
	}
	if err := t.TagSet.Tag.check(); err != nil {
		return answer{}, err
	}
	if _, _, err := c.find(c.key); err != nil {
		return answer{}, err
	}
	return answer{}, c.files().SetXattr(c.ctx(), c.user(), full, tagsName, t.TagSet.Tag.text())
}

func (c *call) deleteTags() (answer, error) {
	full, err := c.writable(c.key)
	if err != nil {
		return answer{}, err
	}
	if _, _, err := c.find(c.key); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, c.dropXattr(full, tagsName)
}

// longestXML is what is read of a body that is XML: enough for the parts of the
// largest upload.
const longestXML = 4 << 20

// readXML reads a body that is XML, and checks that it is what was signed.
func (c *call) readXML(v any) error {
	if c.op.name == "CompleteMultipartUpload" { // its checksums are those of the object
		for name := range c.r.Header {
			if strings.HasPrefix(strings.ToLower(name), checksumStart) {
				c.r.Header.Del(name)
			}
		}
	}
	body, err := c.content()
	if err != nil {
		return err
	}
	if body.want > longestXML {
		return badRequest("MaxMessageLengthExceeded", "the body is too long")
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	if xml.Unmarshal(text, v) != nil {
		return badRequest("MalformedXML", "the body is not the XML that was expected")
	}
	return nil
}

func unescape(s string) (string, error) { return url.PathUnescape(s) }
