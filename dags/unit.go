package dags

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/bine-ml/bine"
)

var (
	durationForm = regexp.MustCompile(`^(\d+(\.\d+)?(ms|s|m|h|d))+$`)
	durationPart = regexp.MustCompile(`(\d+(?:\.\d+)?)(ms|s|m|h|d)`)
	memoryForm   = regexp.MustCompile(`^(\d+(?:\.\d+)?) ?([KMGT]i?B)$`)
)

// maxDuration is the longest duration that can be written.
const maxDuration = 366 * 24 * time.Hour

// ParseDuration reads a duration of numbers with units: 90s, 1h30m, 2d, 500ms.
func ParseDuration(text string) (time.Duration, error) {
	if len(text) > 64 || !durationForm.MatchString(text) {
		return 0, bine.Errorf(bine.Invalid, "%q is not a duration: write it like 90s, 30m, 1h30m or 2d", shorten(text))
	}
	units := map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}
	var total float64
	for _, m := range durationPart.FindAllStringSubmatch(text, -1) {
		n, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			return 0, bine.Errorf(bine.Invalid, "%q is not a duration: %w", shorten(text), err)
		}
		total += n * float64(units[m[2]])
	}
	if total > float64(maxDuration) {
		return 0, bine.Errorf(bine.Invalid, "%s is longer than a year", shorten(text))
	}
	return time.Duration(total), nil
}

// ParseMemory reads an amount of memory in bytes: 512MiB, 1.5GiB, 2GB.
func ParseMemory(text string) (int64, error) {
	m := memoryForm.FindStringSubmatch(text)
	if len(text) > 32 || m == nil {
		return 0, bine.Errorf(bine.Invalid, "%q is not an amount of memory: write it like 512MiB or 2GiB", shorten(text))
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return 0, bine.Errorf(bine.Invalid, "%q is not an amount of memory: %w", shorten(text), err)
	}
	base := 1000.0
	if strings.Contains(m[2], "i") {
		base = 1024
	}
	for range 1 + strings.IndexByte("KMGT", m[2][0]) {
		n *= base
	}
	if n > 1<<60 {
		return 0, bine.Errorf(bine.Invalid, "%s is more memory than there can be", text)
	}
	return int64(n), nil
}

// FormatMemory writes an amount of memory as ParseMemory reads it.
func FormatMemory(bytes int64) string {
	units := []string{"KiB", "MiB", "GiB", "TiB"}
	n, unit := float64(bytes)/1024, units[0]
	for _, u := range units[1:] {
		if n < 1024 {
			break
		}
		n, unit = n/1024, u
	}
	return strconv.FormatFloat(n, 'f', -1, 64) + unit
}
