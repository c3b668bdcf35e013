package s3

import (
	"context"
	"crypto/rand"
	"encoding/xml"
	"io"
	"path"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

// newUploadID makes the name of an upload.
func newUploadID() string { return rand.Text() }

func isUploadID(id string) bool {
	return len(id) == len(rand.Text()) && strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

type completeXML struct {
	XMLName xml.Name `xml:"CompleteMultipartUpload"`
	Part    []struct {
		PartNumber int
		ETag       string
	}
}

type completedXML struct {
	XMLName  xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ CompleteMultipartUploadResult"`
	Location string
	Bucket   string
	Key      string
	ETag     string
}

// completeUpload makes the object of the parts. Blocks are taken over, not copied.
// It can be sent again after a fault at any point: what it is to be made of is
// written down before the first part is touched.
func (c *call) completeUpload() (answer, error) {
	full, err := c.writable(c.key)
	if err != nil {
		return answer{}, err
	}
	var in completeXML
	if err := c.readXML(&in); err != nil {
		return answer{}, err
	}
	dir, u, err := c.upload()
	if err != nil {
		return answer{}, err
	}
	overwrite, err := c.mayReplace()
	if err != nil {
		return answer{}, err
	}
	parts, err := c.planned(dir, in)
	if err != nil {
		return answer{}, err
	}
	info, err := c.assemble(dir, full, parts, u, overwrite)
	if err != nil {
		return answer{}, err
	}
	if err := c.files().Remove(c.ctx(), c.partsUser(), dir, dfs.RemoveOptions{Recursive: true}); err != nil && !bine.IsKind(err, bine.NotFound) {
		return answer{}, err
	}
	return answer{xml: completedXML{Location: "/" + c.bucket + "/" + encode(c.key, true), Bucket: c.bucket, Key: c.key, ETag: etagOf(info)}}, nil
}

// planned checks the parts against what was uploaded, or, when the request is sent
// again, against what was planned; and gives their paths.
func (c *call) planned(dir string, in completeXML) ([]string, error) {
	if len(in.Part) == 0 || len(in.Part) > mostParts {
		return nil, badRequest("MalformedXML", "name from 1 to %d parts", mostParts)
	}
	paths := make([]string, len(in.Part))
	var said strings.Builder
	for i, p := range in.Part {
		if i > 0 && p.PartNumber <= in.Part[i-1].PartNumber {
			return nil, badRequest("InvalidPartOrder", "the parts are not in the order of their numbers")
		}
		paths[i] = dir + "/" + partName(p.PartNumber)
		said.WriteString(partName(p.PartNumber) + strings.Trim(p.ETag, `"`) + "\n")
	}
	plan := hashHex([]byte(said.String()))
	had, err := c.files().Xattr(c.ctx(), c.user(), dir, planName)
	if err == nil && string(had) == plan {
		return paths, nil
	}
	if err != nil && !bine.IsKind(err, bine.NotFound) {
		return nil, err
	}
	there := map[string]dfs.Info{}
	all, _, err := c.files().List(c.ctx(), c.user(), dir, "", mostParts)
	if err != nil {
		return nil, gone(err)
	}
	for _, p := range all {
		there[p.Name] = p
	}
	for _, p := range in.Part {
		info, ok := there[partName(p.PartNumber)]
		if !ok || !matches(p.ETag, etagOf(info)) {
			return nil, badRequest("InvalidPart", "part %d was not uploaded, or has another ETag", p.PartNumber)
		}
	}
	return paths, c.files().SetXattr(c.ctx(), c.partsUser(), dir, planName, []byte(plan))
}

// assemble puts the parts together and moves the whole to its place.
func (c *call) assemble(dir, full string, parts []string, u upload, overwrite bool) (dfs.Info, error) {
	if strings.Contains(strings.SplitN(u.Key, "/", 2)[0], bine.SharedSeparator) {
		return c.assembleElsewhere(full, parts, u, overwrite)
	}
	first := parts[0]
	left, err := c.remaining(dir, parts[1:])
	if err != nil {
		return dfs.Info{}, err
	}
	const most = 1000 // that Concat takes
	for len(left) > 0 {
		n := min(len(left), most)
		if _, err := c.files().Concat(c.ctx(), c.partsUser(), first, left[:n]); err != nil {
			return dfs.Info{}, gone(err)
		}
		left = left[n:]
	}
	switch _, err := c.files().Stat(c.ctx(), c.user(), first); {
	case bine.IsKind(err, bine.NotFound): // it was moved already, and only the answer was lost
		return c.files().Stat(c.ctx(), c.user(), full)
	case err != nil:
		return dfs.Info{}, err
	}
	return c.place(first, full, u, overwrite)
}

// remaining gives the parts that are not put together yet.
func (c *call) remaining(dir string, parts []string) ([]string, error) {
	all, _, err := c.files().List(c.ctx(), c.user(), dir, "", mostParts)
	if err != nil {
		return nil, gone(err)
	}
	there := map[string]bool{}
	for _, p := range all {
		there[p.Name] = true
	}
	var left []string
	for _, p := range parts {
		if there[path.Base(p)] {
			left = append(left, p)
		}
	}
	return left, nil
}

// place moves a file to its key, with the mode that a file made there would have.
func (c *call) place(from, full string, u upload, overwrite bool) (dfs.Info, error) {
	above, err := c.makeAbove(full)
	if err != nil {
		return above, err
	}
	mode := above.Mode &^ 0o111
	if old, err := c.files().Stat(c.ctx(), c.user(), full); err == nil {
		mode = old.Mode
	}
	if _, err := c.files().SetAttributes(c.ctx(), c.partsUser(), from, dfs.Attributes{Mode: &mode}); err != nil {
		return above, err
	}
	for name, value := range u.xattrs() {
		if err := c.files().SetXattr(c.ctx(), c.partsUser(), from, name, value); err != nil {
			return above, err
		}
	}
	info, err := c.files().Rename(c.ctx(), c.partsUser(), from, full, dfs.RenameOptions{Overwrite: overwrite})
	for range 10 { // somebody may remove the last object in the directory meanwhile, and so the directory
		if !bine.IsKind(err, bine.NotFound) {
			break
		}
		if _, err := c.files().Stat(c.ctx(), c.partsUser(), from); err != nil {
			return info, err
		}
		if _, err := c.makeAbove(full); err != nil {
			return info, err
		}
		info, err = c.files().Rename(c.ctx(), c.partsUser(), from, full, dfs.RenameOptions{Overwrite: overwrite})
	}
	if bine.IsKind(err, bine.Conflict) && !overwrite {
		return info, unmet("If-None-Match")
	}
	return info, err
}

// makeAbove makes the directory of a file.
func (c *call) makeAbove(full string) (dfs.Info, error) {
	return c.files().Mkdir(c.ctx(), c.user(), path.Dir(full), dfs.MkdirOptions{Parents: true, Xattrs: made})
}

func (u upload) xattrs() map[string][]byte { return u.Tags.beside(u.About.xattrs()) }

// assembleElsewhere copies the parts into a dataset of another project: nothing
// moves from one project to another.
func (c *call) assembleElsewhere(full string, parts []string, u upload, overwrite bool) (dfs.Info, error) {
	r := &sequence{ctx: c.ctx(), files: c.files(), user: c.user(), parts: parts}
	defer r.Close()
	info, err := c.files().Create(c.ctx(), c.user(), full, r, dfs.CreateOptions{Overwrite: overwrite, Parents: true, Xattrs: u.xattrs(), AboveXattrs: made})
	if bine.IsKind(err, bine.Conflict) && !overwrite {
		return info, unmet("If-None-Match")
	}
	return info, err
}

// sequence reads files one behind the other.
type sequence struct {
	ctx   context.Context
	files dfs.FS
	user  dfs.User
	parts []string
	open  io.ReadCloser
}

// Read reads.
func (s *sequence) Read(p []byte) (int, error) {
	for {
		if s.open == nil {
			if len(s.parts) == 0 {
				return 0, io.EOF
			}
			r, _, err := s.files.Open(s.ctx, s.user, s.parts[0], 0, 0)
			if err != nil {
				return 0, err
			}
			s.open, s.parts = r, s.parts[1:]
		}
		n, err := s.open.Read(p)
		if err != io.EOF {
			return n, err
		}
		s.Close()
		if n > 0 {
			return n, nil
		}
	}
}

// Close closes what is open.
func (s *sequence) Close() {
	if s.open != nil {
		s.open.Close()
		s.open = nil
	}
}
