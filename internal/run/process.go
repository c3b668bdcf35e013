package run

import (
	"context"
	"encoding/json"
	"maps"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/gpu"
)

// logLimit is how much output of one attempt is kept.
const logLimit = 64 << 20

// The programs of the kinds that the Python client runs, see process.
const (
	notebookProgram = "from bine import notebook\nnotebook.main()\n"
	sqlProgram      = "from bine import sql\nsql.main()\n"
	notebookEnv     = "BINE_NOTEBOOK" // the file, relative to the code
	sqlEnv          = "BINE_SQL"      // a sqlSettings
)

// sqlSettings tells bine.sql what to do.
type sqlSettings struct {
	Query string            `json:"query"` // the statements, or a file of the code
	File  bool              `json:"file"`  // whether it is a file
	Files map[string]string `json:"files,omitempty"`
	// Outputs are those declared: which columns of the first row are wanted.
	Outputs map[string]string `json:"outputs"`
}

// process says what an agent has to start for a step that is evaluated.
func (e *Engine) process(ctx context.Context, r *resolution, step dags.Step, inputs map[string]bine.ArtifactRef) (bine.Process, error) {
	p := bine.Process{
		Owner: stepOwner(r.in), Item: r.item,
		Env: step.Env, With: step.With, Inputs: inputs, Outputs: map[string]string{}, Code: r.code,
		Resources: step.Resources, Timeout: step.Timeout, LogLimit: logLimit, Environment: step.Environment,
		Priority: priorityOf(r.run, r.dag),
	}
	request, err := gpu.Of(step.Resources)
	if err != nil {
		return p, err
	}
	if most := request.Duration.Seconds(); most > 0 && (p.Timeout == 0 || p.Timeout > most) {
		p.Timeout = most // what is asked for a time is given back then
	}
	if p.Environment == 0 {
		p.Environment = r.in.Environment
	}
	for name, t := range step.ProcessOutputs() {
		p.Outputs[name] = string(t)
	}
	if p.Slots, err = e.slots(ctx, r.in.Project, r.run, r.step, r.scope); err != nil {
		return p, err
	}
	if step.Sweep != nil {
		if err := e.segment(ctx, r, &p); err != nil {
			return p, err
		}
	}
	switch action := step.Action.(type) {
	case dags.PythonAction:
		p.Python = action.Program
	case dags.CommandAction:
		p.Command = action.Argv()
	case dags.GoAction:
		p.Command = []string{"code/" + action.Program, "--bine-func", action.Func}
	case dags.NotebookAction:
		p.Python, p.Env = notebookProgram, withEnv(p.Env, notebookEnv, action.File)
		p.Keep = []string{"notebook", "html"} // the copy shows which cell failed
	case dags.SQLAction:
		settings, err := json.Marshal(sqlSettings{action.Query, action.File() != "", action.Files, p.Outputs})
		if err != nil {
			return p, err
		}
		p.Python, p.Env = sqlProgram, withEnv(p.Env, sqlEnv, string(settings))
	default:
		return p, bine.Errorf(bine.Internal, "step %s of kind %s is no process", step.Name, step.Kind())
	}
	return p, nil
}

func withEnv(env map[string]string, name, value string) map[string]string {
	env = maps.Clone(env)
	if env == nil {
		env = map[string]string{}
	}
	env[name] = value
	return env
}
