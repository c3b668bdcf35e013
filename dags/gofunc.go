package dags

// GoAction runs a function of a pipeline that is written in Go: the compiled
// program is part of the code and is run with the name of the function.
type GoAction struct {
	Program string `json:"program"` // file of the code
	Func    string `json:"func"`
}
