package client

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/bine-ml/bine"
)

// Events calls on for every change in a project after the event with the id
// after (0: from now on) until on answers false, the context ends or the
// connection is lost. object and name limit what is sent ("run", "flights-1");
// empty is everything.
func (c *Client) Events(ctx context.Context, p bine.ProjectName, object, name string, after int64, on func(bine.Event) bool) error {
	q := url.Values{}
	if object != "" {
		q.Set("object", object)
	}
	if name != "" {
		q.Set("name", name)
	}
	r := request{method: http.MethodGet, path: []string{"projects", string(p), "events"}, query: q, safe: true, header: http.Header{"Accept": {"text/event-stream"}}}
	if after > 0 {
		r.header.Set("Last-Event-ID", strconv.FormatInt(after, 10))
	}
	body, err := c.stream(ctx, r)
	if err != nil {
		return err
	}
	defer body.Close()
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		data, found := strings.CutPrefix(lines.Text(), "data:")
		if !found {
			continue
		}
		var e bine.Event
		if json.Unmarshal([]byte(data), &e) == nil && !on(e) {
			return nil
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return lines.Err()
}
