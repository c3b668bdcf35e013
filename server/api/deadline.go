package api

import (
	"context"
	"net/http"
	"time"
)

// slack is what writing an answer may take longer than making it.
const slack = 10 * time.Second

// deadlines bounds a request by the time of its route. A stream has none, and
// the server's own are lifted for it.
func deadlines(ctx context.Context, w http.ResponseWriter, r route) (context.Context, context.CancelFunc) {
	control := http.NewResponseController(w)
	if r.stream {
		control.SetReadDeadline(time.Time{}) // refused in process, where there is no connection
		control.SetWriteDeadline(time.Time{})
		return context.WithCancel(ctx)
	}
	timeout := r.wait()
	control.SetReadDeadline(time.Now().Add(timeout))
	control.SetWriteDeadline(time.Now().Add(timeout + slack))
	return context.WithTimeout(ctx, timeout)
}
