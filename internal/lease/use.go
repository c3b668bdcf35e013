package lease

import (
	"context"
	"database/sql"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// busyEnough is the share of time in which a device that is in use computes.
const busyEnough = 0.01

// SetUse notes what devices did, for them and for who has them. A sample that
// comes twice counts twice in a mean; it is said by one heartbeat in ten seconds.
func (l *Ledger) SetUse(ctx context.Context, samples []bine.DeviceUse) error {
	samples = slices.DeleteFunc(slices.Clone(samples), func(s bine.DeviceUse) bool { return s.Device == "" })
	if len(samples) == 0 {
		return nil
	}
	return l.db.Write(ctx, func(q *sql.Tx) error {
		exec := func(query string, args ...any) (int64, error) {
			result, err := q.ExecContext(l.db.Inside(ctx), query, args...)
			if err != nil {
				return 0, err
			}
			return result.RowsAffected()
		}
		for _, s := range samples {
			n, err := exec("UPDATE device_use SET sample = ? WHERE device = ?", text[bine.DeviceUse]{s}, s.Device)
			if err == nil && n == 0 {
				_, err = exec("INSERT INTO device_use (device, sample) SELECT id, ? FROM lease_devices WHERE id = ? AND NOT EXISTS (SELECT 1 FROM device_use u WHERE u.device = lease_devices.id)", text[bine.DeviceUse]{s}, s.Device)
			}
			if err != nil {
				return err
			}
			var busyAt *int64
			if s.Busy >= busyEnough {
				busyAt = new(database.Micros(s.At))
			}
			if _, err := exec("UPDATE lease_grants SET samples = samples + 1, busy = busy + ?, memory_peak = CASE WHEN memory_peak < ? THEN ? ELSE memory_peak END, busy_at = COALESCE(?, busy_at) WHERE device = ? AND ended_at IS NULL",
				s.Busy, s.MemoryUsed, s.MemoryUsed, busyAt, s.Device); err != nil {
				return err
			}
		}
		return nil
	})
}
