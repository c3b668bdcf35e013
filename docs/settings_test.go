package docs_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// defaults are those of the configuration, for people. Every setting is here.
func defaults() map[string]string {
	return map[string]string{
		"data": "`.bine`", "listen": "`127.0.0.1:7070`", "url": "`http://` and `listen`",
		"database": "`sqlite://<data>/bine.db`", "blocks": "`<data>/blocks`", "keys": "`<data>/keys`",
		"s3.access_key": "AWS's own", "s3.secret_key": "AWS's own", "s3.secret_key_file": "none",
		"grace":            "`2m`",
		"line.half_life":   "`24h`",
		"temporal.address": "none: embedded", "temporal.namespace": "`bine`", "temporal.certificates": "none: no TLS",
		"temporal.store": "SQLite in `<data>/temporal`",
		"files.inline":   "`64KiB`", "files.encrypt": "`false`",
		"tiers.NAME.blocks": "none: all blocks lie in `blocks`", "tiers.NAME.access_key": "as `s3`", "tiers.NAME.secret_key": "as `s3`", "tiers.NAME.secret_key_file": "as `s3`",
		"host.name": "the machine's", "host.cpu": "all", "host.memory": "all but an eighth, at most 2 GiB", "host.address": "`127.0.0.1`", "host.labels": "none", "host.devices": "those of the machine", "host.no_reset": "`false`", "host.ignored_xids": "`[13, 31, 43, 45, 68, 109]`",
		"metrics": "none", "agent.dir": "`<data>/agent`", "agent.key": "`bine up` makes its own",
		"log.level": "`info`", "log.format": "`text`", "notify.allow_private": "`false`",
		"connectors.dirs": "none", "connectors.allow_private": "`false`",
		"mail.host": "none: no mail is sent", "mail.port": "`587`", "mail.user": "none", "mail.password_file": "none", "mail.from": "none", "mail.tls": "`required`",
	}
}

// undocumented says what the settings are that need no comment in the source.
func undocumented() map[string]string {
	return map[string]string{}
}

// option is one setting: its key in the file, and the flag and the variable
// that give it too, where there are some.
type option struct{ path, doc, flag, env string }

// settings reads the settings from the source of the program, whose package no
// other can import.
func settings() ([]option, error) {
	file, err := parser.ParseFile(token.NewFileSet(), "../cmd/bine/config.go", nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	structs := structsOf(file)
	if structs["config"] == nil {
		return nil, fmt.Errorf("cmd/bine/config.go has no struct config")
	}
	fields, err := leaves(structs, "config", "", "")
	if err != nil {
		return nil, err
	}
	flags := 0
	for _, s := range settingsOf(file) {
		for i := range fields {
			if fields[i].field == s.field {
				fields[i].flag, fields[i].env = s.flag, s.env
				flags++
			}
		}
	}
	if want := len(settingsOf(file)); flags != want || want == 0 {
		return nil, fmt.Errorf("%d of %d settings were matched with keys of the file", flags, want)
	}
	out := make([]option, len(fields))
	for i, f := range fields {
		out[i] = f.option
	}
	return out, nil
}

// anyName stands in a path for a name that people choose.
const anyName = "NAME"

// is reports whether a path in a file is that of the setting.
func (o option) is(path string) bool {
	have, want := strings.Split(path, "."), strings.Split(o.path, ".")
	return slices.EqualFunc(have, want, func(a, b string) bool { return a == b || b == anyName })
}

// leaf is a setting and the way to it in Go: Temporal.Address.
type leaf struct {
	option
	field string
}

func structsOf(file *ast.File) map[string]*ast.StructType {
	out := map[string]*ast.StructType{}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok {
			if s, ok := spec.Type.(*ast.StructType); ok {
				out[spec.Name.Name] = s
			}
		}
		return true
	})
	return out
}

// leaves lists the settings of a struct and of those in it.
func leaves(structs map[string]*ast.StructType, name, path, way string) ([]leaf, error) {
	var out []leaf
	for _, f := range structs[name].Fields.List {
		if f.Tag == nil {
			return nil, fmt.Errorf("a field of %s has no key", name)
		}
		tag, err := strconv.Unquote(f.Tag.Value)
		if err != nil {
			return nil, err
		}
		if len(f.Names) == 0 { // its settings are those of the struct that it is in
			below, err := leaves(structs, fmt.Sprint(f.Type), path, way+fmt.Sprint(f.Type)+".")
			if err != nil {
				return nil, err
			}
			out = append(out, below...)
			continue
		}
		if reflect.StructTag(tag).Get("yaml") == "-" { // no setting
			continue
		}
		key := path + reflect.StructTag(tag).Get("yaml")
		field := way + f.Names[0].Name
		of := f.Type
		if named, ok := f.Type.(*ast.MapType); ok {
			of, key = named.Value, key+"."+anyName
		}
		if ident, ok := of.(*ast.Ident); ok && structs[ident.Name] != nil {
			below, err := leaves(structs, ident.Name, key+".", field+".")
			if err != nil {
				return nil, err
			}
			out = append(out, below...)
			continue
		}
		out = append(out, leaf{option{path: key, doc: strings.TrimSpace(f.Comment.Text())}, field})
	}
	return out, nil
}

// settingsOf lists what settings() holds: flag, variable, and which field of
// the configuration it sets.
func settingsOf(file *ast.File) []leaf {
	var out []leaf
	ast.Inspect(file, func(n ast.Node) bool {
		f, ok := n.(*ast.FuncDecl)
		if !ok || f.Name.Name != "settings" {
			return true
		}
		ast.Inspect(f.Body, func(n ast.Node) bool {
			lit, ok := n.(*ast.CompositeLit)
			if !ok || lit.Type != nil || len(lit.Elts) != 4 {
				return true
			}
			out = append(out, leaf{option{flag: textOf(lit.Elts[0]), env: textOf(lit.Elts[1])}, fieldOf(lit.Elts[3])})
			return false
		})
		return false
	})
	return out
}

func textOf(e ast.Expr) string {
	if lit, ok := e.(*ast.BasicLit); ok {
		if text, err := strconv.Unquote(lit.Value); err == nil {
			return text
		}
	}
	return ""
}

// fieldOf gives the first c.Field.Field in an expression, without the c.
func fieldOf(e ast.Expr) string {
	var found string
	ast.Inspect(e, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && found == "" {
			if way := selection(s); strings.HasPrefix(way, "c.") {
				found = strings.TrimPrefix(way, "c.")
			}
		}
		return found == ""
	})
	return found
}

func selection(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		return selection(e.X) + "." + e.Sel.Name
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// settingTable lists every setting in the three places where it can be given.
func settingTable() (string, error) {
	all, err := settings()
	if err != nil {
		return "", err
	}
	known := defaults()
	t := newTable("key in the file", "flag", "variable", "default", "what it is")
	for _, s := range all {
		standard, found := known[s.path]
		if !found {
			return "", fmt.Errorf("the default of %s is not written in docs/settings_test.go", s.path)
		}
		delete(known, s.path)
		if s.doc == "" {
			s.doc = undocumented()[s.path]
		}
		var flag, env string
		if s.flag != "" {
			flag = code("--" + s.flag)
		}
		if s.env != "" {
			env = code(s.env)
		}
		t.row(code(s.path), flag, env, standard, s.doc)
	}
	if len(known) > 0 {
		return "", fmt.Errorf("there are defaults for settings that are gone: %v", known)
	}
	return t.text.String(), nil
}
