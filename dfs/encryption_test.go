package dfs_test

import (
	"bytes"
	"context"
	"encoding/base64"
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

// testKeys stands for the key file: what it seals opens for the same place only.
type testKeys struct{}

func (testKeys) Seal(secret, place string) (string, error) {
	return base64.StdEncoding.EncodeToString([]byte(place + "\x00" + secret)), nil
}

func (testKeys) Open(sealed, place string) (string, error) {
	text, err := base64.StdEncoding.DecodeString(sealed)
	if secret, ok := strings.CutPrefix(string(text), place+"\x00"); ok && err == nil {
		return secret, nil
	}
	return "", bine.Errorf(bine.Internal, "it belongs elsewhere")
}

// encrypt says whether what is written to the project is sealed.
func encrypt(t testing.TB, tree *dfs.Tree, on bool) dfs.Encryption {
	t.Helper()
	e, err := tree.Encrypt(t.Context(), owner, dfstest.Project, on, false)
	if err != nil || e.On != on {
		t.Fatalf("encrypt: %+v, %v", e, err)
	}
	return e
}

// sealing is a tree that can seal, with what lies below it.
type sealing struct {
	*testing.T
	tree   *dfs.Tree
	db     *database.DB
	blocks *mem.Store
	clock  *clock
}

func eachSealing(t *testing.T, test func(s sealing)) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		s := sealing{T: t, db: db, blocks: new(mem.Store), clock: new(clock)}
		o := small
		o.Now, o.Keys = s.clock.Now, testKeys{}
		s.tree = newTree(t, db, s.blocks, o)
		test(s)
		wantSound(t, s.tree)
	})
}

// stored says how often something lies in the block store and in the database as it is.
func (s sealing) stored(what []byte) (n int) {
	s.Helper()
	for stat, err := range s.blocks.List(s.Context()) {
		if err != nil {
			s.Fatal(err)
		}
		r, err := s.blocks.Open(s.Context(), stat.ID, 0, 0)
		if err != nil {
			s.Fatal(err)
		}
		data, _ := io.ReadAll(r)
		n += bytes.Count(data, what)
	}
	rows, err := s.db.Read().Query("SELECT data FROM dfs_small")
	if err != nil {
		s.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var data []byte
		if err := rows.Scan(&data); err != nil {
			s.Fatal(err)
		}
		n += bytes.Count(data, what)
	}
	return n
}

// reads fails unless the file at path holds data.
func (s sealing) reads(path string, data []byte) {
	s.Helper()
	if got, err := get(s, s.tree, path); err != nil || !bytes.Equal(got, data) {
		s.Errorf("%s: got %d other bytes, %v", path, len(got), err)
	}
}

var (
	secret      = []byte("what nobody else may read")
	largeSecret = append(bytes.Repeat([]byte("0123456789abcde\n"), 5<<12), secret...)
)

func TestWhatIsWrittenToASealedProjectIsSealed(t *testing.T) {
	eachSealing(t, func(s sealing) {
		put(s, s.tree, at("Resources", "before"), secret)
		encrypt(s.T, s.tree, true)
		put(s, s.tree, at("Resources", "small"), secret)
		put(s, s.tree, at("Resources", "large"), largeSecret)
		for i := range 3 {
			if _, err := s.tree.Append(s.Context(), owner, at("Resources", "log"), int64(i*len(secret)), secret); err != nil {
				s.Fatal(err)
			}
		}
		if _, err := s.tree.Append(s.Context(), owner, at("Resources", "grown"), 0, secret); err != nil {
			s.Fatal(err)
		}
		if _, err := s.tree.Append(s.Context(), owner, at("Resources", "grown"), int64(len(secret)), largeSecret); err != nil {
			s.Fatal(err)
		}
		clone(s, s.tree, at("Resources"), at("Jupyter", "copy"))
		if n := s.stored(secret); n != 2 { // the one from before and its copy
			s.Errorf("%d of the files lie there as they are", n)
		}
		for _, dir := range []string{at("Resources"), at("Jupyter", "copy")} {
			s.reads(dir+"/before", secret)
			s.reads(dir+"/small", secret)
			s.reads(dir+"/large", largeSecret)
			s.reads(dir+"/log", bytes.Repeat(secret, 3))
			s.reads(dir+"/grown", append(bytes.Clone(secret), largeSecret...))
		}
		r, _, err := s.tree.Open(s.Context(), owner, at("Resources", "large"), int64(len(largeSecret)-len(secret)), 4)
		if err != nil {
			s.Fatal(err)
		}
		defer r.Close()
		if got, err := io.ReadAll(r); string(got) != "what" || err != nil {
			s.Errorf("a range: %q, %v", got, err)
		}
		if info, err := s.tree.Stat(s.Context(), owner, at("Resources", "small")); err != nil || info.Size != int64(len(secret)) {
			s.Errorf("its size is %d, %v", info.Size, err)
		}
	})
}

