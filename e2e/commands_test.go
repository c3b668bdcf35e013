package e2e_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// says runs a command that has to succeed and to print some words.
func (s *system) says(words []string, args ...string) string {
	s.t.Helper()
	out := s.mustCLI(args...)
	for _, word := range words {
		if !strings.Contains(out, word) {
			s.t.Errorf("bine %s lacks %q:\n%s", strings.Join(args, " "), word, out)
		}
	}
	return out
}

// refuses runs a command that has to fail and to say why.
func (s *system) refuses(word string, args ...string) {
	s.t.Helper()
	if out, err := s.cli(args...); err == nil || !strings.Contains(out, word) {
		s.t.Errorf("bine %s: %v, want a refusal that says %q:\n%s", strings.Join(args, " "), err, word, out)
	}
}

// TestFilesByCommand uses what there is to say of files as people do at a terminal:
// limits, access lists, snapshots, connectors and keys for S3.
func TestFilesByCommand(t *testing.T) {
	s := newSystem(t)
	s.env = append(s.env, "BINE_CONNECTOR_DIRS="+s.outside(), "BINE_PROJECT=shop")
	s.start("up", "--log-level", "warn")
	s.ready(30 * time.Second)
	s.project("shop")
	s.put("shop", "Resources/data/a.txt", strings.Repeat("x", 1000))
	for _, part := range []struct {
		what string
		do   func(*system)
	}{{"limits", limitByCommand}, {"access lists", allowByCommand}, {"snapshots", keepByCommand}, {"connectors", connectByCommand}, {"keys for S3", signByCommand}} {
		begun := time.Now()
		part.do(s)
		t.Logf("%s: %.1f s", part.what, time.Since(begun).Seconds())
	}
}

func limitByCommand(s *system) {
	s.says([]string{"Resources/data", "1000 B", "1.5 KiB"}, "fs", "quota", "set", "Resources/data", "--bytes", "1536", "--names", "10")
	s.refuses("quota of 1536 bytes", "fs", "cp", ":Resources/data/a.txt", ":Resources/data/b.txt")
	s.mustCLI("fs", "quota", "clear", "Resources/data")
	s.mustCLI("fs", "cp", ":Resources/data/a.txt", ":Resources/data/b.txt")
	s.says([]string{"DB", "Resources/data"}, "fs", "policy", "set", "--policy", "DB", "Resources/data")
	s.says([]string{"DB"}, "fs", "policy", "show", "Resources/data/a.txt")
	s.mustCLI("fs", "policy", "clear", "Resources/data")
	s.says([]string{"the installation"}, "fs", "policy", "show", "Resources/data/a.txt")
}

func allowByCommand(s *system) {
	s.mustCLI("fs", "setfacl", "-m", "group:data_owner:rwx,default:group:data_owner:r-x", "Resources/data")
	s.says([]string{"group:shop__data_owner:rwx", "default:group:shop__data_owner:r-x"}, "fs", "getfacl", "Resources/data")
	s.mustCLI("fs", "setfacl", "-b", "Resources/data")
	if out := s.mustCLI("fs", "getfacl", "Resources/data"); strings.Contains(out, "data_owner:rwx") {
		s.t.Errorf("the list is still there:\n%s", out)
	}
}

func keepByCommand(s *system) {
	s.refuses("snapshot", "fs", "snapshot", "create", "Resources/data")
	s.mustCLI("fs", "snapshot", "allow", "Resources/data")
	s.mustCLI("fs", "snapshot", "create", "Resources/data", "before")
	s.mustCLI("fs", "mv", "Resources/data/a.txt", "Resources/data/c.txt")
	s.says([]string{"a.txt", "c.txt"}, "fs", "snapshot", "diff", "Resources/data", "before")
	s.says([]string{"before"}, "fs", "snapshot", "ls", "Resources/data")
	s.says([]string{"xxx"}, "fs", "cat", "Resources/data/.snapshot/before/a.txt")
	s.mustCLI("fs", "snapshot", "rm", "Resources/data", "before")
	s.mustCLI("fs", "snapshot", "disallow", "Resources/data")
}

func connectByCommand(s *system) {
	if err := os.MkdirAll(filepath.Join(s.outside(), "in"), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.outside(), "in/a.csv"), []byte("a,b\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.says([]string{s.outside(), "Data Owners"}, "connector", "set", "sea", "--kind", "directory", "--root", s.outside(), "--access", "owners")
	s.says([]string{"yes"}, "connector", "test", "sea")
	s.says([]string{"a,b"}, "fs", "cat", ".lake/sea/in/a.csv")
	s.says([]string{"import-1", "succeeded"}, "connector", "import", "sea:in", "sensors", "--wait")
	s.says([]string{"a,b"}, "fs", "cat", "sensors/a.csv")
	s.says([]string{"export-2", "succeeded"}, "connector", "export", "sensors", "sea:out", "--wait")
	if text, err := os.ReadFile(filepath.Join(s.outside(), "out/a.csv")); err != nil || string(text) != "a,b\n" {
		s.t.Errorf("what was exported reads %q, %v", text, err)
	}
	s.refuses("failed", "connector", "import", "sea:nothing", "sensors", "--wait")
	s.says([]string{"import-1", "export-2", "import-3"}, "transfer", "list")
	s.mustCLI("project", "sandbox", "shop")
	s.refuses("sandboxed", "connector", "export", "sensors", "sea:again")
	s.mustCLI("project", "sandbox", "shop", "--off")
	s.refuses("connectors.dirs", "connector", "set", "root", "--kind", "directory", "--root", "/")
	s.mustCLI("connector", "delete", "sea")
	s.refuses("no connector", "fs", "ls", ".lake/sea")
}

var signingKey = regexp.MustCompile(`AWS_ACCESS_KEY_ID=(\S+)\nexport AWS_SECRET_ACCESS_KEY=(\S+)\n`)

func signByCommand(s *system) {
	made := signingKey.FindStringSubmatch(s.says([]string{"AWS_ENDPOINT_URL=" + s.url}, "s3", "keys", "create", "duck", "--days", "1"))
	if made == nil {
		s.t.Fatal("no key was made")
	}
	s.says([]string{made[1], "duck"}, "s3", "keys", "ls")
	bearer := func() int {
		r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+"/api/v1/projects/shop", nil)
		if err != nil {
			s.t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer bine_"+made[1]+"_"+made[2])
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			s.t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	if got := bearer(); got != http.StatusOK {
		s.t.Errorf("the key is answered %d", got)
	}
	s.mustCLI("s3", "keys", "rm", made[1])
	if got := bearer(); got != http.StatusUnauthorized {
		s.t.Errorf("the revoked key is answered %d", got)
	}
}
