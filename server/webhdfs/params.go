package webhdfs

import (
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bine-ml/bine/server/actor"
)

// params are the parameters of a request, by their names in lower case: the
// protocol takes startAfter and startafter.
type params map[string][]string

// readParams reads a query. A parameter that is there twice counts once, where
// it is first, but for those that are lists.
func readParams(query string) (params, error) {
	p, err := url.ParseQuery(query)
	if err != nil {
		return nil, &exception{class: illegalArgument, message: "The query cannot be read: write every & ; % and + of a value in percent form"}
	}
	for name, list := range p {
		if lower := strings.ToLower(name); lower != name {
			delete(p, name)
			p[lower] = append(p[lower], list...)
		}
	}
	return params(p), nil
}

// text gives a parameter, "" where it is not there.
func (p params) text(name string) string {
	if list := p[name]; len(list) > 0 {
		return list[0]
	}
	return ""
}

// flag reads true or false.
func (p params) flag(name string, otherwise bool) (bool, error) {
	switch text := p.text(name); strings.ToLower(text) {
	case "", "null":
		return otherwise, nil
	case "true":
		return true, nil
	case "false":
		return false, nil
	default:
		return false, badParam(name, "%q is neither true nor false", text)
	}
}

// number reads a whole number that is at least least.
func (p params) number(name string, otherwise, least int64) (int64, error) {
	text := p.text(name)
	if text == "" || text == "null" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, badParam(name, "%q is not a whole number", text)
	}
	if n < least {
		return 0, badParam(name, "%d is less than %d", n, least)
	}
	return n, nil
}

// modes reads the permission that is asked for, and that before the client took
// its umask off it; 0 is none.
func (p params) modes() (mode, unmasked uint32, err error) {
	if mode, err = p.mode("permission"); err == nil {
		unmasked, err = p.mode("unmaskedpermission")
	}
	return mode, unmasked, err
}

// mode reads a permission in octal; 0 is none.
func (p params) mode(name string) (uint32, error) {
	text := p.text(name)
	if text == "" || text == "null" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 8, 16)
	if err != nil || n > 0o777 {
		return 0, badParam(name, "%q is not a permission: write it in octal, from 1 to 777", text)
	}
	if n == 0 {
		return 0, badParam(name, "a permission of 0 lets nobody in, not even whoever made it")
	}
	return uint32(n), nil
}

// moment reads a time in milliseconds since 1970; nil is to leave it.
func (p params) moment(name string) (*time.Time, error) {
	n, err := p.number(name, -1, -1)
	if err != nil || n < 0 {
		return nil, err
	}
	if n > math.MaxInt64/1000 {
		return nil, badParam(name, "%d milliseconds are not a time", n)
	}
	at := time.UnixMilli(n)
	return &at, nil
}

// path reads the path of a parameter that must be there.
func (p params) path(name string) (string, error) {
	text := p.text(name)
	if text == "" {
		return "", badParam(name, "it is missing: give the whole path")
	}
	return cleaned(text)
}

// cleaned gives the one form of a path.
func cleaned(path string) (string, error) {
	return actor.Clean(path)
}

// read finds out what is asked for.
func (c *call) read(path string) error {
	var err error
	if c.params, err = readParams(c.r.URL.RawQuery); err != nil {
		return err
	}
	name := strings.ToUpper(c.params.text("op"))
	if name == "" {
		return badParam("op", "it is missing: say which operation")
	}
	op, found := c.door.operations[name]
	if !found {
		return badParam("op", "there is no operation %.60q", name)
	}
	if op.method != c.r.Method {
		return badParam("op", "%s is done by %s, not by %.20s", name, op.method, c.r.Method)
	}
	c.op = op
	if path == "" {
		path = "/"
	}
	if c.asked, err = cleaned(path); err == nil {
		c.path, c.within, err = located(c.asked)
	}
	return err
}
