package dags

// CopyAction copies a file or directory: from the project's files, or from an
// output of an earlier step, to the project's files. Its output is path.
type CopyAction struct {
	From     string `json:"from,omitempty"`    // path of the project's files; may hold expressions
	Artifact Ref    `json:"artifact,omitzero"` // used where From is empty
	To       string `json:"to"`                // may hold expressions; replaced where it is there
}