func TestKeysAreRotatedAndTurnedOff(t *testing.T) {
	eachSealing(t, func(s sealing) {
		for i := range 3 {
			if e, err := s.tree.Encrypt(s.Context(), owner, dfstest.Project, true, i > 0); err != nil || len(e.Keys) != i+1 || !e.Keys[0].Used {
				s.Fatalf("key %d: %+v, %v", i, e, err)
			}
			put(s, s.tree, at("Resources", fmt.Sprint("small", i)), secret)
			put(s, s.tree, at("Resources", fmt.Sprint("large", i)), largeSecret)
		}
		if e, err := s.tree.Encrypt(s.Context(), owner, dfstest.Project, true, false); err != nil || len(e.Keys) != 3 {
			s.Errorf("asked again: %+v, %v", e, err)
		}
		encrypt(s.T, s.tree, false)
		if _, err := s.tree.Append(s.Context(), owner, at("Resources", "small0"), int64(len(secret)), secret); err != nil {
			s.Fatal(err)
		}
		s.reads(at("Resources", "small0"), bytes.Repeat(secret, 2))
		if n := s.stored(secret); n != 2 { // what was written anew
			s.Errorf("%d pieces lie there as they are, want 2", n)
		}
		encrypt(s.T, s.tree, true)
		other := dfs.New(s.db, s.blocks, dfs.Options{Inline: small.Inline, BlockSize: small.BlockSize, Keys: testKeys{}}) // another server
		defer other.Close()
		for i := range 3 {
			for name, data := range map[string][]byte{"large": largeSecret, "small": secret} {
				if i == 0 && name == "small" {
					continue
				}
				if got, err := get(s, other, at("Resources", fmt.Sprint(name, i))); err != nil || !bytes.Equal(got, data) {
					s.Errorf("%s%d: %v", name, i, err)
				}
			}
		}
		without := dfs.New(s.db, s.blocks, dfs.Options{})
		defer without.Close()
		if _, _, err := without.Open(s.Context(), owner, at("Resources", "small1"), 0, 0); !bine.IsKind(err, bine.Invalid) {
			s.Errorf("without the key file: got %v, want an error of kind invalid", err)
		}
	})
}

func TestWhoMaySeal(t *testing.T) {
	eachSealing(t, func(s sealing) {
		scientist := dfs.User{Project: dfstest.Project, Name: "sue", Role: bine.DataScientist}
		stranger := dfs.User{Project: dfstest.Other, Name: "olaf", Role: bine.DataOwner}
		for _, u := range []dfs.User{scientist, stranger} {
			if _, err := s.tree.Encrypt(s.Context(), u, dfstest.Project, true, false); !bine.IsKind(err, bine.Forbidden) {
				s.Errorf("%+v: got %v, want forbidden", u, err)
			}
		}
		if e, err := s.tree.Encryption(s.Context(), scientist, dfstest.Project); err != nil || e.On || len(e.Keys) > 0 {
			s.Errorf("before: %+v, %v", e, err)
		}
		always := dfs.New(s.db, s.blocks, dfs.Options{Keys: testKeys{}, Sealed: true})
		defer always.Close()
		if err := always.MakeProjectTree(s.Context(), "third"); err != nil {
			s.Fatal(err)
		}
		lead := dfs.User{Project: "third", Name: "lea", Role: bine.DataOwner}
		if e, err := always.Encryption(s.Context(), lead, "third"); err != nil || !e.On {
			s.Errorf("a new project: %+v, %v", e, err)
		}
		if _, err := always.Encrypt(s.Context(), lead, "third", false, false); !bine.IsKind(err, bine.Forbidden) {
			s.Errorf("turned off: got %v, want forbidden", err)
		}
	})
}

