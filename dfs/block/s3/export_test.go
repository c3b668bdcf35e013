package s3

import "time"

// Hurry shortens the pauses between tries.
func Hurry(s *Store) { s.pause = 10 * time.Millisecond }
