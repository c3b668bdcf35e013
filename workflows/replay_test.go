package workflows_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.temporal.io/api/common/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/worker"

	"github.com/bine-ml/bine/workflows"
)

// recordings lists the recorded histories, see package recording.
func recordings(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/history/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("there are no recorded histories (%v): make record", err)
	}
	return paths
}

func readHistory(t *testing.T, path string) *historypb.History {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var history historypb.History
	readable := map[string]any{common.EnablePayloadShorthandMetadataKey: true}
	if err := (temporalproto.CustomJSONUnmarshalOptions{Metadata: readable}).Unmarshal(text, &history); err != nil {
		t.Fatal(err)
	}
	return &history
}

// A recording that does not replay any more is not to be recorded anew: what it
// records may be running somewhere. The change needs workflow.GetVersion, and a
// recording of its own.
func TestReplay(t *testing.T) {
	for _, path := range recordings(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			replayer := worker.NewWorkflowReplayer()
			workflows.Register(replayer)
			if err := replayer.ReplayWorkflowHistory(nil, readHistory(t, path)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestEveryWorkflowIsRecordedUnderItsName(t *testing.T) {
	var names recorder
	workflows.Register(&names)
	recorded := map[string]bool{}
	for _, path := range recordings(t) {
		name, what, _ := strings.Cut(strings.TrimSuffix(filepath.Base(path), ".json"), "-")
		started := readHistory(t, path).GetEvents()[0].GetWorkflowExecutionStartedEventAttributes()
		if is := started.GetWorkflowType().GetName(); is != name || what == "" {
			t.Errorf("%s holds a history of %s: a recording is called <workflow>-<what happened>.json", path, is)
		}
		recorded[name] = true
	}
	for _, name := range names.names {
		if !recorded[name] {
			t.Errorf("there is no recorded history of %s: record one in package recording", name)
		}
	}
}
