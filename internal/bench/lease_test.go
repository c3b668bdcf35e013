package bench_test

import (
	"path/filepath"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/bench"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/lease"
)

func TestLeases(t *testing.T) {
	for name, address := range map[string]func(testing.TB) string{"SQLite": nil, "MariaDB": databasetest.MariaDBAddress} {
		t.Run(name, func(t *testing.T) {
			b := bench.LeaseBench{Dir: t.TempDir(), Devices: []int{16, 40}, Grants: 30}
			if address != nil {
				b.Database = address(t)
			}
			rows, err := bench.Leases(t.Context(), b)
			if err != nil {
				t.Fatal(err)
			}
			found := map[string]float64{}
			for _, r := range rows {
				found[r.Name] = r.Value
			}
			engines := []string{"SQLite"}
			if address != nil {
				engines = append(engines, "MySQL")
			}
			for _, engine := range engines {
				for _, what := range []string{": grant of devices that is on disk, one who asks, p50", ": the same, p99", ": 16 ask at once and give back, grants", ": 16 ask at once, grants", ": from opening the database to the first grant, with as many leases"} {
					if found[engine+what] <= 0 {
						t.Errorf("%s%s: %v", engine, what, found[engine+what])
					}
				}
				if lost, known := found[engine+": leases lost by that"]; !known || lost != 0 {
					t.Errorf("%s: %v leases were lost, %v", engine, lost, known)
				}
			}
		})
	}
}

func TestLeasesAreMeasuredInADatabaseWithoutAny(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bench.db")
	db, err := database.Open(t.Context(), "sqlite://"+file, database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := lease.New(db).Ask(t.Context(), lease.Request{Attempt: "other", Resources: bine.Resources{CPU: 1}}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := bench.Leases(t.Context(), bench.LeaseBench{Dir: filepath.Dir(file), Devices: []int{8}, Grants: 3}); !bine.IsKind(err, bine.Conflict) {
		t.Errorf("got %v, want a conflict", err)
	}
}
