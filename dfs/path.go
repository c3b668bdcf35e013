package dfs

import (
	"strings"
	"unicode/utf8"

	"github.com/bine-ml/bine"
)

// The limits of a path, in bytes and components.
const (
	MaxPath  = 4096
	MaxName  = 255
	MaxDepth = 512
)

// Names and places with a meaning of their own.
const (
	projectsName  = "Projects"
	artifactsName = ".artifacts"
	// MultipartName is the directory of a project in which the parts of uploads of S3
	// wait: a directory for each upload, removed after Options.Multipart.
	MultipartName = ".multipart"
)

// ProjectPath gives the path of something in a project.
func ProjectPath(project bine.ProjectName, relative ...string) string {
	path := "/" + projectsName + "/" + string(project)
	for _, part := range relative {
		if part = strings.Trim(part, "/"); part != "" {
			path += "/" + part
		}
	}
	return path
}

// Clean gives the one form of a path that the file system knows: absolute,
// without a slash at the end. A path with ".", ".." or an empty component, with
// a NUL byte, not in UTF-8 or over the limits is Invalid; nothing is resolved
// or repaired, so that no two checks can understand it differently.
func Clean(path string) (string, error) {
	_, err := split(path)
	if err != nil {
		return "", err
	}
	if path == "/" {
		return path, nil
	}
	return strings.TrimSuffix(path, "/"), nil
}

// split gives the components of a path, none for /.
func split(path string) ([]string, error) {
	switch {
	case len(path) > MaxPath:
		return nil, bine.Errorf(bine.Invalid, "path %q… is %d bytes long; at most %d are allowed", prefix(path, 60), len(path), MaxPath)
	case !strings.HasPrefix(path, "/"):
		return nil, bine.Errorf(bine.Invalid, "path %q is not absolute: it must begin with a slash", path)
	case path == "/":
		return nil, nil
	}
	parts := strings.Split(strings.TrimSuffix(path[1:], "/"), "/")
	if len(parts) > MaxDepth {
		return nil, bine.Errorf(bine.Invalid, "path %q… has %d components; at most %d are allowed", prefix(path, 60), len(parts), MaxDepth)
	}
	for _, part := range parts {
		if err := checkName(path, part); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

// checkName says what is wrong with a component of path, if anything.
func checkName(path, name string) error {
	switch {
	case name == "":
		return bine.Errorf(bine.Invalid, "path %q has an empty component", path)
	case name == "." || name == "..":
		return bine.Errorf(bine.Invalid, "path %q has the component %q, which is not resolved", path, name)
	case len(name) > MaxName:
		return bine.Errorf(bine.Invalid, "name %q… is %d bytes long; at most %d are allowed", prefix(name, 60), len(name), MaxName)
	case strings.IndexByte(name, 0) >= 0:
		return bine.Errorf(bine.Invalid, "path %q has a NUL byte", path)
	case !utf8.ValidString(name):
		return bine.Errorf(bine.Invalid, "path %q is not in UTF-8", path)
	}
	return nil
}

func prefix(s string, n int) string {
	for n > 0 && n < len(s) && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:min(n, len(s))]
}

// join gives the path of the first n components.
func join(parts []string, n int) string { return "/" + strings.Join(parts[:n], "/") }

// within reports whether inner is at or below outer.
func within(inner, outer []string) bool {
	if len(inner) < len(outer) {
		return false
	}
	for i := range outer {
		if inner[i] != outer[i] {
			return false
		}
	}
	return true
}
