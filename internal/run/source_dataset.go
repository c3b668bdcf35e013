package run

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/store"
)

// Lister is the part of the file system that dataset triggers look at.
type Lister interface {
	Stat(ctx context.Context, user dfs.User, path string) (dfs.Info, error)
	List(ctx context.Context, user dfs.User, dir, after string, limit int) (entries []dfs.Info, more bool, err error)
}

// datasets looks whether paths have changed, until the file system tells by
// itself. The position is a number that counts changes and the fingerprint of
// what is there: names, sizes and versions of all files below the path. A
// change counts when it has been quiet for the trigger's settle time, which is
// kept with the trigger, so that another process can go on waiting.
type datasets struct {
	files Lister
	now   func() time.Time

	mu   sync.Mutex
	next map[string]time.Time // when a trigger is looked at again
}

func newDatasets(files Lister) *datasets {
	return &datasets{files: files, now: time.Now, next: map[string]time.Time{}}
}

const (
	// lookEvery is how often a path is looked at, and lookPause how many times
	// longer than a look takes the next one has to wait.
	lookEvery = 2 * time.Second
	lookPause = 20
	// mostEntries is how many files and directories a trigger may look at.
	mostEntries = 100_000
	// defaultSettle is how long a path must be quiet where the trigger does not say.
	defaultSettle = 10 * time.Second
)

// settling is a change that is not quiet yet.
type settling struct {
	Print string    `json:"print"`
	Since time.Time `json:"since"`
}

// Read gives an event when the path has changed and been quiet since.
func (d *datasets) Read(ctx context.Context, v store.TriggerAt) (Reading, error) {
	same := Reading{Position: v.Position, Seen: v.Seen}
	key := fmt.Sprintf("%s/%s/%d", v.Project, v.Pipeline, v.Number)
	began := d.now()
	if !d.due(key, began) {
		same.Reason = v.Reason
		return same, nil
	}
	if at, first := strings.CutPrefix(v.Position, store.SinceTime); first {
		micros, err := strconv.ParseInt(at, 10, 64)
		if err != nil {
			return same, bine.Errorf(bine.Invalid, "%q is no time in microseconds", at)
		}
		print, err := d.fingerprint(ctx, v.Project, v.Source, time.UnixMicro(micros))
		return Reading{Position: "0:" + print}, err // what came since is seen by the next look
	}
	print, err := d.fingerprint(ctx, v.Project, v.Source, time.Time{})
	if err != nil {
		return same, err
	}
	d.later(key, began)
	count, old, _ := strings.Cut(v.Position, ":")
	if old == print {
		return Reading{Position: v.Position}, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil {
		return same, bine.Errorf(bine.Invalid, "%q is no number of changes", count)
	}
	var seen settling
	if len(v.Seen) > 0 {
		if err := json.Unmarshal(v.Seen, &seen); err != nil {
			return same, err
		}
	}
	if seen.Print != print {
		seen = settling{Print: print, Since: began.UTC()}
		if same.Seen, err = json.Marshal(seen); err != nil {
			return same, err
		}
	}
	settle := defaultSettle
	if v.Settle > 0 {
		settle = time.Duration(v.Settle * float64(time.Second))
	}
	if began.Sub(seen.Since) < settle {
		return same, nil
	}
	position := fmt.Sprintf("%d:%s", n+1, print)
	data, err := json.Marshal(map[string]string{"path": v.Source})
	return Reading{Events: []TriggerEvent{{What: "dataset " + v.Source, Data: data, Position: position}}, Position: position}, err
}

func (d *datasets) due(key string, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !now.Before(d.next[key])
}

// later says when to look again: the longer a look takes, the later.
func (d *datasets) later(key string, began time.Time) {
	now := d.now()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.next[key] = now.Add(max(lookEvery, lookPause*now.Sub(began)))
}

// fingerprint sums up what is at and below a path, without what came or changed
// after until, if that is given; nothing there is one too.
func (d *datasets) fingerprint(ctx context.Context, project bine.ProjectName, source string, until time.Time) (string, error) {
	look := look{sum: sha256.New(), left: mostEntries, until: until}
	root := path.Join("/Projects", string(project), path.Join("/", source))
	about, err := d.files.Stat(ctx, dfs.Platform(), root)
	switch {
	case bine.IsKind(err, bine.NotFound):
		return "none", nil
	case err != nil:
		return "", err
	case look.later(about):
		return "none", nil
	case about.Dir:
		err = d.add(ctx, &look, root)
	default:
		look.add("", about)
	}
	return hex.EncodeToString(look.sum.Sum(nil))[:32], err
}

// look is a walk over what is below a path.
type look struct {
	sum   hash.Hash
	left  int       // files and directories that may still come
	until time.Time // zero is for ever
}

// later says that an entry is left out. A directory changes with what is in it.
func (l *look) later(e dfs.Info) bool {
	at := e.Modified
	if e.Dir {
		at = e.Created
	}
	return !l.until.IsZero() && at.After(l.until)
}

func (d *datasets) add(ctx context.Context, look *look, dir string) error {
	for after, more := "", true; more; {
		var entries []dfs.Info
		var err error
		if entries, more, err = d.files.List(ctx, dfs.Platform(), dir, after, 0); err != nil {
			if bine.IsKind(err, bine.NotFound) { // removed meanwhile, which the next look sees
				return nil
			}
			return err
		}
		if look.left -= len(entries); look.left < 0 {
			return bine.Errorf(bine.TooLarge, "there are more than %d files and directories below it: let the trigger look at a smaller directory", mostEntries)
		}
		for _, e := range entries {
			after = e.Name
			if look.later(e) {
				continue
			}
			look.add(dir, e)
			if e.Dir {
				if err := d.add(ctx, look, path.Join(dir, e.Name)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (l *look) add(dir string, e dfs.Info) {
	if e.Dir {
		fmt.Fprintf(l.sum, "%q/\n", path.Join(dir, e.Name))
		return
	}
	fmt.Fprintf(l.sum, "%q %d %d %d\n", path.Join(dir, e.Name), e.ID, e.Size, e.Version)
}
