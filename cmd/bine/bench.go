package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/gpu/place"
	"github.com/bine-ml/bine/internal/bench"
	"github.com/bine-ml/bine/internal/cli"
)

// benchmark is one subject that can be measured.
type benchmark struct {
	name, doc string
	// inside measures an installation in this process, where it is set.
	inside func(ctx context.Context, in bench.Installation, runs int) ([]bench.Row, error)
	// alone measures what needs none, in an empty directory.
	alone func(ctx context.Context, b benching, dir string) ([]bench.Row, error)
}

func benchmarks() []benchmark {
	return []benchmark{
		{name: "pipeline", doc: "light steps beside no-op activities of the bare workflow engine on the same server", inside: bench.Pipeline},
		{name: "fanout", doc: "fan-outs of 1,000 to 100,000 light items: time, events and memory; takes minutes", inside: bench.FanOut},
		{name: "process", doc: "steps that are processes beside exec of the same program", inside: bench.Process},
		{name: "start", doc: "from asking for a run to its first sign; the start of `bine up`", inside: bench.Start, alone: benchUp},
		{name: "api", doc: "reading an object over REST beside net/http answering the same bytes", inside: bench.API},
		{name: "gpu", doc: "placement and queueing of accelerators: decisions, fairness, and policies on a trace (--nodes, --pods)", alone: benchGPUs},
		{name: "sweep", doc: "the engine of sweeps: decisions, and halving with stragglers and lost jobs in simulated time; takes minutes", alone: benchSweeps},
		{name: "lease", doc: "durable grants of accelerators: how long one takes, how many a second, and a restart, with up to 10,000 devices", alone: benchLeases},
		{name: "fs", doc: "the file system in process beside the bare statements on the same database", alone: benchFiles},
	}
}

// benching is what `bine bench` was asked for.
type benching struct {
	cli.Streams
	what       []benchmark
	runs       int
	output     string
	cpuProfile string
	database   string
	gpus       bench.GPUBench
	sweeps     bench.SweepBench
	policies   []string
}

func benchCommand(s cli.Streams) *cobra.Command {
	b := benching{Streams: s}
	names, long := []string{}, "Starts an installation of its own in a temporary directory, measures it beside what it stands on, and removes it.\n"
	for _, m := range benchmarks() {
		names, long = append(names, m.name), long+fmt.Sprintf("\n  %-9s %s", m.name, m.doc)
	}
	names = append(names, "all")
	cmd := &cobra.Command{Use: "bench " + strings.Join(names, "|"), Short: "Measure Bine beside what it stands on", Long: long, GroupID: roles,
		ValidArgs: names, Args: cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs), RunE: func(cmd *cobra.Command, args []string) error {
			if b.output, _ = cmd.Flags().GetString("output"); b.output != "table" && b.output != "json" {
				return bine.Errorf(bine.Invalid, "bench writes table or json, not %q", b.output)
			}
			if b.runs < 1 {
				return bine.Errorf(bine.Invalid, "--runs must be at least 1")
			}
			for _, name := range b.policies {
				policy := place.PolicyName(name)
				if err := policy.Check(); err != nil {
					return err
				}
				b.gpus.Policies = append(b.gpus.Policies, policy)
			}
			if (b.gpus.Nodes == "") != (len(b.gpus.Pods) == 0) {
				return bine.Errorf(bine.Invalid, "--nodes and --pods belong together: a file of hosts and one or several of work")
			}
			if cmd.Flags().Changed("seeds") {
				b.sweeps.Seeds = b.gpus.Seeds
			}
			if args[0] == "sweep" {
				b.sweeps.CSV = b.gpus.CSV
			}
			b.what = slices.DeleteFunc(benchmarks(), func(m benchmark) bool { return args[0] != "all" && args[0] != m.name })
			return b.run(cmd.Context())
		}}
	cmd.Flags().IntVar(&b.runs, "runs", 5, "how often each thing is measured; percentiles take 20 at least")
	cmd.Flags().StringVar(&b.database, "database", "", "an empty MySQL database (mysql://…) in which fs and lease are measured too; what is made there stays")
	cmd.Flags().StringVar(&b.gpus.Nodes, "nodes", "", "of gpu: hosts as CSV (sn, cpu_milli, memory_mib, gpu, model), such as those of the openb trace")
	cmd.Flags().StringArrayVar(&b.gpus.Pods, "pods", nil, "of gpu: work as CSV (name, cpu_milli, memory_mib, num_gpu, gpu_milli); may be given several times")
	cmd.Flags().StringSliceVar(&b.policies, "policy", nil, "of gpu: policies to compare (fgd, bestfit, dotproduct, packing, random); all unless some are named")
	cmd.Flags().IntVar(&b.gpus.Seeds, "seeds", 10, "of gpu: how many orders of arrival are tried; of sweep: how often each is simulated, 25 unless given")
	cmd.Flags().StringVar(&b.gpus.CSV, "csv", "", "of gpu: write the policies side by side to this file; of sweep: the table of stragglers and lost jobs")
	cmd.Flags().StringVar(&b.gpus.SVG, "svg", "", "of gpu: draw that to this file")
	cmd.Flags().StringVar(&b.cpuProfile, "cpuprofile", "", "write a profile of this process while it measures to this file")
	return cmd
}

// run measures what was asked for and writes the rows.
func (b benching) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "bine-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Fprintf(b.Err, "%s; data in %s\n", bench.Machine(), dir)
	rows, err := b.measure(ctx, dir)
	if err != nil {
		return err
	}
	if b.output == "json" {
		return bench.WriteJSON(b.Out, rows)
	}
	return bench.WriteTable(b.Out, rows)
}

