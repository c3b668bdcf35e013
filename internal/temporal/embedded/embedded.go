// Package embedded runs a whole Temporal cluster inside this process: frontend,
// history, matching and its own worker, on SQLite files or a MySQL database.
//
// It is closed to everyone who has not its certificates, which are made in
// memory at each start: processes of users run on the same machine. All ports
// are on loopback and all of them ask for a certificate; there is no HTTP port.
//
// This is the only package that links the server. It costs minutes to compile,
// so nothing but the program itself and few tests import it.
package embedded

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/config"
	server "go.temporal.io/server/temporal"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/temporal"
)

// Options says where a server keeps its data and how it is found.
type Options struct {
	Dir       string        // its data; made with mode 0700, used by one process at a time
	Namespace string        // temporal.DefaultNamespace when empty
	Retention time.Duration // how long closed executions stay; temporal.Retention when zero
	Store     string        // mysql://user:password@host:port/database for all but visibility; SQLite in Dir when empty
	Port      int           // of the frontend on 127.0.0.1; a free one when zero
	Logger    *slog.Logger  // gets warnings and errors; slog.Default() when nil
}

// Server is a running server.
type Server struct {
	server  server.Server
	options Options
	stores  stores
	lock    *os.File
	certs   *certificates
	address string
	log     *logger
	failed  chan error
}

// Start starts a server and answers when it takes calls and its namespace is
// there with the right retention. It fails with kind Conflict when another
// process uses the directory, the port is taken, or a newer program has written
// the data.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Namespace == "" {
		o.Namespace = temporal.DefaultNamespace
	}
	if o.Retention == 0 {
		o.Retention = temporal.Retention
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	dir, err := prepareDir(o.Dir)
	if err != nil {
		return nil, err
	}
	o.Dir = dir
	held, err := lock(dir)
	if err != nil {
		return nil, err
	}
	s, err := start(ctx, o)
	if err != nil {
		return nil, errors.Join(err, held.Close())
	}
	s.lock = held
	return s, nil
}

// prepareDir makes the data directory, for its owner only.
func prepareDir(dir string) (string, error) {
	if dir == "" {
		return "", bine.Errorf(bine.Invalid, "the data directory of Temporal is missing")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("data directory of Temporal: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make data directory of Temporal: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return "", fmt.Errorf("close data directory of Temporal to others: %w", err)
	}
	return dir, nil
}

// start brings up what the lock protects.
func start(ctx context.Context, o Options) (*Server, error) {
	if err := checkPort(o.Port); err != nil {
		return nil, err
	}
	s := &Server{options: o, failed: make(chan error, 1)}
	s.log = newLogger(o.Logger, s.failed)
	var err error
	if s.stores, err = prepareStores(ctx, o.Dir, o.Store, s.log); err != nil {
		return nil, err
	}
	if o.Store == "" {
		if err := createNamespace(s.stores.main, o); err != nil {
			return nil, err
		}
	}
	if s.certs, err = newCertificates(net.ParseIP(loopback)); err != nil {
		return nil, fmt.Errorf("make certificates: %w", err)
	}
	if err := s.launch(ctx); err != nil {
		return nil, err
	}
	if err := s.keepNamespace(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// launch starts the server's parts, on other ports when somebody took one of
// those that were free a moment ago.
func (s *Server) launch(ctx context.Context) error {
	temporal.SizeWorkflowCache() // the server's own workers would fix it first
	const tries = 3
	var err error
	for range tries {
		if err = s.launchOnce(); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

func (s *Server) launchOnce() error {
	plan, err := arrange(s.stores, s.options.Port)
	if err != nil {
		return err
	}
	s.address = plan.address
	// In a goroutine of its own, because what is fatal to the server ends the
	// goroutine that it happens in, where it is not made a panic on the way.
	up := make(chan error, 1)
	go func() {
		outcome := errors.New("it stopped while it started")
		defer func() {
			if r := recover(); r != nil {
				outcome = fmt.Errorf("panic: %v", r)
			}
			up <- outcome
		}()
		outcome = s.bringUp(plan)
	}()
	err = <-up
	select {
	case err = <-s.failed: // says more than what followed from it
	default:
	}
	if err != nil {
		if s.server != nil {
			_ = s.server.Stop() // what came up of it
			s.server = nil
		}
		return fmt.Errorf("start Temporal: %w", err)
	}
	return nil
}

// bringUp makes and starts the server's parts.
func (s *Server) bringUp(plan layout) error {
	made, err := server.NewServer(
		server.WithConfig(&plan.config),
		server.ForServices(server.DefaultServices),
		server.WithStaticHosts(plan.hosts),
		server.WithLogger(s.log),
		server.WithTLSConfigFactory(s.certs.provider()),
		server.WithAuthorizer(authorization.NewNoopAuthorizer()), // the certificates let nobody else in
		server.WithClaimMapper(func(*config.Config) authorization.ClaimMapper { return authorization.NewNoopClaimMapper() }),
		server.WithDynamicConfigClient(settings()),
	)
	if err != nil {
		return err
	}
	s.server = made
	return made.Start()
}

// Address gives the host and port of the frontend.
func (s *Server) Address() string { return s.address }

// Namespace gives the namespace that is kept for Bine.
func (s *Server) Namespace() string { return s.options.Namespace }

// TLS gives the configuration that connects to the server, in this process.
func (s *Server) TLS() *tls.Config { return s.certs.client() }

// ClientOptions gives what temporal.Dial needs to connect from this process.
func (s *Server) ClientOptions(sealer *temporal.Sealer) temporal.Options {
	return temporal.Options{
		Address: s.address, Namespace: s.options.Namespace, TLS: s.TLS(), Sealer: sealer, Logger: s.options.Logger,
	}
}

// WriteClientCertificates puts what temporal.LoadTLS needs into dir, so that
// another process of the same owner can connect while this server runs.
func (s *Server) WriteClientCertificates(dir string) error { return s.certs.write(dir) }

// Failed gives what ended a part of the server after it had started. The server
// is of no use then and should be stopped.
func (s *Server) Failed() <-chan error { return s.failed }

// Stop ends the server, moves its data into the files proper, and lets the
// directory go. Workers and clients should have stopped before.
func (s *Server) Stop() error {
	s.log.stopping.Store(true)
	err := s.server.Stop()
	if err != nil {
		err = fmt.Errorf("stop Temporal: %w", err)
	}
	err = errors.Join(err, s.stores.checkpoint(context.Background()))
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}
