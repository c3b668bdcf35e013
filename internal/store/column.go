package store

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"

	"github.com/bine-ml/bine/internal/database"
)

// doc keeps a value as JSON text in a column; nothing, an empty list or map
// and a zero json.RawMessage are kept as NULL.
type doc[T any] struct{ V T }

func docOf[T any](v T) doc[T] { return doc[T]{v} }

// Value gives what is written.
func (d doc[T]) Value() (driver.Value, error) {
	text, err := json.Marshal(d.V)
	if err != nil {
		return nil, err
	}
	switch string(text) {
	case "null", "{}", "[]":
		return nil, nil
	}
	return string(text), nil
}

// Scan takes what was read.
func (d *doc[T]) Scan(column any) error {
	var zero T
	d.V = zero
	switch text := column.(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(text), &d.V)
	case []byte:
		return json.Unmarshal(text, &d.V)
	}
	return fmt.Errorf("a JSON column holds a %T", column)
}

// GormDataType tells gorm that it is one column and no relation.
func (doc[T]) GormDataType() string { return "text" }

// raw keeps JSON as it is.
type raw struct{ V json.RawMessage }

// Value gives what is written.
func (r raw) Value() (driver.Value, error) {
	if len(r.V) == 0 {
		return nil, nil
	}
	return string(r.V), nil
}

// Scan takes what was read.
func (r *raw) Scan(column any) error {
	switch text := column.(type) {
	case nil:
		r.V = nil
	case string:
		r.V = json.RawMessage(text)
	case []byte:
		r.V = append(json.RawMessage(nil), text...)
	default:
		return fmt.Errorf("a JSON column holds a %T", column)
	}
	return nil
}

// GormDataType tells gorm that it is one column and no relation.
func (raw) GormDataType() string { return "text" }

// maybe gives the time of a column that may be NULL.
func maybe(micros *int64) *time.Time {
	if micros == nil {
		return nil
	}
	return new(database.Time(*micros))
}

// micros gives the column of a time that may be absent.
func micros(t *time.Time) *int64 {
	if t == nil || t.IsZero() {
		return nil
	}
	return new(database.Micros(*t))
}

// orNow gives the column of a time, now where it is zero.
func orNow(t time.Time, now int64) int64 {
	if t.IsZero() {
		return now
	}
	return database.Micros(t)
}

// orNull keeps an empty text as NULL, which indexes leave out.
func orNull[T ~string](text T) *string {
	if text == "" {
		return nil
	}
	return new(string(text))
}

// text reads a column that may be NULL.
func text[T ~string](column *string) T {
	if column == nil {
		return ""
	}
	return T(*column)
}
