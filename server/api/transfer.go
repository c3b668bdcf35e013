package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dfs/lake"
	"github.com/bine-ml/bine/internal/auth"
)

// transferRoutes are those of imports from connectors and exports to them.
func (a *API) transferRoutes() {
	see := auth.Access{Role: bine.DataScientist, Scopes: reads}
	change := auth.Access{Role: bine.DataOwner}
	const all, one = "projects/{project}/transfers", "projects/{project}/transfers/{transfer}"
	add(a, route{id: "start-transfer", method: http.MethodPost, path: all, tag: "transfers", summary: "Import from a connector into the project's files, export to one, or relocate files to where their policies say", access: change, status: http.StatusCreated}, a.startTransfer)
	add(a, route{id: "list-transfers", method: http.MethodGet, path: all, tag: "transfers", summary: "The transfers, newest first", access: see}, a.transfers)
	add(a, route{id: "describe-transfer", method: http.MethodGet, path: one, tag: "transfers", summary: "One transfer, with how far it is", access: see}, a.transfer)
	add(a, route{id: "list-transfer-faults", method: http.MethodGet, path: one + "/faults", tag: "transfers", summary: "The files that a transfer did not copy, at most the first 1,000", access: see}, a.transferFaults)
	add(a, route{id: "cancel-transfer", method: http.MethodPost, path: one + "/cancel", tag: "transfers", summary: "Stop a transfer; what was copied stays", access: change}, a.cancelTransfer)
	add(a, route{id: "retry-transfer", method: http.MethodPost, path: one + "/retry", tag: "transfers", summary: "Begin a transfer that failed or was cancelled again; what was copied is passed over", access: change}, a.retryTransfer)
}

// InTransfer names a transfer in the path.
type InTransfer struct {
	InProject
	Transfer bine.TransferID `path:"transfer" doc:"id of the transfer"`
}

func (a *API) startTransfer(ctx context.Context, in *struct {
	InProject
	Body client.NewTransfer
}) (*body[bine.Transfer], error) {
	b := in.Body
	v := bine.Transfer{Project: in.Project, Direction: b.Direction, Connector: b.Connector, CreatedBy: callOf(ctx).User,
		Path: strings.Trim(b.Path, "/"), Files: strings.Trim(b.Files, "/")}
	key := ""
	if b.Key != "" {
		key = requestKeys + b.Key
	}
	if err := a.checkTransfer(ctx, v); err != nil {
		return nil, err
	}
	made, _, err := a.Store.AcceptTransfer(ctx, v, key)
	return a.startedTransfer(ctx, made, err)
}

// checkTransfer fails for what cannot be copied, as far as that can be told at once.
func (a *API) checkTransfer(ctx context.Context, v bine.Transfer) error {
	if err := a.ready(ctx, v.Project); err != nil {
		return err
	}
	if v.Direction == bine.Relocate {
		return a.checkRelocation(ctx, v)
	}
	if v.Connector == "" {
		return bine.Errorf(bine.Invalid, "name the connector that is copied from or to")
	}
	if err := lake.CheckTransfer(v); err != nil {
		return err
	}
	at, err := projectPath(v.Project, v.Files)
	if err != nil {
		return err
	}
	c, err := a.Store.Connector(ctx, v.Project, v.Connector)
	if err != nil {
		return err
	}
	if v.Direction == bine.Import {
		if info, err := a.Files.Stat(ctx, fileUser(ctx), at); err == nil && !info.Dir {
			return bine.Errorf(bine.Conflict, "%s is a file: name a directory to import into", v.Files)
		}
		return nil
	}
	if err := a.mayLeave(ctx, v.Project); err != nil {
		return err
	}
	if !c.Access.Allows(bine.DataOwner) {
		return bine.Errorf(bine.Forbidden, "the connector %s is read-only", c.Name)
	}
	_, err = a.Files.Stat(ctx, fileUser(ctx), at)
	return err
}

