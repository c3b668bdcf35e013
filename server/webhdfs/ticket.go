package webhdfs

import (
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/bine-ml/bine"
)

// Content is sent and fetched in two steps: the first answers an address, the
// second goes there. Some clients say who they are in the first step only. So
// the address has a ticket, unless the first step had its credential in the
// address anyway: then the second has the same.
//
// A ticket is sealed, so that who reads it learns nothing, and holds the
// credential of the first step, so that it is worth no more than that is at the
// time: a key that is revoked takes its tickets along. It is good for that
// operation on that path with those parameters, and not for long.

// The parameters of second steps.
const (
	dataParam   = "data" // as HttpFS calls it
	ticketParam = "ticket"
)

const ticketLife = 15 * time.Minute

type ticket struct {
	Credential string    `json:"c"`
	Query      string    `json:"q"`
	Until      time.Time `json:"t"`
}

func (c *call) ticketPlace() string { return "webhdfs/" + c.op.name + c.asked }

// secondStep reports whether the content belongs to this request.
func (c *call) secondStep() (bool, error) { return c.params.flag(dataParam, false) }

// redirect answers the first step.
func (c *call) redirect() (answer, error) {
	c.redirected = true
	here, err := c.params.flag("noredirect", false)
	if err != nil {
		return answer{}, err
	}
	location, err := c.location()
	if err != nil {
		return answer{}, err
	}
	if here {
		return as("Location", location), nil
	}
	return answer{status: http.StatusTemporaryRedirect, location: location}, nil
}

// location is the address of the second step.
func (c *call) location() (string, error) {
	query := url.Values{}
	for name, list := range c.params {
		switch name {
		case "delegation", "user.name", "noredirect", ticketParam, dataParam:
		default:
			query[name] = list
		}
	}
	query.Set(dataParam, "true")
	if c.inAddress {
		query.Set("delegation", c.said)
	} else {
		text, err := json.Marshal(ticket{c.said, query.Encode(), c.door.Now().Add(ticketLife)})
		if err != nil {
			return "", err
		}
		sealed, err := c.door.Sealer.Seal(string(text), c.ticketPlace())
		if err != nil {
			return "", err
		}
		query.Set(ticketParam, sealed)
	}
	at := url.URL{Scheme: c.scheme("http", "https"), Host: c.r.Host, Path: Root + c.asked, RawQuery: query.Encode()}
	return at.String(), nil
}

// scheme is that by which the client came.
func (c *call) scheme(plain, secure string) string {
	if c.r.TLS != nil || c.door.Secure {
		return secure
	}
	return plain
}

// useTicket makes the request that which its ticket was given for; without one
// it leaves the request as it is.
func (c *call) useTicket() error {
	sealed := c.params.text(ticketParam)
	if sealed == "" {
		return nil
	}
	bad := bine.Errorf(bine.Unauthenticated, "the ticket in the address is not good, or no longer: ask for an address again")
	text, err := c.door.Sealer.Open(sealed, c.ticketPlace())
	if err != nil {
		return bad
	}
	var t ticket
	if err := json.Unmarshal([]byte(text), &t); err != nil || !c.door.Now().Before(t.Until) {
		return bad
	}
	if c.params, err = readParams(t.Query); err != nil {
		return bad
	}
	c.said, c.inAddress = t.Credential, false
	return nil
}
