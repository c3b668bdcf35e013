// Package s3 is the front door of the file system for programs that speak the
// protocol of Amazon S3: boto3, DuckDB, Spark's s3a, rclone and others.
//
// A bucket is a project and a key is a path of it, so that what is written here is
// a file for everybody else, and the other way round. A request belongs to this
// door if it is signed (Signed), at whatever path; so no address of its own is
// needed. Keys are API keys that were made for it: their secret is kept sealed,
// because the protocol has the server calculate with it.
//
// It promises that nothing can be done here that the REST API refuses, that what
// changes something leaves one audit record before it is answered, and that
// content streams in constant memory and is whole or not at all. Where it differs
// from Amazon's is written in docs/s3.md.
package s3

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/server/actor"
	"github.com/bine-ml/bine/server/api"
)

// guard admits requests.
type guard interface {
	Admit(r *http.Request, access auth.Access, project bine.ProjectName) (auth.Identity, auth.Membership, error)
}

// secrets opens the secrets of keys.
type secrets interface {
	Open(sealed, place string) (string, error)
}

// store keeps keys and says where a user is a member.
type store interface {
	SealedKey(ctx context.Context, id string) (string, error)
	Projects(ctx context.Context, user bine.UserName) ([]bine.Project, error)
}

// desk is what all front doors do alike.
type desk interface {
	Explain(ctx context.Context, err error) (client.Problem, http.Header)
	Record(ctx context.Context, entry bine.Audit, err error) error
	GiveUpIdle(w http.ResponseWriter, r *http.Request)
}

// Config is what the front door is made of.
type Config struct {
	Files   dfs.FS
	Guard   guard
	Secrets secrets
	Store   store
	Desk    desk
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Door answers requests of S3.
type Door struct{ Config }

// New makes the front door.
func New(c Config) *Door {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Door{c}
}

// timeout bounds what moves no content of files.
const timeout = time.Minute

// Handle answers a request that is Signed.
func (d *Door) Handle(g *gin.Context) {
	api.CountAs(g, "s3")
	goOn(g)
	d.Desk.GiveUpIdle(g.Writer, g.Request)
	c := &call{door: d, w: g.Writer, r: g.Request, query: g.Request.URL.Query()}
	c.bucket, c.key, _ = strings.Cut(strings.TrimPrefix(c.r.URL.Path, "/"), "/")
	o, err := c.operation()
	if err == nil {
		c.op = o
		api.CountAs(g, o.counted())
		err = c.run()
	}
	if err != nil {
		c.fail(err)
	}
}

// goOn answers Expect: 100-continue where there is no content. net/http leaves that
// out, and botocore then waits for a content that the answer does not have.
func goOn(g *gin.Context) {
	inner, ok := g.Writer.(interface{ Unwrap() http.ResponseWriter })
	if ok && g.Request.ContentLength == 0 && strings.EqualFold(g.Request.Header.Get("Expect"), "100-continue") {
		inner.Unwrap().WriteHeader(http.StatusContinue)
	}
}

// call is one request.
type call struct {
	door   *Door
	w      http.ResponseWriter
	r      *http.Request
	query  map[string][]string
	op     operation
	bucket string
	key    string
	signed signature
	actor  actor.Actor
}

func (c *call) ctx() context.Context { return c.r.Context() }

func (c *call) user() dfs.User { return c.actor.User() }

func (c *call) files() dfs.FS { return c.door.Files }

func (c *call) project() bine.ProjectName { return bine.ProjectName(c.bucket) }

// param gives a parameter of the address, and whether it is there.
func (c *call) param(name string) (string, bool) {
	values, ok := c.query[name]
	if !ok || len(values) == 0 {
		return "", ok
	}
	return values[0], true
}

func (c *call) text(name string) string {
	v, _ := c.param(name)
	return v
}

// run admits the request, does what it asks for and answers.
func (c *call) run() error {
	if !c.op.stream {
		ctx, cancel := context.WithTimeout(c.r.Context(), timeout)
		defer cancel()
		c.r = c.r.WithContext(ctx)
	}
	if err := c.admit(); err != nil {
		return c.record(err)
	}
	a, err := c.op.run(c)
	if err = c.record(err); err != nil {
		if a.stream != nil {
			a.stream.Close()
		}
		return err
	}
	c.answer(a)
	return nil
}

// record writes down what the request changed, or that it was refused.
func (c *call) record(err error) error {
	if !c.op.changes || !c.actor.Known() {
		return err
	}
	return c.door.Desk.Record(c.ctx(), bine.Audit{Actor: c.actor.Identity.User, Address: auth.AddressOf(c.r), Project: c.actor.Member.Project,
		Action: c.op.counted(), Object: "/" + c.bucket + "/" + c.key}, err)
}

// path gives the path of the file system for a key of the bucket.
func (c *call) path(key string) (string, error) {
	full, err := actor.Locate(c.project(), strings.Trim(key, "/"))
	if err == nil && (strings.Contains(key, "//") || strings.HasPrefix(key, "/")) {
		err = bine.Errorf(bine.Invalid, "key %.200q has an empty part: keys are paths of files here", key)
	}
	return full, err
}

// writable gives the path for a key that the caller may write, as far as the place
// is concerned.
func (c *call) writable(key string) (string, error) {
	full, err := c.path(key)
	if err != nil {
		return "", err
	}
	return full, c.actor.MayWrite(key)
}
