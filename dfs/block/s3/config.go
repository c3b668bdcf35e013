package s3

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/bine-ml/bine"
)

// Config says where blocks are kept and how.
type Config struct {
	Endpoint  string        // https://host:port; Amazon's where empty
	Bucket    string        // has to be there
	Prefix    string        // what the names of all objects begin with; ends in / unless empty
	Region    string        // us-east-1 where empty, but with Amazon the bucket's
	Style     Style         // where the name of the bucket stands
	CAFile    string        // certificates, PEM, to trust besides the system's
	PartSize  int64         // 8 MiB where 0; 5 MiB at least, and a block has at most 10,000 parts
	Parallel  int           // parts of one block that are sent at a time; 4 where 0
	Timeout   time.Duration // after which a connection on which nothing moves is given up; 30 seconds where 0
	Checksum  Checksum      // CRC32C where empty
	Encrypt   bool          // ask the service to encrypt with keys of its own (SSE-S3)
	AccessKey string        // with SecretKey; where both are empty those of Amazon's tools: environment, ~/.aws/credentials
	SecretKey string
	UseIAM    bool         // take keys from the machine's or the pod's role
	Log       *slog.Logger // for what nobody waits for; discarded where nil
}

// Style says where a request names the bucket.
type Style string

// The styles.
const (
	StyleAuto Style = ""     // in the host with Amazon, else in the path
	StylePath Style = "path" // https://host/bucket
	StyleHost Style = "host" // https://bucket.host
)

// Checksum says what the service is given to verify parts with.
type Checksum string

// The checksums.
const (
	CRC32C      Checksum = "crc32c" // of each part and of the block; kept by the service, so that reading verifies it too
	ContentMD5  Checksum = "md5"    // of each part, for services that know no CRC32C
	NoChecksums Checksum = "none"   // for services that refuse both
)

const scheme = "s3://"

// IsAddress reports whether text is the address of a bucket.
func IsAddress(text string) bool { return strings.HasPrefix(text, scheme) }

// Parse reads an address: s3://bucket/prefix?endpoint=https://host:9000 and
// further parameters: region, path_style (true or false), ca, part_size (such as
// 16MiB), parallel, timeout, checksum (crc32c, md5 or none), encrypt (true) and
// iam (true). Keys do not belong in it; errors quote nothing that could be one.
func Parse(address string) (Config, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "s3" {
		return Config{}, invalid("it is not of the form s3://bucket/prefix?endpoint=https://host")
	}
	if u.User != nil {
		return Config{}, invalid("keys do not belong in the address: give them as s3.access_key and s3.secret_key_file, or in BINE_S3_ACCESS_KEY and BINE_S3_SECRET_KEY")
	}
	if u.Host == "" || u.Fragment != "" {
		return Config{}, invalid("it names no bucket: write s3://bucket/prefix?endpoint=https://host")
	}
	c := Config{Bucket: u.Host}
	if prefix := strings.Trim(u.Path, "/"); prefix != "" {
		c.Prefix = prefix + "/"
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Config{}, invalid("what follows the ? is not of the form name=value&name=value")
	}
	for name, values := range query {
		set, known := parameters[name]
		if !known || len(values) != 1 {
			return Config{}, invalid("the parameter %q is unknown or given twice; there are endpoint, region, path_style, ca, part_size, parallel, timeout, checksum, encrypt and iam", name)
		}
		if err := set(&c, values[0]); err != nil {
			return Config{}, invalid("%s: %v", name, err)
		}
	}
	return c, nil
}

func invalid(format string, args ...any) error {
	return bine.Errorf(bine.Invalid, "the address of the blocks: %s", fmt.Sprintf(format, args...))
}

