package temporal

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	failurepb "go.temporal.io/api/failure/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/proxy"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Event is one event of a history in a form for people.
type Event struct {
	ID      int64
	At      time.Time
	Type    string // as Temporal names it, for example ActivityTaskScheduled
	Summary string // one line
	Group   int64  // id of the event that began what this one belongs to; its own where it begins something
	Link    string // workflow id of the other workflow that it is about, if it is

	// Attributes is the event's JSON object in Temporal's names, payloads as the
	// JSON they hold where they hold JSON.
	Attributes json.RawMessage
}

// DecodeHistory makes a history readable: payloads and failures are opened with
// codec, usually a Sealer. What the codec cannot open is shown as it is stored.
// The history itself stays sealed.
func DecodeHistory(history *historypb.History, codec converter.PayloadCodec) []Event {
	events := make([]Event, 0, len(history.GetEvents()))
	names := make(map[int64]string) // of activities, children and timers, by the id of their first event
	for _, stored := range history.GetEvents() {
		e := proto.CloneOf(stored)
		unseal(e, codec)
		attributes := attributesOf(e)
		group := groupOf(e, attributes)
		events = append(events, Event{
			ID:         e.GetEventId(),
			At:         e.GetEventTime().AsTime(),
			Type:       typeName(e),
			Summary:    summarise(e, names, group),
			Group:      group,
			Link:       linkOf(e),
			Attributes: attributesJSON(e),
		})
	}
	return events
}

// unseal opens what is sealed in e, in place. Neither visitor can fail: the
// first keeps what it cannot open.
func unseal(e *historypb.HistoryEvent, codec converter.PayloadCodec) {
	ctx := context.Background()
	_ = proxy.VisitPayloads(ctx, e, proxy.VisitPayloadsOptions{
		SkipSearchAttributes: true,
		Visitor: func(_ *proxy.VisitPayloadsContext, sealed []*commonpb.Payload) ([]*commonpb.Payload, error) {
			if opened, err := codec.Decode(sealed); err == nil {
				return opened, nil
			}
			return sealed, nil
		},
	})
	_ = proxy.VisitFailures(ctx, e, proxy.VisitFailuresOptions{
		Visitor: func(_ *proxy.VisitFailuresContext, f *failurepb.Failure) error {
			for ; f.GetEncodedAttributes() != nil; f = f.GetCause() {
				converter.DecodeCommonFailureAttributes(converter.GetDefaultDataConverter(), f)
				if !strings.HasPrefix(f.Message, "Encoded failure") {
					f.EncodedAttributes = nil
				}
			}
			return nil
		},
	})
}

// typeName gives the type as Temporal's pages name it: EVENT_TYPE_TIMER_FIRED
// is TimerFired.
func typeName(e *historypb.HistoryEvent) string { return e.GetEventType().String() }

// attributesOf gives the message with the event's attributes; nil where a
// newer server sent something that this program does not know.
func attributesOf(e *historypb.HistoryEvent) protoreflect.Message {
	m := e.ProtoReflect()
	field := m.WhichOneof(m.Descriptor().Oneofs().ByName("attributes"))
	if field == nil {
		return nil
	}
	return m.Get(field).Message()
}

// groupOf finds the event that began what e belongs to: an activity, a child, a
// timer, a workflow task, an update. started_event_id is asked last, because
// activities and workflow tasks have it beside the one that says more.
func groupOf(e *historypb.HistoryEvent, attributes protoreflect.Message) int64 {
	if attributes == nil {
		return e.GetEventId()
	}
	fields := attributes.Descriptor().Fields()
	for _, name := range []protoreflect.Name{"scheduled_event_id", "initiated_event_id", "accepted_event_id", "started_event_id"} {
		if field := fields.ByName(name); field != nil {
			if id := attributes.Get(field).Int(); id > 0 {
				return id
			}
		}
	}
	return e.GetEventId()
}

// linkOf gives the workflow id of the child, parent or receiver that e names.
func linkOf(e *historypb.HistoryEvent) string {
	if a := e.GetStartChildWorkflowExecutionInitiatedEventAttributes(); a != nil {
		return a.GetWorkflowId()
	}
	if a := e.GetWorkflowExecutionStartedEventAttributes(); a != nil {
		return a.GetParentWorkflowExecution().GetWorkflowId()
	}
	attributes := attributesOf(e)
	if attributes == nil {
		return ""
	}
	named, ok := attributes.Interface().(interface {
		GetWorkflowExecution() *commonpb.WorkflowExecution
	})
	if !ok {
		return ""
	}
	return named.GetWorkflowExecution().GetWorkflowId()
}

// attributesJSON gives the attributes alone, without the event around them.
func attributesJSON(e *historypb.HistoryEvent) json.RawMessage {
	shorthand := map[string]any{commonpb.EnablePayloadShorthandMetadataKey: true}
	text, err := temporalproto.CustomJSONMarshalOptions{Metadata: shorthand}.Marshal(e)
	if err != nil { // a payload that calls itself JSON and is none
		if text, err = (temporalproto.CustomJSONMarshalOptions{}).Marshal(e); err != nil {
			return nil
		}
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil
	}
	for name, value := range fields {
		if strings.HasSuffix(name, "EventAttributes") {
			return value
		}
	}
	return nil
}
