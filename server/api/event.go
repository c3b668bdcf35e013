package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/auth"
)

// eventRoutes are the live streams (server-sent events).
func (a *API) eventRoutes() {
	see := auth.Access{Role: bine.DataScientist, Scopes: follows, Job: true}
	add(a, route{id: "follow-project", method: http.MethodGet, path: "projects/{project}/events", tag: "events", summary: "Every change in a project as it happens", access: see, stream: true, gives: "text/event-stream"}, a.projectEvents)
	add(a, route{id: "follow-run", method: http.MethodGet, path: "projects/{project}/runs/{run}/events", tag: "events", summary: "Every change of a run and its steps as it happens", access: see, stream: true, gives: "text/event-stream"}, a.runEvents)
}

// InEvents says from where on a stream goes.
type InEvents struct {
	Last  int64 `header:"Last-Event-ID" minimum:"0" doc:"id of the last event that was seen; absent: from now on"`
	After int64 `query:"after" minimum:"0" doc:"the same, for those who cannot send the header"`
}

func (a *API) projectEvents(ctx context.Context, in *struct {
	InProject
	InEvents
	Object string `query:"object" enum:"run,step,deployment,environment,project" doc:"only changes of these"`
	Name   string `query:"name" doc:"only changes of this one, and of what is in it"`
}) (*huma.StreamResponse, error) {
	return a.events(ctx, in.Project, in.InEvents, func(e bine.Event) bool {
		return (in.Object == "" || in.Object == e.Object) && (in.Name == "" || within(e.Name, in.Name))
	})
}

func (a *API) runEvents(ctx context.Context, in *struct {
	InRun
	InEvents
}) (*huma.StreamResponse, error) {
	if _, err := a.Store.Run(ctx, in.Project, in.Run); err != nil {
		return nil, err
	}
	return a.events(ctx, in.Project, in.InEvents, func(e bine.Event) bool {
		return (e.Object == "run" || e.Object == "step") && within(e.Name, string(in.Run))
	})
}

// within reports whether name is whole or something in it.
func within(name, whole string) bool {
	return name == whole || strings.HasPrefix(name, whole+"/")
}

const eventBatch = 500

// events streams the changes that wanted picks.
func (a *API) events(ctx context.Context, p bine.ProjectName, in InEvents, wanted func(bine.Event) bool) (*huma.StreamResponse, error) {
	after := max(in.Last, in.After)
	if after == 0 {
		last, err := a.Store.LastEvent(ctx, p)
		if err != nil {
			return nil, err
		}
		after = last
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		ctx, cancel := a.until(hc.Context())
		defer cancel()
		hc.SetHeader("Content-Type", "text/event-stream")
		hc.SetHeader("Cache-Control", "no-store")
		hc.SetHeader("X-Accel-Buffering", "no")
		s := &stream{w: callOf(ctx).writer}
		if err := a.pump(ctx, s, p, after, wanted); err != nil && ctx.Err() == nil {
			a.Log.WarnContext(ctx, "event stream broke off", "project", p, "error", err)
		}
	}}, nil
}

// pump sends events until the caller is gone.
func (a *API) pump(ctx context.Context, s *stream, p bine.ProjectName, after int64, wanted func(bine.Event) bool) error {
	wake, stop := a.Store.Watch(p)
	defer stop()
	beat := time.NewTicker(a.Beat)
	defer beat.Stop()
	if err := s.comment("live"); err != nil { // tells the caller at once that the stream stands
		return err
	}
	for {
		for more := true; more; {
			batch, err := a.Store.Events(ctx, p, after, eventBatch)
			if err != nil {
				return err
			}
			for _, e := range batch {
				after = e.ID
				if wanted(e) {
					if err := s.event(e); err != nil {
						return err
					}
				}
			}
			more = len(batch) == eventBatch
		}
		if err := s.flush(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-beat.C:
			if !a.stillMember(ctx, p) {
				return nil
			}
			if err := s.comment("beat"); err != nil {
				return err
			}
		}
	}
}

// stillMember says whether whoever opened a stream may still see it: it lasts
// longer than a membership may.
func (a *API) stillMember(ctx context.Context, p bine.ProjectName) bool {
	_, member, err := a.Store.RoleOf(ctx, p, callOf(ctx).User)
	return member && err == nil
}

// stream writes to somebody who reads along.
type stream struct{ w http.ResponseWriter }

func (s *stream) event(e bine.Event) error {
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.w, "id: %d\ndata: %s\n\n", e.ID, data)
	return err
}

func (s *stream) comment(text string) error {
	if _, err := fmt.Fprintf(s.w, ": %s\n\n", text); err != nil {
		return err
	}
	return s.flush()
}

func (s *stream) flush() error { return http.NewResponseController(s.w).Flush() }
