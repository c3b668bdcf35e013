package environment

import (
	"regexp"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
)

// The form of a requirement: a name, extras, version clauses and a marker.
// There is no room in it for an option, a path, an address or a variable.
var (
	requirementForm = regexp.MustCompile(`^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(\[[A-Za-z0-9._, -]*\])?\s*(\(?[^;()@]*\)?)\s*(;.*)?$`)
	clauseForm      = regexp.MustCompile(`^(===|==|!=|<=|>=|~=|<|>)\s*[A-Za-z0-9][A-Za-z0-9.*+!_-]*$`)
	markerForm      = regexp.MustCompile(`^;[A-Za-z0-9_.'"<>=!~() ,-]+$`)
	pythonForm      = regexp.MustCompile(`^3\.[0-9]{1,2}(\.[0-9]{1,3})?$`)
	separators      = regexp.MustCompile(`[-_.]+`)
)

// The most that one environment may ask for.
const (
	maxRequirements = 500
	maxRequirement  = 300
)

// Name gives the name of a package in the one form in which it is compared:
// lower case, with single dashes (PEP 503).
func Name(name string) string {
	return strings.ToLower(separators.ReplaceAllString(name, "-"))
}

// NameOf gives the name of the package that a requirement asks for.
func NameOf(requirement string) (string, error) {
	if err := CheckRequirement(requirement); err != nil {
		return "", err
	}
	return Name(requirementForm.FindStringSubmatch(strings.TrimSpace(requirement))[1]), nil
}

// CheckRequirement says what is wrong with a requirement: it must be a name
// with extras, versions and a marker as pip writes them. Options, files and
// addresses are refused, because they would let whoever may change an
// environment make the host read or run something else.
func CheckRequirement(requirement string) error {
	r := strings.TrimSpace(requirement)
	switch {
	case r == "":
		return bine.Errorf(bine.Invalid, "a requirement is empty: write a package like pandas or pandas>=2,<3")
	case len(r) > maxRequirement:
		return bine.Errorf(bine.Invalid, "a requirement is %d characters long; at most %d are allowed", len(r), maxRequirement)
	case strings.HasPrefix(r, "-"):
		return bine.Errorf(bine.Invalid, "requirement %q is an option, and only packages can be required: an index is configured on the host", r)
	case strings.ContainsAny(r, "/\\@:"):
		return bine.Errorf(bine.Invalid, "requirement %q is a file or an address: only packages of the host's index can be required, by name", r)
	}
	parts := requirementForm.FindStringSubmatch(r)
	if parts == nil || strings.ContainsAny(r, "\r\n\x00$`#") {
		return badRequirement(r)
	}
	clauses := strings.TrimSpace(strings.Trim(strings.TrimSpace(parts[3]), "()"))
	for clause := range strings.SplitSeq(clauses, ",") {
		if clauses != "" && !clauseForm.MatchString(strings.TrimSpace(clause)) {
			return badRequirement(r)
		}
	}
	if parts[4] != "" && !markerForm.MatchString(parts[4]) {
		return badRequirement(r)
	}
	return nil
}

func badRequirement(r string) error {
	return bine.Errorf(bine.Invalid, "%q is not a requirement: write a package like pandas, pandas==2.2.3 or pandas>=2,<3", r)
}

// Check says what is wrong with the spec, every fault at once.
func (s Spec) Check() error {
	var faults []bine.Detail
	if s.Python != "" && !pythonForm.MatchString(s.Python) {
		faults = append(faults, bine.Detail{Location: "python", Message: "python " + s.Python + " is not a version: write it like 3.11"})
	}
	if len(s.Requires) > maxRequirements {
		faults = append(faults, bine.Detail{Location: "requires", Message: "too many requirements: at most 500 are allowed"})
	}
	for _, r := range s.Requires {
		if err := CheckRequirement(r); err != nil {
			faults = append(faults, bine.Detail{Location: "requires", Message: err.Error()})
		}
	}
	return invalid(faults)
}

// invalid makes one error of the faults, nil of none.
func invalid(faults []bine.Detail) error {
	if len(faults) == 0 {
		return nil
	}
	messages := make([]string, len(faults))
	for i, f := range faults {
		messages[i] = f.Message
	}
	return &bine.Error{Kind: bine.Invalid, Message: strings.Join(messages, "; "), Details: faults}
}

// Apply gives the requirements of the version that follows on one with the
// requirements base: without those of the packages in remove, and with those in
// add, which replace what base says about the same package. The answer is
// ordered by name. Removing what base does not ask for is Invalid.
func Apply(base []string, add, remove []string) ([]string, error) {
	var faults []bine.Detail
	byName := map[string]string{}
	put := func(list []string, where string) {
		for _, r := range list {
			name, err := NameOf(r)
			if err != nil {
				faults = append(faults, bine.Detail{Location: where, Message: err.Error()})
				continue
			}
			byName[name] = strings.TrimSpace(r)
		}
	}
	put(base, "base")
	for _, r := range remove {
		name := Name(strings.TrimSpace(r))
		if _, found := byName[name]; !found {
			faults = append(faults, bine.Detail{Location: "remove", Message: "cannot remove " + r +
				": nobody asked for it; a package that came with another one leaves with that one"})
		}
		delete(byName, name)
	}
	put(add, "add")
	if err := invalid(faults); err != nil {
		return nil, err
	}
	out := make([]string, 0, len(byName))
	for _, name := range slices.Sorted(keysOf(byName)) {
		out = append(out, byName[name])
	}
	return out, nil
}
