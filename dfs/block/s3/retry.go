package s3

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/bine-ml/bine"
)

// retry does f until it succeeds, fails for good, or has been tried often enough.
func (s *Store) retry(ctx context.Context, f func() error) error {
	for failed := 0; ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := f()
		if err == nil {
			return nil
		}
		if failed++; failed >= s.tries || !passing(err) {
			return err
		}
		if err := s.wait(ctx, failed); err != nil {
			return err
		}
	}
}

// wait pauses after the given number of failures: twice as long each time, less
// a random part, so that many who failed at once do not come back at once.
func (s *Store) wait(ctx context.Context, failed int) error {
	pause := min(s.pause<<(failed-1), longPause)
	timer := time.NewTimer(pause/2 + rand.N(pause/2+1))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// passing reports whether trying again may help.
func passing(err error) bool {
	if _, said := errors.AsType[*bine.Error](err); said || errors.Is(err, errChanged) {
		return false
	}
	var answer minio.ErrorResponse
	if !errors.As(err, &answer) {
		return !isRefusedCertificate(err) // else the network, or an answer cut short
	}
	if fullCodes[answer.Code] {
		return false
	}
	if strings.HasPrefix(answer.Code, "2") { // a status in place of a code: good news that was cut short
		return true
	}
	switch answer.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, 499, 520:
		return true
	case http.StatusNotImplemented, http.StatusInsufficientStorage:
		return false
	}
	return answer.StatusCode >= 500 || passingCodes[answer.Code]
}

// passingCodes are those of errors that pass though their status may be 4xx, or
// 200 in the answer to the end of a multipart upload.
var passingCodes = map[string]bool{
	"SlowDown": true, "SlowDownRead": true, "SlowDownWrite": true, "ServiceUnavailable": true, "InternalError": true,
	"RequestTimeout": true, "Throttling": true, "ThrottlingException": true, "RequestLimitExceeded": true, "RequestThrottled": true,
	"OperationAborted": true, "ConditionalRequestConflict": true,
	// What arrived is not what was sent.
	"BadDigest": true, "XAmzContentChecksumMismatch": true, "XAmzContentSHA256Mismatch": true, "IncompleteBody": true, "InvalidChunkSizeError": true,
}

// fullCodes are those of errors that say that there is no room.
var fullCodes = map[string]bool{
	"QuotaExceeded": true, "InsufficientStorage": true, "InsufficientCapacity": true,
	"XMinioStorageFull": true, "XMinioAdminBucketQuotaExceeded": true, "StorageQuotaExceeded": true,
}

// isRefusedCertificate reports whether err is about TLS that is set up wrongly.
func isRefusedCertificate(err error) bool {
	_, refused := errors.AsType[*tls.CertificateVerificationError](err)
	return refused || isPlainServer(err)
}

func isPlainServer(err error) bool {
	return strings.Contains(err.Error(), "server gave HTTP response to HTTPS client")
}

func codeOf(err error) string {
	var answer minio.ErrorResponse
	errors.As(err, &answer)
	return answer.Code
}
