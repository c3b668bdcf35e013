package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	sdk "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/agent"
	"github.com/bine-ml/bine/internal/cli"
	"github.com/bine-ml/bine/internal/temporal"
	"github.com/bine-ml/bine/internal/temporal/embedded"
	"github.com/bine-ml/bine/python"
	"github.com/bine-ml/bine/server"
)

// role makes the command of a role, which runs until it is told to stop.
func role(use, short string, s cli.Streams, run func(ctx context.Context, c config, s cli.Streams) error) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, GroupID: roles, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		c, err := readConfig(cmd.Flags())
		if err != nil {
			return err
		}
		return run(cmd.Context(), c, s)
	}}
	addConfigFlags(cmd.Flags())
	return cmd
}

func upCommand(s cli.Streams) *cobra.Command {
	return role("up", "Run everything in one process", s, func(ctx context.Context, c config, s cli.Streams) error {
		return up(ctx, c, s, nil)
	})
}

func serverCommand(s cli.Streams) *cobra.Command {
	return role("server", "Run the API and the pages", s, func(ctx context.Context, c config, s cli.Streams) error {
		p, err := open(ctx, c, newLog(c.Log, s.Err), false)
		if err != nil {
			return err
		}
		defer p.shut()
		web, err := p.serve(ctx)
		if err != nil {
			return err
		}
		defer web.stop()
		if err := p.firstStart(ctx); err != nil {
			return err
		}
		fmt.Fprintf(s.Err, "Bine is ready at %s   %s\n", c.URL, p.signIn())
		return web.wait(untilToldToStop(ctx))
	})
}

func workerCommand(s cli.Streams) *cobra.Command {
	return role("worker", "Run workflows and control activities", s, func(ctx context.Context, c config, s cli.Streams) error {
		if err := c.keysAreThere(); err != nil {
			return err
		}
		p, err := open(ctx, c, newLog(c.Log, s.Err), false)
		if err != nil {
			return err
		}
		defer p.shut()
		stop, err := p.work(ctx)
		if err != nil {
			return err
		}
		defer stop()
		closeMetrics, err := serveMetrics(ctx, c.Metrics, p.metrics, p.log)
		if err != nil {
			return err
		}
		defer closeMetrics()
		p.log.InfoContext(ctx, "working", "temporal", c.Temporal.Address)
		<-untilToldToStop(ctx)
		return nil
	})
}

func agentCommand(s cli.Streams) *cobra.Command {
	return role("agent", "Run processes on this host", s, runAgent)
}

func runAgent(ctx context.Context, c config, s cli.Streams) error {
	log := newLog(c.Log, s.Err)
	if c.Agent.Key == "" {
		return bine.Errorf(bine.Invalid, "an agent needs a key: make one with `bine key create NAME --scope agent` and give it as --agent-key or BINE_AGENT_KEY")
	}
	if err := c.keysAreThere(); err != nil {
		return err
	}
	key, err := temporal.LoadKey(filepath.Join(c.Keys, "payload.key"))
	if err != nil {
		return err
	}
	options := temporal.Options{Address: c.Temporal.Address, Namespace: c.Temporal.Namespace, Sealer: temporal.NewSealer(key), Logger: log}
	if c.Temporal.Address == "" {
		return bine.Errorf(bine.Invalid, "an agent needs to know where Temporal is: give --temporal ADDRESS")
	}
	if c.Temporal.Certificates != "" {
		if options.TLS, err = temporal.LoadTLS(c.Temporal.Certificates); err != nil {
			return err
		}
	}
	t, err := temporal.Dial(ctx, options)
	if err != nil {
		return err
	}
	defer t.Close()
	registry := newRegistry()
	observer, err := temporal.NewObserver(log, registry)
	if err != nil {
		return err
	}
	closeMetrics, err := serveMetrics(ctx, c.Metrics, registry, log)
	if err != nil {
		return err
	}
	defer closeMetrics()
	stop, err := startAgent(ctx, c, t, observer, s)
	if err != nil {
		return err
	}
	log.InfoContext(ctx, "running processes", "host", c.Host.Name)
	stop(<-untilToldToStop(ctx))
	return nil
}

// keysAreThere refuses to make up a key that others have: with one of its own a
// process could read nothing that the others wrote.
func (c config) keysAreThere() error {
	path := filepath.Join(c.Keys, "payload.key")
	if _, err := os.Stat(path); err != nil {
		return bine.Errorf(bine.NotFound, "%s is not there: copy the directory of keys from the server, which makes it at its first start (--keys)", path)
	}
	return nil
}

