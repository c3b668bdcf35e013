package s3_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs/block/s3/s3test"
	"github.com/bine-ml/bine/dfs/lake"
	"github.com/bine-ml/bine/dfs/lake/laketest"
	"github.com/bine-ml/bine/dfs/lake/s3"
)

func connector(t *testing.T, server *s3test.Server) bine.Connector {
	t.Helper()
	return bine.Connector{Name: "sales", Kind: bine.ConnectorS3, Endpoint: "http://" + server.Address, Bucket: server.Bucket(t), Root: "lake/sales", AccessKey: s3test.AccessKey}
}

func open(t *testing.T, c bine.Connector, secret string) *s3.Lake {
	t.Helper()
	l, err := s3.Open(c, secret, lake.NewTransport(true))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestS3(t *testing.T) {
	server := s3test.Start(t)
	laketest.Run(t, func(t *testing.T) lake.Lake { return open(t, connector(t, server), s3test.SecretKey) })
}

func TestFaultsSayWhatIsWrong(t *testing.T) {
	server := s3test.Start(t)
	good := connector(t, server)
	with := func(change func(*bine.Connector)) bine.Connector { c := good; change(&c); return c }
	closed := httptest.NewServer(nil)
	closed.Close()
	tls := httptest.NewTLSServer(http.NotFoundHandler())
	defer tls.Close()
	for name, c := range map[string]struct {
		connector bine.Connector
		secret    string
		kind      bine.Kind
		says      string
	}{
		"a wrong secret":     {good, "wrong-secret-value", bine.Forbidden, "secret key"},
		"an unknown key":     {with(func(c *bine.Connector) { c.AccessKey = "nobody" }), s3test.SecretKey, bine.Forbidden, "access key"},
		"no such bucket":     {with(func(c *bine.Connector) { c.Bucket = "none-here" }), s3test.SecretKey, bine.NotFound, "no bucket none-here"},
		"nobody listens":     {with(func(c *bine.Connector) { c.Endpoint = closed.URL }), s3test.SecretKey, bine.Unavailable, "refuses connections"},
		"no TLS there":       {with(func(c *bine.Connector) { c.Endpoint = "https://" + server.Address }), s3test.SecretKey, bine.Invalid, "TLS"},
		"a certificate":      {with(func(c *bine.Connector) { c.Endpoint = tls.URL }), s3test.SecretKey, bine.Invalid, "not trusted"},
		"no such host":       {with(func(c *bine.Connector) { c.Endpoint = "http://name.that.is.not.there.invalid" }), s3test.SecretKey, bine.Unavailable, "name.that.is.not.there.invalid"},
		"nobody who is none": {with(func(c *bine.Connector) { c.AccessKey = "" }), "", bine.Forbidden, "denied"},
	} {
		_, err := open(t, c.connector, c.secret).List(t.Context(), "", "", 1)
		if !bine.IsKind(err, c.kind) || !strings.Contains(err.Error(), c.says) || c.secret != "" && strings.Contains(err.Error(), c.secret) {
			t.Errorf("%s: %v, want the kind %s and %q", name, err, c.kind, c.says)
		}
	}
	inside, err := s3.Open(good, s3test.SecretKey, lake.NewTransport(false))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := inside.List(t.Context(), "", "", 1); !bine.IsKind(err, bine.Forbidden) || !strings.Contains(err.Error(), "connectors.allow_private") {
		t.Errorf("a private address: %v", err)
	}
}
