package lake

import (
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

// CheckTransfer says what is wrong with the paths of a transfer, if anything.
func CheckTransfer(t bine.Transfer) error {
	if t.Path != "" {
		if _, err := dfs.Clean("/" + t.Path); err != nil {
			return err
		}
	}
	if t.Files == "" || strings.HasPrefix(t.Files, ".") || strings.Contains(t.Files, bine.SharedSeparator) {
		return bine.Errorf(bine.Invalid, "%q is no file or directory of the project's own: write it like sales/2026", t.Files)
	}
	_, err := dfs.Clean("/" + t.Files)
	return err
}
