package mail_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/mail"
)

// mailServer is an SMTP server that keeps what it gets.
type mailServer struct {
	port    int
	refuse  string // what RCPT is answered with; taken if empty
	offers  []string
	tls     *tls.Config
	mu      sync.Mutex
	letters []letter
}

type letter struct {
	from string
	to   []string
	text string
}

// serve starts a server, which ends with the test.
func serve(t *testing.T, s *mailServer) *mailServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	var sessions sync.WaitGroup
	sessions.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			sessions.Go(func() { s.session(c) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); sessions.Wait() })
	return s
}

// session talks to one client until it goes.
func (s *mailServer) session(c net.Conn) {
	defer func() { _ = c.Close() }()
	in, out := bufio.NewReader(c), io.Writer(c)
	var now letter
	say := func(text string) { _, _ = io.WriteString(out, text+"\r\n") }
	for say("220 test"); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		switch verb, rest, _ := strings.Cut(line, " "); strings.ToUpper(verb) {
		case "EHLO":
			say("250-test")
			for _, o := range s.offers {
				say("250-" + o)
			}
			say("250 8BITMIME")
		case "STARTTLS":
			say("220 go on")
			encrypted := tls.Server(c, s.tls)
			in, out = bufio.NewReader(encrypted), encrypted
		case "MAIL":
			now = letter{from: between(rest)}
			say("250 yes")
		case "RCPT":
			if s.refuse != "" {
				say(s.refuse)
				continue
			}
			now.to = append(now.to, between(rest))
			say("250 yes")
		case "DATA":
			say("354 go on")
			for text, err := "", error(nil); text != ".\r\n" && err == nil; {
				if text, err = in.ReadString('\n'); text != ".\r\n" {
					now.text += text
				}
			}
			s.mu.Lock()
			s.letters = append(s.letters, now)
			s.mu.Unlock()
			say("250 yes")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 yes")
		}
	}
}

func between(text string) string {
	_, text, _ = strings.Cut(text, "<")
	text, _, _ = strings.Cut(text, ">")
	return text
}

// to gives a mailer that sends to a server.
func to(t *testing.T, s *mailServer, mode string) *mail.Mailer {
	t.Helper()
	m, err := mail.New(mail.Config{Host: "127.0.0.1", Port: s.port, From: "Bine <bine@example.com>", TLS: mode})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAMailArrivesWithItsSubjectAndText(t *testing.T) {
	s := serve(t, new(mailServer))
	err := to(t, s, "off").Send(t.Context(), []string{"a@example.com", "b@example.com"}, "run n-1\r\nBcc: c@example.com failed", "über\n.\nhttp://bine/")
	if err != nil {
		t.Fatal(err)
	}
	if len(s.letters) != 1 {
		t.Fatalf("%d letters came, want 1", len(s.letters))
	}
	got := s.letters[0]
	if got.from != "bine@example.com" || fmt.Sprint(got.to) != "[a@example.com b@example.com]" {
		t.Errorf("it is from %s to %v", got.from, got.to)
	}
	for _, want := range []string{"From: \"Bine\" <bine@example.com>\r\n", "Subject: run n-1 Bcc: c@example.com failed\r\n", "Content-Type: text/plain; charset=UTF-8", "=C3=BCber", "http://bine/"} {
		if !strings.Contains(got.text, want) {
			t.Errorf("it lacks %q:\n%s", want, got.text)
		}
	}
}

func TestARefusalSaysWhetherItIsForGood(t *testing.T) {
	for answer, kind := range map[string]bine.Kind{"550 nobody of that name": bine.Invalid, "451 come again later": bine.Unavailable} {
		s := serve(t, &mailServer{refuse: answer})
		err := to(t, s, "off").Send(t.Context(), []string{"a@example.com"}, "s", "t")
		if !bine.IsKind(err, kind) || len(s.letters) > 0 {
			t.Errorf("a server that says %q: %v and %d letters, want an error of kind %s", answer, err, len(s.letters), kind)
		}
	}
}

func TestAServerThatIsAwayIsAskedAgain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &mailServer{port: l.Addr().(*net.TCPAddr).Port}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := to(t, s, "off").Send(t.Context(), []string{"a@example.com"}, "s", "t"); !bine.IsKind(err, bine.Unavailable) {
		t.Errorf("a server that is away: %v, want it unavailable", err)
	}
}

func TestNothingIsSentInTheClearUnlessThatIsAllowed(t *testing.T) {
	s := serve(t, new(mailServer)) // offers no TLS
	for _, mode := range []string{"", "required"} {
		if err := to(t, s, mode).Send(t.Context(), []string{"a@example.com"}, "s", "t"); err == nil || len(s.letters) > 0 {
			t.Errorf("with tls %q: %v and %d letters, want it refused", mode, err, len(s.letters))
		}
	}
	if err := to(t, s, "opportunistic").Send(t.Context(), []string{"a@example.com"}, "s", "t"); err != nil || len(s.letters) != 1 {
		t.Errorf("opportunistic: %v and %d letters", err, len(s.letters))
	}
}

func TestAServerWhoseCertificateNobodyTrustsGetsNothing(t *testing.T) {
	web := httptest.NewUnstartedServer(nil)
	web.StartTLS()
	defer web.Close()
	s := serve(t, &mailServer{offers: []string{"STARTTLS"}, tls: &tls.Config{Certificates: web.TLS.Certificates}})
	err := to(t, s, "required").Send(t.Context(), []string{"a@example.com"}, "s", "t")
	if err == nil || !strings.Contains(err.Error(), "certificate") || len(s.letters) > 0 {
		t.Errorf("got %v and %d letters, want the certificate refused", err, len(s.letters))
	}
}

func TestSettingsThatCannotBeAreRefused(t *testing.T) {
	for what, c := range map[string]mail.Config{
		"mail.from": {Host: "h", From: "nobody"},
		"mail.tls":  {Host: "h", From: "a@example.com", TLS: "sometimes"},
	} {
		if _, err := mail.New(c); !bine.IsKind(err, bine.Invalid) || !strings.Contains(err.Error(), what) {
			t.Errorf("%+v: %v, want an error that names %s", c, err, what)
		}
	}
	m, err := mail.New(mail.Config{Host: "127.0.0.1", From: "a@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Send(t.Context(), []string{"no address"}, "s", "t"); !bine.IsKind(err, bine.Invalid) {
		t.Errorf("an address that is none: %v, want it invalid", err)
	}
}
