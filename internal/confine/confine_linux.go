package confine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/landlock-lsm/go-landlock/landlock"
	llsys "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// newest is the highest ABI whose rights are known here.
const newest = 9

// ABI gives the Landlock ABI that Apply will use: that of the kernel, at most
// the newest that is known here. 0 comes with the reason why there is none.
func ABI() (int, error) {
	version, err := llsys.LandlockGetABIVersion()
	switch {
	case errors.Is(err, syscall.ENOSYS):
		return 0, errors.New("this kernel was built without Landlock (5.13 and later can have it)")
	case errors.Is(err, syscall.EOPNOTSUPP):
		return 0, errors.New("this kernel has Landlock switched off: add landlock to lsm= on its command line")
	case err != nil:
		return 0, fmt.Errorf("ask the kernel for Landlock: %w", err)
	case version < 1:
		return 0, errors.New("this kernel reports no version of Landlock")
	}
	return min(version, newest), nil
}

// Apply confines the calling process, and all that it will start, for ever. A
// kernel that has less than the ABI asked for is an error: nothing is left out
// silently. It sets no_new_privs.
func Apply(abi int, rules Rules) error {
	if abi < 1 || abi > newest {
		return fmt.Errorf("there is no Landlock ABI %d here", abi)
	}
	config := configs()[abi-1]
	config.HandledAccessNet = 0
	if err := config.Restrict(grants(abi, rules)...); err != nil {
		return fmt.Errorf("confine by Landlock %d: %w", abi, err)
	}
	return nil
}

func configs() [newest]landlock.Config {
	return [newest]landlock.Config{landlock.V1, landlock.V2, landlock.V3, landlock.V4, landlock.V5, landlock.V6, landlock.V7, landlock.V8, landlock.V9}
}

func grants(abi int, rules Rules) []landlock.Rule {
	optional := system()
	for _, pattern := range patterns() {
		found, _ := filepath.Glob(pattern) // the patterns are well-formed
		optional = append(optional, found...)
	}
	var out []landlock.Rule
	for _, path := range optional {
		out = append(out, readable(path).IgnoreIfMissing())
	}
	for _, path := range rules.Read {
		out = append(out, readable(path))
	}
	out = append(out, landlock.RWFiles(devices()...).IgnoreIfMissing())
	if len(rules.Devices) > 0 {
		out = append(out, usable(abi, rules.Devices).IgnoreIfMissing(), landlock.RODirs(hardware()...).IgnoreIfMissing())
	}
	for _, path := range rules.Write {
		out = append(out, writable(abi, path))
	}
	return append(out, writable(abi, shared).IgnoreIfMissing())
}

func readable(path string) landlock.FSRule {
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		return landlock.ROFiles(path)
	}
	return landlock.RODirs(path)
}

// writable lets files move between directories too, where the ABI can say so.
func writable(abi int, path string) landlock.FSRule {
	if abi < 2 {
		return landlock.RWDirs(path)
	}
	return landlock.RWDirs(path).WithRefer()
}

// usable lets device files be controlled too, which needs a right of its own
// where the ABI knows it.
func usable(abi int, paths []string) landlock.FSRule {
	if abi < 5 {
		return landlock.RWFiles(paths...)
	}
	return landlock.RWFiles(paths...).WithIoctlDev()
}
