package cli_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/cli"
)

func question(run bine.RunID) bine.Approval {
	deadline := time.Date(2026, 1, 31, 6, 0, 0, 0, time.Local)
	return bine.Approval{Project: "demo", Run: run, Step: "ask", State: bine.ApprovalWaiting, Message: "Deploy?", DeadlineAt: &deadline, Form: []bine.ApprovalField{
		{Name: "share", Type: "int", Default: json.RawMessage("10")}, {Name: "ticket", Type: "string", Description: "of the change"},
	}}
}

func TestApprovalsAreListed(t *testing.T) {
	routes := map[string]any{
		"GET projects/demo/approvals": client.Page[bine.Approval]{Items: []bine.Approval{question("n-1"), question("n-2")}},
		"GET approvals":               []bine.Approval{question("n-2")},
	}
	out, _, err := command(t, routes, "approval", "list")
	if err != nil || !strings.Contains(out, "n-1") || !strings.Contains(out, "Deploy?") || !strings.Contains(out, "2026-01-31 06:00") {
		t.Errorf("approval list: %v\n%s", err, out)
	}
	out, _, err = command(t, routes, "approval", "list", "--mine", "-o", "name")
	if err != nil || out != "n-2/ask\n" {
		t.Errorf("approval list --mine: %v\n%s", err, out)
	}
}

// answering runs the CLI against a server that asks, and gives what was answered.
func answering(t *testing.T, args ...string) (given client.Answer, query string, err error) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		one := question("n-1")
		if r.Method == http.MethodPost {
			body, err := io.ReadAll(r.Body)
			if err == nil {
				err = json.Unmarshal(body, &given)
			}
			if err != nil {
				t.Error(err)
			}
			one.State, query = bine.ApprovalApproved, r.URL.Path+"?"+r.URL.RawQuery
		}
		if err := json.NewEncoder(w).Encode(one); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	_, _, err = command(t, nil, append(args, "--url", server.URL)...)
	return given, query, err
}

func TestAnAnswerIsSentWithItsFieldsAsTheyAreTyped(t *testing.T) {
	given, query, err := answering(t, "approval", "approve", "n-1", "ask", "--item", "graz", "-F", "share=25", "-F", "ticket=123", "--note", "go")
	if err != nil || !given.Approve || given.Note != "go" || string(given.Values["share"]) != "25" || string(given.Values["ticket"]) != `"123"` {
		t.Errorf("approve: %v, sent %+v", err, given)
	}
	if query != "/api/v1/projects/demo/runs/n-1/approvals/ask/answer?item=graz" {
		t.Errorf("it went to %s", query)
	}
	given, _, err = answering(t, "approval", "reject", "n-1", "ask", "--note", "no")
	if err != nil || given.Approve || given.Note != "no" || given.Values != nil {
		t.Errorf("reject: %v, sent %+v", err, given)
	}
	if _, _, err := command(t, nil, "approval", "approve", "n-1", "ask", "-F", "share"); cli.ExitCode(err) != cli.ExitUsage {
		t.Errorf("a field without a value: %v, want a usage error", err)
	}
	if _, _, err := command(t, nil, "approval", "approve", "n-1"); cli.ExitCode(err) != cli.ExitUsage {
		t.Errorf("without a step: %v, want a usage error", err)
	}
}

func TestNoticesAndTheSecretOfWebhooksAreShown(t *testing.T) {
	routes := map[string]any{
		"GET projects/demo/runs/n-1/notices": []bine.Notice{{ID: 7, Event: bine.NoticeFailure, Channel: "slack", To: "chat.example.com", State: bine.Failed, Attempts: 8, Reason: "no route"}},
		"POST projects/demo/webhook-secret":  client.Secret{Secret: "whsec_x"},
	}
	out, _, err := command(t, routes, "run", "notices", "n-1")
	if err != nil || !strings.Contains(out, "chat.example.com") || !strings.Contains(out, "no route") {
		t.Errorf("run notices: %v\n%s", err, out)
	}
	out, _, err = command(t, routes, "project", "webhook-secret", "demo", "-o", "name")
	if err != nil || out != "whsec_x\n" {
		t.Errorf("project webhook-secret: %v\n%s", err, out)
	}
}
