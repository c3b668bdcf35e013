package agent

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// infiniband is where the files of Infiniband's adapters are.
const infiniband = "/dev/infiniband"

// fabricFiles lists the files by which a process reaches the fabric between hosts:
// for one with devices whose gang is on several, and for no other.
func fabricFiles(p plan, dir string) []string {
	size, err := strconv.Atoi(p.Assignment.Context["BINE_WORLD_SIZE"])
	if err != nil || size < 2 || len(p.Assignment.Devices) == 0 {
		return nil
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"))       // the pattern is well-formed
	return slices.DeleteFunc(files, func(path string) bool { // beside them there are directories of links to them
		info, err := os.Stat(path)
		return err != nil || info.IsDir()
	})
}
