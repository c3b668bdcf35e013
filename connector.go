package bine

import (
	"net/url"
	"path"
	"strings"
	"time"
)

// ConnectorName names a connector in a project.
type ConnectorName string

// Check says what is wrong with the name, if anything.
func (n ConnectorName) Check() error { return check("connector", string(n), nameForm, 63, plainRule) }

// LakeDir is the directory at the top of a project below which its connectors
// appear: .lake/<connector>/<path in it>.
const LakeDir = ".lake"

// Path is where a project finds what a connector leads to.
func (n ConnectorName) Path(parts ...string) string {
	return strings.TrimSuffix(path.Join(append([]string{LakeDir, string(n)}, parts...)...), "/")
}

// ConnectorKind says what a connector leads to.
type ConnectorKind string

// The kinds of connectors.
const (
	ConnectorS3        ConnectorKind = "s3"        // a bucket of a service that speaks the S3 protocol
	ConnectorWebHDFS   ConnectorKind = "webhdfs"   // a directory of a file system that speaks WebHDFS
	ConnectorDirectory ConnectorKind = "directory" // a directory of the server's host
)

// ConnectorAccess says who of a project may write through a connector; all of it read.
type ConnectorAccess string

// The accesses, of which each includes the one before.
const (
	ConnectorRead    ConnectorAccess = "read"    // nobody writes
	ConnectorOwners  ConnectorAccess = "owners"  // Data Owners write
	ConnectorMembers ConnectorAccess = "members" // Data Scientists write too
)

// Allows reports whether a role may write.
func (a ConnectorAccess) Allows(r Role) bool {
	return a == ConnectorMembers && r.Includes(DataScientist) || a == ConnectorOwners && r.Includes(DataOwner)
}

// Connector leads from a project to files that are kept elsewhere. What it
// signs in with is written once and given out by nobody.
type Connector struct {
	Name        ConnectorName   `json:"name"`
	Kind        ConnectorKind   `json:"kind" enum:"s3,webhdfs,directory"`
	Description string          `json:"description,omitempty"`
	Access      ConnectorAccess `json:"access" enum:"read,owners,members" doc:"who may write; all members read"`
	// S3 and WebHDFS.
	Endpoint string `json:"endpoint,omitempty" doc:"of s3 scheme, host and port; of webhdfs with the path too, mostly /webhdfs/v1"`
	// S3.
	Region    string `json:"region,omitempty" doc:"of s3; us-east-1 where empty"`
	Bucket    string `json:"bucket,omitempty" doc:"of s3"`
	AccessKey string `json:"access_key,omitempty" doc:"of s3: the key whose secret is kept; both empty for what everybody may read"`
	// S3, WebHDFS and directory.
	Root string `json:"root,omitempty" doc:"what is shown: of s3 the prefix of the keys, of webhdfs the directory, of directory the one of the server's host"`
	// WebHDFS.
	User string `json:"user,omitempty" doc:"of webhdfs: user.name, where no token is kept"`
	// HasSecret says that a secret is kept: the secret key, or the bearer token.
	HasSecret bool      `json:"has_secret" readOnly:"true"`
	CreatedBy UserName  `json:"created_by" readOnly:"true"`
	CreatedAt time.Time `json:"created_at" readOnly:"true"`
	UpdatedAt time.Time `json:"updated_at" readOnly:"true"`
}

// longest is how long a setting of a connector may be.
const longestConnectorSetting = 1024

