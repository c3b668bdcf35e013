package dfs_test

import (
	"testing"

	"github.com/bine-ml/bine/dfs"
)

func TestTheFullestQuotasAreFound(t *testing.T) {
	eachLimited(t, func(l limited, _ *clock) {
		ctx := l.t.Context()
		for path, n := range map[string]int{"Resources/a/f": 10_000, "Resources/a/d/g": 80_000, "Resources/b/h": 40_000} {
			put(t, l, at(path), dfstestNoise(n))
		}
		paths := func(most int) (list []string) {
			l.t.Helper()
			all, err := l.FullestLimits(ctx, most)
			l.ok(err)
			for _, one := range all {
				list = append(list, one.Path)
			}
			return list
		}
		is := func(most int, want ...string) {
			l.t.Helper()
			got := paths(most)
			if len(got) != len(want) {
				l.t.Fatalf("of %d they are %q, want %q", most, got, want)
			}
			for i := range want {
				if got[i] != want[i] {
					l.t.Errorf("of %d they are %q, want %q", most, got, want)
				}
			}
		}
		is(10)
		l.quota("Resources/a", dfs.Quota{Bytes: 180_000, Names: 100}) // a half of the bytes
		l.quota("Resources/a/d", dfs.Quota{Bytes: 100_000})           // 80 %
		l.quota("Resources/b", dfs.Quota{Names: 2, Bytes: 1 << 40})   // all names
		l.ok(l.SetQuota(ctx, dfs.Platform(), at(""), dfs.Quota{Bytes: 200_000, Names: 50}))
		is(10, at("Resources/b"), at("Resources/a/d"), at(""), at("Resources/a"))
		is(2, at("Resources/b"), at("Resources/a/d"))
		all, err := l.FullestLimits(ctx, 10)
		l.ok(err)
		if one := all[1]; one.Bytes != 80_000 || one.Names != 2 || one.Quota != (dfs.Quota{Bytes: 100_000}) {
			l.t.Errorf("of Resources/a/d it tells %+v", one)
		}
		if one := all[2]; one.Bytes < 130_000 || one.Quota != (dfs.Quota{Bytes: 200_000, Names: 50}) {
			l.t.Errorf("of the project it tells %+v", one)
		}
		l.ok(l.Remove(ctx, owner, at("Resources/a"), dfs.RemoveOptions{Recursive: true}))
		is(10, at("Resources/b"), at(""))
	})
}
