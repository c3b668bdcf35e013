package uv

import (
	"regexp"
	"strings"

	"github.com/bine-ml/bine"
)

var (
	unknownPackage = regexp.MustCompile(`Because (\S+) was not found in the (?:package registry|provided package locations)`)
	noVersion      = regexp.MustCompile(`there (?:is|are) no versions? of (\S+)`)
	failedBuild    = regexp.MustCompile("Failed to (?:build|download and build)(?: source distribution)? [`:]?\\s*`?([^`\\s]+)")
	fetchedHost    = regexp.MustCompile(`(?:Failed to fetch: |for url \()\W*\w+://(?:\*\*\*@)?([^/\s)` + "`" + `]+)`)
)

// explain makes an error for people of what uv said when it failed. Nothing
// else depends on uv's words: a failure that is not recognised is Internal and
// carries them.
func explain(said string, err error) error {
	said = strings.TrimSpace(said)
	reason := causes(said)
	switch {
	case containsAny(said, "No space left on device", "os error 28", "Disk quota exceeded"):
		return bine.Errorf(bine.NoQuota, "the disk of this host is full: free some space, then try again")
	case containsAny(said, "network was disabled", "was not found in the cache"):
		return bine.Errorf(bine.Unavailable, "there is no network, and the cache of this host lacks a package: %s", reason)
	case containsAny(said, "Hash mismatch"):
		return bine.Errorf(bine.Invalid, "the index gave a file with another content than the one that was locked: %s", reason)
	case unknownPackage.MatchString(said):
		name := unknownPackage.FindStringSubmatch(said)[1]
		return bine.Errorf(bine.Invalid, "the package index has no package %s: check its name", name)
	case containsAny(said, "No solution found"):
		if m := noVersion.FindStringSubmatch(said); m != nil && !strings.Contains(said, " depends on ") {
			return bine.Errorf(bine.Invalid, "the package index has no version that fits %s", strings.TrimSuffix(m[1], "."))
		}
		return bine.Errorf(bine.Invalid, "the requirements cannot be met together: %s", reason)
	case failedBuild.MatchString(said):
		return bine.Errorf(bine.Invalid, "%s comes as source and could not be built on this host: %s",
			failedBuild.FindStringSubmatch(said)[1], lastOf(said))
	case containsAny(said, "Failed to fetch", "Request failed", "error sending request", "dns error", "Failed to download",
		"Could not connect", "operation timed out", "tls handshake", "invalid peer certificate"):
		return bine.Errorf(bine.Unavailable, "the package index%s does not answer as it should: %s. Check the network of this host; "+
			"a mirror is set by PIP_INDEX_URL or pip config, a proxy by HTTPS_PROXY, a certificate by SSL_CERT_FILE", host(said), reason)
	}
	return bine.Errorf(bine.Internal, "uv failed (%w): %s", err, lastOf(said))
}

func containsAny(s string, parts ...string) bool {
	for _, part := range parts {
		if strings.Contains(s, part) {
			return true
		}
	}
	return false
}

// host gives the name of the server that was asked, where uv says it.
func host(said string) string {
	if m := fetchedHost.FindStringSubmatch(said); m != nil {
		return " at " + m[1]
	}
	return ""
}

// causes joins what uv gives as the causes of its failure to one sentence.
func causes(said string) string {
	var out []string
	taking := false
	for line := range strings.Lines(said) {
		text := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(text, "cause: "):
			taking = true
			out = append(out, strings.TrimPrefix(text, "cause: "))
		case strings.HasPrefix(text, "hint:") || text == "":
			taking = false
		case taking:
			out = append(out, text)
		}
	}
	if len(out) == 0 {
		return lastOf(said)
	}
	return strings.TrimSuffix(strings.Join(out, " "), ".")
}

// lastOf gives the end of what was said, on one line, at most 600 bytes.
func lastOf(said string) string {
	text := strings.Join(strings.Fields(said), " ")
	if len(text) > 600 {
		text = "… " + strings.ToValidUTF8(text[len(text)-600:], "")
	}
	return text
}
