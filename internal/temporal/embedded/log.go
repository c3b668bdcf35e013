package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

// logger hands the server's warnings and errors to slog and drops the rest,
// which is much. It also turns what the server calls fatal into an error of
// ours: a part must not end the whole program.
type logger struct {
	to       *slog.Logger
	attrs    []any
	stopping *atomic.Bool // a server that stops complains about its own parts
	fatal    chan<- error // gets the first fatal message
}

func newLogger(to *slog.Logger, fatal chan<- error) *logger {
	return &logger{to: to, stopping: new(atomic.Bool), fatal: fatal}
}

// With gives a logger that adds tags to each message.
func (l *logger) With(tags ...tag.Tag) log.Logger {
	with := *l
	with.attrs = append(append([]any(nil), l.attrs...), attrsOf(tags)...)
	return &with
}

// Debug drops the message.
func (l *logger) Debug(string, ...tag.Tag) {}

// Info drops the message.
func (l *logger) Info(string, ...tag.Tag) {}

// Warn logs the message.
func (l *logger) Warn(msg string, tags ...tag.Tag) { l.log(slog.LevelWarn, msg, tags) }

// Error logs the message.
func (l *logger) Error(msg string, tags ...tag.Tag) { l.log(slog.LevelError, msg, tags) }

// DPanic logs the message: only a development build would panic.
func (l *logger) DPanic(msg string, tags ...tag.Tag) { l.log(slog.LevelError, msg, tags) }

// Panic logs the message and panics, as its callers rely on.
func (l *logger) Panic(msg string, tags ...tag.Tag) {
	l.log(slog.LevelError, msg, tags)
	panic(msg)
}

// Fatal reports the message to whoever watches the server, and ends the
// goroutine, as its callers cannot go on.
func (l *logger) Fatal(msg string, tags ...tag.Tag) {
	select {
	case l.fatal <- fmt.Errorf("%s %v", msg, append(attrsOf(tags), l.attrs...)):
	default:
	}
	l.log(slog.LevelError, msg, tags)
	runtime.Goexit()
}

func (l *logger) log(level slog.Level, msg string, tags []tag.Tag) {
	if l.stopping.Load() || expected(msg, tags) {
		level = slog.LevelDebug
	}
	ctx := context.Background()
	if !l.to.Enabled(ctx, level) {
		return
	}
	l.to.With(l.attrs...).Log(ctx, level, "temporal: "+msg, attrsOf(tags)...)
}

// expected says whether a message is about something that is as it should be:
// the HTTP port is off on purpose, a worker that stops gives up its polls, and a
// server that starts is asked until it can answer.
func expected(msg string, tags []tag.Tag) bool {
	return strings.HasPrefix(msg, "HTTP API port has not been set") ||
		slices.ContainsFunc(tags, func(t tag.Tag) bool {
			if t.Key() != "error" {
				return false
			}
			switch fmt.Sprint(t.Value()) {
			case context.Canceled.Error(), "Frontend is not healthy yet", "shard status unknown":
				return true
			}
			return false
		})
}

func attrsOf(tags []tag.Tag) []any {
	attrs := make([]any, 0, len(tags))
	for _, t := range tags {
		attrs = append(attrs, slog.Any(t.Key(), t.Value()))
	}
	return attrs
}
