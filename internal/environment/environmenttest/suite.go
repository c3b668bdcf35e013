// Package environmenttest holds the tests that every environment.Builder must
// pass.
package environmenttest

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/environment"
)

// Run checks the promises of environment.Builder against builders made by
// newBuilder. Each must find Packages and nothing else, and give an import a
// few seconds.
func Run(t *testing.T, newBuilder func(*testing.T) environment.Builder) {
	for name, check := range map[string]func(*testing.T, environment.Builder){
		"LockGivesExactVersionsWithHashes":   lockIsExact,
		"LockIsTheSameEachTime":              lockIsStable,
		"LockRefusesAnUnknownPackage":        refuses([]string{"gamma"}, "gamma"),
		"LockRefusesAConflict":               refuses([]string{"alpha>=2", "beta"}, "cannot be met together"),
		"LockRefusesAVersionThatIsNotThere":  refuses([]string{"alpha==9"}, "alpha"),
		"LockRefusesAnOption":                refuses([]string{"--index-url=http://evil"}, "option"),
		"LockRefusesAPythonThatIsNotThere":   refusesPython,
		"InstallThenImport":                  installThenImport,
		"InstallOfNothingIsAnEnvironment":    installNothing,
		"InstallTwiceIsHarmless":             installTwice,
		"InstallAtOnceIsHarmless":            installAtOnce,
		"InstallGoesOnAfterWhatWasLeft":      installOverLeftovers,
		"InstallRefusesWhatDoesNotImport":    refusesImport("broken", "no luck today"),
		"InstallRefusesWhatHangs":            refusesImport("hanging", "hanging"),
		"InstallRefusesWhatEndsPython":       refusesImport("deadly", "deadly"),
		"InstallToleratesWhatCameAlong":      toleratesTransitive,
		"InstallRefusesALockWithAnOption":    refusesLock,
		"InstallRefusesAnotherContent":       refusesOtherContent,
		"CancelledInstallLeavesNothing":      cancelledInstall,
		"RemoveThenInstallAgain":             removeThenInstall,
		"AnEnvironmentMayMove":               mayMove,
		"ReadPathsHoldAllThatAProcessNeeds":  readPaths,
		"InstalledIsFalseForWhatIsNotWhole":  notInstalled,
		"WhatAnEnvironmentHoldsIsItsOwnOnly": isolated,
	} {
		t.Run(name, func(t *testing.T) { check(t, newBuilder(t)) })
	}
}

func lock(t *testing.T, b environment.Builder, requires ...string) environment.Lock {
	t.Helper()
	var log bytes.Buffer
	got, err := b.Lock(t.Context(), environment.Spec{Requires: requires}, &log)
	if err != nil {
		t.Fatalf("Lock(%q) = %v\n%s", requires, err, log.String())
	}
	return got
}

func install(t *testing.T, b environment.Builder, l environment.Lock, dir string) {
	t.Helper()
	var log bytes.Buffer
	if err := b.Install(t.Context(), l, dir, &log); err != nil {
		t.Fatalf("Install = %v\n%s", err, log.String())
	}
	if !b.Installed(dir) {
		t.Fatalf("Installed(%s) = false after Install", dir)
	}
}

// python runs a program in the environment and gives what it printed.
func python(t *testing.T, b environment.Builder, dir, program string) string {
	t.Helper()
	cmd := exec.Command(b.PythonPath(dir), "-c", program)
	cmd.Env = []string{}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("python: %v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// onlyThere checks that the parent of dir holds dir or nothing.
func onlyThere(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(dir))
	if err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("beside the environment there is %q, want %q", got, want)
	}
}

func place(t *testing.T) string { return filepath.Join(t.TempDir(), "demo", "1") }

func lockIsExact(t *testing.T, b environment.Builder) {
	got := lock(t, b, "beta")
	want := []bine.Package{{Name: "alpha", Version: "1.0"}, {Name: "beta", Version: "1.0"}}
	if !slices.Equal(got.Packages, want) {
		t.Errorf("packages are %v, want %v", got.Packages, want)
	}
	if strings.Count(got.Text, "sha256") < 2 {
		t.Errorf("the lock has no hash for each package:\n%s", got.Text)
	}
	if !strings.HasPrefix(got.Python, "3.") {
		t.Errorf("Python is %q, want an exact version", got.Python)
	}
}

