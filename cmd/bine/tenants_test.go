package main

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/lease"
)

func TestMetricsTellOfTheLargestTenantsOnly(t *testing.T) {
	ctx, l := t.Context(), lease.New(databasetest.SQLite(t))
	if _, err := l.SetHost(ctx, "h", bine.Resources{CPU: 1000, Memory: 1 << 40}, true); err != nil {
		t.Fatal(err)
	}
	var devices []bine.Device
	for i := range 2 {
		devices = append(devices, bine.Device{ID: bine.DeviceID(fmt.Sprint("d", i)), Index: i, Model: "P100", Vendor: bine.VendorSimulated})
	}
	if _, err := l.SetDevices(ctx, "h", nil, devices); err != nil {
		t.Fatal(err)
	}
	for i := range mostTenants + 5 {
		owner := bine.Owner{Project: bine.ProjectName(fmt.Sprint("p", i)), Name: "r"}
		if _, _, err := l.Ask(ctx, lease.Request{Attempt: bine.AttemptID(fmt.Sprint("a", i)), Owner: owner, Resources: bine.Resources{CPU: 1, GPUs: 2}}); err != nil {
			t.Fatal(err)
		}
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(newTenantMetrics(l, slog.New(slog.DiscardHandler)))
	for range 2 {
		all, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		for _, family := range all {
			got[family.GetName()] = len(family.GetMetric())
		}
		for name, want := range map[string]int{"bine_project_accelerators_granted": mostTenants, "bine_project_accelerator_oldest_wait_seconds": mostTenants,
			"bine_project_accelerator_seconds_total": 1, "bine_lease_accelerators": 1, "bine_leases_oldest_wait_seconds": 1} {
			if got[name] != want {
				t.Errorf("%s has %d series, want %d", name, got[name], want)
			}
		}
	}
}
