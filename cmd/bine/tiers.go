package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block"
	"github.com/bine-ml/bine/dfs/block/s3"
	"github.com/bine-ml/bine/dfs/block/tier"
)

// checkBlocks says what is wrong with a place for blocks.
func checkBlocks(setting, place string) error {
	if s3.IsAddress(place) {
		_, err := s3.Parse(place)
		return err
	}
	if place == "" || strings.Contains(place, "://") {
		return fmt.Errorf("%s: it is neither a directory nor begins with s3://", setting)
	}
	return nil
}

// checkTiers says what is wrong with the tiers.
func (c config) checkTiers() (faults []error) {
	places := map[string]string{c.Blocks: "blocks"}
	for _, name := range slices.Sorted(maps.Keys(c.Tiers)) {
		setting := "tiers." + name
		if err := block.CheckTier(name); err != nil {
			faults = append(faults, err)
		} else if slices.Contains(dfs.Policies(), strings.ToUpper(name)) {
			faults = append(faults, fmt.Errorf("%s: %s is a policy already, which keeps blocks in the first tier: use another name", setting, strings.ToUpper(name)))
		}
		at := c.Tiers[name].Blocks
		if err := checkBlocks(setting+".blocks", at); err != nil {
			faults = append(faults, err)
		}
		if other := places[at]; other != "" {
			faults = append(faults, fmt.Errorf("%s.blocks: it is the same place as %s", setting, other))
		}
		places[at] = setting
	}
	return faults
}

// place is where the blocks of a tier are; of the first, without a name.
func (c config) place(name string) (string, s3Config) {
	if name == "" {
		return c.Blocks, c.S3
	}
	t := c.Tiers[name]
	if t.s3Config == (s3Config{}) {
		return t.Blocks, c.S3
	}
	return t.Blocks, t.s3Config
}

// tiers are the open block stores of the file system.
type tiers struct {
	*tier.Stores
	all map[string]blockStore // the first has no name
}

// openTiers opens the first tier and those that are named.
func openTiers(ctx context.Context, c config, log *slog.Logger) (t *tiers, err error) {
	t = &tiers{all: map[string]blockStore{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.Close())
		}
	}()
	named := map[string]block.Store{}
	for _, name := range append([]string{""}, slices.Sorted(maps.Keys(c.Tiers))...) {
		place, keys := c.place(name)
		store, err := openBlocks(ctx, place, keys, log)
		if err != nil {
			if name != "" {
				err = fmt.Errorf("tier %s: %w", name, err)
			}
			return t, err
		}
		if t.all[name] = store; name != "" {
			named[name] = store
		}
	}
	t.Stores, err = tier.New(t.all[""], named)
	return t, err
}

// Close closes all of them.
func (t *tiers) Close() error {
	var faults []error
	for _, store := range t.all {
		faults = append(faults, store.Close())
	}
	return errors.Join(faults...)
}