// temporalCommand runs the embedded workflow engine alone: for trying the roles
// apart where there is no Temporal cluster.
func temporalCommand(s cli.Streams) *cobra.Command {
	var port int
	cmd := role("temporal", "Run the embedded workflow engine alone", s, func(ctx context.Context, c config, s cli.Streams) error {
		log := newLog(c.Log, s.Err)
		server, err := embedded.Start(ctx, embedded.Options{Dir: filepath.Join(c.Data, "temporal"), Namespace: c.Temporal.Namespace, Store: c.Temporal.Store, Port: port, Logger: log})
		if err != nil {
			return err
		}
		certificates := filepath.Join(c.Data, "certificates")
		if err := server.WriteClientCertificates(certificates); err != nil {
			return errors.Join(err, server.Stop())
		}
		fmt.Fprintf(s.Out, "--temporal %s --temporal-certificates %s\n", server.Address(), certificates)
		select {
		case <-untilToldToStop(ctx):
			return server.Stop()
		case err := <-server.Failed():
			return errors.Join(err, server.Stop())
		}
	})
	cmd.Flags().IntVar(&port, "port", 7233, "port on 127.0.0.1")
	return cmd
}

// agentConnections is how many connections to the API an agent keeps open.
const agentConnections = 32

// startAgent starts the agent of this host and answers how to end it.
func startAgent(ctx context.Context, c config, t sdk.Client, observer *temporal.Observer, s cli.Streams) (stop func(agent.CloseMode), err error) {
	log := newLog(c.Log, s.Err)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = agentConnections
	api, err := client.New(client.Options{URL: c.URL, Key: c.Agent.Key, HTTP: &http.Client{Transport: transport}})
	if err != nil {
		return nil, err
	}
	shim, err := extractShim(c.Agent.Dir)
	if err != nil {
		return nil, err
	}
	lib := filepath.Join(c.Agent.Dir, "python", python.Version())
	if err := python.Extract(lib); err != nil {
		return nil, err
	}
	mem, err := memory(c.Host.Memory)
	if err != nil {
		return nil, err
	}
	sources, labels, err := accelerators(c.Host)
	if err != nil {
		return nil, err
	}
	a, err := agent.New(agent.Options{
		Dir: c.Agent.Dir, Host: bine.HostName(c.Host.Name), Address: c.Host.Address, Labels: labels, Sources: sources, NoReset: c.Host.NoReset, Version: version,
		API: api, Temporal: t, Environments: &environments{dir: c.Agent.Dir}, Shim: shim, PythonPath: lib,
		Capacity: bine.Resources{CPU: c.Host.CPU, Memory: mem}, Logger: log,
	})
	if err != nil {
		return nil, err
	}
	var interceptors []interceptor.WorkerInterceptor
	if observer != nil {
		interceptors = append(interceptors, observer)
	}
	w := worker.New(t, activities.HostQueue(bine.HostName(c.Host.Name)), temporal.WorkerOptions(temporal.HostWorker, interceptors...))
	w.RegisterActivity(activities.NewHost(a))
	// The agent must outlive ctx: Ctrl-C ends processes first.
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- a.Run(running) }()
	if err := w.Start(); err != nil {
		cancel()
		return nil, fmt.Errorf("start worker of the host: %w", err)
	}
	return func(mode agent.CloseMode) {
		w.Stop()
		if err := a.Close(context.WithoutCancel(ctx), mode); err != nil {
			log.Warn("agent did not close well", "error", err)
		}
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			log.Warn("agent ended", "error", err)
		}
	}, nil
}

// untilToldToStop answers how to end: Ctrl-C ends processes, which start again
// with the next start; SIGTERM leaves them running, to be attached to again.
func untilToldToStop(ctx context.Context) <-chan agent.CloseMode {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	out := make(chan agent.CloseMode, 1)
	go func() {
		select {
		case <-ctx.Done():
			out <- agent.EndProcesses
		case <-signals:
			out <- agent.KeepProcesses
		}
	}()
	return out
}

// web is the HTTP server.
type web struct {
	server *http.Server
	failed chan error
	close  func()
}

// serve listens and serves the API and the pages.
func (p *platform) serve(ctx context.Context) (*web, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", p.config.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, bine.Errorf(bine.Conflict, "%s is in use by another program: stop it, or choose another address with --listen", p.config.Listen)
	}
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	handler, stop, err := p.handler(ctx)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	w := &web{server: server.HTTP(handler), failed: make(chan error, 1), close: stop}
	go func() {
		if err := w.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			w.failed <- err
		}
	}()
	return w, nil
}

// wait waits until told to stop, or until serving failed.
func (w *web) wait(stop <-chan agent.CloseMode) error {
	select {
	case <-stop:
		return nil
	case err := <-w.failed:
		return fmt.Errorf("serve: %w", err)
	}
}

const drain = 3 * time.Second

// stop lets requests end for a moment; streams are ended at once.
func (w *web) stop() {
	w.close()
	_ = server.Shutdown(w.server, drain) // what is still open by then belongs to a client that asks again
}

// shut closes the platform and says what went wrong with that.
func (p *platform) shut() {
	if err := p.close(); err != nil && !strings.Contains(err.Error(), "closed") {
		p.log.Warn("not everything closed well", "error", err)
	}
}
