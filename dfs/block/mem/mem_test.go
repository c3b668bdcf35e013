package mem_test

import (
	"testing"

	"github.com/bine-ml/bine/dfs/block"
	"github.com/bine-ml/bine/dfs/block/blocktest"
	"github.com/bine-ml/bine/dfs/block/mem"
)

func TestStore(t *testing.T) {
	blocktest.Run(t, func(*testing.T) block.Store { return new(mem.Store) })
}
