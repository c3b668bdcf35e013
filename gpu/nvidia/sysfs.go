package nvidia

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// readInt reads the number in a file.
func readInt(path string, otherwise int) int {
	text, err := os.ReadFile(path)
	if err != nil {
		return otherwise
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return otherwise
	}
	return n
}

// capability finds the device file that gives access to an instance of MIG: gpu0
// mig gi3 and gpu0 mig gi3 ci0.
func capability(root string, words ...string) (string, bool) {
	path := filepath.Join(append([]string{root, "proc/driver/nvidia/capabilities"}, words...)...)
	text, err := os.ReadFile(filepath.Join(path, "access"))
	if err != nil {
		return "", false
	}
	for line := range strings.Lines(string(text)) {
		if number, found := strings.CutPrefix(line, "DeviceFileMinor:"); found {
			return "/dev/nvidia-caps/nvidia-cap" + strings.TrimSpace(number), true
		}
	}
	return "", false
}

// instanceFiles lists what a process opens to use an instance, besides the files
// of its device.
func instanceFiles(root string, minor, instance, compute int) []string {
	gpu, gi, ci := fmt.Sprintf("gpu%d", minor), fmt.Sprintf("gi%d", instance), fmt.Sprintf("ci%d", compute)
	var out []string
	if f, ok := capability(root, gpu, "mig", gi); ok {
		out = append(out, f)
	}
	if f, ok := capability(root, gpu, "mig", gi, ci); ok {
		out = append(out, f)
	}
	return out
}
