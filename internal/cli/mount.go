package cli

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/mount"
)

// behindVariable tells a mount that it was started to stay in the background.
const behindVariable = "BINE_MOUNT_BEHIND"

func (a *app) mountCommand() *cobra.Command {
	o := mount.Options{}
	background, limit := false, ""
	c := &cobra.Command{Use: "mount [PROJECT:|PATH] DIRECTORY", Short: "Show files of a project as a directory of this computer"}
	c.Long = `Mounts the files of a project, or of a directory of it, at a directory of this
computer (FUSE), so that any program reads and writes them. What is mounted is
written PATH, PROJECT: or PROJECT:PATH. It stays until Ctrl-C, or until it is
unmounted (fusermount3 -u DIRECTORY).`
	c.Args = func(c *cobra.Command, got []string) error {
		if len(got) != 1 && len(got) != 2 {
			return usagef("%s takes one or two arguments, not %d: %s", c.CommandPath(), len(got), c.UseLine())
		}
		return nil
	}
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		if o.SpoolLimit, err = bytesOf(limit); err != nil {
			return err
		}
		o.Point = args[len(args)-1]
		if len(args) == 2 {
			o.Project, o.Path = mounted(args[0])
		}
		if background && os.Getenv(behindVariable) == "" {
			return behind(o.Point)
		}
		return a.mount(c.Context(), o)
	}
	f := c.Flags()
	f.BoolVar(&o.ReadOnly, "read-only", false, "refuse every change")
	f.BoolVar(&background, "background", false, "come back when it is mounted, and go on in the background")
	f.BoolVar(&o.AllowOther, "allow-other", false, "let other users of this computer use it, too (with your rights)")
	f.DurationVar(&o.Timeout, "timeout", mount.DefaultTimeout, "how long names and attributes are believed")
	f.DurationVar(&o.Patience, "patience", mount.DefaultPatience, "how long a program waits for a server that does not answer")
	f.StringVar(&o.SpoolDir, "spool-dir", "", "where copies of files that are changed in the middle are kept; empty is the system's temporary directory")
	f.StringVar(&limit, "spool-limit", "8G", "how large those copies may be together")
	f.BoolVar(&o.Debug, "debug", false, "write down every call")
	return c
}

// mounted reads what is to be mounted. A name with two colons is a dataset of
// another project, which is a path in this one.
func mounted(arg string) (bine.ProjectName, string) {
	if rest, ok := strings.CutPrefix(arg, projectScheme); ok {
		project, path, _ := strings.Cut(rest, "/")
		return bine.ProjectName(project), path
	}
	project, path, ok := strings.Cut(arg, ":")
	if !ok || strings.HasPrefix(path, ":") || strings.Contains(project, "/") {
		return "", strings.Trim(arg, "/")
	}
	return bine.ProjectName(project), strings.Trim(path, "/")
}

// mount mounts, and waits until that has ended.
func (a *app) mount(ctx context.Context, o mount.Options) error {
	api, err := a.client()
	if err != nil {
		return err
	}
	if o.Project == "" {
		o.Project = bine.ProjectName(a.project)
	}
	if o.Project == "" {
		return usagef("no project is chosen: write PROJECT: before the path, or give --project NAME")
	}
	o.Client, o.Log = api.WithHTTP(manyConnections()), a.Err
	m, err := mount.New(ctx, o)
	if err != nil {
		return err
	}
	if os.Getenv(behindVariable) != "" {
		fmt.Fprintln(a.Out, "mounted")
		if err := letGo(); err != nil {
			fmt.Fprintln(a.Err, err)
		}
	} else {
		fmt.Fprintf(a.Err, "%s:%s is mounted at %s; Ctrl-C unmounts it\n", o.Project, o.Path, o.Point)
	}
	return a.untilEnd(ctx, m)
}

// untilEnd waits until it is unmounted, by others or by a signal. Programs that
// have files open then keep it alive until a second signal.
func (a *app) untilEnd(ctx context.Context, m *mount.Mount) error {
	ended := make(chan struct{})
	go func() {
		m.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
	}
	err := m.Close()
	if err != nil {
		fmt.Fprintln(a.Err, err)
	}
	if !bine.IsKind(err, bine.Conflict) {
		return err
	}
	select {
	case <-ended:
	case <-time.After(time.Minute):
		return bine.Errorf(bine.Conflict, "files stayed open for a minute: what was not closed is lost")
	}
	return nil
}

// manyConnections is for a client that makes many calls at once.
func manyConnections() *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: 2 * time.Minute, ForceAttemptHTTP2: true,
	}}
}

// behind starts the same command in the background and waits until it has
// mounted, or has said why not.
func behind(point string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	c := exec.Command(program, os.Args[1:]...)
	c.Env = append(os.Environ(), behindVariable+"=1")
	c.Stderr = os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	if said, _ := io.ReadAll(io.LimitReader(out, int64(len("mounted\n")))); string(said) == "mounted\n" {
		return c.Process.Release()
	}
	_ = c.Wait() // it has said why
	return bine.Errorf(bine.Unavailable, "%s was not mounted", filepath.Clean(point))
}

// letGo gives the terminal or pipe back that this process was started with: who
// reads from that to its end must not wait until it is unmounted, and what is
// written to it when nobody reads any more would end this process. A file that
// it was told to write to it keeps.
func letGo() error {
	nothing, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer nothing.Close()
	for _, f := range []*os.File{os.Stdin, os.Stdout, os.Stderr} {
		if about, err := f.Stat(); err == nil && about.Mode().IsRegular() {
			continue
		}
		if err := syscall.Dup3(int(nothing.Fd()), int(f.Fd()), 0); err != nil {
			return err
		}
	}
	return nil
}

// bytesOf reads a size as 512M or 8G.
func bytesOf(text string) (int64, error) {
	var n int64
	unit := ""
	if _, err := fmt.Sscanf(text+" ", "%d%s", &n, &unit); (err != nil && unit != "") || n <= 0 {
		return 0, usagef("%q is no size: write it like 512M or 8G", text)
	}
	shift, ok := map[string]uint{"": 0, "K": 10, "M": 20, "G": 30, "T": 40}[strings.ToUpper(unit)]
	if !ok || n > 1<<62>>shift {
		return 0, usagef("%q is no size: write it like 512M or 8G", text)
	}
	return n << shift, nil
}
