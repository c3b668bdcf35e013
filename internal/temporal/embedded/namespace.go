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
	c, err := client.NewLazyClient(client.Options{
		HostPort: s.address, Namespace: s.options.Namespace,
		ConnectionOptions: client.ConnectionOptions{TLS: s.TLS()},
		Logger:            log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		return fmt.Errorf("connect to Temporal: %w", err)
	}
	defer c.Close()
	for {
		err := s.agree(ctx, c.WorkflowService())
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

// agree answers nil only when the server itself says that the retention is the
// wanted one, and takes calls for the namespace, which it does later than it
// describes a new one.
func (s *Server) agree(ctx context.Context, service workflowservice.WorkflowServiceClient) error {
	name, want := s.options.Namespace, durationpb.New(s.options.Retention)
	found, err := service.DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: name})
	if _, missing := errors.AsType[*serviceerror.NamespaceNotFound](err); missing {
		_, err = service.RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{Namespace: name, WorkflowExecutionRetentionPeriod: want})
		return errors.Join(err, errors.New("the namespace was just registered"))
	}
	if err != nil {
		return err
	}
	if found.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration() != want.AsDuration() {
		_, err = service.UpdateNamespace(ctx, &workflowservice.UpdateNamespaceRequest{
			Namespace: name, Config: &namespacepb.NamespaceConfig{WorkflowExecutionRetentionTtl: want},
		})
		return errors.Join(err, errors.New("the retention was just changed"))
	}
	_, err = service.CountWorkflowExecutions(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: name})
	return err
}
