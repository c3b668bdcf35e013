package s3_test

import (
	"testing"

	"github.com/bine-ml/bine/dfs/block"
	"github.com/bine-ml/bine/dfs/block/blocktest"
	"github.com/bine-ml/bine/dfs/block/s3/s3test"
)

func TestStore(t *testing.T) {
	server := s3test.Start(t)
	blocktest.Run(t, func(t *testing.T) block.Store { return s3test.Open(t, server.Config(t)) })
}
