package simulated

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/bine-ml/bine"
)

// processes gives the processes of this computer that see simulated devices,
// as far as their environment can be read.
func processes() map[bine.DeviceID][]int {
	out := map[bine.DeviceID][]int{}
	environs, _ := filepath.Glob("/proc/[0-9]*/environ") // the pattern is well-formed
	mark := []byte("\x00" + Variable + "=")
	for _, path := range environs {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		_, after, found := bytes.Cut(append([]byte{0}, text...), mark)
		if !found {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue
		}
		list, _, _ := bytes.Cut(after, []byte{0})
		for id := range strings.SplitSeq(string(list), ",") {
			if id != "" {
				out[bine.DeviceID(id)] = append(out[bine.DeviceID(id)], pid)
			}
		}
	}
	return out
}