// Check says what is wrong with the settings of a connector, if anything, and
// gives them in their one form.
func (c Connector) Check() (Connector, error) {
	if err := c.Name.Check(); err != nil {
		return c, err
	}
	if c.Access == "" {
		c.Access = ConnectorRead
	}
	if c.Access != ConnectorRead && c.Access != ConnectorOwners && c.Access != ConnectorMembers {
		return c, Errorf(Invalid, "access %q is not known: read, owners or members", c.Access)
	}
	for _, s := range []string{c.Endpoint, c.Region, c.Bucket, c.AccessKey, c.Root, c.User, c.Description} {
		if len(s) > longestConnectorSetting || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return c, Errorf(Invalid, "a setting of connector %q is over %d bytes long or has a control character", string(c.Name), longestConnectorSetting)
		}
	}
	switch c.Kind {
	case ConnectorS3:
		return c.checkS3()
	case ConnectorWebHDFS:
		return c.checkWebHDFS()
	case ConnectorDirectory:
		return c.checkDirectory()
	}
	return c, Errorf(Invalid, "the kind of a connector is s3, webhdfs or directory, not %q", c.Kind)
}

func (c Connector) checkS3() (Connector, error) {
	if c.User != "" {
		return c, c.foreign("user")
	}
	if len(c.Bucket) < 3 || len(c.Bucket) > 63 || strings.ContainsAny(c.Bucket, "/ ?#%\\") {
		return c, Errorf(Invalid, "connector %q needs the name of a bucket, of 3 to 63 characters", string(c.Name))
	}
	if c.Endpoint == "" {
		c.Endpoint = "https://s3.amazonaws.com"
	}
	u, err := c.address()
	if err != nil {
		return c, err
	}
	if strings.Trim(u.Path, "/") != "" {
		return c, Errorf(Invalid, "the endpoint of connector %q has a path: write https://host:port, and the rest as bucket and root", string(c.Name))
	}
	c.Endpoint = u.Scheme + "://" + u.Host
	c.Root = strings.Trim(c.Root, "/")
	return c, c.checkRoot("/" + c.Root)
}

func (c Connector) checkWebHDFS() (Connector, error) {
	switch {
	case c.Bucket != "":
		return c, c.foreign("bucket")
	case c.Region != "":
		return c, c.foreign("region")
	case c.AccessKey != "":
		return c, c.foreign("access_key")
	}
	u, err := c.address()
	if err != nil {
		return c, err
	}
	if u.Path = strings.TrimSuffix(u.Path, "/"); u.Path == "" {
		u.Path = "/webhdfs/v1"
	}
	c.Endpoint = u.Scheme + "://" + u.Host + u.Path
	c.Root = "/" + strings.Trim(c.Root, "/")
	return c, c.checkRoot(c.Root)
}

func (c Connector) checkDirectory() (Connector, error) {
	for name, value := range map[string]string{"endpoint": c.Endpoint, "bucket": c.Bucket, "region": c.Region, "access_key": c.AccessKey, "user": c.User} {
		if value != "" {
			return c, c.foreign(name)
		}
	}
	if !path.IsAbs(c.Root) || path.Clean(c.Root) != c.Root && path.Clean(c.Root)+"/" != c.Root {
		return c, Errorf(Invalid, "the root of connector %q is an absolute path of the server's host, without . and ..", string(c.Name))
	}
	c.Root = path.Clean(c.Root)
	return c, nil
}

func (c Connector) foreign(setting string) error {
	return Errorf(Invalid, "a connector of kind %s has no %s", c.Kind, setting)
}

func (c Connector) checkRoot(root string) error {
	if path.Clean(root) != root {
		return Errorf(Invalid, "the root of connector %q has an empty component, . or ..", string(c.Name))
	}
	return nil
}

// address reads the endpoint. Its errors quote nothing of it: it may hold a secret.
func (c Connector) address() (*url.URL, error) {
	u, err := url.Parse(c.Endpoint)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, Errorf(Invalid, "the endpoint of connector %q is no address: http://host… or https://host… is expected", string(c.Name))
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, Errorf(Invalid, "the endpoint of connector %q holds more than a host and a path: what is signed in with is given apart", string(c.Name))
	}
	return u, nil
}

// SameService reports whether two connectors sign in at the same place as the
// same one, so that the secret of one is good for the other.
func (c Connector) SameService(o Connector) bool {
	return c.Kind == o.Kind && c.Endpoint == o.Endpoint && c.AccessKey == o.AccessKey && c.Bucket == o.Bucket
}
