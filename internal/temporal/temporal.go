// Package temporal is Bine's client side of Temporal: connecting, sealing what
// is stored, measuring workers, reading histories and keeping them for longer
// than Temporal does.
//
// Everything a workflow or an activity is given or answers, and every failure's
// message and stack trace, is sealed before it leaves the process. What Temporal
// needs in clear stays so: ids, names of types, task queues, search attributes,
// keys of memos, names of signals, types of application errors, reasons of
// terminations and notes of schedules. No secret may go there.
//
// This package links the SDK only. The server, which costs minutes to compile,
// is in package embedded.
package temporal

import (
	"context"
	"crypto/tls"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"

	"github.com/bine-ml/bine"
)

// DefaultNamespace is the namespace that Bine works in unless told otherwise.
const DefaultNamespace = "bine"

// Options says which Temporal to talk to, and how.
type Options struct {
	Address   string        // host:port of a frontend
	Namespace string        // DefaultNamespace when empty
	TLS       *tls.Config   // nil for a server without TLS
	Sealer    *Sealer       // seals payloads and failures; required
	Logger    *slog.Logger  // slog.Default() when nil
	Identity  string        // shown in histories as who did it; the SDK's pid@host when empty
	Patience  time.Duration // how long to try to connect; 30 s when zero

	// Interceptors see every call of the client and every workflow and activity
	// of its workers.
	Interceptors []interceptor.ClientInterceptor
}

// Dial connects to Temporal and answers when the server has. It tries again
// until o.Patience is over or ctx ends, and then fails with kind Unavailable.
// It also fixes the size of the process's workflow cache, which must be known
// before the first worker is made.
func Dial(ctx context.Context, o Options) (client.Client, error) {
	options, err := o.client()
	if err != nil {
		return nil, err
	}
	SizeWorkflowCache()
	if o.Patience == 0 {
		o.Patience = 30 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, o.Patience)
	defer cancel()
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		c, err := client.DialContext(ctx, options)
		if err == nil {
			return c, nil
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, bine.Errorf(bine.Unavailable,
				"Temporal at %s does not answer; check that it runs and that its certificates are the ones given here: %w", o.Address, err)
		}
	}
}

// Lazy makes a client that connects when it is first used.
func Lazy(o Options) (client.Client, error) {
	options, err := o.client()
	if err != nil {
		return nil, err
	}
	SizeWorkflowCache()
	return client.NewLazyClient(options)
}

// client gives the SDK's form of the options.
func (o Options) client() (client.Options, error) {
	if o.Address == "" {
		return client.Options{}, bine.Errorf(bine.Invalid, "the address of Temporal is missing")
	}
	if o.Sealer == nil {
		return client.Options{}, bine.Errorf(bine.Invalid, "the key that seals what Temporal stores is missing")
	}
	if o.Namespace == "" {
		o.Namespace = DefaultNamespace
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return client.Options{
		HostPort:         o.Address,
		Namespace:        o.Namespace,
		Identity:         o.Identity,
		Logger:           log.NewStructuredLogger(o.Logger),
		DataConverter:    o.Sealer.DataConverter(),
		FailureConverter: o.Sealer.FailureConverter(),
		Interceptors:     o.Interceptors,
		ConnectionOptions: client.ConnectionOptions{
			TLS:         o.TLS,
			TLSDisabled: o.TLS == nil,
			// A server that is gone is noticed in seconds, not in minutes.
			KeepAliveTime:    15 * time.Second,
			KeepAliveTimeout: 10 * time.Second,
		},
	}, nil
}
