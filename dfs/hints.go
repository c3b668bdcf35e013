package dfs

import (
	"slices"
	"strings"
	"sync"
)

// mostHints bounds how many directories are remembered, at about 1 KiB each.
const mostHints = 10_000

// hints remembers where directories were found. A hint may be wrong: it only
// saves a round trip to who finds that out anyway, as HopsFS's cache of paths does.
type hints struct {
	mu    sync.RWMutex
	found map[string][]node
}

func hintKey(parts []string) string { return strings.Join(parts[:len(parts)-1], "/") }

// get gives a path as if its directory had been found and the last component not.
func (h *hints) get(parts []string) *chain {
	h.mu.RLock()
	nodes := h.found[hintKey(parts)]
	h.mu.RUnlock()
	if nodes == nil {
		return nil
	}
	return &chain{path: join(parts, len(parts)), parts: parts, nodes: nodes}
}

// put remembers the directory of a path whose last component was not found.
func (h *hints) put(c *chain) {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := hintKey(c.parts)
	if _, there := h.found[key]; there {
		return
	}
	if h.found == nil || len(h.found) >= mostHints { // what is used comes back
		h.found = map[string][]node{}
	}
	h.found[key] = slices.Clip(c.nodes)
}

func (h *hints) forget(parts []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.found, hintKey(parts))
}
