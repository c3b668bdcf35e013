package mount

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/bine-ml/bine"
)

// errnoOf says an error in the kernel's words. conflict is what a Conflict means
// where it came up.
func (s *system) errnoOf(err error, conflict syscall.Errno) syscall.Errno {
	if err == nil {
		return 0
	}
	if _, told := errors.AsType[*bine.Error](err); !told {
		if errno, plain := errors.AsType[syscall.Errno](err); plain {
			return errno
		}
	}
	switch bine.KindOf(err) {
	case bine.NotFound:
		return syscall.ENOENT
	case bine.Conflict:
		return conflict
	case bine.Forbidden, bine.Unauthenticated:
		return syscall.EACCES
	case bine.Leased:
		return syscall.EBUSY
	case bine.Fenced:
		return syscall.ESTALE
	case bine.NoQuota:
		return syscall.EDQUOT
	case bine.TooLarge:
		return syscall.EFBIG
	case bine.Invalid:
		return syscall.EINVAL
	}
	s.log.Print(err)
	return syscall.EIO
}

// checkName refuses what the file system has no name for.
func checkName(name string) syscall.Errno {
	switch {
	case len(name) > 255:
		return syscall.ENAMETOOLONG
	case !utf8.ValidString(name):
		return syscall.EILSEQ
	case strings.Contains(name, `\`):
		return syscall.EINVAL
	}
	return 0
}

// firstWait is how long after a call that got no answer it is made again.
const firstWait = 50 * time.Millisecond

// again calls f until the server answers, for as long as Options.Patience. lost
// tells f that a call before may have been carried out.
//
// What the kernel says of signals is not listened to: a change that is broken off
// in the middle would be a riddle for the caller.
func (s *system) again(f func(ctx context.Context, lost bool) error) error {
	stop := time.Now().Add(s.Patience)
	lost := false
	for wait := firstWait; ; wait = min(2*wait, time.Second) {
		err := f(context.Background(), lost)
		if !bine.IsKind(err, bine.Unavailable) || time.Now().Add(wait).After(stop) {
			return err
		}
		lost = lost || !errors.Is(err, syscall.ECONNREFUSED)
		time.Sleep(wait)
	}
}
