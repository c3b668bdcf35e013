package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bine-ml/bine/dfs"
)

// leastMix is what the mix must reach of its statements' rate on MySQL with 16 threads.
const leastMix = 0.5

// turnTime is for how long one side of the mix works before the other does.
const turnTime = 400 * time.Millisecond

// spotify is the mix of operations that HopsFS and HDFS are measured by, in
// hundredths of a percent (hammer-bench, master.properties).
var spotify = []struct {
	op    mixOp
	share int
}{
	{mixRead, 6873}, {mixStat, 1304 + 396 + 49}, {mixList, 852}, {mixCreate, 270}, {mixRename, 130}, {mixRemove, 75},
	{mixOwner, 32}, {mixMode, 2 + 1}, {mixTimes, 14}, {mixMkdir, 2},
}

type mixOp int

const (
	mixRead mixOp = iota
	mixStat
	mixList
	mixCreate
	mixRename
	mixRemove
	mixOwner
	mixMode
	mixTimes // in the place of setting the replication
	mixMkdir
)

func draw(r *rand.Rand) mixOp {
	n := r.IntN(10_000)
	for _, s := range spotify {
		if n -= s.share; n < 0 {
			return s.op
		}
	}
	return mixRead
}

// mix compares the Spotify mix on empty files with the statements that it cannot
// do without, by turns.
func (s *space) mix(ctx context.Context, rounds int) ([]Row, error) {
	var rows []Row
	for _, threads := range []int{1, 4, 16, 64} {
		did, could, err := s.mixOf(ctx, threads, rounds)
		if err != nil {
			return rows, fmt.Errorf("the mix on %d threads: %w", threads, err)
		}
		r := Row{Name: s.engine + ": Spotify mix, threads", Size: threads, Value: did.perSecond(), Unit: "/s"}.Against(could.perSecond())
		if s.engine == "MySQL" && threads == 16 {
			r = r.HeldTo(RatioAtLeast(leastMix))
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func (s *space) mixOf(ctx context.Context, threads, rounds int) (did, could pace, err error) {
	var ours, bare []mixer
	for n := range threads {
		conn, err := s.bare.connect(ctx)
		if err != nil {
			return did, could, err
		}
		defer conn.close()
		ours = append(ours, &ourMix{s: s, random: rand.New(rand.NewPCG(1, uint64(n)))})
		bare = append(bare, &bareMix{statements: conn, random: rand.New(rand.NewPCG(1, uint64(n)))})
	}
	for n := range rounds + 1 {
		for _, side := range []struct {
			threads []mixer
			pace    *pace
		}{{ours, &did}, {bare, &could}} {
			calls, took, err := atOnce(ctx, side.threads)
			if err != nil {
				return did, could, err
			}
			if n > 0 { // the first turn is to warm up
				side.pace.add(calls, took)
			}
		}
	}
	return did, could, nil
}

// pace counts calls and the time they took.
type pace struct {
	calls int64
	took  time.Duration
}

func (r *pace) add(calls int64, took time.Duration) { r.calls, r.took = r.calls+calls, r.took+took }

func (r *pace) perSecond() float64 { return round(float64(r.calls) / r.took.Seconds()) }

// mixer is one thread of the mix.
type mixer interface {
	next(ctx context.Context) error
}

// atOnce lets every thread work for a turn.
func atOnce(ctx context.Context, threads []mixer) (calls int64, took time.Duration, err error) {
	var wait sync.WaitGroup
	var done atomic.Int64
	faults := make([]error, len(threads))
	began := time.Now()
	for i, m := range threads {
		wait.Go(func() {
			for time.Since(began) < turnTime && faults[i] == nil {
				faults[i] = m.next(ctx)
				done.Add(1)
			}
		})
	}
	wait.Wait()
	return done.Load(), time.Since(began), errors.Join(faults...)
}

// ourMix is a thread of the mix on the file system. What it changes, it made.
type ourMix struct {
	s      *space
	random *rand.Rand
	own    []string
}

func (m *ourMix) next(ctx context.Context) error {
	s, op := m.s, draw(m.random)
	path := s.path(hot + m.random.IntN(s.files-hot)) // an empty file
	if len(m.own) == 0 && op > mixCreate {
		op = mixCreate
	}
	switch op {
	case mixRead:
		body, _, err := s.tree.Open(ctx, s.user, path, 0, 0)
		if err != nil {
			return err
		}
		return body.Close()
	case mixStat:
		_, err := s.tree.Stat(ctx, s.user, path)
		return err
	case mixList:
		_, _, err := s.tree.List(ctx, s.user, path[:strings.LastIndexByte(path, '/')], "", 0)
		return err
	case mixCreate:
		path = s.fresh()
		m.own = append(m.own, path)
		_, err := s.tree.Create(ctx, s.user, path, strings.NewReader(""), dfs.CreateOptions{})
		return err
	case mixMkdir:
		_, err := s.tree.Mkdir(ctx, s.user, s.fresh()+"-dir", dfs.MkdirOptions{})
		return err
	}
	i := m.random.IntN(len(m.own))
	path = m.own[i]
	switch op {
	case mixRename:
		m.own[i] = s.fresh()
		_, err := s.tree.Rename(ctx, s.user, path, m.own[i], dfs.RenameOptions{})
		return err
	case mixRemove:
		m.own[i] = m.own[len(m.own)-1]
		m.own = m.own[:len(m.own)-1]
		return s.tree.Remove(ctx, s.user, path, dfs.RemoveOptions{})
	}
	var a dfs.Attributes
	mode, owner, now := uint32(0o600+m.random.IntN(8)), fmt.Sprintf("%s__u%d", s.user.Project, m.random.IntN(8)), time.Now()
	switch op {
	case mixOwner:
		a.Owner = &owner
	case mixMode:
		a.Mode = &mode
	default:
		a.Modified = &now
	}
	_, err := s.tree.SetAttributes(ctx, s.user, path, a)
	return err
}

// bareMix is a thread of the mix on the reference tables.
type bareMix struct {
	*statements
	random *rand.Rand
	own    []ownRow
}

type ownRow struct {
	parent int64
	name   []byte
}

func (m *bareMix) next(ctx context.Context) error {
	op, n := draw(m.random), m.random.IntN(len(m.targets))
	if len(m.own) == 0 && op > mixCreate {
		op = mixCreate
	}
	switch op {
	case mixRead, mixStat:
		return m.stat(ctx, n)
	case mixList:
		return m.list(ctx, n)
	case mixCreate, mixMkdir:
		parent, name, err := m.add(ctx, nil)
		m.own = append(m.own, ownRow{parent, name})
		return err
	}
	i := m.random.IntN(len(m.own))
	row := m.own[i]
	switch op {
	case mixRename:
		to := ownRow{m.target(n).parent, []byte(refName("r", int(m.refTables.next.Add(1))))}
		m.own[i] = to
		return m.change(ctx, "UPDATE ref_inode SET parent_id = ?, name = ? WHERE parent_id = ? AND name = ?", 1, to.parent, to.name, row.parent, row.name)
	case mixRemove:
		m.own[i] = m.own[len(m.own)-1]
		m.own = m.own[:len(m.own)-1]
		return m.change(ctx, "DELETE FROM ref_inode WHERE parent_id = ? AND name = ?", 1, row.parent, row.name)
	}
	return m.change(ctx, "UPDATE ref_inode SET perm = ?, uid = ? WHERE parent_id = ? AND name = ?", 1, 420, m.random.IntN(8), row.parent, row.name)
}
