package launch

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	historypb "go.temporal.io/api/history/v1"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/temporal"
)

// Archive reads the histories that were exported before their retention ended.
type Archive interface {
	// Newest gives the newest exported history of a workflow, or NotFound.
	Newest(ctx context.Context, workflow string) (packed []byte, err error)
}

// Histories reads the histories of workflows, from Temporal or the archive.
type Histories struct {
	launcher *Launcher
	archive  Archive
	sealer   *temporal.Sealer
}

// NewHistories makes a reader of histories; the sealer opens their payloads.
func NewHistories(l *Launcher, a Archive, s *temporal.Sealer) *Histories {
	return &Histories{l, a, s}
}

// History gives the history of the newest execution under a workflow id.
func (h *Histories) History(ctx context.Context, id string) (client.History, error) {
	about, err := temporal.Describe(ctx, h.launcher.temporal, id, "")
	exported := bine.IsKind(err, bine.NotFound)
	var events *historypb.History
	switch {
	case exported:
		packed, err := h.archive.Newest(ctx, id)
		if err != nil {
			return client.History{}, err
		}
		if events, err = temporal.ReadExported(packed); err != nil {
			return client.History{}, err
		}
		about = temporal.ExecutionOf(id, events)
	case err != nil:
		return client.History{}, err
	default:
		if events, err = temporal.History(ctx, h.launcher.temporal, id, about.RunID); err != nil {
			return client.History{}, err
		}
	}
	out := client.History{WorkflowID: id, RunID: about.RunID, Type: about.Type, Status: about.Status, Exported: exported, Events: []client.HistoryEvent{}}
	for _, e := range temporal.DecodeHistory(events, h.sealer) {
		line := client.HistoryEvent{ID: e.ID, At: e.At.UTC().Format(time.RFC3339Nano), Type: e.Type, Summary: e.Summary, Group: e.Group, Link: e.Link}
		if err := json.Unmarshal(e.Attributes, &line.Attributes); err != nil {
			return out, fmt.Errorf("attributes of event %d of %s: %w", e.ID, id, err)
		}
		out.Events = append(out.Events, line)
	}
	return out, nil
}
