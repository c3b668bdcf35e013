package dfs_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/dfs/dfstest"
	"github.com/bine-ml/bine/internal/database"
)

var (
	stranger = dfs.User{Project: dfstest.Other, Name: "eve", Role: bine.DataOwner}
	theirs   = dfs.User{Project: dfstest.Other, Name: "fay", Role: bine.DataScientist}
)

// sharing is a tree with a dataset that the other project wants to use.
type sharing struct {
	*testing.T
	tree *dfs.Tree
}

func newSharing(t *testing.T, db *database.DB) *sharing {
	s := &sharing{t, newTree(t, db, new(mem.Store), small)}
	put(t, s.tree, at("weather/2026/may.csv"), []byte("may"))
	put(t, s.tree, at("secret/x"), []byte("x"))
	return s
}

func (s *sharing) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *sharing) offer(to bine.ProjectName, access bine.ShareAccess) {
	s.Helper()
	s.ok(s.tree.OfferShare(s.Context(), owner, "weather", to, access))
}

func (s *sharing) want(access bine.ShareAccess) {
	s.Helper()
	s.ok(s.tree.WantShare(s.Context(), stranger, dfstest.Project, "weather", access))
}

// may says what the other project's people can do, in letters: s for stat, l
// for list, r for read, w for write, m for mkdir, n for rename, d for delete.
func (s *sharing) may(user dfs.User, dataset string) string {
	s.Helper()
	ctx, tree, file := s.Context(), s.tree, at(dataset, "2026/may.csv")
	if dataset == "secret" {
		file = at("secret/x")
	}
	did := ""
	check := func(letter string, err error) {
		s.Helper()
		switch {
		case err == nil:
			did += letter
		case !bine.IsKind(err, bine.NotFound) && !bine.IsKind(err, bine.Forbidden):
			s.Errorf("%s: %v", letter, err)
		}
	}
	_, err := tree.Stat(ctx, user, file)
	check("s", err)
	_, _, err = tree.List(ctx, user, at(dataset), "", 0)
	check("l", err)
	r, _, err := tree.Open(ctx, user, file, 0, 0)
	check("r", err)
	if err == nil {
		r.Close()
	}
	_, err = tree.Create(ctx, user, at(dataset, "new"), strings.NewReader("n"), dfs.CreateOptions{Overwrite: true})
	check("w", err)
	_, err = tree.Mkdir(ctx, user, at(dataset, "dir"), dfs.MkdirOptions{})
	check("m", err)
	if err == nil {
		s.ok(tree.Remove(ctx, owner, at(dataset, "dir"), dfs.RemoveOptions{}))
	}
	_, err = tree.Rename(ctx, user, at(dataset, "new"), at(dataset, "renamed"), dfs.RenameOptions{})
	check("n", err)
	check("d", tree.Remove(ctx, user, at(dataset, "renamed"), dfs.RemoveOptions{}))
	return did
}

func (s *sharing) is(what, want string) {
	s.Helper()
	for _, user := range []dfs.User{stranger, theirs} {
		if got := s.may(user, "weather"); got != want {
			s.Errorf("%s: %s may %q, want %q", what, user.Name, got, want)
		}
		if got := s.may(user, "secret"); got != "" {
			s.Errorf("%s: %s may %q with what is not shared", what, user.Name, got)
		}
	}
}

func TestADatasetIsSharedByOfferAndWish(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		s := newSharing(t, db)
		s.is("at first", "")
		s.offer(dfstest.Other, bine.ShareRead)
		s.is("offered", "")
		s.want(bine.ShareWrite)
		s.is("wanted to write, offered to read", "slr")
		s.offer(dfstest.Other, bine.ShareWrite)
		s.is("both to write", "slrwmnd")
		s.want(bine.ShareRead)
		s.is("wanted to read", "slr")
		s.offer(dfstest.Other, "")
		s.is("taken back", "")
		s.offer(bine.Everyone, bine.ShareRead)
		s.is("offered to everyone", "slr")
		s.want(bine.ShareWrite)
		s.is("wanted to write, offered to everyone", "slr")
		s.want("")
		s.is("given up", "")
	})
}

