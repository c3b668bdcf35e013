package ui

import (
	"context"
	"errors"
	"testing"
)

func TestAnAnswerThatIsThereIsNotLost(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	begun := make(chan struct{})
	if err := answered(ctx, begun); !errors.Is(err, context.Canceled) {
		t.Errorf("without an answer it gives %v", err)
	}
	close(begun)
	for range 100 {
		if err := answered(ctx, begun); err != nil {
			t.Fatalf("a handler that has ended gave no answer: %v", err)
		}
	}
}