func (b benching) measure(ctx context.Context, dir string) ([]bench.Row, error) {
	var rows []bench.Row
	if slices.ContainsFunc(b.what, func(m benchmark) bool { return m.inside != nil }) {
		err := b.inside(ctx, filepath.Join(dir, "inside"), func(in bench.Installation) error {
			for _, m := range b.what {
				if m.inside == nil {
					continue
				}
				fmt.Fprintf(b.Err, "measuring %s: %s\n", m.name, m.doc)
				more, err := m.inside(ctx, in, b.runs)
				if rows = append(rows, more...); err != nil {
					return fmt.Errorf("%s: %w", m.name, err)
				}
			}
			return nil
		})
		if err != nil {
			return rows, err
		}
	}
	for _, m := range b.what {
		if m.alone == nil {
			continue
		}
		fmt.Fprintf(b.Err, "measuring %s, in a process of its own\n", m.name)
		more, err := m.alone(ctx, b, filepath.Join(dir, m.name))
		if rows = append(rows, more...); err != nil {
			return rows, fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return rows, nil
}

// privateConfig is that of an installation in dir on a free port, which the CLI
// does not hear of.
func privateConfig(dir string) (config, error) {
	address, err := freeAddress()
	if err != nil {
		return config{}, err
	}
	c := defaults()
	c.Data, c.Listen = dir, address
	c.Log.Level = "error"
	c.Notify.AllowPrivate, c.Private = true, true
	return c.complete()
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// inside starts an installation in this process and calls measure with it.
func (b benching) inside(ctx context.Context, dir string, measure func(bench.Installation) error) error {
	c, err := privateConfig(dir)
	if err != nil {
		return err
	}
	quiet := cli.Streams{In: b.In, Out: io.Discard, Err: io.Discard}
	done := make(chan struct{})
	err = up(ctx, c, quiet, func(ctx context.Context, p *platform) (err error) {
		defer close(done)
		in, err := benchInstallation(ctx, p)
		if err != nil {
			return err
		}
		if b.cpuProfile != "" {
			f, err := os.Create(b.cpuProfile)
			if err != nil {
				return err
			}
			if err := pprof.StartCPUProfile(f); err != nil {
				return errors.Join(err, f.Close())
			}
			defer func() { pprof.StopCPUProfile(); err = errors.Join(err, f.Close()) }()
		}
		return measure(in)
	})
	select {
	case <-done:
		return err
	default:
		return errors.Join(err, errors.New("stopped before everything was measured"))
	}
}

const benchProject bine.ProjectName = "bench"

// benchInstallation makes a project and says how to reach it.
func benchInstallation(ctx context.Context, p *platform) (bench.Installation, error) {
	in := bench.Installation{Project: benchProject, Temporal: p.temporal}
	var err error
	if in.API, in.Key, err = p.administrator(ctx, "benchmark"); err != nil {
		return in, err
	}
	if _, err := in.API.CreateProject(ctx, client.NewProject{Name: benchProject}); err != nil {
		return in, err
	}
	if _, err := cli.WaitProject(ctx, in.API, benchProject); err != nil {
		return in, err
	}
	in.Python, err = in.StepPython(ctx)
	return in, err
}

// benchGPUs measures placement, and says on the way what it is at.
func benchGPUs(ctx context.Context, b benching, _ string) ([]bench.Row, error) {
	if b.output == "table" {
		b.gpus.Table = b.Out
	}
	b.gpus.Progress = func(what string) { fmt.Fprintln(b.Err, "measuring", what) }
	return bench.GPUs(ctx, b.gpus)
}

// benchSweeps measures the engine of sweeps, and says on the way what it is at.
func benchSweeps(_ context.Context, b benching, _ string) ([]bench.Row, error) {
	b.sweeps.Progress = func(what string) { fmt.Fprintln(b.Err, "measuring", what) }
	return bench.Sweeps(b.sweeps)
}

// benchLeases measures the ledger on disk, and says on the way what it is at.
func benchLeases(ctx context.Context, b benching, dir string) ([]bench.Row, error) {
	return bench.Leases(ctx, bench.LeaseBench{Dir: dir, Database: b.database, Progress: func(what string) { fmt.Fprintln(b.Err, "measuring", what) }})
}

func benchFiles(ctx context.Context, b benching, dir string) ([]bench.Row, error) {
	return bench.Files(ctx, bench.FileBench{Dir: dir, Database: b.database, Runs: b.runs})
}

// benchUp measures this program when it runs everything.
func benchUp(ctx context.Context, b benching, dir string) ([]bench.Row, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c, err := privateConfig(dir)
	if err != nil {
		return nil, err
	}
	contexts := filepath.Join(dir, "config.json")
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "BINE_") })
	return bench.Up(ctx, bench.Program{
		Args: []string{program, "up", "--data", c.Data, "--listen", c.Listen, "--log-level", "error"},
		Env:  append(env, "BINE_CONFIG="+contexts),
		URL:  c.URL,
		Host: func(ctx context.Context, since time.Time) bool { return hostSeen(ctx, contexts, since) },
	}, b.runs)
}

// hostSeen says whether a host of the installation that contexts knows has
// reported since a moment.
func hostSeen(ctx context.Context, contexts string, since time.Time) bool {
	all, err := client.ReadContexts(contexts)
	if err != nil {
		return false
	}
	known := all.Contexts[cliContext]
	api, err := client.New(client.Options{URL: known.URL, Key: known.Key})
	if err != nil {
		return false
	}
	hosts, err := api.Hosts(ctx)
	return err == nil && slices.ContainsFunc(hosts, func(h bine.Host) bool { return h.SeenAt.After(since) })
}