// checkRelocation fails where nothing can be brought to where its policy says.
func (a *API) checkRelocation(ctx context.Context, v bine.Transfer) error {
	if v.Connector != "" || v.Path != "" {
		return bine.Errorf(bine.Invalid, "files that are relocated stay in the project: leave the connector and its path out")
	}
	if strings.HasPrefix(v.Files, ".") || strings.Contains(v.Files, bine.SharedSeparator) {
		return bine.Errorf(bine.Invalid, "%q is no file or directory of the project's own: write it like sales/2026, or nothing for all of it", v.Files)
	}
	at, err := projectPath(v.Project, v.Files)
	if err == nil {
		_, err = a.Files.Stat(ctx, fileUser(ctx), at)
	}
	return err
}

// Relocate starts to bring files of a project to where their policies say, for
// another front door, which has asked who may.
func (a *API) Relocate(ctx context.Context, project bine.ProjectName, files string, by bine.UserName) (bine.Transfer, error) {
	if err := a.ready(ctx, project); err != nil {
		return bine.Transfer{}, err
	}
	t, _, err := a.Store.AcceptTransfer(ctx, bine.Transfer{Project: project, Direction: bine.Relocate, Files: files, CreatedBy: by}, "")
	if err == nil {
		a.launched(ctx, a.Launcher.StartTransfer(ctx, project, t.ID))
	}
	return t, err
}

// startedTransfer answers a transfer that is written down, and starts it. Where
// it cannot be started now, the reconciler does it.
func (a *API) startedTransfer(ctx context.Context, t bine.Transfer, err error) (*body[bine.Transfer], error) {
	if err != nil {
		return nil, err
	}
	named(ctx, fmt.Sprintf("projects/%s/transfers/%s", t.Project, t.ID))
	if !t.State.Ended() {
		a.launched(ctx, a.Launcher.StartTransfer(ctx, t.Project, t.ID))
	}
	return answer(t, nil)
}

func (a *API) transfers(ctx context.Context, in *struct {
	InProject
	InPage
}) (*body[client.Page[bine.Transfer]], error) {
	return page(a.Store.Transfers(ctx, in.Project, in.After, in.Limit))
}

func (a *API) transfer(ctx context.Context, in *InTransfer) (*body[bine.Transfer], error) {
	return answer(a.Store.Transfer(ctx, in.Project, in.Transfer))
}

func (a *API) transferFaults(ctx context.Context, in *InTransfer) (*body[[]bine.TransferFault], error) {
	if _, err := a.Store.Transfer(ctx, in.Project, in.Transfer); err != nil {
		return nil, err
	}
	return list(a.Store.TransferFaults(ctx, in.Project, in.Transfer))
}

func (a *API) cancelTransfer(ctx context.Context, in *InTransfer) (*body[bine.Transfer], error) {
	t, err := a.Store.Transfer(ctx, in.Project, in.Transfer)
	if err != nil || t.State.Ended() {
		return answer(t, err)
	}
	reason := fmt.Sprintf("cancelled by %s", callOf(ctx).User)
	if err := a.Store.MoveTransfer(ctx, in.Project, in.Transfer, []bine.TransferState{bine.TransferRunning}, bine.TransferCancelling, reason); err != nil {
		return nil, err
	}
	a.launched(ctx, a.Launcher.StartTransfer(ctx, in.Project, in.Transfer))
	return a.transfer(ctx, in)
}

func (a *API) retryTransfer(ctx context.Context, in *InTransfer) (*body[bine.Transfer], error) {
	t, err := a.Store.Transfer(ctx, in.Project, in.Transfer)
	if err != nil {
		return nil, err
	}
	if t.State == bine.TransferSucceeded {
		return nil, bine.Errorf(bine.Conflict, "transfer %s has succeeded: start a new one to copy what has changed since", t.ID)
	}
	if err := a.checkTransfer(ctx, t); err != nil {
		return nil, err
	}
	if err := a.Store.RestartTransfer(ctx, in.Project, in.Transfer); err != nil {
		return nil, err
	}
	t, err = a.Store.Transfer(ctx, in.Project, in.Transfer)
	return a.startedTransfer(ctx, t, err)
}