// Files that another project copied stay readable when the project goes whose key
// they are sealed with; when they go, too, the key is destroyed.
func TestKeysGoWithTheirProject(t *testing.T) {
	eachSealing(t, func(s sealing) {
		encrypt(s.T, s.tree, true)
		put(s, s.tree, at("Resources", "small"), secret)
		put(s, s.tree, at("Resources", "large"), largeSecret)
		other := dfs.User{Project: dfstest.Other, Name: "olaf", Role: bine.DataOwner}
		if err := s.tree.OfferShare(s.Context(), owner, "Resources", dfstest.Other, bine.ShareRead); err != nil {
			s.Fatal(err)
		}
		if err := s.tree.WantShare(s.Context(), other, dfstest.Project, "Resources", bine.ShareRead); err != nil {
			s.Fatal(err)
		}
		copied := dfs.ProjectPath(dfstest.Other, "Resources", "copy")
		if _, err := s.tree.Clone(s.Context(), other, at("Resources"), copied, dfs.CloneOptions{}); err != nil {
			s.Fatal(err)
		}
		if _, err := s.tree.Clone(s.Context(), other, at("Resources", "small"), copied+"/small2", dfs.CloneOptions{}); err != nil {
			s.Fatal(err)
		}
		if err := s.tree.RemoveProject(s.Context(), dfstest.Project); err != nil {
			s.Fatal(err)
		}
		reclaimAll(s, s.tree)
		wantSound(s, s.tree)
		if n := count(s, s.db, "dfs_keys"); n != 1 {
			s.Errorf("%d keys are left, want the one that is needed", n)
		}
		for name, data := range map[string][]byte{"small": secret, "small2": secret, "large": largeSecret} {
			r, _, err := s.tree.Open(s.Context(), other, copied+"/"+name, 0, 0)
			if err != nil {
				s.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data) {
				s.Errorf("%s of the copy: %v", name, err)
			}
			r.Close()
		}
		if err := s.tree.Remove(s.Context(), other, copied, dfs.RemoveOptions{Recursive: true}); err != nil {
			s.Fatal(err)
		}
		s.clock.forward(2 * time.Hour)
		reclaimAll(s, s.tree)
		if n := count(s, s.db, "dfs_keys"); n != 0 {
			s.Errorf("%d keys are left", n)
		}
		if err := s.tree.MakeProjectTree(context.WithoutCancel(s.Context()), dfstest.Project); err != nil {
			s.Fatal(err)
		}
	})
}

// What somebody does to what is sealed is found by Check.
func TestCheckFindsWhatIsNotAsItWasSealed(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		blocks := new(mem.Store)
		o := small
		o.Keys, o.Sealed = testKeys{}, true
		tree := newTree(t, db, blocks, o)
		put(t, tree, at("Resources", "large"), largeSecret)
		put(t, tree, at("Resources", "small"), secret)
		wantSound(t, tree)
		for stat := range blocks.List(t.Context()) {
			r, err := blocks.Open(t.Context(), stat.ID, 0, 0)
			if err != nil {
				t.Fatal(err)
			}
			data, _ := io.ReadAll(r)
			data[100_000%len(data)] ^= 1
			if err := blocks.Put(t.Context(), stat.ID, bytes.NewReader(data)); err != nil {
				t.Fatal(err)
			}
			break
		}
		done, err := tree.Check(t.Context(), dfs.CheckOptions{Content: true})
		if err != nil || len(done.Problems) != 1 || !strings.Contains(done.Problems[0].Text, "damaged") {
			t.Errorf("a bit of a block: %+v, %v", done.Problems, err)
		}
		without := dfs.New(db, blocks, dfs.Options{})
		defer without.Close()
		if done, err := without.Check(t.Context(), dfs.CheckOptions{}); err != nil || len(done.Problems) > 0 {
			t.Errorf("without the key file, and without content: %+v, %v", done.Problems, err)
		}
	})
}
