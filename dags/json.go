package dags

import (
	"bytes"
	"encoding/json"

	"github.com/bine-ml/bine"
)

// JSON gives the canonical form: the same bytes for the same pipeline, whichever
// front door it came through. Decode reads it.
func (d DAG) JSON() []byte {
	b, err := encode(d)
	if err != nil { // every part of a checked pipeline encodes
		panic("dags: encode a pipeline: " + err.Error())
	}
	return b
}

// Hash gives the identity of a version: of the definition together with the
// code, which is empty where there is none.
func (d DAG) Hash(code bine.Hash) bine.Hash {
	return bine.HashOf(append(append(d.JSON(), '\n'), code...))
}

// Decode reads the canonical JSON of a pipeline and checks it again.
func Decode(stored []byte) (DAG, error) {
	if len(stored) > MaxStored {
		return DAG{}, bine.Errorf(bine.TooLarge, "the pipeline has %d bytes; at most %d are allowed", len(stored), MaxStored)
	}
	var d DAG
	decoder := json.NewDecoder(bytes.NewReader(stored))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		return DAG{}, bine.Errorf(bine.Invalid, "the pipeline is not in its canonical JSON form: %w", err)
	}
	if decoder.More() {
		return DAG{}, bine.Errorf(bine.Invalid, "the text holds more than one pipeline")
	}
	d, faults := finish(d, nil)
	if len(faults) > 0 {
		return DAG{}, faultsError(faults)
	}
	return d, nil
}
