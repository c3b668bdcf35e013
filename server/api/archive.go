package api

import (
	"archive/tar"
	"archive/zip"
	"context"
	"io"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/server/actor"
)

// The limits of an archive. A zip ends with a list of all that is in it, which is
// held in memory until then; a tar has none.
const (
	mostZipped = 100_000 // files
	walkPage   = 1000
)

// archiveRoutes is the one by which several files are downloaded at once.
func (a *API) archiveRoutes() {
	see := auth.Access{Role: bine.DataScientist, Scopes: reads, Job: true} // all of a file: who may download it
	add(a, route{id: "archive-files", method: http.MethodGet, path: "projects/{project}/archive", tag: "files",
		summary: "Files, and directories with all that is below them, as one zip or tar", access: see, stream: true, gives: octets}, a.archive)
}

func (a *API) archive(ctx context.Context, in *struct {
	InProject
	Paths  []string `query:"path,explode" required:"true" minItems:"1" maxItems:"1000" doc:"what is wanted, once for each; / is all of the project"`
	Format string   `query:"format" enum:"zip,tar" default:"zip" doc:"a zip holds at most 100,000 files"`
}) (*huma.StreamResponse, error) {
	if !actorOf(ctx).MayDownload() {
		return nil, auth.NeedRole(in.Project, bine.DataOwner)
	}
	w := &archiving{a: a, ctx: ctx, user: fileUser(ctx), project: in.Project}
	files := int64(0)
	for _, relative := range in.Paths {
		full, err := projectPath(in.Project, strings.Trim(relative, "/"))
		if err != nil {
			return nil, err
		}
		info, err := a.Files.Stat(ctx, w.user, full)
		if err != nil {
			return nil, err
		}
		w.roots = append(w.roots, root{info, strings.Trim(relative, "/")})
		if in.Format == "tar" {
			continue
		}
		usage, err := a.Files.Usage(ctx, w.user, full)
		if err != nil {
			return nil, err
		}
		if files += usage.Files; files > mostZipped {
			return nil, bine.Errorf(bine.TooLarge, "a zip holds at most %d files, and there are more: ask for a tar", mostZipped)
		}
	}
	name := w.nameRoots()
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		for header, value := range map[string]string{
			"Content-Type": archiveTypes()[in.Format], "Content-Disposition": attachment(name + "." + in.Format),
			"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'", "Cache-Control": "private, no-store",
		} {
			hc.SetHeader(header, value)
		}
		hc.SetStatus(http.StatusOK)
		if err := w.write(in.Format, callOf(ctx).writer); err != nil {
			// The caller must see that the archive broke off.
			a.Log.WarnContext(ctx, "archive broke off", "project", in.Project, "error", err)
			panic(http.ErrAbortHandler)
		}
	}}, nil
}

func archiveTypes() map[string]string {
	return map[string]string{"zip": "application/zip", "tar": "application/x-tar"}
}

// root is something that was asked for, under the name that it has in the archive.
type root struct {
	dfs.Info
	name string
}

// archiving writes an archive while it walks over what is in it.
type archiving struct {
	a       *API
	ctx     context.Context
	user    dfs.User
	project bine.ProjectName
	roots   []root
	out     archiver
}

// nameRoots leaves out of the names what all have in common, and gives a name for the archive.
func (w *archiving) nameRoots() string {
	dir, one := path.Dir(w.roots[0].name), true
	for _, r := range w.roots {
		one = one && path.Dir(r.name) == dir
	}
	for i := range w.roots {
		r := &w.roots[i]
		if one {
			r.name = path.Base(r.name)
		}
		if r.name == "" || r.name == "." {
			r.name = string(w.project)
		}
	}
	if len(w.roots) == 1 {
		return w.roots[0].name
	}
	if one && dir != "." {
		return path.Base(dir)
	}
	return string(w.project)
}

func (w *archiving) write(format string, to io.Writer) error {
	if format == "tar" {
		w.out = &tarball{tar.NewWriter(to)}
	} else {
		w.out = &zipped{zip.NewWriter(to)}
	}
	for _, r := range w.roots {
		if err := w.add(r.Info, r.name); err != nil {
			return err
		}
	}
	return w.out.Close()
}

// add writes a file, or a directory with what is below it. What was removed since
// it was seen is left out.
func (w *archiving) add(info dfs.Info, name string) error {
	if info.Dir {
		return w.addDir(info, name)
	}
	r, now, err := w.a.Files.Open(w.ctx, w.user, info.Path, 0, 0)
	if bine.IsKind(err, bine.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	defer r.Close()
	return w.out.file(plainName(name), now, r)
}

func (w *archiving) addDir(info dfs.Info, name string) error {
	if err := w.out.dir(plainName(name), info); err != nil {
		return err
	}
	after := ""
	for more := true; more; {
		entries, goesOn, err := w.a.Files.List(w.ctx, w.user, info.Path, after, walkPage)
		if bine.IsKind(err, bine.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, e := range entries {
			after = e.Name
			if !actor.Listed(dfs.Relative(w.project, info.Path), e.Name) || e.Link != "" {
				continue // who unpacks a link follows it wherever it leads
			}
			if err := w.add(e, name+"/"+e.Name); err != nil {
				return err
			}
		}
		more = goesOn
	}
	return nil
}

// plainName is a name that no program that unpacks takes for a way out.
func plainName(name string) string { return strings.ReplaceAll(name, `\`, "_") }

// archiver is a form of archive.
type archiver interface {
	dir(name string, info dfs.Info) error
	file(name string, info dfs.Info, r io.Reader) error
	Close() error
}

type tarball struct{ *tar.Writer }

func header(name string, info dfs.Info) *tar.Header {
	return &tar.Header{Name: name, Mode: int64(info.Mode), ModTime: info.Modified.Truncate(time.Second), Uname: info.Owner, Gname: info.Group, Format: tar.FormatPAX}
}

func (t *tarball) dir(name string, info dfs.Info) error {
	h := header(name+"/", info)
	h.Typeflag = tar.TypeDir
	return t.WriteHeader(h)
}

func (t *tarball) file(name string, info dfs.Info, r io.Reader) error {
	h := header(name, info)
	h.Typeflag, h.Size = tar.TypeReg, info.Size
	if err := t.WriteHeader(h); err != nil {
		return err
	}
	_, err := io.Copy(t.Writer, r)
	return err
}

type zipped struct{ *zip.Writer }

func (z *zipped) dir(name string, info dfs.Info) error {
	_, err := z.CreateHeader(&zip.FileHeader{Name: name + "/", Modified: info.Modified})
	return err
}

// file stores a file as it is: what fills a disk here is mostly compressed already.
func (z *zipped) file(name string, info dfs.Info, r io.Reader) error {
	w, err := z.CreateHeader(&zip.FileHeader{Name: name, Modified: info.Modified, Method: zip.Store})
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return err
}
