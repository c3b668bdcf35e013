package dags

import (
	"slices"
	"strings"
)

// The modes of a cache that are not on or off.
const (
	CacheRead  = "read"
	CacheWrite = "write"
)

// Reads reports whether the step takes outputs from the cache.
func (s Step) Reads() bool { return !s.NoCache && s.Cache.Mode != CacheWrite }

// Writes reports whether the step leaves its outputs for others.
func (s Step) Writes() bool { return !s.NoCache && s.Cache.Mode != CacheRead }

// Ignores reports whether something does not count for the cache: code,
// with.<name>, env.<name> or inputs.<name>.
func (c Cache) Ignores(what string) bool { return slices.Contains(c.Ignore, what) }

func cacheFields() []field[Step] {
	return []field[Step]{
		{name: "mode", doc: "on (if absent), off, read: take outputs and leave none, or write: leave outputs and take none.", schema: enum("on", "off", CacheRead, CacheWrite),
			read: func(v value, s *Step) { readCacheMode(v, s) }},
		{name: "expires", doc: "Outputs that are older are not taken.", schema: durationSchema,
			read: func(v value, s *Step) { s.Cache.Expires = v.duration() }},
		{name: "ignore", doc: "What does not count: code, with.NAME, env.NAME or inputs.NAME.", schema: listOf(textSchema),
			read: func(v value, s *Step) { s.Cache.Ignore = readAddresses(v) }},
		{name: "salt", doc: "A text that counts and means nothing else: change it to run the step again.", schema: textSchema,
			read: func(v value, s *Step) { s.Cache.Salt = v.word() }},
	}
}

func cacheSchema() schema {
	return schema{"oneOf": []any{schema{"enum": []any{"on", "off", CacheRead, CacheWrite, true, false}}, object(cacheFields())}}
}

func readCache(v value, s *Step) {
	if v.isMapping() {
		readFields(v, "cache", cacheFields(), s)
		return
	}
	readCacheMode(v, s)
}

func readCacheMode(v value, s *Step) {
	if v.isScalar() && (v.node.Value == CacheRead || v.node.Value == CacheWrite) {
		s.Cache.Mode = v.node.Value
		return
	}
	s.NoCache = !readSwitch(v)
}

func (c *checker) checkCache(s *Step) {
	if m := s.Cache.Mode; m != "" && m != CacheRead && m != CacheWrite {
		c.faultf(s.at("cache", "mode"), "%q is not one of on, off, read, write", m)
	}
	for i, what := range s.Cache.Ignore {
		part, name, _ := strings.Cut(what, ".")
		ok := what == "code" || name != "" && slices.Contains([]string{"with", "env", "inputs"}, part)
		if !ok {
			c.faultf(s.at("cache", "ignore", i), "%q is not one of code, with.<name>, env.<name>, inputs.<name>", shorten(what))
		}
	}
}
