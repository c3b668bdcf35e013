// Package confine keeps a process to the files it was given, by Landlock.
//
// It promises: what is not listed cannot be opened, made, renamed or removed;
// from ABI 6 on, no process outside can be signalled and no abstract socket
// reached; the memory and environment of processes outside cannot be read. It
// does not hide names, sizes and modes of files, does not restrict the network,
// reaches sockets that have a path before ABI 9, lets a process change the mode
// of files that its user owns, and is no defence against faults of the kernel.
// So an agent is best run by a user of its own who owns nothing else.
//
// Every confined process shares /dev/shm with the others of its user, because
// the semaphores of Python's multiprocessing live there.
package confine

import "strconv"

// Rules say what a confined process may reach besides the system's libraries,
// settings and harmless devices.
type Rules struct {
	Read  []string // files and directories to read and execute; must exist
	Write []string // directories in which everything is allowed; must exist
	// Devices are files to read, write and control; with them comes what tells
	// of the hardware. Those that do not exist are left out.
	Devices []string
}

// Describe puts the ABI in the words of a host's record; reason says why there
// is none.
func Describe(abi int, reason error) string {
	if abi > 0 {
		return "landlock-" + strconv.Itoa(abi)
	}
	return "none: " + reason.Error()
}

// system lists what every program needs of a Linux system. What a machine does
// not have is left out.
func system() []string {
	return []string{
		"/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin",
		"/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/ld.so.preload",
		"/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/crypto-policies",
		"/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/gai.conf", "/etc/nsswitch.conf", "/etc/services", "/etc/protocols",
		"/etc/passwd", "/etc/group", "/etc/localtime", "/etc/timezone", "/etc/locale.alias",
		"/etc/alternatives", "/etc/mime.types", "/etc/os-release", "/etc/debian_version", "/etc/fonts", "/etc/magic", "/etc/inputrc",
		"/proc", "/sys/devices/system/cpu", "/sys/devices/system/node", "/sys/fs/cgroup",
		"/dev/random", "/dev/urandom",
	}
}

// patterns are names of which a system has several.
func patterns() []string { return []string{"/etc/python3*"} }

// hardware is where the libraries of accelerators read how they are joined.
func hardware() []string {
	return []string{"/sys/bus/pci", "/sys/class", "/sys/devices", "/sys/module"}
}

// devices may be read and written.
func devices() []string { return []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/tty"} }

// shared is the directory of POSIX semaphores and shared memory.
const shared = "/dev/shm"
