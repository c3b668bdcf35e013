package bine_test

import (
	"testing"

	"github.com/bine-ml/bine"
)

func TestParseACL(t *testing.T) {
	for text, want := range map[string]string{
		"user:maria:rwx":                    "user:maria:rwx",
		"u:maria:rx,g::r,o::-":              "user:maria:r-x group::r-- other::---",
		"default:user::rwx, d:m::5":         "default:user::rwx default:mask::r-x",
		"mask:r-x,other:---":                "mask::r-x other::---",
		"user::0,group:demo__data_owner:7,": "user::--- group:demo__data_owner:rwx",
	} {
		list, err := bine.ParseACL(text, true)
		got := ""
		for i, e := range list {
			if i > 0 {
				got += " "
			}
			got += e.String()
		}
		if err != nil || got != want {
			t.Errorf("ParseACL(%q): got %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"", ",", "user", "user:maria", "user:maria:", "user:maria:rwxr", "user:maria:xr", "user:maria:8", "user:maria:r-x:y", "nobody::rwx", "default:", ":", "user:maria:r-x user:x:r-x"} {
		if list, err := bine.ParseACL(text, true); !bine.IsKind(err, bine.Invalid) {
			t.Errorf("ParseACL(%q): got %v, %v, want Invalid", text, list, err)
		}
	}
	for _, text := range []string{"user:maria", "user:maria:", "user:maria:rwx", "default:user:maria:whatever"} {
		list, err := bine.ParseACL(text, false)
		if err != nil || len(list) != 1 || list[0].Name != "maria" || list[0].Perm != "" {
			t.Errorf("ParseACL(%q) without permissions: got %v, %v", text, list, err)
		}
	}
}

func FuzzParseACL(f *testing.F) {
	f.Add("user:maria:rwx,default:mask::r-x,g::5")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := bine.ParseACL(text, true)
		if err != nil {
			return
		}
		for _, e := range list {
			again, err := bine.ParseACL(e.String(), true)
			if err != nil || len(again) != 1 || again[0] != e {
				t.Fatalf("%q has the entry %q, which reads as %v, %v", text, e, again, err)
			}
		}
	})
}
