package embedded_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/temporal/embedded"
)

// change runs statements on a file of a stopped server.
func change(t *testing.T, dir, file string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// objects lists a file's schema, but for what is not the server's.
func objects(t *testing.T, dir, file string) string {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), `SELECT type || ' ' || name || CASE type WHEN 'trigger' THEN sql ELSE '' END FROM sqlite_master ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var o string
		if err := rows.Scan(&o); err != nil {
			t.Fatal(err)
		}
		all = append(all, o)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, "\n")
}

func TestASchemaOfAnOlderServerIsRepaired(t *testing.T) {
	origin := t.TempDir()
	s, c, _ := sung(t, origin)
	soon(t, func() string { return listed(t, c) })
	stop(t, s)
	whole := objects(t, origin, "visibility.db")

	for name, c := range map[string]struct {
		file       string
		statements []string
	}{
		"a table is missing":                    {"temporal.db", []string{"DROP TABLE current_chasm_executions"}},
		"a table with its first row is missing": {"temporal.db", []string{"DROP TABLE namespace_metadata"}},
		"an index is missing":                   {"visibility.db", []string{"DROP INDEX by_keyword_01"}},
		"a trigger is another":                  {"visibility.db", []string{"DROP TRIGGER executions_visibility_ad", "CREATE TRIGGER executions_visibility_ad AFTER DELETE ON executions_visibility BEGIN SELECT 1; END"}},
		"columns are missing": {"visibility.db", []string{
			"DROP TRIGGER executions_visibility_ai", "DROP TRIGGER executions_visibility_ad", "DROP TRIGGER executions_visibility_au",
			"DROP TABLE executions_visibility_fts_keyword_list",
			"DROP INDEX by_temporal_int_01",
			"ALTER TABLE executions_visibility DROP COLUMN TemporalInt01",
			"ALTER TABLE executions_visibility DROP COLUMN TemporalKeywordList01",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := copyDir(t, origin)
			change(t, dir, c.file, c.statements...)
			s := start(t, embedded.Options{Dir: dir})
			client := dial(t, s, dir)
			defer client.Close()
			stopWorker := work(t, client, withSong)
			if why := listed(t, client); why != "" {
				t.Error(why)
			}
			if err := begin(t, client, "after-repair", "reference-chain", 2).Get(t.Context(), nil); err != nil {
				t.Error(err)
			}
			stopWorker()
			stop(t, s)
			if got := objects(t, dir, "visibility.db"); got != whole {
				t.Errorf("the schema is not the same as before:\n%s\nwant\n%s", got, whole)
			}
		})
	}
}

// listed says why the workflow that has sung is not in the list.
func listed(t *testing.T, c client.Client) string {
	t.Helper()
	answer, err := c.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
		Query: "WorkflowType = 'sing' AND ExecutionStatus = 'Completed'",
	})
	if err != nil || len(answer.GetExecutions()) != 1 {
		return fmt.Sprintf("the list has %d workflows, %v; want the one", len(answer.GetExecutions()), err)
	}
	return ""
}

func TestDataOfANewerServerIsRefused(t *testing.T) {
	dir := t.TempDir()
	stop(t, start(t, embedded.Options{Dir: dir}))
	change(t, dir, "temporal.db", "UPDATE bine_schema SET version = '9.0.0'")
	_, err := embedded.Start(t.Context(), embedded.Options{Dir: dir})
	if !bine.IsKind(err, bine.Conflict) || !strings.Contains(err.Error(), "9.0.0") {
		t.Errorf("start on newer data: got %v, want a conflict that names the version", err)
	}
	change(t, dir, "temporal.db", "UPDATE bine_schema SET version = '1.20.5'")
	stop(t, start(t, embedded.Options{Dir: dir}))
}
