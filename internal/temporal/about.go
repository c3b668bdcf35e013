package temporal

import (
	"encoding/json"
	"fmt"
	"strings"

	commonpb "go.temporal.io/api/common/v1"
	historypb "go.temporal.io/api/history/v1"
)

// input is what inputs of workflows and activities have in common that says
// what they are about.
type input struct {
	Owner struct {
		Kind string `json:"kind"`
		Name string `json:"name"`
		Step string `json:"step"`
		Item string `json:"item"`
	} `json:"owner"`
	Run      string `json:"run"`
	Step     string `json:"step"`
	Item     string `json:"item"`
	From     int    `json:"from"`
	Count    int    `json:"count"`
	Name     string `json:"name"`
	Version  int    `json:"version"`
	Schedule string `json:"schedule"`
	To       string `json:"to"`
}

// first reads the first of some payloads into v, as far as it goes: what is
// sealed with a key that is gone, or is of another form, says nothing.
func first(payloads *commonpb.Payloads, v any) {
	if all := payloads.GetPayloads(); len(all) > 0 {
		_ = json.Unmarshal(all[0].GetData(), v)
	}
}

// subject gives the noun and the name of what an input is about; both are empty
// where it does not say.
func (in input) subject() (noun, name string) {
	switch {
	case in.Owner.Step != "":
		return "step", within(in.Owner.Step, in.Owner.Item)
	case in.Owner.Name != "":
		return "server", in.Owner.Name
	case in.Count > 0 && in.Step != "":
		return "items", fmt.Sprintf("%d to %d of step %s", in.From+1, in.From+in.Count, in.Step)
	case in.Step != "":
		return "step", within(in.Step, in.Item)
	case in.Schedule != "":
		return "schedule", in.Schedule
	case in.Name != "":
		return "deployment", in.Name
	case in.Version > 0:
		return "environment", fmt.Sprint(in.Version)
	case in.Run != "":
		return "run", in.Run
	}
	return "", ""
}

func within(step, item string) string {
	if item == "" {
		return step
	}
	return step + "/" + item
}

// childName names a child by what it is about, else by its type.
func childName(kind string, payloads *commonpb.Payloads) string {
	var in input
	first(payloads, &in)
	if noun, name := in.subject(); noun != "" {
		return noun + " " + name
	}
	return "child " + kind
}

// activityName makes "perform step train/deep" of PerformStep and its input, or
// of what the workflow said about it.
func activityName(kind string, payloads *commonpb.Payloads, e *historypb.HistoryEvent) string {
	text := words(kind)
	if said := saidOf(e); said != "" {
		return text + " " + said
	}
	var in input
	first(payloads, &in)
	switch noun, name := in.subject(); {
	case noun == "":
	case strings.HasSuffix(text, " "+noun):
		text += " " + name
	default:
		text += " of " + noun + " " + name
	}
	if in.To != "" {
		text += " to " + in.To
	}
	return text
}

// saidOf gives the summary that a workflow put beside an event.
func saidOf(e *historypb.HistoryEvent) (text string) {
	if p := e.GetUserMetadata().GetSummary(); p != nil {
		_ = json.Unmarshal(p.GetData(), &text) // sealed with a key that is gone
	}
	return text
}

// markerSummary names what a marker records: a local activity with its answer,
// a version, a side effect. A marker does not hold the input.
func markerSummary(e *historypb.HistoryEvent) string {
	m := e.GetMarkerRecordedEventAttributes()
	if m.GetMarkerName() != "LocalActivity" {
		return words(m.GetMarkerName())
	}
	var data struct{ ActivityType string }
	first(m.GetDetails()["data"], &data)
	text := "local activity"
	if data.ActivityType != "" {
		text = activityName(data.ActivityType, nil, e)
	}
	if f := m.GetFailure(); f != nil {
		return text + " failed: " + f.GetMessage()
	}
	var answer struct {
		State   string `json:"state"`
		Reason  string `json:"reason"`
		Host    string `json:"host"`
		Refused string `json:"refused"`
	}
	first(m.GetDetails()["result"], &answer)
	for _, part := range []string{answer.State, answer.Reason, answer.Host, answer.Refused} {
		if part != "" {
			text += ": " + part
		}
	}
	return text
}
