package uv

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Variables of the host that tools may see: where things are, how to reach an
// index, how to compile. Everything else, the platform's own above all, stays
// out of the reach of the code that source distributions run.
var (
	passedNames = []string{"PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ", "LD_LIBRARY_PATH",
		"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSL_CLIENT_CERT",
		"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC", "CC", "CXX", "CFLAGS", "CXXFLAGS", "LDFLAGS", "MAKEFLAGS",
		"XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "MACOSX_DEPLOYMENT_TARGET", "SOURCE_DATE_EPOCH"}
	passedPrefixes = []string{"PIP_", "UV_"}
)

// passed filters the environment of this process.
func passed(environ []string) []string {
	var out []string
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		upper := strings.ToUpper(name) // proxies are often set in lower case
		known := slices.Contains(passedNames, upper)
		for _, prefix := range passedPrefixes {
			known = known || strings.HasPrefix(upper, prefix)
		}
		if known {
			out = append(out, entry)
		}
	}
	return out
}

// lookup gives the last value of a variable, written in upper or lower case.
func lookup(environ []string, name string) string {
	value := ""
	for _, entry := range environ {
		if n, v, _ := strings.Cut(entry, "="); strings.EqualFold(n, name) {
			value = v
		}
	}
	return value
}

// settings say how uv is run.
type settings struct {
	environ []string
	noIndex bool // only the directories and pages of find-links are asked; uv knows no variable for it
}

// findSettings gives what the host is configured to, in uv's terms.
func (b *Builder) findSettings() settings {
	environ := passed(b.config.Environ)
	pip := b.pipSettings(environ)
	environ = append(environ, fromPip(pip, environ)...)
	fixed := []string{"UV_NO_PROGRESS=1", "UV_PYTHON_DOWNLOADS=never", "NO_COLOR=1",
		"UV_COMPILE_BYTECODE_TIMEOUT=600"}
	if lookup(environ, "UV_SYSTEM_CERTS") == "" && lookup(environ, "UV_NATIVE_TLS") == "" {
		fixed = append(fixed, "UV_SYSTEM_CERTS=1")
	}
	return settings{environ: append(environ, fixed...), noIndex: isTrue(pip["no-index"])}
}

// fromPip says in uv's variables what pip's settings say; a variable of uv's
// that is set already wins.
func fromPip(pip map[string]string, environ []string) []string {
	var out []string
	set := func(name, value string) {
		if value != "" && lookup(environ, name) == "" {
			out = append(out, name+"="+value)
		}
	}
	if lookup(environ, "UV_INDEX_URL") == "" {
		set("UV_DEFAULT_INDEX", pip["index-url"])
	}
	if lookup(environ, "UV_EXTRA_INDEX_URL") == "" {
		set("UV_INDEX", strings.Join(strings.Fields(pip["extra-index-url"]), " "))
	}
	set("UV_FIND_LINKS", strings.Join(existing(strings.Fields(pip["find-links"])), ","))
	set("UV_INSECURE_HOST", strings.Join(strings.Fields(pip["trusted-host"]), " "))
	for _, name := range []string{"timeout", "default-timeout"} {
		if lookup(out, "UV_HTTP_TIMEOUT") == "" {
			set("UV_HTTP_TIMEOUT", pip[name])
		}
	}
	set("SSL_CERT_FILE", pip["cert"])
	set("SSL_CLIENT_CERT", pip["client-cert"])
	set("HTTP_PROXY", pip["proxy"])
	set("HTTPS_PROXY", pip["proxy"])
	return out
}

func isTrue(value string) bool {
	return slices.Contains([]string{"1", "true", "yes", "on", "t", "y"}, strings.ToLower(value))
}

// existing drops local directories that are not there: pip passes over them, uv
// stops at them.
func existing(links []string) []string {
	var out []string
	for _, link := range links {
		if !strings.Contains(link, "://") {
			if absolute, err := filepath.Abs(link); err == nil {
				link = absolute
			}
			if _, err := os.Stat(link); err != nil {
				continue
			}
		}
		out = append(out, link)
	}
	return out
}

// pipSettings gives what pip is configured to, by files and variables.
func (b *Builder) pipSettings(environ []string) map[string]string {
	out := map[string]string{}
	for _, program := range b.candidates("") {
		ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
		cmd := exec.CommandContext(ctx, program, "-m", "pip", "config", "list")
		cmd.Env, cmd.Dir = environ, os.TempDir()
		text, err := cmd.Output()
		stop()
		if err == nil {
			out = parsePipConfig(string(text))
			break
		}
	}
	for _, entry := range environ { // the same as pip's own list says, and all there is where pip is missing
		name, value, _ := strings.Cut(entry, "=")
		if option, found := strings.CutPrefix(name, "PIP_"); found && value != "" {
			out[strings.ToLower(strings.ReplaceAll(option, "_", "-"))] = value
		}
	}
	return out
}

// parsePipConfig reads the list that pip config prints: section.option='value'.
// What is said for install wins over what is said for all of pip, and a
// variable wins over both.
func parsePipConfig(text string) map[string]string {
	out := map[string]string{}
	for _, section := range []string{"global.", "install.", ":env:."} {
		for line := range strings.Lines(text) {
			key, value, found := strings.Cut(strings.TrimSpace(line), "=")
			option, ours := strings.CutPrefix(key, section)
			if found && ours {
				value = strings.Trim(value, `'"`)
				out[option] = strings.TrimSpace(strings.ReplaceAll(value, `\n`, " "))
			}
		}
	}
	return out
}
