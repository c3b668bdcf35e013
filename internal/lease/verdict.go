package lease

import (
	"context"
	"errors"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu"
)

// errUndo undoes what was tried.
var errUndo = errors.New("undo")

// Verdict says what would become of a request of a project now. It is asked as
// if it were meant, and then undone.
func (l *Ledger) Verdict(ctx context.Context, project bine.ProjectName, r bine.Resources) (bine.Verdict, error) {
	var v bine.Verdict
	request, err := gpu.Of(r)
	if err != nil {
		return v, err
	}
	if !request.Zero() {
		v.Request = request.String()
	}
	ask := Request{Attempt: "verdict", Owner: bine.Owner{Project: project, Kind: bine.OwnerRun}, Resources: r}
	err = l.write(ctx, func(t *tx) error {
		refused, err := t.refuse(ask)
		if err != nil {
			return err
		}
		if refused != nil {
			v.Answer, v.Reason = bine.VerdictNever, refused.Error()
			return errUndo
		}
		e := t.newEntry(ask)
		if v.Reason, err = t.advance(e); err != nil {
			return err
		}
		v.Answer = bine.VerdictNotNow
		if e.Host != "" {
			v.Answer = bine.VerdictNow
			for _, s := range e.spots {
				v.Hosts = append(v.Hosts, s.host.name)
				for _, part := range s.shares {
					v.Devices = append(v.Devices, part.device.ID)
				}
			}
		}
		return errUndo
	})
	if errors.Is(err, errUndo) {
		err = nil
	}
	if err == nil && v.Answer == bine.VerdictNotNow && !request.Zero() {
		v.Starts, err = l.estimate(ctx, ask)
	}
	return v, err
}
