package bine_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
)

func TestNamesThatAreAccepted(t *testing.T) {
	for name, err := range map[string]error{
		"project demo":       bine.ProjectName("demo").Check(),
		"project a-b_c2":     bine.ProjectName("a-b_c2").Check(),
		"user ann.lee":       bine.UserName("ann.lee").Check(),
		"pipeline 7-days":    bine.PipelineName("7-days").Check(),
		"step train_2":       bine.StepName("train_2").Check(),
		"host gpu-1.example": bine.HostName("gpu-1.example").Check(),
		"item key a=1,b@2":   bine.CheckItemKey("a=1,b@2"),
		"a hash":             bine.HashOf(nil).Check(),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNamesThatAreRefusedSayWhatIsAllowed(t *testing.T) {
	for name, err := range map[string]error{
		"two underscores, which part project and user": bine.ProjectName("a__b").Check(),
		"a digit first":     bine.ProjectName("1a").Check(),
		"upper case":        bine.ProjectName("Demo").Check(),
		"too long":          bine.PipelineName(strings.Repeat("a", 64)).Check(),
		"a dash in a step":  bine.StepName("a-b").Check(),
		"a path":            bine.CheckItemKey("../x"),
		"an empty key":      bine.CheckItemKey(""),
		"a slash in a host": bine.HostName("a/b").Check(),
		"a short hash":      bine.Hash("abc").Check(),
		"a hash in capital": bine.Hash(strings.Repeat("A", 64)).Check(),
	} {
		if !bine.IsKind(err, bine.Invalid) || !strings.Contains(err.Error(), "letters") && !strings.Contains(err.Error(), "allowed") && !strings.Contains(err.Error(), "DNS") && !strings.Contains(err.Error(), "hexadecimal") {
			t.Errorf("%s: %v, want an invalid name and the rule", name, err)
		}
	}
}

func TestAnAttemptIsKnownByWhatItTries(t *testing.T) {
	owner := bine.Owner{Project: "p", Kind: bine.OwnerRun, Name: "r-1", Step: "s", Item: "i"}
	id := bine.NewAttemptID(owner, 1)
	if again := bine.NewAttemptID(owner, 1); again != id {
		t.Errorf("the same attempt is %s, then %s", id, again)
	}
	others := []bine.Owner{owner, owner, owner}
	others[0].Item, others[1].Step, others[1].Item, others[2].Project = "", "si", "", "q"
	for _, other := range others {
		if bine.NewAttemptID(other, 1) == id {
			t.Errorf("%+v has the id of %+v", other, owner)
		}
	}
	if bine.NewAttemptID(owner, 2) == id {
		t.Error("the second attempt has the id of the first")
	}
}

func TestTheOwnerOfAModelServerNamesItsVersion(t *testing.T) {
	name, version, err := bine.ServerOwner("p", "delay", 3, "g").Server()
	if err != nil || name != "delay" || version != 3 {
		t.Errorf("Server() = %s, %d, %v", name, version, err)
	}
	if _, _, err := (bine.Owner{Kind: bine.OwnerRun, Name: "delay@3"}).Server(); err == nil {
		t.Error("a run's owner passed for a model server's")
	}
}

func TestErrorsKeepTheirKindAndCause(t *testing.T) {
	err := fmt.Errorf("read: %w", bine.Errorf(bine.NoQuota, "disk is full: %w", io.ErrShortWrite))
	if !bine.IsKind(err, bine.NoQuota) || !errors.Is(err, io.ErrShortWrite) || err.Error() != "read: disk is full: short write" {
		t.Errorf("%v is of kind %s", err, bine.KindOf(err))
	}
	if bine.KindOf(io.EOF) != bine.Internal || bine.IsKind(nil, bine.Internal) {
		t.Error("an error without a kind is internal, and no error is of no kind")
	}
}

func TestResourcesFitToTheLast(t *testing.T) {
	free := bine.Resources{CPU: 0.3, Memory: 10, GPUs: 1}
	if !(bine.Resources{CPU: 0.1 + 0.2, Memory: 10, GPUs: 1}).Fits(free) {
		t.Error("what is free does not fit")
	}
	for _, more := range []bine.Resources{{CPU: 0.31}, {Memory: 11}, {GPUs: 2}} {
		if more.Fits(free) {
			t.Errorf("%+v fits into %+v", more, free)
		}
	}
}

func TestRolesAndStates(t *testing.T) {
	if !bine.DataOwner.Includes(bine.DataScientist) || bine.DataScientist.Includes(bine.DataOwner) || bine.Role("").Includes(bine.DataScientist) {
		t.Error("a Data Owner may what a Data Scientist may, and nobody else more")
	}
	for state, want := range map[bine.State][2]bool{
		bine.Pending: {false, false}, bine.Waiting: {false, false}, bine.Running: {false, false}, bine.Succeeded: {true, true},
		bine.Cached: {true, true}, bine.Failed: {true, false}, bine.Skipped: {true, false}, bine.Cancelled: {true, false}, bine.Lost: {true, false},
	} {
		if got := [2]bool{state.Ended(), state.OK()}; got != want {
			t.Errorf("%s: ended and OK are %v, want %v", state, got, want)
		}
	}
}
