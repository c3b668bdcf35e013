package cli_test

import (
	"strings"
	"testing"

	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/cli"
)

func TestQuotasOfDirectories(t *testing.T) {
	t.Setenv("BINE_PROJECT", "demo")
	limits := []client.FileLimit{
		{Quota: client.FileQuota{Bytes: 1 << 40}, Bytes: 3 << 30, Names: 1200},
		{Path: "Resources", Quota: client.FileQuota{Bytes: 10 << 30, Names: 5000}, Bytes: 2 << 30, Names: 17, Counting: true},
	}
	routes := map[string]any{"GET projects/demo/file-quotas": limits, "PUT projects/demo/file-quotas": limits, "PUT projects/demo/space": limits[:1]}
	for _, args := range [][]string{{"quota", "show", "Resources"}, {"quota", "set", "Resources", "--bytes", "10G"}, {"quota", "set", "Resources", "--names", "5000"}} {
		out, _, err := command(t, routes, append([]string{"fs"}, args...)...)
		for _, want := range []string{"1.0 TiB", "2.0 GiB", "10.0 GiB", "5000", "being counted"} {
			if err != nil || !strings.Contains(out, want) {
				t.Errorf("%v: %v, lacks %q:\n%s", args, err, want, out)
			}
		}
	}
	if out, _, err := command(t, routes, "project", "space", "demo", "--bytes", "1TiB"); err != nil || !strings.Contains(out, "1200") {
		t.Errorf("space: %v\n%s", err, out)
	}
	if _, _, err := command(t, routes, "fs", "quota", "clear", "Resources", "Jupyter"); err != nil {
		t.Error(err)
	}
	for _, args := range [][]string{{"quota", "set", "Resources"}, {"quota", "set", "Resources", "--bytes", "much"}, {"quota", "set", "Resources", "--bytes", "-5"}, {"policy", "set", "Resources", "--inline", "some"}} {
		if _, _, err := command(t, routes, append([]string{"fs"}, args...)...); cli.ExitCode(err) != cli.ExitUsage {
			t.Errorf("%v: %v, want a usage error", args, err)
		}
	}
}

func TestPoliciesOfDirectories(t *testing.T) {
	t.Setenv("BINE_PROJECT", "demo")
	p := client.FilePolicy{Name: "DB", Inline: 128 << 10, BlockSize: 4 << 20, Path: "Resources"}
	routes := map[string]any{"GET projects/demo/file-policy": p, "PUT projects/demo/file-policy": p}
	for _, args := range [][]string{{"policy", "show", "Resources/a"}, {"policy", "set", "Resources", "--policy", "DB", "--inline", "128KiB", "--block-size", "4M"}} {
		out, _, err := command(t, routes, append([]string{"fs"}, args...)...)
		for _, want := range []string{"DB", "128.0 KiB", "4.0 MiB", "Resources"} {
			if err != nil || !strings.Contains(out, want) {
				t.Errorf("%v: %v, lacks %q:\n%s", args, err, want, out)
			}
		}
	}
	routes["GET projects/demo/file-policy"] = client.FilePolicy{Name: "HOT", Inline: 64 << 10, Installed: true}
	if out, _, err := command(t, routes, "fs", "policy", "show"); err != nil || !strings.Contains(out, "the installation") {
		t.Errorf("the installation's: %v\n%s", err, out)
	}
	if _, _, err := command(t, routes, "fs", "policy", "clear", "Resources"); err != nil {
		t.Error(err)
	}
}

func TestCopiesWithABlockSize(t *testing.T) {
	f := newFiles(t)
	f.put("demo/Resources/a", "x", false)
	for _, args := range [][]string{{"cp", "--block-size", "4MiB", ":Resources/a", ":Resources/b"}, {"cp", "--block-size", "4MiB", "fs_quota_test.go", ":Resources/c"}} {
		if _, _, err := f.run(args...); err != nil {
			t.Errorf("%v: %v", args, err)
		}
	}
	if got := strings.Join(f.sizes, ","); got != "4194304,4194304" {
		t.Errorf("block sizes that arrived: %s", got)
	}
}
