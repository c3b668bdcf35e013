package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// nodeFile declares accelerators in a file and gives the variable that names it.
func nodeFile(t *testing.T, dir, name string, devices int) string {
	t.Helper()
	path := filepath.Join(dir, name+".yml")
	text := fmt.Sprintf("labels: [infiniband, rack=r1]\ndevices:\n  - {model: P100, count: %d, memory: 16GiB}\n", devices)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return "BINE_DEVICES=" + path
}

// grants gives who has devices now, by attempt.
func grants(t *testing.T, c *client.Client) map[bine.AttemptID]int {
	t.Helper()
	all, err := c.Devices(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	held := map[bine.AttemptID]int{}
	for _, d := range all {
		sum := 0
		for _, g := range d.Grants {
			held[g.Attempt]++
			sum += g.Milli
		}
		if sum != d.Used || sum > 1000 {
			t.Errorf("device %s: %d thousandths are granted, %d are written down as used", d.ID, sum, d.Used)
		}
	}
	return held
}

const training = `
name: training
params:
  epochs: {type: int}
steps:
  train:
    python: train.py
    with: {epochs: "${{ params.epochs }}", seconds: 0.1}
    outputs: {epochs: int, resumed_from: int, devices: int}
    resources: {cpu: 0.1, memory: 128MiB, gpus: 2 GPUs on 1 host preemptible}
`

const wanting = `
name: wanting
steps:
  take:
    command: [sh, -c, "sleep 1; printf '{\"visible\": \"%s\"}' \"$CUDA_VISIBLE_DEVICES\" > \"$BINE_OUTPUTS/values.json\""]
    outputs: {visible: string}
    resources: {cpu: 0.1, memory: 64MiB, gpus: 1}
`

// TestGPUsAreGivenBackAndTakenUpAgain lets a project take accelerators that
// another one is guaranteed: what is preemptible makes room, and goes on from
// its checkpoint. The server is killed in between.
func TestGPUsAreGivenBackAndTakenUpAgain(t *testing.T) {
	s := newSystem(t)
	s.env = append(s.env, nodeFile(t, s.dir, "node", 2), "BINE_LOG_LEVEL=warn", "BINE_GRACE=15s")
	server := s.start("up")
	s.ready(30 * time.Second)
	c := s.client()
	borrower, owner := s.project("borrower"), s.project("owner")
	s.mustCLI("project", "quota", "owner", "--guaranteed-gpus", "2")
	train, err := os.ReadFile("../dags/examples/gpu/train.py")
	if err != nil {
		t.Fatal(err)
	}
	s.mustCLI("pipeline", "store", s.pipeline("training", training, map[string]string{"train.py": string(train)}), "-p", "borrower")
	s.mustCLI("pipeline", "store", s.pipeline("wanting", wanting, nil), "-p", "owner")

	first, err := c.StartRun(t.Context(), borrower, "training", client.NewRun{Params: map[string]json.RawMessage{"epochs": raw(150)}, NoCache: true})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, "the training has both devices", func() bool { return len(grants(t, c)) == 1 })
	eventually(t, time.Minute, "it has written a checkpoint", func() bool {
		log, _ := s.cli("run", "logs", string(first.ID), "--step", "train", "-p", "borrower")
		return len(log) > 40
	})
	second, err := c.StartRun(t.Context(), owner, "wanting", client.NewRun{NoCache: true})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, "the training is asked to make room", func() bool {
		all, err := c.Leases(t.Context())
		for _, l := range all {
			if l.AskedBack != nil {
				return true
			}
		}
		ended, _ := c.Run(t.Context(), owner, second.ID)
		return err == nil && ended.State.Ended()
	})
	server.kill()
	s.start("up")
	s.ready(30 * time.Second)

	_, steps := s.follow(owner, second.ID)
	var visible string
	_ = json.Unmarshal(steps[0].Values["visible"], &visible)
	if steps[0].State != bine.Succeeded || visible == "" {
		t.Errorf("who is guaranteed accelerators is %s (%s) and saw %q, want one device", steps[0].State, steps[0].Reason, visible)
	}
	_, steps = s.follow(borrower, first.ID)
	var from, devices int
	_ = json.Unmarshal(steps[0].Values["resumed_from"], &from)
	_ = json.Unmarshal(steps[0].Values["devices"], &devices)
	if steps[0].State != bine.Succeeded || steps[0].Attempts < 2 || from == 0 || devices != 2 {
		t.Errorf("the training is %s (%s) after %d attempts, resumed from %d with %d devices; want it to go on with both",
			steps[0].State, steps[0].Reason, steps[0].Attempts, from, devices)
	}
	if held := grants(t, c); len(held) != 0 {
		t.Errorf("devices are still held: %v", held)
	}
}

const distributed = `
name: distributed
steps:
  train:
    command: [python3, code/ranks.py]
    outputs: {rank: int, size: int, hosts: string}
    resources: {cpu: 0.2, memory: 128MiB, gpus: "4 GPUs on 2 hosts with infiniband, P100 within rack"}
`

// TestAGangRunsOnTwoHosts runs a distributed step on two agents.
func TestAGangRunsOnTwoHosts(t *testing.T) {
	r := startRoles(t)
	env := r.env
	for i, name := range []string{"left", "right"} {
		r.env = append(append([]string{}, env...), "BINE_HOST="+name, "BINE_DATA="+filepath.Join(r.dir, name), "BINE_KEYS="+filepath.Join(r.dir, "data", "keys"), nodeFile(t, r.dir, name, 2+i))
		r.startRole("agent")
	}
	r.env = env
	c := r.client()
	eventually(t, time.Minute, "five devices are known", func() bool { all, err := c.Devices(t.Context()); return err == nil && len(all) == 5 })
	p := r.project("gang")
	ranks, err := os.ReadFile("../dags/examples/gpu/ranks.py")
	if err != nil {
		t.Fatal(err)
	}
	r.mustCLI("pipeline", "store", r.pipeline("distributed", distributed, map[string]string{"ranks.py": string(ranks)}), "-p", "gang")
	run, steps := r.run(p, "distributed", client.NewRun{})
	if run.State != bine.Succeeded || string(steps[0].Values["size"]) != "2" || string(steps[0].Values["rank"]) != "0" {
		t.Errorf("run is %s (%s), its step says %s of %s; want the first of two", run.State, run.Reason, steps[0].Values["rank"], steps[0].Values["size"])
	}
	if held := grants(t, c); len(held) != 0 {
		t.Errorf("devices are still held: %v", held)
	}
	all, err := c.Devices(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	used := map[bine.HostName]int{}
	for _, d := range all {
		if d.Epoch > 0 {
			used[d.Host]++
		}
	}
	if used["left"] != 2 || used["right"] != 2 {
		t.Errorf("devices that were granted: %v, want two of each host", used)
	}
}