func TestWhatASharedDatasetDoesNotAllow(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		s := newSharing(t, db)
		s.offer(dfstest.Other, bine.ShareWrite)
		s.want(bine.ShareWrite)
		ctx := t.Context()
		refused := func(what string, err error, kinds ...bine.Kind) {
			t.Helper()
			for _, kind := range kinds {
				if bine.IsKind(err, kind) {
					return
				}
			}
			t.Errorf("%s: %v, want one of %v", what, err, kinds)
		}
		own := dfs.ProjectPath(dfstest.Other, "README.md")
		refused("removing the dataset", s.tree.Remove(ctx, stranger, at("weather"), dfs.RemoveOptions{Recursive: true}), bine.Forbidden)
		_, err := s.tree.Rename(ctx, stranger, at("weather"), at("climate"), dfs.RenameOptions{})
		refused("renaming it", err, bine.NotFound, bine.Forbidden)
		_, err = s.tree.Rename(ctx, stranger, at("weather/2026"), at("secret/2026"), dfs.RenameOptions{})
		refused("moving into what is not shared", err, bine.NotFound)
		_, err = s.tree.Rename(ctx, stranger, at("weather/2026/may.csv"), dfs.ProjectPath(dfstest.Other, "may.csv"), dfs.RenameOptions{})
		refused("moving away", err, bine.NotFound)
		_, err = s.tree.Rename(ctx, stranger, own, at("weather/README.md"), dfs.RenameOptions{})
		refused("moving in", err, bine.NotFound)
		_, err = s.tree.Concat(ctx, stranger, own, []string{at("weather/2026/may.csv")})
		refused("adding to one's own", err, bine.Invalid)
		mode := uint32(0o777)
		for _, path := range []string{at("weather"), at("weather/2026/may.csv")} {
			_, err = s.tree.SetAttributes(ctx, stranger, path, dfs.Attributes{Mode: &mode})
			refused("its attributes", err, bine.Forbidden)
		}
		_, err = s.tree.Stat(ctx, stranger, at())
		refused("the project", err, bine.NotFound)
		_, err = s.tree.Usage(ctx, stranger, at())
		refused("the project's usage", err, bine.NotFound)
		if u, err := s.tree.Usage(ctx, stranger, at("weather")); err != nil || u.Files != 1 || u.Quota.Bytes != 0 {
			t.Errorf("the dataset's usage: %+v, %v", u, err)
		}
		_, err = s.tree.Stat(ctx, dfs.User{Project: dfstest.Other, Name: "nobody"}, at("weather"))
		refused("without a role", err, bine.NotFound)
		_, err = s.tree.Stat(ctx, dfs.User{Project: "third", Name: "gus", Role: bine.DataOwner}, at("weather"))
		refused("from a third project", err, bine.NotFound)
	})
}

func TestWhoMayShare(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		s := newSharing(t, db)
		ctx := t.Context()
		bob := dfs.User{Project: dfstest.Project, Name: "bob", Role: bine.DataScientist}
		for what, c := range map[string]struct {
			err  error
			kind bine.Kind
		}{
			"a Data Scientist":        {s.tree.OfferShare(ctx, bob, "weather", dfstest.Other, bine.ShareRead), bine.Forbidden},
			"a Data Scientist's wish": {s.tree.WantShare(ctx, theirs, dfstest.Project, "weather", bine.ShareRead), bine.Forbidden},
			"with oneself":            {s.tree.OfferShare(ctx, owner, "weather", dfstest.Project, bine.ShareRead), bine.Invalid},
			"one's own":               {s.tree.WantShare(ctx, owner, dfstest.Project, "weather", bine.ShareRead), bine.Invalid},
			"everyone, to write":      {s.tree.OfferShare(ctx, owner, "weather", bine.Everyone, bine.ShareWrite), bine.Invalid},
			"another access":          {s.tree.OfferShare(ctx, owner, "weather", dfstest.Other, "own"), bine.Invalid},
			"a bad name":              {s.tree.OfferShare(ctx, owner, "weather", "No Project", bine.ShareRead), bine.Invalid},
			"what is not there":       {s.tree.OfferShare(ctx, owner, "none", dfstest.Other, bine.ShareRead), bine.NotFound},
			"a file":                  {s.tree.OfferShare(ctx, owner, "README.md", dfstest.Other, bine.ShareRead), bine.NotFound},
			"a deeper directory":      {s.tree.OfferShare(ctx, owner, "weather/2026", dfstest.Other, bine.ShareRead), bine.Invalid},
			"the platform's own":      {s.tree.OfferShare(ctx, owner, ".artifacts", dfstest.Other, bine.ShareRead), bine.Invalid},
			"an offer not made":       {s.tree.OfferShare(ctx, owner, "weather", dfstest.Other, ""), bine.NotFound},
		} {
			if !bine.IsKind(c.err, c.kind) {
				t.Errorf("%s: %v, want %s", what, c.err, c.kind)
			}
		}
		for _, dataset := range []string{"none", "secret"} { // nothing tells them apart
			if err := s.tree.WantShare(ctx, stranger, dfstest.Project, dataset, bine.ShareRead); err != nil {
				t.Errorf("asking for %s: %v", dataset, err)
			}
		}
	})
}

