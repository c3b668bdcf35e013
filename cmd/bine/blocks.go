package main

import (
	"context"
	"log/slog"
	"os"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs/block"
	blockdir "github.com/bine-ml/bine/dfs/block/dir"
	"github.com/bine-ml/bine/dfs/block/s3"
)

// blockStore is where the blocks of the file system are. It keeps the name of
// the database that they belong to.
type blockStore interface {
	block.Store
	Owner(ctx context.Context) (string, error)
	SetOwner(ctx context.Context, owner string) error
	Close() error
}

// openBlocks opens the block store at a place: a bucket where it begins with
// s3://, else a directory.
func openBlocks(ctx context.Context, place string, keys s3Config, log *slog.Logger) (blockStore, error) {
	if !s3.IsAddress(place) {
		return blockdir.Open(place)
	}
	o, err := keys.of(place)
	if err != nil {
		return nil, err
	}
	o.Log = log
	return s3.Open(ctx, o)
}

// of reads the address of a bucket and adds the keys to it.
func (c s3Config) of(address string) (s3.Config, error) {
	o, err := s3.Parse(address)
	if err != nil {
		return o, err
	}
	o.AccessKey, o.SecretKey = c.AccessKey, c.SecretKey
	if c.SecretKeyFile == "" {
		return o, nil
	}
	if c.SecretKey != "" {
		return o, bine.Errorf(bine.Invalid, "s3.secret_key and s3.secret_key_file are both given: leave one of them out")
	}
	text, err := os.ReadFile(c.SecretKeyFile)
	if err != nil {
		return o, bine.Errorf(bine.Invalid, "s3.secret_key_file: %w", err)
	}
	o.SecretKey = strings.TrimSpace(string(text))
	return o, nil
}

const (
	blocksOwner  = "blocks-owner" // the setting that holds what the block store has as its owner
	blocksSample = 8
)

// matchBlocks makes sure that the database and the block stores belong together,
// for either is of no use without the other, and what a database does not know
// of is removed as garbage in the end. All keep the same name, which the first
// start chooses.
func (p *platform) matchBlocks(ctx context.Context, t *tiers) error {
	for _, name := range append([]string{""}, t.Tiers()...) {
		if err := p.matchTier(ctx, t.all[name], name); err != nil {
			return err
		}
	}
	return nil
}

func (p *platform) matchTier(ctx context.Context, blocks blockStore, tier string) error {
	owner, err := blocks.Owner(ctx) // before the setting, which is written first
	if err != nil {
		return err
	}
	name, known, err := p.store.Setting(ctx, blocksOwner)
	if err != nil || known && owner == name {
		return err
	}
	place, _ := p.config.place(tier)
	asked, found, err := p.files.Sample(ctx, tier, blocksSample)
	if err != nil {
		return err
	}
	if asked > 0 && found == 0 {
		return bine.Errorf(bine.Invalid, "the database has files whose blocks are not in %s: it was used with another block store, and the two belong together: set %s to where they are, or copy them", place, placeSetting(tier))
	}
	if owner == "" || known || asked == 0 {
		return p.claimBlocks(ctx, blocks, owner, tier)
	}
	_, err = p.store.KeepSetting(ctx, blocksOwner, owner) // a database from before it kept the name
	return err
}

// placeSetting is the setting that says where a tier is.
func placeSetting(tier string) string {
	if tier == "" {
		return "blocks"
	}
	return "tiers." + tier + ".blocks"
}

// claimBlocks makes a block store that has no owner the database's.
func (p *platform) claimBlocks(ctx context.Context, blocks blockStore, owner, tier string) error {
	if owner == "" {
		name, err := p.store.KeepSetting(ctx, blocksOwner, string(block.NewID()))
		if err != nil {
			return err
		}
		if err := blocks.SetOwner(ctx, name); err != nil {
			return err
		}
		if owner, err = blocks.Owner(ctx); err != nil || owner == name {
			return err
		}
	}
	place, _ := p.config.place(tier)
	return bine.Errorf(bine.Invalid, "the blocks in %s belong to another database, which would lose them: set %s to another place (another prefix will do), or database to the one that they belong to. If that one is gone for good, remove the blocks, and owner beside them", place, placeSetting(tier))
}
