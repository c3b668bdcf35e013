package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/bine-ml/bine"
)

// explain says what went wrong and what to do about it. What the operator has
// to mend is of kind internal: whoever asks for a file can do nothing about it.
func (s *Store) explain(ctx context.Context, what string, err error) error {
	if cause := ctx.Err(); cause != nil {
		return fmt.Errorf("%s: %w", what, cause)
	}
	if _, said := errors.AsType[*bine.Error](err); said {
		return err
	}
	c := s.config
	var answer minio.ErrorResponse
	if !errors.As(err, &answer) {
		return s.explainNetwork(what, err)
	}
	fault := func(kind bine.Kind, do string) error {
		return bine.Errorf(kind, "%s: %s: %s (%s)", what, c, do, s.answered(answer))
	}
	switch {
	case fullCodes[answer.Code] || answer.StatusCode == http.StatusInsufficientStorage:
		return fault(bine.NoQuota, "there is no room for more blocks: free some space there or raise the quota")
	case answer.Code == minio.NoSuchBucket:
		return fault(bine.Internal, "there is no such bucket: make it, or correct the address in the setting blocks")
	case answer.Code == "InvalidAccessKeyId" || answer.Code == "XAdminUserNotFound" || answer.Code == "SignatureDoesNotMatch":
		return fault(bine.Internal, "the keys are refused: check BINE_S3_ACCESS_KEY and BINE_S3_SECRET_KEY, and region in the setting blocks")
	case answer.Code == "AuthorizationHeaderMalformed" || answer.Code == minio.InvalidRegion || answer.Code == "PermanentRedirect":
		return fault(bine.Internal, "the bucket is in another region: set region in the setting blocks")
	case answer.Code == "RequestTimeTooSkewed":
		return fault(bine.Internal, "the clocks are too far apart: set the clock of this machine")
	case answer.StatusCode == http.StatusForbidden || answer.Code == minio.AccessDenied:
		return fault(bine.Internal, "access is denied: these keys need to list the bucket and to get, put and delete objects in it, and to list and abort multipart uploads")
	case passing(err):
		return fault(bine.Unavailable, "the service cannot answer at present: try again later")
	default:
		return fault(bine.Internal, "the service refused")
	}
}

func (s *Store) explainNetwork(what string, err error) error {
	switch {
	case isPlainServer(err):
		return bine.Errorf(bine.Internal, "%s: %s does not speak TLS: write endpoint=http://… in the setting blocks: %w", what, s.config, err)
	case isRefusedCertificate(err):
		return bine.Errorf(bine.Internal, "%s: the certificate of %s is not trusted: give the file of its authority as ca=… in the setting blocks: %w", what, s.config, err)
	default:
		return bine.Errorf(bine.Unavailable, "%s: %s cannot be reached or broke off: %w", what, s.config, err)
	}
}

// answered gives the words of the service, in one short line.
func (s *Store) answered(answer minio.ErrorResponse) string {
	text := strings.Join(strings.Fields(answer.Code+": "+answer.Message), " ")
	if len(text) > 200 {
		text = text[:200] + "…"
	}
	return strings.ReplaceAll(text, s.secret(), "…")
}

// secret is what no message may hold.
func (s *Store) secret() string {
	if s.config.SecretKey == "" {
		return "\x00"
	}
	return s.config.SecretKey
}
