package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/agent"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/internal/cli"
)

// lockData takes the data directory for this process.
func lockData(dir string) (unlock func() error, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(path)
		f.Close()
		return nil, bine.Errorf(bine.Conflict, "the data directory %s is in use by process %s: stop that one, or choose another directory with --data", dir, strings.TrimSpace(string(holder)))
	}
	if err := f.Truncate(0); err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintln(f, os.Getpid()); err != nil {
		return nil, err
	}
	return f.Close, nil
}

// up runs everything in one process. ready, where given, is called when it can
// be used; when it returns, everything stops as if by Ctrl-C.
func up(ctx context.Context, c config, s cli.Streams, ready func(context.Context, *platform) error) error {
	unlock, err := lockData(c.Data)
	if err != nil {
		return err
	}
	defer unlock()
	p, err := open(ctx, c, newLog(c.Log, s.Err), true)
	if err != nil {
		return err
	}
	defer p.shut()
	stopWork, err := p.work(ctx)
	if err != nil {
		return err
	}
	defer stopWork()
	web, err := p.serve(ctx)
	if err != nil {
		return err
	}
	defer web.stop()
	if err := p.firstStart(ctx); err != nil {
		return err
	}
	if ready == nil {
		fmt.Fprintf(s.Err, "Bine is ready at %s   data in %s   %s\n", c.URL, c.Data, p.signIn())
	}
	if c.Agent.Key, err = p.agentKey(ctx); err != nil {
		return err
	}
	stopAgent, err := startAgent(ctx, c, p.temporal, p.observer, s)
	if err != nil {
		return err
	}
	return p.until(ctx, web, stopAgent, ready)
}

// until waits for whatever ends the process first, and ends the agent as that asks for.
func (p *platform) until(ctx context.Context, w *web, stopAgent func(agent.CloseMode), ready func(context.Context, *platform) error) error {
	done := make(chan error, 1)
	if ready != nil {
		go func() { done <- ready(ctx, p) }()
	}
	var temporalFailed <-chan error
	if p.embedded != nil {
		temporalFailed = p.embedded.Failed()
	}
	select {
	case mode := <-untilToldToStop(ctx):
		stopAgent(mode)
		return nil
	case err := <-done:
		stopAgent(agent.EndProcesses)
		return err
	case err := <-w.failed:
		stopAgent(agent.KeepProcesses)
		return fmt.Errorf("serve: %w", err)
	case err := <-temporalFailed:
		stopAgent(agent.KeepProcesses)
		return fmt.Errorf("the workflow engine failed: %w", err)
	}
}

// adminName is the user that the first start makes.
const adminName bine.UserName = "admin"

// firstStart makes the administrator where there is nobody yet, and signs the CLI
// of this user in.
func (p *platform) firstStart(ctx context.Context) error {
	users, err := p.store.Users(ctx)
	if err != nil {
		return err
	}
	if len(users) == 0 {
		password := rand.Text()[:20]
		hash, err := p.auth.HashPassword(ctx, password)
		if err != nil {
			return err
		}
		err = p.store.CreateUser(ctx, bine.User{Name: adminName, Admin: true}, hash)
		if err != nil && !bine.IsKind(err, bine.Conflict) { // another server was first
			return err
		}
		if err == nil {
			p.password = password
		}
	}
	if p.config.Private {
		return nil
	}
	return p.signInCLI(ctx)
}

// signIn tells how to sign in, with the password where it was just made.
func (p *platform) signIn() string {
	if p.password == "" {
		return fmt.Sprintf("sign in as %s", adminName)
	}
	return fmt.Sprintf("sign in as %s / %s (shown once; `bine admin password` sets a new one)", adminName, p.password)
}

// cliContext is the name under which the CLI knows the server of this directory.
const cliContext = "local"

// signInCLI gives the CLI of whoever owns the data directory a key, once.
func (p *platform) signInCLI(ctx context.Context) error {
	path := client.ContextsPath()
	all, err := client.ReadContexts(path)
	if err != nil {
		return err
	}
	if known, found := all.Contexts[cliContext]; found && known.URL == p.config.URL {
		if _, err := p.auth.IdentifyToken(ctx, known.Key); err == nil {
			return nil
		}
	}
	key, _, err := p.auth.NewKey(ctx, auth.Identity{User: adminName, Admin: true}, bine.Key{Name: "CLI", Scopes: []bine.Scope{bine.ScopeAll}})
	if err != nil {
		return err
	}
	return cli.Remember(path, cliContext, client.Context{URL: p.config.URL, Key: key})
}

// agentKey gives the key of this process's own agent, which is kept beside the
// keys that seal.
func (p *platform) agentKey(ctx context.Context) (string, error) {
	path := filepath.Join(p.config.Keys, "agent.key")
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if key := strings.TrimSpace(string(text)); key != "" {
		if _, err := p.auth.IdentifyToken(ctx, key); err == nil {
			return key, nil
		}
	}
	key, _, err := p.auth.NewKey(ctx, auth.Identity{User: adminName, Admin: true}, bine.Key{Name: "agent of " + p.config.Host.Name, Scopes: []bine.Scope{bine.ScopeAgent}})
	if err != nil {
		return "", err
	}
	return key, os.WriteFile(path, []byte(key+"\n"), 0o600)
}
