// Package webhdfs is the front door of the file system for programs that speak
// WebHDFS, the REST protocol of Hadoop's file system: Spark, distcp, fsspec,
// HdfsCLI and others.
//
// A request at /webhdfs/v1/<path>?op=… is about the path of the file system
// itself, so what belongs to a project is at /Projects/<project>/…. It is
// admitted by the same guard as every other, with an API key or the token of a
// job: as bearer, as the password of Basic, or as the parameter delegation. Who
// says no more than user.name is nobody.
//
// It promises that nothing can be done here that the REST API refuses, that
// what changes something leaves one audit record before it is answered, and
// that every error is the exception that Hadoop's own clients expect. Where it
// differs from Hadoop is written in docs/webhdfs.md.
package webhdfs

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/server/actor"
	"github.com/bine-ml/bine/server/api"
)

// The routes of the front door, as Gin writes them.
const (
	Root    = "/webhdfs/v1"
	Pattern = Root + "/*path"
)

// guard admits requests.
type guard interface {
	AdmitToken(ctx context.Context, token, address string, access auth.Access, project bine.ProjectName) (auth.Identity, auth.Membership, error)
}

// sealer keeps what a ticket says from who holds it.
type sealer interface {
	Seal(secret, place string) (string, error)
	Open(sealed, place string) (string, error)
}

// projects says where a user is a member.
type projects interface {
	Projects(ctx context.Context, user bine.UserName) ([]bine.Project, error)
}

// desk is what all front doors do alike.
type desk interface {
	Explain(ctx context.Context, err error) (client.Problem, http.Header)
	Record(ctx context.Context, entry bine.Audit, err error) error
	GiveUpIdle(w http.ResponseWriter, r *http.Request)
	// Relocate starts to bring files of a project to where their policies say.
	Relocate(ctx context.Context, project bine.ProjectName, files string, by bine.UserName) (bine.Transfer, error)
}

// Config is what the front door is made of.
type Config struct {
	Files    dfs.FS
	Guard    guard
	Sealer   sealer
	Projects projects
	Desk     desk
	// Secure says that people reach the server by https only, though it may be
	// something before it that speaks TLS.
	Secure bool
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Door answers requests of WebHDFS.
type Door struct {
	Config
	operations map[string]*operation
}

// New makes the front door.
func New(c Config) *Door {
	if c.Now == nil {
		c.Now = time.Now
	}
	d := &Door{Config: c, operations: map[string]*operation{}}
	for _, o := range table() {
		d.operations[o.name] = &o
	}
	return d
}

// timeout bounds what moves no content of files.
const timeout = 30 * time.Second

// Handle answers a request at Root or Pattern.
func (d *Door) Handle(g *gin.Context) {
	d.Desk.GiveUpIdle(g.Writer, g.Request)
	c := &call{door: d, w: g.Writer, r: g.Request, context: g.Request.Context()}
	if err := c.read(g.Param("path")); err != nil {
		api.CountAs(g, "webhdfs")
		c.fail(err)
		return
	}
	api.CountAs(g, c.op.counted)
	if !c.op.stream {
		var cancel context.CancelFunc
		c.context, cancel = context.WithTimeout(c.context, timeout)
		defer cancel()
	}
	if err := c.admit(); err != nil {
		c.fail(c.record(err))
		return
	}
	a, err := c.op.run(c)
	if err = c.record(err); err != nil {
		if a.stream != nil {
			a.stream.Close()
		}
		c.fail(err)
		return
	}
	c.answer(a)
}

// call is one request.
type call struct {
	door *Door
	w    http.ResponseWriter
	r    *http.Request
	// context is that of the request, with the time it may take.
	context context.Context
	op      *operation
	path    string           // of the file system, in its one form
	asked   string           // the path as it was asked for: by another name where it is shared
	within  bine.ProjectName // that has the name asked for, if that is one of a share
	params  params
	actor   actor.Actor
	// said is the credential that the request brought, and whether in the
	// address rather than in a header.
	said      string
	inAddress bool
	// redirected says that this is only the first of two steps: nothing is done yet.
	redirected bool
}

func (c *call) ctx() context.Context { return c.context }

func (c *call) user() dfs.User { return c.actor.User() }

func (c *call) files() dfs.FS { return c.door.Files }

// record writes down what the request changed, or that it was refused.
func (c *call) record(err error) error {
	if !c.op.changes || !c.actor.Known() || (err == nil && c.redirected) {
		return err
	}
	return c.door.Desk.Record(c.ctx(), bine.Audit{Actor: c.actor.Identity.User, Address: auth.AddressOf(c.r), Project: c.actor.Member.Project,
		Action: c.op.counted, Object: c.path}, err)
}
