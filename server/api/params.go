package api

import (
	"encoding/json"
	"fmt"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags"
)

// checkParams says whether a version can be started with params: a schedule
// that could never start a run is refused when it is made.
func checkParams(version bine.PipelineVersion, params json.RawMessage) error {
	dag, err := dags.Decode(version.DAG)
	if err != nil {
		return fmt.Errorf("decode version %d of %s: %w", version.Version, version.Pipeline, err)
	}
	var given map[string]json.RawMessage
	if len(params) > 0 {
		if err := json.Unmarshal(params, &given); err != nil {
			return bine.Errorf(bine.Invalid, "params are not an object with values by name: %w", err)
		}
	}
	_, err = dag.ResolveParams(given)
	return err
}
