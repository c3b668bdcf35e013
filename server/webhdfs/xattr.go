package webhdfs

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bine-ml/bine"
)

type xattr struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// xattrs answers all extended attributes, or those that are named.
func (c *call) xattrs() (answer, error) {
	encode, err := encoder(c.params.text("encoding"))
	if err != nil {
		return answer{}, err
	}
	have, err := c.files().Xattrs(c.ctx(), c.user(), c.path)
	if err != nil {
		return answer{}, err
	}
	names := c.params["xattr.name"]
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(have))
	}
	list := []xattr{}
	for _, name := range names {
		value, found := have[name]
		if !found {
			return answer{}, &exception{class: ioException, message: "At least one of the attributes provided was not found."}
		}
		list = append(list, xattr{name, encode(value)})
	}
	return as("XAttrs", list), nil
}

// xattrNames answers the names of all extended attributes: as JSON in a string.
func (c *call) xattrNames() (answer, error) {
	have, err := c.files().Xattrs(c.ctx(), c.user(), c.path)
	if err != nil {
		return answer{}, err
	}
	names, err := json.Marshal(append([]string{}, slices.Sorted(maps.Keys(have))...))
	return as("XAttrNames", string(names)), err
}

// encoder gives the form of values that is asked for. A value that is no text
// is in base64 even where text is asked for: its prefix tells.
func encoder(name string) (func([]byte) string, error) {
	inBase64 := func(v []byte) string { return "0s" + base64.StdEncoding.EncodeToString(v) }
	switch strings.ToLower(name) {
	case "", "text":
		return func(v []byte) string {
			if !utf8.Valid(v) {
				return inBase64(v)
			}
			return `"` + string(v) + `"`
		}, nil
	case "hex":
		return func(v []byte) string { return "0x" + hex.EncodeToString(v) }, nil
	case "base64":
		return inBase64, nil
	}
	return nil, badParam("encoding", "%.40q is neither text nor hex nor base64", name)
}

// decoded reads a value in any of the three forms, or as it is.
func decoded(text string) ([]byte, error) {
	const name = "xattr.value"
	if len(text) >= 2 {
		switch prefix, rest := strings.ToLower(text[:2]), text[2:]; {
		case prefix == "0x":
			v, err := hex.DecodeString(rest)
			if err != nil {
				return nil, badParam(name, "what follows 0x is not hexadecimal")
			}
			return v, nil
		case prefix == "0s":
			v, err := base64.StdEncoding.DecodeString(rest)
			if err != nil {
				return nil, badParam(name, "what follows 0s is not base64")
			}
			return v, nil
		case text[0] == '"' && text[len(text)-1] == '"':
			return []byte(text[1 : len(text)-1]), nil
		}
	}
	return []byte(text), nil
}

func (c *call) xattrName() (string, error) {
	name := c.params.text("xattr.name")
	if name == "" {
		return "", badParam("xattr.name", "it is missing: name the attribute")
	}
	return name, nil
}

// setXattr makes or replaces an extended attribute. That it is there, or not,
// where the flag says so, is looked at just before.
func (c *call) setXattr() (answer, error) {
	name, err := c.xattrName()
	if err != nil {
		return answer{}, err
	}
	value, err := decoded(c.params.text("xattr.value"))
	if err != nil {
		return answer{}, err
	}
	make, replace, err := c.xattrFlags()
	if err != nil {
		return answer{}, err
	}
	if err := c.mayWrite(c.path); err != nil {
		return answer{}, err
	}
	if !make || !replace {
		_, err := c.files().Xattr(c.ctx(), c.user(), c.path, name)
		switch {
		case err != nil && !bine.IsKind(err, bine.NotFound):
			return answer{}, err
		case err == nil && !replace:
			return answer{}, &exception{class: ioException, message: "XAttr: " + name + " already exists. The REPLACE flag must be specified."}
		case err != nil && !make:
			return answer{}, &exception{class: ioException, message: "XAttr: " + name + " does not exist. The CREATE flag must be specified."}
		}
	}
	return answer{}, c.files().SetXattr(c.ctx(), c.user(), c.path, name, value)
}

// xattrFlags says whether an attribute may be made and whether it may be replaced.
func (c *call) xattrFlags() (make, replace bool, err error) {
	text := c.params.text("flag")
	if text == "" {
		return true, true, nil
	}
	for flag := range strings.SplitSeq(text, ",") {
		switch strings.ToUpper(strings.TrimSpace(flag)) {
		case "CREATE":
			make = true
		case "REPLACE":
			replace = true
		default:
			return false, false, badParam("flag", "%.40q is neither CREATE nor REPLACE", flag)
		}
	}
	return make, replace, nil
}

func (c *call) removeXattr() (answer, error) {
	name, err := c.xattrName()
	if err != nil {
		return answer{}, err
	}
	if err := c.mayWrite(c.path); err != nil {
		return answer{}, err
	}
	if _, err := c.stat(c.path); err != nil {
		return answer{}, err
	}
	err = c.files().RemoveXattr(c.ctx(), c.user(), c.path, name)
	if bine.IsKind(err, bine.NotFound) {
		return answer{}, &exception{class: ioException, message: "No matching attributes found for remove operation", err: err}
	}
	return answer{}, err
}
