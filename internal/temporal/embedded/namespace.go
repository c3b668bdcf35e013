package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/server/common/config"
	sqliteschema "go.temporal.io/server/schema/sqlite"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/bine-ml/bine"
)

// createNamespace puts the namespace into a SQLite store before the server
// starts, where it then stands from the first call on. One that is there stays.
func createNamespace(store *config.SQL, o Options) error {
	ns, err := sqliteschema.NewNamespaceConfig(clusterName, o.Namespace, false, nil)
	if err != nil {
		return fmt.Errorf("describe namespace %s: %w", o.Namespace, err)
	}
	ns.Detail.Config.Retention = durationpb.New(o.Retention)
	if err := sqliteschema.CreateNamespaces(store, ns); err != nil {
		return fmt.Errorf("create namespace %s: %w", o.Namespace, err)
	}
	return nil
}

// keepNamespace waits until the server answers, and makes sure that the
// namespace is there and keeps what is closed for as long as it should: an
// execution's retention is fixed at the moment when it closes.
func (s *Server) keepNamespace(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	namespaces, err := client.NewNamespaceClient(client.Options{
		HostPort: s.address, ConnectionOptions: client.ConnectionOptions{TLS: s.TLS()},
		Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		return fmt.Errorf("connect to Temporal: %w", err)
	}
	defer namespaces.Close()
	for {
		err := s.agreeOnRetention(ctx, namespaces)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case failure := <-s.failed:
			return fmt.Errorf("start Temporal: %w", failure)
		case <-ctx.Done():
			return bine.Errorf(bine.Unavailable, "Temporal started, but does not answer for its namespace %s: %w", s.options.Namespace, err)
		}
	}
}

// agreeOnRetention answers nil only when the server itself says that the
// retention is the wanted one.
func (s *Server) agreeOnRetention(ctx context.Context, namespaces client.NamespaceClient) error {
	name, want := s.options.Namespace, durationpb.New(s.options.Retention)
	found, err := namespaces.Describe(ctx, name)
	if _, missing := errors.AsType[*serviceerror.NamespaceNotFound](err); missing {
		err = namespaces.Register(ctx, &workflowservice.RegisterNamespaceRequest{Namespace: name, WorkflowExecutionRetentionPeriod: want})
		return errors.Join(err, errors.New("namespace was just registered"))
	}
	if err != nil {
		return err
	}
	if found.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration() == want.AsDuration() {
		return nil
	}
	err = namespaces.Update(ctx, &workflowservice.UpdateNamespaceRequest{
		Namespace: name, Config: &namespacepb.NamespaceConfig{WorkflowExecutionRetentionTtl: want},
	})
	return errors.Join(err, errors.New("retention was just changed"))
}
