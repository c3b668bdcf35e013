package temporal

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"time"

	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/bine-ml/bine"
)

// Retention is how long Temporal itself keeps a closed execution.
const Retention = 30 * 24 * time.Hour

// overlap is how far a pass looks back before the start of the one before it:
// an execution may be listed some time after it closed, by another clock.
const overlap = time.Hour

// Sink keeps exported histories under names with slashes.
type Sink interface {
	// Put keeps data under name: a reader sees all of it or nothing. Putting the
	// same name again replaces what was there.
	Put(ctx context.Context, name string, data []byte) error
	// Has says whether there is something under name.
	Has(ctx context.Context, name string) (bool, error)
}

// ExportName is the name under which the history of an execution is kept: all
// executions of a workflow id are in one directory, whose name is ExportDir.
// workflowID may hold any characters; runID is Temporal's.
func ExportName(workflowID, runID string) string {
	return ExportDir(workflowID) + "/" + runID + ".json.gz"
}

// ExportDir is the directory of the histories of a workflow id: the id, with
// each of its parts escaped so that none means something to a file system.
func ExportDir(workflowID string) string {
	parts := strings.Split(workflowID, "/")
	for i, p := range parts {
		p = url.PathEscape(p)
		if p == "" || p[0] == '.' {
			p = "%" + p // no escaped name begins like this, as a digit must follow
		}
		parts[i] = p
	}
	return strings.Join(parts, "/")
}

// Exported is what one pass of ExportClosed did.
type Exported struct {
	New  int       // histories that were put into the sink
	Kept int       // histories that were there already
	Next time.Time // since for the next pass; what failed is tried again
}

// ExportClosed copies the history of each execution that closed after since to
// the sink, payloads sealed as they are stored. What the sink already has is
// not read again, so a pass that was interrupted is simply repeated; one that
// fails for some executions goes on with the others and answers all failures.
func ExportClosed(ctx context.Context, c client.Client, sink Sink, since time.Time) (Exported, error) {
	done := Exported{Next: since}
	began := time.Now()
	query := fmt.Sprintf("CloseTime > '%s' AND ExecutionStatus != 'Running'", since.UTC().Format(time.RFC3339Nano))
	var faults []error
	for page := []byte(nil); ; {
		answer, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query: query, PageSize: 200, NextPageToken: page,
		})
		if err != nil {
			return done, errors.Join(append(faults, fmt.Errorf("list closed workflows: %w", err))...)
		}
		for _, e := range answer.GetExecutions() {
			if err := done.export(ctx, c, sink, e); err != nil {
				faults = append(faults, err)
			}
			if ctx.Err() != nil {
				return done, ctx.Err()
			}
		}
		if page = answer.GetNextPageToken(); len(page) == 0 {
			break
		}
	}
	if len(faults) == 0 {
		done.Next = began.Add(-overlap)
	}
	return done, errors.Join(faults...)
}

// export copies one history, unless it is there.
func (d *Exported) export(ctx context.Context, c client.Client, sink Sink, e *workflow.WorkflowExecutionInfo) error {
	workflowID, runID := e.GetExecution().GetWorkflowId(), e.GetExecution().GetRunId()
	name := ExportName(workflowID, runID)
	there, err := sink.Has(ctx, name)
	if err != nil {
		return fmt.Errorf("look for exported history %s: %w", name, err)
	}
	if there {
		d.Kept++
		return nil
	}
	history, err := History(ctx, c, workflowID, runID)
	if bine.IsKind(err, bine.NotFound) {
		return nil // its retention ended between the list and now
	}
	if err != nil {
		return err
	}
	data, err := pack(history)
	if err != nil {
		return fmt.Errorf("pack history %s: %w", name, err)
	}
	if err := sink.Put(ctx, name, data); err != nil {
		return fmt.Errorf("export history %s: %w", name, err)
	}
	d.New++
	return nil
}

// Export repeats ExportClosed every interval until ctx ends, beginning with
// everything that Temporal still has. Failures are logged and tried again.
func Export(ctx context.Context, c client.Client, sink Sink, interval time.Duration, log *slog.Logger) {
	since := time.Now().Add(-Retention - overlap)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		done, err := ExportClosed(ctx, c, sink, since)
		since = done.Next
		if err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "some histories are not exported yet; they are tried again", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// pack makes the exported form of a history: Temporal's JSON, compressed.
func pack(history *historypb.History) ([]byte, error) {
	text, err := temporalproto.CustomJSONMarshalOptions{}.Marshal(history)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	if _, err := zip.Write(text); err != nil {
		return nil, err
	}
	if err := zip.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// longestHistory bounds what an exported history may unpack to; Temporal itself
// ends a workflow at 50 MiB, which is more as JSON.
const longestHistory = 256 << 20

// ReadExported reads a history that ExportClosed wrote. Its payloads are sealed.
func ReadExported(packed []byte) (*historypb.History, error) {
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("unpack history: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(zip, longestHistory+1))
	if err != nil {
		return nil, fmt.Errorf("unpack history: %w", err)
	}
	if len(text) > longestHistory {
		return nil, bine.Errorf(bine.TooLarge, "the history is larger than %d MiB", longestHistory>>20)
	}
	history, err := client.HistoryFromJSON(bytes.NewReader(text), client.HistoryJSONOptions{})
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	return history, nil
}