var parameters = map[string]func(*Config, string) error{
	"endpoint": setEndpoint,
	"region":   func(c *Config, v string) error { c.Region = v; return nil },
	"ca":       func(c *Config, v string) error { c.CAFile = v; return nil },
	"path_style": func(c *Config, v string) error {
		path, err := flag(v)
		if c.Style = StyleHost; path {
			c.Style = StylePath
		}
		return err
	},
	"part_size": setPartSize,
	"parallel": func(c *Config, v string) (err error) {
		if c.Parallel, err = strconv.Atoi(v); err != nil || c.Parallel < 1 || c.Parallel > 1+extraParts {
			return fmt.Errorf("write a number from 1 to %d", 1+extraParts)
		}
		return nil
	},
	"timeout": func(c *Config, v string) (err error) {
		if c.Timeout, err = time.ParseDuration(v); err != nil || c.Timeout < time.Second {
			return fmt.Errorf("write it like 90s or 2m, 1s at least")
		}
		return nil
	},
	"checksum": func(c *Config, v string) error {
		if c.Checksum = Checksum(v); c.Checksum != CRC32C && c.Checksum != ContentMD5 && c.Checksum != NoChecksums {
			return fmt.Errorf("it is none of crc32c, md5 and none")
		}
		return nil
	},
	"encrypt": func(c *Config, v string) (err error) { c.Encrypt, err = flag(v); return err },
	"iam":     func(c *Config, v string) (err error) { c.UseIAM, err = flag(v); return err },
}

func flag(v string) (bool, error) {
	on, err := strconv.ParseBool(v)
	if err != nil {
		return false, fmt.Errorf("write true or false")
	}
	return on, nil
}

func setEndpoint(c *Config, v string) error {
	u, err := url.Parse(v)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return fmt.Errorf("write it like https://host:9000, without a path and without keys")
	}
	c.Endpoint = u.Scheme + "://" + u.Host
	return nil
}

func setPartSize(c *Config, v string) error {
	digits, found := strings.CutSuffix(v, "MiB")
	n, err := strconv.Atoi(digits)
	if !found || err != nil || n < 5 || n > 1024 {
		return fmt.Errorf("write it like 16MiB, from 5MiB to 1024MiB")
	}
	c.PartSize = int64(n) << 20
	return nil
}

const amazon = "https://s3.amazonaws.com"

func (c Config) complete() Config {
	if c.Endpoint == "" {
		c.Endpoint = amazon
	}
	if c.Region == "" && !strings.HasSuffix(c.host(), ".amazonaws.com") {
		c.Region = "us-east-1"
	}
	if c.PartSize == 0 {
		c.PartSize = 8 << 20
	}
	if c.Parallel == 0 {
		c.Parallel = 4
	}
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	if c.Checksum == "" {
		c.Checksum = CRC32C
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// String names the place for people.
func (c Config) String() string {
	return fmt.Sprintf("the bucket %s at %s", c.Bucket, c.complete().Endpoint)
}

func (c Config) host() string {
	_, host, _ := strings.Cut(c.Endpoint, "://")
	return host
}

func (c Config) secure() bool { return strings.HasPrefix(c.Endpoint, "https://") }

func (c Config) lookup() minio.BucketLookupType {
	return map[Style]minio.BucketLookupType{StylePath: minio.BucketLookupPath, StyleHost: minio.BucketLookupDNS}[c.Style]
}

// credentials gives what requests are signed with.
func (c Config) credentials() (*credentials.Credentials, error) {
	if (c.AccessKey == "") != (c.SecretKey == "") {
		return nil, bine.Errorf(bine.Invalid, "blocks: of the access key and the secret key of S3 only one is given: give both or neither")
	}
	if c.AccessKey != "" {
		return credentials.NewStaticV4(c.AccessKey, c.SecretKey, ""), nil
	}
	if c.UseIAM {
		return credentials.NewIAM(""), nil
	}
	keys := credentials.NewChainCredentials([]credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}})
	if found, err := keys.GetWithContext(nil); err != nil || found.AccessKeyID == "" {
		return nil, bine.Errorf(bine.Invalid, "blocks: there are no keys for %s: set BINE_S3_ACCESS_KEY and BINE_S3_SECRET_KEY (or s3.access_key and s3.secret_key_file in the configuration), or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or iam=true in the address", c)
	}
	return keys, nil
}

// tls says whom to trust.
func (c Config) tls() (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile == "" {
		return t, nil
	}
	text, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, bine.Errorf(bine.Invalid, "blocks: the certificates to trust (ca) cannot be read: %w", err)
	}
	if t.RootCAs, err = x509.SystemCertPool(); err != nil {
		t.RootCAs = x509.NewCertPool()
	}
	if !t.RootCAs.AppendCertsFromPEM(text) {
		return nil, bine.Errorf(bine.Invalid, "blocks: %s (ca) holds no certificate in PEM", c.CAFile)
	}
	return t, nil
}
