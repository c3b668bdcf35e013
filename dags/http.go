package dags

// HTTPAction makes an HTTP request. Its outputs are status, an int, and body,
// the answer: JSON where it is that, else a text; at most 16 KiB of it.
type HTTPAction struct{ Request }
