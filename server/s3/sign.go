package s3

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/auth"
)

// Signature Version 4 as Amazon documents it: "Authenticating Requests" of the S3
// API Reference, by header and by parameters of the address (presigned).
const (
	algorithm  = "AWS4-HMAC-SHA256"
	timeForm   = "20060102T150405Z"
	mostSkew   = 15 * time.Minute
	longestUse = 7 * 24 * time.Hour

	unsignedPayload = "UNSIGNED-PAYLOAD"
	emptyHash       = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// Signed reports whether a request is signed as requests of S3 are.
func Signed(r *http.Request) bool {
	header, query := r.Header.Get("Authorization"), r.URL.RawQuery
	return strings.HasPrefix(header, algorithm) || strings.Contains(query, "X-Amz-Algorithm=") || older(header, query)
}

// older reports whether a request is signed as they were before version 4, which is refused.
func older(header, query string) bool {
	return strings.HasPrefix(header, "AWS ") || strings.Contains(query, "AWSAccessKeyId=")
}

// signature is what a request says of how it is signed.
type signature struct {
	key     string // id of the access key
	day     string
	region  string
	headers []string
	value   string
	at      time.Time
	payload string // hash of the body, or how it is signed
	inQuery bool
	signing []byte // with which chunks of the body are signed
}

func (s signature) scope() string { return s.day + "/" + s.region + "/s3/aws4_request" }

// read finds the signature of the request.
func (c *call) readSignature() error {
	s := &c.signed
	if older(c.r.Header.Get("Authorization"), c.r.URL.RawQuery) {
		return badRequest("InvalidRequest", "signatures of version 2 are not taken: sign with %s (boto3: Config(signature_version=\"s3v4\"))", algorithm)
	}
	var credential, headers, date string
	if header := c.r.Header.Get("Authorization"); header != "" {
		rest, ok := strings.CutPrefix(header, algorithm)
		if !ok {
			return badRequest("InvalidArgument", "the Authorization header is not understood: sign with %s", algorithm)
		}
		for part := range strings.SplitSeq(rest, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			switch name {
			case "Credential":
				credential = value
			case "SignedHeaders":
				headers = value
			case "Signature":
				s.value = value
			}
		}
		if date = c.r.Header.Get("X-Amz-Date"); date == "" {
			date = c.r.Header.Get("Date")
		}
		s.payload = c.r.Header.Get("X-Amz-Content-Sha256")
		if s.payload == "" {
			return badRequest("InvalidRequest", "the header x-amz-content-sha256 is missing")
		}
	} else {
		s.inQuery, s.payload = true, unsignedPayload
		credential, headers, date, s.value = c.text("X-Amz-Credential"), c.text("X-Amz-SignedHeaders"), c.text("X-Amz-Date"), c.text("X-Amz-Signature")
		if hash := c.r.Header.Get("X-Amz-Content-Sha256"); hash != "" {
			s.payload = hash
		}
	}
	parts := strings.Split(credential, "/")
	if len(parts) != 5 || parts[3] != "s3" || parts[4] != "aws4_request" || headers == "" || s.value == "" {
		return badRequest("AuthorizationHeaderMalformed", "the credential is not written as <key>/<day>/<region>/s3/aws4_request")
	}
	s.key, s.day, s.region, s.headers = parts[0], parts[1], parts[2], strings.Split(headers, ";")
	var err error
	if s.at, err = time.Parse(timeForm, date); err != nil {
		if s.at, err = http.ParseTime(date); err != nil {
			return denied("the request has no date that is understood")
		}
	}
	if s.day != s.at.UTC().Format("20060102") {
		return badRequest("AuthorizationHeaderMalformed", "the day of the credential is not that of the request")
	}
	return nil
}

// timely says whether a signature is still, or already, good.
func (c *call) timely() error {
	now, s := c.door.Now(), c.signed
	if s.at.Sub(now) > mostSkew {
		return fail("RequestTimeTooSkewed", http.StatusForbidden, bine.Unauthenticated, "the request is of %s and the clock here says %s", s.at.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	if !s.inQuery {
		if now.Sub(s.at) > mostSkew {
			return fail("RequestTimeTooSkewed", http.StatusForbidden, bine.Unauthenticated, "the request is of %s and the clock here says %s", s.at.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
		}
		return nil
	}
	seconds, err := strconv.ParseInt(c.text("X-Amz-Expires"), 10, 64)
	if err != nil || seconds < 1 || seconds > int64(longestUse/time.Second) {
		return badRequest("AuthorizationQueryParametersError", "X-Amz-Expires must be between 1 and %d seconds", int64(longestUse/time.Second))
	}
	if now.After(s.at.Add(time.Duration(seconds) * time.Second)) {
		return denied("the address has expired")
	}
	return nil
}

// covers says whether what has to be signed is.
func (c *call) covers() error {
	if !slices.Contains(c.signed.headers, "host") {
		return denied("the header host is not signed")
	}
	for name := range c.r.Header {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "x-amz-") && !slices.Contains(c.signed.headers, lower) && !(c.signed.inQuery && lower == "x-amz-content-sha256") {
			return denied("the header %.60s is there and is not signed", lower)
		}
	}
	return nil
}

// canonical writes the request as it is signed.
func (c *call) canonical() string {
	var b strings.Builder
	b.WriteString(c.r.Method + "\n" + encode(c.r.URL.Path, true) + "\n" + canonicalQuery(c.r.URL.RawQuery) + "\n")
	for _, name := range c.signed.headers {
		values := c.r.Header.Values(name)
		switch {
		case name == "host":
			values = []string{c.r.Host}
		case name == "content-length" && len(values) == 0:
			values = []string{strconv.FormatInt(c.r.ContentLength, 10)}
		}
		trimmed := make([]string, len(values))
		for i, v := range values {
			trimmed[i] = strings.Join(strings.Fields(v), " ")
		}
		b.WriteString(name + ":" + strings.Join(trimmed, ",") + "\n")
	}
	b.WriteString("\n" + strings.Join(c.signed.headers, ";") + "\n" + c.signed.payload)
	return b.String()
}

// canonicalQuery sorts the parameters of an address and writes them in one way.
func canonicalQuery(raw string) string {
	var pairs []string
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, errName := url.QueryUnescape(name)
		value, errValue := url.QueryUnescape(value)
		if errors.Join(errName, errValue) != nil || name == "X-Amz-Signature" {
			continue
		}
		pairs = append(pairs, encode(name, false)+"="+encode(value, false))
	}
	slices.SortFunc(pairs, func(a, b string) int {
		nameA, valueA, _ := strings.Cut(a, "=")
		nameB, valueB, _ := strings.Cut(b, "=")
		if nameA != nameB {
			return strings.Compare(nameA, nameB)
		}
		return strings.Compare(valueA, valueB)
	})
	return strings.Join(pairs, "&")
}

// encode is the protocol's own percent-encoding.
func encode(s string, slashes bool) string {
	var b strings.Builder
	for i := range len(s) {
		ch := s[i]
		switch {
		case ch >= 'A' && ch <= 'Z', ch >= 'a' && ch <= 'z', ch >= '0' && ch <= '9', strings.IndexByte("-._~", ch) >= 0, ch == '/' && slashes:
			b.WriteByte(ch)
		default:
			b.WriteString("%" + strings.ToUpper(hex.EncodeToString([]byte{ch})))
		}
	}
	return b.String()
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hashHex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// verify says whether the signature is that of the secret.
func (c *call) verify(secret string) bool {
	s := &c.signed
	key := mac([]byte("AWS4"+secret), s.day)
	for _, part := range []string{s.region, "s3", "aws4_request"} {
		key = mac(key, part)
	}
	s.signing = key
	text := algorithm + "\n" + s.at.UTC().Format(timeForm) + "\n" + s.scope() + "\n" + hashHex([]byte(c.canonical()))
	return hmac.Equal([]byte(hex.EncodeToString(mac(key, text))), []byte(s.value))
}

// admit says who acts, or why nobody may.
func (c *call) admit() error {
	if err := c.readSignature(); err != nil {
		return err
	}
	if err := errors.Join(c.timely(), c.covers()); err != nil {
		return err
	}
	sealed, err := c.door.Store.SealedKey(c.ctx(), c.signed.key)
	if err != nil && !bine.IsKind(err, bine.NotFound) {
		return err
	}
	secret, right := "", false
	if err == nil && sealed != "" {
		if secret, err = c.door.Secrets.Open(sealed, auth.S3Place(c.signed.key)); err != nil {
			return err
		}
		right = c.verify(secret)
	}
	if !right { // asked with a wrong secret, so that it counts as a guess
		secret = ""
	}
	known := err == nil && sealed != ""
	err = c.identify(auth.KeyText(c.signed.key, secret))
	switch {
	case right || err != nil && !bine.IsKind(err, bine.Unauthenticated):
		return err
	case known:
		return fail("SignatureDoesNotMatch", http.StatusForbidden, bine.Unauthenticated, "the signature is not that of the key %.20s: check the secret, and that nothing on the way changes the request", c.signed.key)
	}
	return fail("InvalidAccessKeyId", http.StatusForbidden, bine.Unauthenticated, "%.40q is not a key for S3, or was revoked: make one with bine s3 keys create", c.signed.key)
}

// identify asks the guard, by the key as other doors know it.
func (c *call) identify(key string) error {
	asked := (&http.Request{Method: c.r.Method, Header: http.Header{"Authorization": {"Bearer " + key}}, RemoteAddr: c.r.RemoteAddr}).WithContext(c.ctx())
	access := auth.Access{Role: bine.DataScientist}
	if c.bucket == "" {
		access = auth.Access{User: true, Bound: true}
	}
	if !c.op.changes {
		access.Scopes = []bine.Scope{bine.ScopeRead}
	}
	var err error
	c.actor.Identity, c.actor.Member, err = c.door.Guard.Admit(asked, access, c.project())
	if bine.IsKind(err, bine.NotFound) {
		return fail("NoSuchBucket", http.StatusNotFound, bine.NotFound, "there is no bucket %.63q: a bucket is a project that you are a member of", c.bucket)
	}
	return err
}
