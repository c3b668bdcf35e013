package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// tailing are the settings of tail.
type tailing struct {
	lines  int
	bytes  int64
	follow bool
	every  time.Duration
}

func (a *app) tailCommand() *cobra.Command {
	o := &tailing{}
	c := &cobra.Command{Use: "tail PATH", Short: "Print the last lines of a file, and with -f what is added to it", Args: atLeast(1, 1), RunE: func(c *cobra.Command, args []string) error {
		r, at, err := a.remote(args[0])
		if err != nil {
			return err
		}
		if o.lines < 0 || o.bytes < 0 || o.every <= 0 {
			return usagef("-n and -c take numbers from 0 on, and --sleep a time like 1s")
		}
		return a.tail(c.Context(), r, at, o, c.Flags().Changed("bytes"))
	}}
	c.Flags().IntVarP(&o.lines, "lines", "n", 10, "lines from the end")
	c.Flags().Int64VarP(&o.bytes, "bytes", "c", 0, "bytes from the end, instead of lines")
	c.Flags().BoolVarP(&o.follow, "follow", "f", false, "go on with what is added")
	c.Flags().DurationVar(&o.every, "sleep", time.Second, "with -f, how often to look")
	return c
}

func (a *app) tail(ctx context.Context, r remote, at string, o *tailing, byBytes bool) error {
	f, err := r.api.Stat(ctx, r.project, at)
	if err != nil {
		return err
	}
	if f.Dir {
		return bine.Errorf(bine.Conflict, "%s is a directory", at)
	}
	start := max(f.Size-o.bytes, 0)
	if !byBytes {
		if start, err = lastLines(ctx, r, f, o.lines); err != nil {
			return err
		}
	}
	if err := a.print(ctx, r, at, start, f.Size); err != nil {
		return err
	}
	if !o.follow {
		return nil
	}
	return a.followFile(ctx, r, f, o.every)
}

// tailWindow is how much is read at once when lines are counted from the end.
const tailWindow = 64 << 10

// lastLines gives the offset of the last n lines of a file.
func lastLines(ctx context.Context, r remote, f client.File, n int) (int64, error) {
	if n == 0 {
		return f.Size, nil
	}
	for end := f.Size; end > 0; {
		start := max(end-tailWindow, 0)
		text, err := readRange(ctx, r, f.Path, start, end)
		if err != nil {
			return 0, err
		}
		for i := len(text); i > 0; {
			i = bytes.LastIndexByte(text[:i], '\n')
			if i < 0 {
				break
			}
			if start+int64(i) == f.Size-1 {
				continue // it ends the last line
			}
			if n--; n == 0 {
				return start + int64(i) + 1, nil
			}
		}
		end = start
	}
	return 0, nil
}

func readRange(ctx context.Context, r remote, at string, start, end int64) ([]byte, error) {
	body, err := r.api.Download(ctx, r.project, at, start, end-start)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}

// print writes a part of a file.
func (a *app) print(ctx context.Context, r remote, at string, start, end int64) error {
	if start >= end {
		return nil
	}
	body, err := r.api.Download(ctx, r.project, at, start, end-start)
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = io.Copy(a.Out, body)
	return err
}

// followFile prints what is added to a file until the context ends.
func (a *app) followFile(ctx context.Context, r remote, f client.File, every time.Duration) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(every):
		}
		now, err := r.api.Stat(ctx, r.project, f.Path)
		if err != nil {
			return err
		}
		if now.ETag == f.ETag {
			continue
		}
		start := f.Size
		if now.Size < f.Size {
			fmt.Fprintf(a.Err, "bine: %s was overwritten by a shorter file\n", f.Path)
			start = 0
		}
		if err := a.print(ctx, r, f.Path, start, now.Size); err != nil {
			if bine.IsKind(err, bine.Conflict) || bine.IsKind(err, bine.Invalid) {
				continue // overwritten between the two requests: look again
			}
			return err
		}
		f = now
	}
}