func lockIsStable(t *testing.T, b environment.Builder) {
	first, second := lock(t, b, "beta", "alpha"), lock(t, b, "alpha", "beta")
	if first.Text != second.Text {
		t.Errorf("two locks of the same differ:\n%s\n%s", first.Text, second.Text)
	}
}

func refuses(requires []string, part string) func(*testing.T, environment.Builder) {
	return func(t *testing.T, b environment.Builder) {
		_, err := b.Lock(t.Context(), environment.Spec{Requires: requires}, t.Output())
		if !bine.IsKind(err, bine.Invalid) || !strings.Contains(err.Error(), part) {
			t.Errorf("Lock(%q) = %v, want an Invalid error with %q", requires, err, part)
		}
	}
}

func refusesPython(t *testing.T, b environment.Builder) {
	_, err := b.Lock(t.Context(), environment.Spec{Python: "3.99", Requires: []string{"alpha"}}, t.Output())
	if !bine.IsKind(err, bine.Invalid) || !strings.Contains(err.Error(), "no Python 3.99") {
		t.Errorf("Lock for Python 3.99 = %v, want an Invalid error that says so", err)
	}
}

func installThenImport(t *testing.T, b environment.Builder) {
	dir := place(t)
	l := lock(t, b, "beta")
	if b.Installed(dir) {
		t.Error("Installed before Install")
	}
	install(t, b, environment.Lock{Text: l.Text}, dir) // the text is enough
	if got := python(t, b, dir, "import beta; print(beta.alpha.value)"); got != "1" {
		t.Errorf("alpha.value is %q, want 1", got)
	}
	onlyThere(t, dir, "1")
}

func installNothing(t *testing.T, b environment.Builder) {
	dir := place(t)
	install(t, b, lock(t, b), dir)
	if got := python(t, b, dir, "print(1)"); got != "1" {
		t.Errorf("python printed %q", got)
	}
}

func installTwice(t *testing.T, b environment.Builder) {
	dir := place(t)
	l := lock(t, b, "alpha")
	install(t, b, l, dir)
	before, _ := os.Stat(dir)
	install(t, b, l, dir)
	after, _ := os.Stat(dir)
	if !os.SameFile(before, after) {
		t.Error("the second Install made the environment anew")
	}
}

func installAtOnce(t *testing.T, b environment.Builder) {
	dir := place(t)
	l := lock(t, b, "alpha")
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if err := b.Install(t.Context(), l, dir, t.Output()); err != nil {
				t.Errorf("Install = %v", err)
			}
		})
	}
	all.Wait()
	python(t, b, dir, "import alpha")
	onlyThere(t, dir, "1")
}

