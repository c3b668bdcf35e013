package templates

import (
	"html/template"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// ConnectorsPage shows what leads from a project to files that are kept
// elsewhere, and what was copied from and to there.
type ConnectorsPage struct {
	Shell
	Connectors []bine.Connector
	Transfers  []bine.Transfer
	Edit       bine.Connector // that the form is filled with; without a name it makes one
	Encryption client.Encryption
}

// KeyInUse is the version of the key with which what is written now is sealed.
func (p ConnectorsPage) KeyInUse() int64 { return p.key().Version }

// KeyMade is when it was made.
func (p ConnectorsPage) KeyMade() time.Time { return p.key().CreatedAt }

func (p ConnectorsPage) key() client.KeyVersion {
	for _, k := range p.Encryption.Keys {
		if k.Used {
			return k
		}
	}
	return client.KeyVersion{}
}

var connectorsPage = load("connectors.html")

func (p ConnectorsPage) page() *template.Template { return connectorsPage }

// LeadsTo says in one line what a connector leads to.
func (p ConnectorsPage) LeadsTo(c bine.Connector) string {
	switch c.Kind {
	case bine.ConnectorS3:
		at := c.Bucket
		if c.Root != "" {
			at += "/" + c.Root
		}
		return at + " at " + c.Endpoint
	case bine.ConnectorWebHDFS:
		return c.Root + " at " + c.Endpoint
	}
	return c.Root
}

// Writers says who writes through a connector.
func (p ConnectorsPage) Writers(a bine.ConnectorAccess) string {
	switch a {
	case bine.ConnectorOwners:
		return "Data Owners"
	case bine.ConnectorMembers:
		return "all members"
	}
	return "nobody"
}

// Kinds and Accesses are what the form offers.
func (p ConnectorsPage) Kinds() []bine.ConnectorKind {
	return []bine.ConnectorKind{bine.ConnectorS3, bine.ConnectorWebHDFS, bine.ConnectorDirectory}
}

// Accesses are who may write.
func (p ConnectorsPage) Accesses() []bine.ConnectorAccess {
	return []bine.ConnectorAccess{bine.ConnectorRead, bine.ConnectorOwners, bine.ConnectorMembers}
}

// Copying reports whether a transfer goes on, so that the page looks again.
func (p ConnectorsPage) Copying() bool {
	for _, t := range p.Transfers {
		if !t.State.Ended() {
			return true
		}
	}
	return false
}
