package program

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dags"
)

// patience is how long a server that does not answer is tried again.
const patience = 30 * time.Second

const usage = `usage: %s VERB [flags]

  check   check the pipeline; needs no server
  json    print its canonical JSON
  store   store it, with this program, as its next version
  run     store it and start a run

`

// settings are the flags of the verbs.
type settings struct {
	url, key, project, context string
	dir, program, idempotency  string
	params                     params
}

// params collects -P name=value.
type params map[string]json.RawMessage

func (p params) String() string { return "" }

// Set takes one param: what is valid JSON as that, anything else as a text.
func (p params) Set(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return bine.Errorf(bine.Invalid, "%q is no param: write name=value", text)
	}
	if !json.Valid([]byte(value)) {
		quoted, err := json.Marshal(value)
		if err != nil {
			return err
		}
		value = string(quoted)
	}
	p[name] = json.RawMessage(value)
	return nil
}

// byHand does what somebody at a terminal asks for.
func byHand(ctx context.Context, args []string, dag dags.DAG, out, errs io.Writer) error {
	o := settings{params: params{}}
	flags := flag.NewFlagSet(filepath.Base(os.Args[0]), flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.Usage = func() {
		fmt.Fprintf(errs, usage, flags.Name())
		flags.PrintDefaults()
	}
	flags.StringVar(&o.url, "url", os.Getenv("BINE_API"), "address of the server (BINE_API); if absent, that of the CLI's context")
	flags.StringVar(&o.project, "project", os.Getenv("BINE_PROJECT"), "project (BINE_PROJECT); if absent, that of the CLI's context")
	flags.StringVar(&o.context, "context", "", "context of the CLI; if absent, its current one")
	flags.StringVar(&o.dir, "dir", ".", "directory of other files that steps name")
	flags.StringVar(&o.program, "program", "", "program to upload; if absent, this one")
	flags.StringVar(&o.idempotency, "key", "", "idempotency key of the run")
	flags.Var(o.params, "P", "param of the run, as name=value; may be given again")
	verb := ""
	if len(args) > 0 {
		verb, args = args[0], args[1:]
	}
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return bine.Errorf(bine.Invalid, "%w", err)
	}
	o.key = os.Getenv("BINE_API_KEY")
	switch verb {
	case "check":
		fmt.Fprintf(errs, "pipeline %s with %d steps is well-formed\n", dag.Name, len(dag.Steps))
		return nil
	case "json":
		fmt.Fprintln(out, string(dag.JSON()))
		return nil
	case "store", "run":
		return o.store(ctx, dag, verb == "run", out, errs)
	}
	flags.Usage()
	return bine.Errorf(bine.Invalid, "there is no verb %q; there are check, json, store and run", verb)
}

// store stores the pipeline and, if it is to run, starts it.
func (o settings) store(ctx context.Context, dag dags.DAG, start bool, out, errs io.Writer) error {
	api, p, err := o.connect()
	if err != nil {
		return err
	}
	code, err := o.upload(ctx, api, p, dag)
	if err != nil {
		return err
	}
	v, err := api.StorePipeline(ctx, p, dag.JSON(), code)
	if err != nil {
		return err
	}
	fmt.Fprintf(errs, "pipeline %s is version %d\n", v.Pipeline, v.Version)
	if !start {
		return nil
	}
	run, err := api.StartRun(ctx, p, v.Pipeline, client.NewRun{Params: o.params, Version: v.Version, Key: o.idempotency})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, run.ID)
	return nil
}

// connect finds the server and the project as the CLI does.
func (o settings) connect() (*client.Client, bine.ProjectName, error) {
	if o.url == "" || o.key == "" || o.project == "" {
		all, err := client.ReadContexts(client.ContextsPath())
		if err != nil {
			return nil, "", err
		}
		name := o.context
		if name == "" {
			name = all.Current
		}
		c, found := all.Contexts[name]
		if !found && o.context != "" {
			return nil, "", bine.Errorf(bine.Invalid, "context %q is not known: `bine context list` names those that are", o.context)
		}
		if o.url == "" {
			o.url = c.URL
		}
		if o.key == "" && o.url == c.URL { // never to another server than the one that it is for
			o.key = c.Key
		}
		if o.project == "" {
			o.project = c.Project
		}
	}
	if o.url == "" {
		return nil, "", bine.Errorf(bine.Unauthenticated, "not signed in: `bine login --url http://127.0.0.1:7070` signs in, `bine up` starts a server here")
	}
	if o.project == "" {
		return nil, "", bine.Errorf(bine.Invalid, "no project is chosen: give -project NAME, or choose one for good with `bine project use NAME`")
	}
	api, err := client.New(client.Options{URL: o.url, Key: o.key, Patience: patience})
	return api, bine.ProjectName(o.project), err
}

// upload stores the program, and the other files that steps name, as the code.
func (o settings) upload(ctx context.Context, api *client.Client, p bine.ProjectName, dag dags.DAG) (bine.Hash, error) {
	programs := map[string]bool{}
	for _, s := range dag.Steps {
		if action, ok := s.Action.(dags.GoAction); ok {
			programs[action.Program] = true
		}
	}
	var entries []bine.ArtifactEntry
	paths := map[bine.Hash]string{}
	for _, name := range dag.Files() {
		path := filepath.Join(o.dir, filepath.FromSlash(name))
		if programs[name] {
			var err error
			if path, err = o.executable(); err != nil {
				return "", err
			}
		}
		e, err := entry(name, path)
		if err != nil {
			return "", bine.Errorf(bine.NotFound, "%s, which a step names: %w", name, err)
		}
		e.Executable = programs[name]
		entries, paths[e.Hash] = append(entries, e), path
	}
	if len(entries) == 0 {
		return "", nil
	}
	var hashes []bine.Hash
	for _, e := range entries {
		hashes = append(hashes, e.Hash)
	}
	missing, err := api.MissingArtifacts(ctx, p, hashes)
	if err != nil {
		return "", err
	}
	for _, h := range missing {
		if err := put(ctx, api, p, h, paths[h]); err != nil {
			return "", err
		}
	}
	ref, err := api.PutManifest(ctx, p, entries)
	return ref.Hash, err
}

// executable is the file that hosts will run.
func (o settings) executable() (string, error) {
	if o.program != "" {
		return o.program, nil
	}
	if runtime.GOOS != "linux" {
		return "", bine.Errorf(bine.Invalid, "hosts run Linux, and this program is for %s: build one with GOOS=linux and name it with -program", runtime.GOOS)
	}
	return os.Executable()
}

func entry(name, path string) (bine.ArtifactEntry, error) {
	f, err := os.Open(path)
	if err != nil {
		return bine.ArtifactEntry{}, err
	}
	defer f.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, f)
	return bine.ArtifactEntry{Path: name, Hash: bine.Hash(hex.EncodeToString(sum.Sum(nil))), Size: size}, err
}

func put(ctx context.Context, api *client.Client, p bine.ProjectName, h bine.Hash, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := api.PutArtifact(ctx, p, h, f); err != nil {
		return fmt.Errorf("upload %s: %w", path, err)
	}
	return nil
}