func installOverLeftovers(t *testing.T, b environment.Builder) {
	dir := place(t)
	for _, name := range []string{"", ".partial", ".partial-123"} { // as kills at different moments leave it
		if err := os.MkdirAll(filepath.Join(dir+name, "bin"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if b.Installed(dir) {
		t.Error("half an environment counts as installed")
	}
	install(t, b, lock(t, b, "alpha"), dir)
	python(t, b, dir, "import alpha")
}

func refusesImport(name, part string) func(*testing.T, environment.Builder) {
	return func(t *testing.T, b environment.Builder) {
		dir := place(t)
		err := b.Install(t.Context(), lock(t, b, name), dir, t.Output())
		if !bine.IsKind(err, bine.Invalid) || !strings.Contains(err.Error(), part) {
			t.Errorf("Install of %s = %v, want an Invalid error with %q", name, err, part)
		}
		if b.Installed(dir) {
			t.Error("it is installed all the same")
		}
		onlyThere(t, dir)
	}
}

func toleratesTransitive(t *testing.T, b environment.Builder) {
	dir := place(t)
	var log bytes.Buffer
	if err := b.Install(t.Context(), lock(t, b, "needy"), dir, &log); err != nil {
		t.Fatalf("Install = %v", err)
	}
	if !strings.Contains(log.String(), "no luck today") {
		t.Errorf("the log does not warn of broken:\n%s", log.String())
	}
}

func refusesLock(t *testing.T, b environment.Builder) {
	dir := place(t)
	l := lock(t, b, "alpha")
	l.Text += "--index-url http://evil\n"
	if err := b.Install(t.Context(), l, dir, t.Output()); !bine.IsKind(err, bine.Invalid) {
		t.Errorf("Install = %v, want Invalid", err)
	}
	if b.Installed(dir) {
		t.Error("it is installed all the same")
	}
}

func refusesOtherContent(t *testing.T, b environment.Builder) {
	dir := place(t)
	l := lock(t, b, "alpha")
	at := strings.Index(l.Text, "sha256:") + len("sha256:")
	l.Text = l.Text[:at] + strings.Repeat("0", 64) + l.Text[at+64:]
	if err := b.Install(t.Context(), l, dir, t.Output()); !bine.IsKind(err, bine.Invalid) {
		t.Errorf("Install = %v, want Invalid", err)
	}
	onlyThere(t, dir)
}

func cancelledInstall(t *testing.T, b environment.Builder) {
	dir := place(t)
	l := lock(t, b, "hanging")
	ctx, cancel := context.WithCancel(t.Context())
	// The hanging import is told of in no log, so the cancel comes with the first line.
	err := b.Install(ctx, l, dir, writer(func([]byte) { cancel() }))
	if err == nil || b.Installed(dir) {
		t.Errorf("Install = %v, Installed = %v, want an error and false", err, b.Installed(dir))
	}
	onlyThere(t, dir)
}

type writer func([]byte)

func (w writer) Write(p []byte) (int, error) { w(p); return len(p), nil }

func removeThenInstall(t *testing.T, b environment.Builder) {
	dir := place(t)
	if err := b.Remove(dir); err != nil {
		t.Errorf("Remove of nothing = %v", err)
	}
	l := lock(t, b, "alpha")
	install(t, b, l, dir)
	if err := b.Remove(dir); err != nil {
		t.Fatalf("Remove = %v", err)
	}
	if b.Installed(dir) {
		t.Error("Installed after Remove")
	}
	onlyThere(t, dir)
	install(t, b, l, dir)
}

func mayMove(t *testing.T, b environment.Builder) {
	dir := place(t)
	install(t, b, lock(t, b, "alpha"), dir)
	to := dir + "-moved"
	if err := os.Rename(dir, to); err != nil {
		t.Fatal(err)
	}
	if got := python(t, b, to, "import alpha; print(alpha.value)"); !strings.HasSuffix(got, "2") {
		t.Errorf("python printed %q, want 2 at the end", got)
	}
}

func readPaths(t *testing.T, b environment.Builder) {
	dir := place(t)
	install(t, b, lock(t, b, "alpha"), dir)
	paths := b.ReadPaths(dir)
	within := func(path string) bool {
		for _, p := range paths {
			if path == p || strings.HasPrefix(path, p+"/") {
				return true
			}
		}
		return false
	}
	for line := range strings.Lines(python(t, b, dir, "import os, sys, json, alpha\n"+
		"for p in (sys.executable, os.path.realpath(sys.executable), json.__file__, alpha.__file__): print(p)")) {
		if path := strings.TrimSpace(line); strings.HasPrefix(path, "/") && !within(path) {
			t.Errorf("%s is used, but not in %q", path, paths)
		}
	}
	for _, p := range paths {
		if !filepath.IsAbs(p) {
			t.Errorf("%q is not absolute", p)
		}
		if _, err := os.Stat(p); err != nil {
			t.Error(err)
		}
	}
}

func notInstalled(t *testing.T, b environment.Builder) {
	dir := place(t)
	install(t, b, lock(t, b, "alpha"), dir)
	if err := os.Remove(b.PythonPath(dir)); err != nil {
		t.Fatal(err)
	}
	if b.Installed(dir) {
		t.Error("an environment without interpreter counts as installed")
	}
	install(t, b, lock(t, b, "alpha"), dir)
	python(t, b, dir, "import alpha")
}

func isolated(t *testing.T, b environment.Builder) {
	dir := place(t)
	install(t, b, lock(t, b, "alpha"), dir)
	got := python(t, b, dir, "import sys; print([p for p in sys.path if 'site-packages' in p or 'dist-packages' in p])")
	if strings.Contains(got, "dist-packages") || strings.Count(got, "site-packages") != 1 {
		t.Errorf("packages are looked for in %s, want the environment's own alone", got)
	}
}
