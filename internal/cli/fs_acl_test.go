package cli_test

import (
	"strings"
	"testing"

	"github.com/bine-ml/bine"
)

func TestAccessListsAreShownAsGetfaclDoes(t *testing.T) {
	f := newFiles(t)
	one := f.put("demo/Resources/d", "", true)
	one.ACL = true
	var err error
	if one.acl, err = bine.ParseACL("user::rwx,user:demo__sven:rwx,group::r-x,mask::r--,other::---,default:user::rwx,default:group::r-x,default:other::---", true); err != nil {
		t.Fatal(err)
	}
	want := `# file: Resources/d
# owner: demo__olga
# group: demo__data_scientist
user::rwx
user:demo__sven:rwx	#effective:r--
group::r-x	#effective:r--
mask::r--
other::---
default:user::rwx
default:group::r-x
default:other::---

`
	if got := f.must("getfacl", "Resources/d"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := f.must("ls", "-l", "Resources"); !strings.Contains(got, "drw-rw----+ ") {
		t.Errorf("ls -l shows no plus:\n%s", got)
	}
	f.fails(3, "no such file", "getfacl", "Resources/none")
}

func TestAccessListsAreChangedAsSetfaclDoes(t *testing.T) {
	f := newFiles(t)
	f.put("demo/Resources/d/file", "x", false)
	for _, c := range []struct{ args, want string }{
		{"-m user:sven:rx,group:data_owner:rwx Resources/d", `PATCH demo/Resources/d {"op":"modify","entries":[{"type":"user","name":"demo__sven","perm":"r-x"},{"type":"group","name":"demo__data_owner","perm":"rwx"}]}`},
		{"-x user:demo__sven Resources/d/file", `PATCH demo/Resources/d/file {"op":"remove","entries":[{"type":"user","name":"demo__sven"}]}`},
		{"--set u::rwx,g::-,o::- Resources/d/file", `PUT demo/Resources/d/file {"entries":[{"type":"user","perm":"rwx"},{"type":"group","perm":"---"},{"type":"other","perm":"---"}]}`},
		{"-b Resources/d/file", `DELETE demo/Resources/d/file false`},
		{"-k Resources/d", `DELETE demo/Resources/d true`},
		{"-R -m d:u:sven:rwx,o::r Resources/d", `PATCH demo/Resources/d {"op":"modify","entries":[{"default":true,"type":"user","name":"demo__sven","perm":"rwx"},{"type":"other","perm":"r--"}]} PATCH demo/Resources/d/file {"op":"modify","entries":[{"type":"other","perm":"r--"}]}`},
		{"-R -k Resources/d", `DELETE demo/Resources/d true`},
		{"-m o::r bine://other/Resources", `PATCH other/Resources {"op":"modify","entries":[{"type":"other","perm":"r--"}]}`},
	} {
		f.seen = nil
		f.must(append([]string{"setfacl"}, strings.Fields(c.args)...)...)
		if got := strings.ReplaceAll(strings.Join(f.seen, " "), "\n", ""); got != c.want {
			t.Errorf("setfacl %s asks for\n%s\nwant\n%s", c.args, got, c.want)
		}
	}
	f.fails(2, "one of -m, -x", "setfacl", "Resources/d")
	f.fails(2, "one of -m, -x", "setfacl", "-b", "-m", "o::r", "Resources/d")
	f.fails(2, "is not an entry", "setfacl", "-m", "everybody", "Resources/d")
	f.fails(2, "setfacl", "setfacl", "-b")
}
