//go:build !linux

package confine

import "errors"

var errNoLandlock = errors.New("only Linux has Landlock")

// ABI answers that there is no Landlock here.
func ABI() (int, error) { return 0, errNoLandlock }

// Apply refuses: there is no Landlock here.
func Apply(int, Rules) error { return errNoLandlock }

// DropPrivileges refuses: it is the other half of Apply.
func DropPrivileges() error { return errNoLandlock }
