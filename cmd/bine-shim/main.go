// Command bine-shim supervises the process of one attempt and outlives the
// agent that started it. It is no program for people: agents start it.
//
//	bine-shim run DIR     supervises the attempt described in DIR/spec.json
//	bine-shim exec DIR    confines itself and becomes the program; run starts it
//
// The files in DIR, and what they promise, are those of package shim. Where
// descriptor 3 is open, run writes one line to it when the process has started
// or was refused.
//
// It kills what it started, and every descendant of it, in all of these cases:
// the process ends, it uses more memory or time than it may, it is asked to
// stop, the agent gives no sign of life. Where the shim itself is killed, the
// kernel kills the process; descendants that left its process group are then
// the agent's to find.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bine-shim:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("it is started by bine's agent, as: bine-shim run DIR")
	}
	switch args[0] {
	case "run":
		return supervise(args[1])
	case "exec":
		return become(args[1])
	default:
		return fmt.Errorf("there is no mode %q", args[0])
	}
}
