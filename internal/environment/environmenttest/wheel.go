package environmenttest

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Package is a Python package with one module, as the suite needs it.
type Package struct {
	Name, Version string
	Requires      []string // requirements
	Source        string   // of its module, which is called like the package
}

// Packages are what an implementation must offer to the builder under test:
// two versions of alpha; beta, which wants the older; broken, which does not
// import; needy, which wants broken; and hanging, whose import never ends.
func Packages() []Package {
	return []Package{
		{Name: "alpha", Version: "1.0", Source: "value = 1\n"},
		{Name: "alpha", Version: "2.0", Source: "value = 2\nprint('alpha says hello')\n"},
		{Name: "beta", Version: "1.0", Requires: []string{"alpha<2"}, Source: "import alpha\n"},
		{Name: "broken", Version: "1.0", Source: "raise ImportError('no luck today')\n"},
		{Name: "needy", Version: "1.0", Requires: []string{"broken"}, Source: "value = 3\n"},
		{Name: "hanging", Version: "1.0", Source: "import time\ntime.sleep(3600)\n"},
		{Name: "deadly", Version: "1.0", Source: "import os\nos.kill(os.getpid(), 9)\n"},
	}
}

// WriteWheels writes the packages as wheels into dir, for builders that can
// take them from there.
func WriteWheels(t testing.TB, dir string, packages []Package) {
	t.Helper()
	for _, p := range packages {
		if err := writeWheel(dir, p); err != nil {
			t.Fatalf("write wheel of %s: %v", p.Name, err)
		}
	}
}

func writeWheel(dir string, p Package) error {
	info := p.Name + "-" + p.Version + ".dist-info/"
	var requires strings.Builder
	for _, r := range p.Requires {
		fmt.Fprintf(&requires, "Requires-Dist: %s\n", r)
	}
	files := map[string]string{
		p.Name + ".py":    p.Source,
		info + "METADATA": fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n%s", p.Name, p.Version, requires.String()),
		info + "WHEEL":    "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
	}
	names := []string{p.Name + ".py", info + "METADATA", info + "WHEEL"}
	var record strings.Builder
	for _, name := range names {
		sum := sha256.Sum256([]byte(files[name]))
		fmt.Fprintf(&record, "%s,sha256=%s,%d\n", name, base64.RawURLEncoding.EncodeToString(sum[:]), len(files[name]))
	}
	fmt.Fprintf(&record, "%sRECORD,,\n", info)
	files[info+"RECORD"] = record.String()

	out, err := os.Create(filepath.Join(dir, p.Name+"-"+p.Version+"-py3-none-any.whl"))
	if err != nil {
		return err
	}
	defer out.Close()
	archive := zip.NewWriter(out)
	for _, name := range slices.Concat(names, []string{info + "RECORD"}) {
		w, err := archive.Create(name)
		if err != nil {
			return err
		}
		if _, err := w.Write([]byte(files[name])); err != nil {
			return err
		}
	}
	return archive.Close()
}
