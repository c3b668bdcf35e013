package embedded

import (
	"log/slog"
	"net"
	"strings"
	"testing"
)

// Only from inside can a port be taken between the look at it and its use.
func TestAPortTakenInTheLastMomentIsAnError(t *testing.T) {
	taken, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s := &Server{failed: make(chan error, 1), options: Options{
		Dir: t.TempDir(), Namespace: "bine", Port: taken.Addr().(*net.TCPAddr).Port,
	}}
	s.log = newLogger(slog.New(slog.DiscardHandler), s.failed)
	if s.stores, err = prepareStores(t.Context(), s.options.Dir, "", s.log); err != nil {
		t.Fatal(err)
	}
	if s.certs, err = newCertificates(net.ParseIP(loopback)); err != nil {
		t.Fatal(err)
	}
	err = s.launch(t.Context())
	if err == nil || !strings.Contains(err.Error(), "listener") {
		t.Errorf("launch on a taken port: got %v, want an error about the listener", err)
	}
}
