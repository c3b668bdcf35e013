package mlflow

import (
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/server/actor"
)

// root is where artifacts lie in the project. Models that are registered are
// read below models, which is no directory: they are artifacts by their content.
const (
	root     = "Experiments"
	modelDir = "@models"
)

func fileRoutes() []route {
	const all, one = "mlflow-artifacts/artifacts", "mlflow-artifacts/artifacts/{path...}"
	return []route{
		{method: get, path: all, run: (*call).listArtifacts},
		{method: get, path: one, run: (*call).download, stream: true},
		{method: put, path: one, run: (*call).upload, stream: true, changes: true},
		{method: del, path: one, run: (*call).deleteArtifacts, changes: true},
		{method: post, path: "mlflow-artifacts/mpu/{path...}", run: notOffered, changes: true},
		{method: get, path: "mlflow-artifacts/presigned/{path...}", run: notOffered},
	}
}

// notOffered is answered where clients then send and fetch files in one piece,
// which here is streamed whatever its size.
func notOffered(*call) (any, error) {
	return nil, unsupported{bine.Errorf(bine.Invalid, "Multipart upload and presigned download are not supported: files are streamed in one piece")}
}

type fileInfo struct {
	Path string `json:"path"`
	Dir  bool   `json:"is_dir"`
	Size *int64 `json:"file_size,omitempty"`
}

// user is who acts on artifacts: whoever may log writes below Experiments.
func (c *call) user() dfs.User {
	u := c.actor.User()
	if u.Within != nil {
		u.Within = []string{root}
	}
	return u
}

// place gives the path of an artifact.
func (c *call) place(relative string) (string, error) {
	if strings.Contains("/"+relative+"/", "/../") {
		return "", bine.Errorf(bine.Invalid, "path %q leads out of the artifacts", relative)
	}
	return actor.Locate(c.project, path.Join(root, relative))
}

func (c *call) listArtifacts() (any, error) {
	in, err := read[struct {
		Path string `json:"path"`
	}](c)
	if err != nil {
		return nil, err
	}
	files, err := c.list(in.Path)
	return map[string]any{"files": files}, err
}

// listRunArtifacts lists by a path of the run, and gives paths of the run.
func (c *call) listRunArtifacts() (any, error) {
	in, err := read[struct {
		aRun
		Path string `json:"path"`
	}](c)
	if err != nil {
		return nil, err
	}
	r, err := c.named()
	if err != nil {
		return nil, err
	}
	files, err := c.list(path.Join(artifactsOf(r), in.Path))
	for i := range files {
		files[i].Path = path.Join(in.Path, files[i].Path)
	}
	return map[string]any{"root_uri": scheme + artifactsOf(r), "files": files}, err
}

// list gives what is in a directory of artifacts; one that is not there is empty.
func (c *call) list(dir string) ([]fileInfo, error) {
	files := []fileInfo{}
	if strings.HasPrefix(dir, modelDir+"/") {
		return c.listModel(dir)
	}
	full, err := c.place(dir)
	if err != nil {
		return nil, err
	}
	info, err := c.door.Files.Stat(c.ctx(), c.user(), full)
	if bine.IsKind(err, bine.NotFound) {
		return files, nil
	}
	if err == nil && !info.Dir {
		return append(files, fileInfo{Path: info.Name, Size: &info.Size}), nil
	}
	for after, more := "", err == nil; more; {
		var some []dfs.Info
		if some, more, err = c.door.Files.List(c.ctx(), c.user(), full, after, 0); err != nil {
			break
		}
		for _, e := range some {
			f := fileInfo{Path: e.Name, Dir: e.Dir}
			if !e.Dir {
				f.Size = &e.Size
			}
			files, after = append(files, f), e.Name
		}
		more = more && len(some) > 0
	}
	return files, err
}

func (c *call) download() (any, error) {
	if strings.HasPrefix(c.vars["path"], modelDir+"/") {
		return c.downloadModel(c.vars["path"])
	}
	full, err := c.place(c.vars["path"])
	if err != nil {
		return nil, err
	}
	content, info, err := c.door.Files.Open(c.ctx(), c.user(), full, 0, 0)
	if err != nil {
		return nil, err
	}
	return nil, c.send(content, info.Name, info.Size)
}

// send streams a file, to whom may have all of it.
func (c *call) send(content io.ReadCloser, name string, size int64) error {
	defer content.Close()
	if err := c.actor.MayRead(size); err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Length", strconv.FormatInt(size, 10))
	h.Set("Content-Disposition", "attachment")
	h.Set("X-Content-Type-Options", "nosniff")
	c.w.WriteHeader(http.StatusOK)
	if n, err := io.Copy(c.w, content); err != nil || n < size {
		panic(http.ErrAbortHandler) // what was promised cannot be kept: break off
	}
	return nil
}

func (c *call) upload() (any, error) {
	relative := c.vars["path"]
	full, err := c.place(relative)
	if err != nil {
		return nil, err
	}
	if err := c.mayLog(); err != nil {
		return nil, err
	}
	_, err = c.door.Files.Create(c.ctx(), c.user(), full, c.r.Body, dfs.CreateOptions{Overwrite: true, Parents: true})
	if err == nil {
		c.json(http.StatusOK, nil)
	}
	return nil, err
}

// mayLog says whether the actor may write artifacts: any member may, and jobs.
func (c *call) mayLog() error {
	if c.actor.Member.Role == "" && c.actor.Via != auth.ViaJob {
		return auth.NeedRole(c.project, bine.DataScientist)
	}
	return nil
}

func (c *call) deleteArtifacts() (any, error) {
	full, err := c.place(c.vars["path"])
	if err != nil {
		return nil, err
	}
	err = c.door.Files.Remove(c.ctx(), c.user(), full, dfs.RemoveOptions{Recursive: true})
	if bine.IsKind(err, bine.NotFound) {
		err = nil
	}
	return nil, err
}
