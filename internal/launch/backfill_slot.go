package launch

import (
	"encoding/json"
	"fmt"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags"
)

// SlotParams gives every param of the run of a slot. Where the backfill names a
// param, that one gets the slot's key: as it is where it is a string, else read as JSON.
func SlotParams(dag dags.DAG, b bine.Backfill, slot string) (json.RawMessage, error) {
	given := map[string]json.RawMessage{}
	if len(b.Params) > 0 {
		if err := json.Unmarshal(b.Params, &given); err != nil {
			return nil, bine.Errorf(bine.Invalid, "the params of the backfill are not readable: %w", err)
		}
	}
	if b.Param != "" {
		value, err := slotValue(dag, b.Param, slot)
		if err != nil {
			return nil, err
		}
		given[b.Param] = value
	}
	params, err := dag.ResolveParams(given)
	if err != nil {
		return nil, fmt.Errorf("slot %s: %w", slot, err)
	}
	return params, nil
}

func slotValue(dag dags.DAG, name, slot string) (json.RawMessage, error) {
	if p, found := dag.Param(name); found && p.Type == dags.String {
		return json.Marshal(slot)
	}
	if !json.Valid([]byte(slot)) {
		return nil, bine.Errorf(bine.Invalid, "partition %q is no value that param %s could have", slot, name)
	}
	return json.RawMessage(slot), nil
}