func TestSharesAreListedAndGoWithTheirDataset(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		s := newSharing(t, db)
		ctx := t.Context()
		list := func(p bine.ProjectName) string {
			t.Helper()
			all, err := s.tree.Shares(ctx, p)
			s.ok(err)
			var out []string
			for _, v := range all {
				out = append(out, fmt.Sprintf("%s to %s: offered %s by %s, wanted %s by %s, access %s", v.Path(), v.To, v.Offered, v.OfferedBy, v.Wanted, v.WantedBy, v.Access))
			}
			return strings.Join(out, "\n")
		}
		want := func(what string, p bine.ProjectName, want string) {
			t.Helper()
			if got := list(p); got != want {
				t.Errorf("%s: %s sees\n%s\nwant\n%s", what, p, got, want)
			}
		}
		s.want(bine.ShareRead)
		want("asked for and not offered", dfstest.Other, "")
		want("asked for", dfstest.Project, "demo::weather to other: offered  by , wanted read by eve, access ")
		s.offer(dfstest.Other, bine.ShareWrite)
		one := "demo::weather to other: offered write by ada, wanted read by eve, access read"
		want("its own", dfstest.Project, one)
		want("the other's", dfstest.Other, one)
		s.offer(bine.Everyone, bine.ShareRead)
		s.offer(dfstest.Other, "")
		want("of everyone", bine.Everyone, "demo::weather to *: offered read by ada, wanted read by , access read")
		want("by the offer to everyone", dfstest.Other, "demo::weather to other: offered read by ada, wanted read by eve, access read")
		_, err := s.tree.Rename(ctx, owner, at("weather"), at("climate"), dfs.RenameOptions{})
		s.ok(err)
		if r, _, err := s.tree.Open(ctx, theirs, at("climate/2026/may.csv"), 0, 0); err != nil {
			t.Error("a renamed dataset stays shared:", err)
		} else if data, err := io.ReadAll(r); err != nil || string(data) != "may" {
			t.Errorf("read %q, %v", data, err)
		}
		s.ok(s.tree.Remove(ctx, owner, at("climate"), dfs.RemoveOptions{Recursive: true}))
		want("removed", dfstest.Other, "")
		reclaimAll(t, s.tree)
		put(t, s.tree, at("weather/again"), nil)
		s.offer(dfstest.Other, bine.ShareRead)
		s.want(bine.ShareRead)
		s.ok(s.tree.RemoveProject(ctx, dfstest.Other))
		want("the other project is removed", dfstest.Project, "")
	})
}

func TestWhoReadsWhatIsSharedStopsWhenItNoLongerIs(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		s := newSharing(t, db)
		put(t, s.tree, at("weather/large"), bytes.Repeat([]byte("weather "), 1<<19))
		s.offer(dfstest.Other, bine.ShareRead)
		s.want(bine.ShareRead)
		r, _, err := s.tree.Open(t.Context(), theirs, at("weather/large"), 0, 0)
		s.ok(err)
		defer r.Close()
		if _, err := io.ReadFull(r, make([]byte, 300<<10)); err != nil {
			t.Fatal(err)
		}
		s.offer(dfstest.Other, "")
		<-time.After(1100 * time.Millisecond)
		rest, err := io.ReadAll(r)
		if !bine.IsKind(err, bine.NotFound) || len(rest) > 3<<20 {
			t.Errorf("read %d bytes more: %v", len(rest), err)
		}
	})
}

func TestPathsOfSharedDatasets(t *testing.T) {
	for relative, want := range map[string]string{
		"": "/Projects/p", "Resources/a": "/Projects/p/Resources/a", "/Resources/": "/Projects/p/Resources",
		"weather::stations": "/Projects/weather/stations", "weather::stations/2026/x.csv": "/Projects/weather/stations/2026/x.csv",
		"weather::": "/Projects/weather", "dir/a::b": "/Projects/p/dir/a::b",
	} {
		got, err := dfs.Locate("p", relative)
		if err != nil || got != want {
			t.Errorf("%q lies at %q (%v), want %q", relative, got, err, want)
		}
		if back := dfs.Relative("p", got); relative != "weather::" && back != strings.Trim(relative, "/") {
			t.Errorf("%s is called %q, not %q", got, back, relative)
		}
	}
	for _, bad := range []string{"../x", "a//b", "::x", "No Name::x", "a/../b", "weather::../p2"} {
		if got, err := dfs.Locate("p", bad); !bine.IsKind(err, bine.Invalid) {
			t.Errorf("%q lies at %q: %v", bad, got, err)
		}
	}
}
