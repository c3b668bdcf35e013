package environment_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/environment"
)

func TestRequirementsThatPipWouldTakeAreAccepted(t *testing.T) {
	for _, r := range []string{
		"pandas", "pandas==2.2.3", " pandas >= 2, < 3 ", "scikit-learn~=1.9", "setuptools<81", "zope.interface",
		"uvicorn[standard]>=0.30", "ray[data, tune]", "numpy (>=2)", "torch==2.1.*", "x===1.0+local", "a!=1.0",
		`importlib-metadata; python_version < "3.10"`, "pywin32>=300; sys_platform == 'win32'", "p==1!2.0",
	} {
		if err := environment.CheckRequirement(r); err != nil {
			t.Errorf("CheckRequirement(%q) = %v, want nil", r, err)
		}
	}
}

func TestWhatIsNoRequirementIsRefused(t *testing.T) {
	for _, r := range []string{
		"", " ", "-r /etc/passwd", "--index-url=http://evil", "-e .", "./local", "/etc/x.whl", "pkg @ file:///etc/passwd",
		"git+https://example.org/x.git", "pandas --hash=sha256:00", "pandas\n-r x", "pandas==${HOME}", "pandas==`id`",
		"pandas=2", "pandas 2.0", "pandas==", "a,b", "pandas>=2;", "pandas; import os; $x", "C:\\x", "_x", "x#y",
		"pandas>=2 \\", strings.Repeat("x", 301), "naïve",
	} {
		if err := environment.CheckRequirement(r); !bine.IsKind(err, bine.Invalid) {
			t.Errorf("CheckRequirement(%q) = %v, want an Invalid error", r, err)
		}
	}
}

func FuzzCheckRequirement(f *testing.F) {
	for _, r := range []string{"pandas>=2,<3", "-r x", "a[b];c=='d'", "x\ny"} {
		f.Add(r)
	}
	f.Fuzz(func(t *testing.T, r string) {
		if environment.CheckRequirement(r) != nil {
			return
		}
		trimmed := strings.TrimSpace(r)
		if strings.HasPrefix(trimmed, "-") || strings.ContainsAny(trimmed, "\r\n\x00/\\@:$") || strings.Contains(trimmed, " --") {
			t.Errorf("CheckRequirement(%q) accepts what a tool could take for more than a requirement", r)
		}
	})
}

func TestASpecTellsAllItsFaults(t *testing.T) {
	err := environment.Spec{Python: "2.7; rm", Requires: []string{"pandas", "-e .", "x=1"}}.Check()
	e, ok := err.(*bine.Error)
	if !ok || e.Kind != bine.Invalid || len(e.Details) != 3 {
		t.Fatalf("Check() = %#v, want an Invalid error with 3 details", err)
	}
	if err := (environment.Spec{Python: "3.11", Requires: []string{"pandas"}}).Check(); err != nil {
		t.Errorf("Check() of a good spec = %v", err)
	}
}

func TestApply(t *testing.T) {
	base := []string{"scikit-learn==1.9.1", "pandas"}
	for name, c := range map[string]struct{ add, remove, want []string }{
		"nothing changes but the order":    {nil, nil, []string{"pandas", "scikit-learn==1.9.1"}},
		"a package is added":               {[]string{"Numpy>2"}, nil, []string{"Numpy>2", "pandas", "scikit-learn==1.9.1"}},
		"one named otherwise replaces":     {[]string{"scikit_learn<2"}, nil, []string{"pandas", "scikit_learn<2"}},
		"a package is removed":             {nil, []string{"Pandas"}, []string{"scikit-learn==1.9.1"}},
		"removed and added is replaced":    {[]string{"pandas<3"}, []string{"pandas"}, []string{"pandas<3", "scikit-learn==1.9.1"}},
		"everything is removed, none left": {nil, []string{"pandas", "scikit.learn"}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := environment.Apply(base, c.add, c.remove)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("Apply = %q, %v, want %q", got, err, c.want)
			}
		})
	}
}

func TestApplyTellsWhatCannotBeDone(t *testing.T) {
	_, err := environment.Apply([]string{"pandas"}, []string{"-e ."}, []string{"numpy"})
	if !bine.IsKind(err, bine.Invalid) || !strings.Contains(err.Error(), "cannot remove numpy") || !strings.Contains(err.Error(), "is an option") {
		t.Errorf("Apply = %v, want an Invalid error with both faults", err)
	}
}

func TestDiff(t *testing.T) {
	a := []bine.Package{{Name: "numpy", Version: "2.4"}, {Name: "Pandas", Version: "3.1"}, {Name: "six", Version: "1"}}
	b := []bine.Package{{Name: "pandas", Version: "3.2"}, {Name: "numpy", Version: "2.4"}, {Name: "attrs", Version: "5"}}
	want := []environment.Change{{Name: "attrs", To: "5"}, {Name: "Pandas", From: "3.1", To: "3.2"}, {Name: "six", From: "1"}}
	if got := environment.Diff(a, b); !slices.Equal(got, want) {
		t.Errorf("Diff = %+v, want %+v", got, want)
	}
	if got := environment.Diff(a, a); len(got) != 0 {
		t.Errorf("Diff of the same = %+v, want none", got)
	}
}

func TestEnvironmentYML(t *testing.T) {
	got := environment.EnvironmentYML("demo", bine.Environment{Python: "3.11.7", Packages: []bine.Package{
		{Name: "pandas", Version: "3.1.1"}, {Name: "numpy", Version: "2.4.6"}}})
	want := `name: demo
channels:
  - conda-forge
dependencies:
  - python=3.11.7
  - pip
  - pip:
      - numpy==2.4.6
      - pandas==3.1.1
`
	if got != want {
		t.Errorf("EnvironmentYML = %s, want %s", got, want)
	}
}
