package api

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/auth"
)

// fileAttributeRoutes are those of what surrounds the content of a file: mode,
// owner, group and time, and extended attributes, whose values are bytes and
// go in and out as they are.
func (a *API) fileAttributeRoutes() {
	see := auth.Access{Role: bine.DataScientist, Scopes: reads, Job: true}
	write := auth.Access{Role: bine.DataScientist, Job: true} // where, the handlers say
	const xattrs = "projects/{project}/xattrs/{path}"
	add(a, route{id: "set-file-attributes", method: http.MethodPatch, path: "projects/{project}/files/{path}", tag: "files",
		summary: "Change mode, owner, group or time of a file or directory", access: write}, a.setFileAttributes)
	add(a, route{id: "get-xattr", method: http.MethodGet, path: xattrs, tag: "files", summary: "The value of an extended attribute",
		access: see, gives: octets}, a.xattr)
	add(a, route{id: "set-xattr", method: http.MethodPut, path: xattrs, tag: "files", summary: "Make or replace an extended attribute",
		access: write, body: octets, limit: longestXattr}, a.setXattr)
	add(a, route{id: "remove-xattr", method: http.MethodDelete, path: xattrs, tag: "files", summary: "Remove an extended attribute", access: write}, a.removeXattr)
}

const (
	octets = "application/octet-stream"
	// longestXattr is what is read of a value: more than the file system takes,
	// so that it is the file system that refuses it.
	longestXattr = 64 << 10
)

func (a *API) setFileAttributes(ctx context.Context, in *struct {
	InFile
	Body client.FileAttributes
}) (*body[client.File], error) {
	full, err := in.writable(ctx)
	if err != nil {
		return nil, err
	}
	b := in.Body
	if b.Mode == nil && b.Owner == nil && b.Group == nil && b.Modified == nil {
		return nil, bine.Errorf(bine.Invalid, "name what to change: mode, owner, group or modified")
	}
	info, err := a.Files.SetAttributes(ctx, fileUser(ctx), full, dfs.Attributes{Mode: b.Mode, Owner: b.Owner, Group: b.Group, Modified: b.Modified})
	return answer(fileOf(in.Project, info, nil), err)
}

// writable gives the path of a file that the caller may change, as far as the place is concerned.
func (in InFile) writable(ctx context.Context) (string, error) {
	full, err := in.full()
	if err != nil {
		return "", err
	}
	return full, actorOf(ctx).MayWrite(in.Path)
}

// InXattr names an extended attribute of a file.
type InXattr struct {
	InFile
	Name string `query:"name" required:"true" minLength:"1" doc:"name of the attribute"`
}

// octetsBody is an answer that is sent as it is.
type octetsBody struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

func (a *API) xattr(ctx context.Context, in *InXattr) (*octetsBody, error) {
	full, err := in.full()
	if err != nil {
		return nil, err
	}
	value, err := a.Files.Xattr(ctx, fileUser(ctx), full, in.Name)
	if err != nil {
		return nil, err
	}
	return &octetsBody{ContentType: octets, Body: value}, nil
}

func (a *API) setXattr(ctx context.Context, in *InXattr) (*none, error) {
	full, err := in.writable(ctx)
	if err != nil {
		return nil, err
	}
	value, err := io.ReadAll(io.LimitReader(callOf(ctx).http.Body, longestXattr+1))
	if err != nil {
		if _, tooLong := errors.AsType[*http.MaxBytesError](err); !tooLong {
			return nil, err
		}
	}
	return done(a.Files.SetXattr(ctx, fileUser(ctx), full, in.Name, value))
}

func (a *API) removeXattr(ctx context.Context, in *InXattr) (*none, error) {
	full, err := in.writable(ctx)
	if err != nil {
		return nil, err
	}
	return done(a.Files.RemoveXattr(ctx, fileUser(ctx), full, in.Name))
}
