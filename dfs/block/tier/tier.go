// Package tier keeps blocks in several stores, as their ids say.
package tier

import (
	"context"
	"io"
	"iter"
	"maps"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs/block"
)

// Stores are the tiers of an installation: the first, and others by name.
type Stores struct {
	first block.Store
	named map[string]block.Store
}

// New makes one store of several. Names that are none of tiers are refused.
func New(first block.Store, named map[string]block.Store) (*Stores, error) {
	for name := range named {
		if err := block.CheckTier(name); err != nil {
			return nil, err
		}
	}
	return &Stores{first, named}, nil
}

// Tiers gives the names of all but the first, in order.
func (s *Stores) Tiers() []string { return slices.Sorted(maps.Keys(s.named)) }

// of gives the store that holds a block.
func (s *Stores) of(id block.ID) (block.Store, error) {
	if err := id.Check(); err != nil {
		return nil, err
	}
	name := id.Tier()
	if name == "" {
		return s.first, nil
	}
	if store := s.named[name]; store != nil {
		return store, nil
	}
	return nil, bine.Errorf(bine.Invalid, "block %s lies in the tier %q, which the configuration does not name: add it to tiers again", id, name)
}

// Put stores what r yields under id.
func (s *Stores) Put(ctx context.Context, id block.ID, r io.Reader) error {
	store, err := s.of(id)
	if err != nil {
		return err
	}
	return store.Put(ctx, id.Within(), r)
}

// Open returns length bytes of the block from offset on.
func (s *Stores) Open(ctx context.Context, id block.ID, offset, length int64) (io.ReadCloser, error) {
	store, err := s.of(id)
	if err != nil {
		return nil, err
	}
	return store.Open(ctx, id.Within(), offset, length)
}

// Remove deletes the block.
func (s *Stores) Remove(ctx context.Context, id block.ID) error {
	store, err := s.of(id)
	if err != nil {
		return err
	}
	return store.Remove(ctx, id.Within())
}

// List gives every block of every tier, ordered by id.
func (s *Stores) List(ctx context.Context) iter.Seq2[block.Stat, error] {
	return func(yield func(block.Stat, error) bool) {
		lists := []*list{listOf(ctx, "", s.first)}
		for _, name := range s.Tiers() {
			lists = append(lists, listOf(ctx, name, s.named[name]))
		}
		for _, l := range lists {
			defer l.stop()
			l.advance()
		}
		for {
			var least *list
			for _, l := range lists {
				if l.err != nil {
					yield(block.Stat{}, l.err)
					return
				}
				if l.some && (least == nil || l.stat.ID < least.stat.ID) {
					least = l
				}
			}
			if least == nil || !yield(least.stat, nil) {
				return
			}
			least.advance()
		}
	}
}

// list is what is left of the list of a tier.
type list struct {
	tier string
	next func() (block.Stat, error, bool)
	stop func()
	stat block.Stat // the next, if there is some
	err  error
	some bool
}

func listOf(ctx context.Context, tier string, store block.Store) *list {
	l := &list{tier: tier}
	l.next, l.stop = iter.Pull2(store.List(ctx))
	return l
}

func (l *list) advance() {
	if l.stat, l.err, l.some = l.next(); l.some && l.err == nil {
		l.stat.ID = l.stat.ID.At(l.stat.ID.Key(), l.tier)
	}
}
