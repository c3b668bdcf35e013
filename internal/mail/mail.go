// Package mail sends mail through an SMTP server (RFC 5321).
package mail

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/bine-ml/bine"
)

// Config says where mail goes out.
type Config struct {
	Host     string
	Port     int // 587 if 0
	User     string
	Password string
	From     string
	TLS      string // required (if empty), opportunistic, or off
}

// Mailer sends mail.
type Mailer struct{ config Config }

// timeout bounds one delivery.
const timeout = 20 * time.Second

// New makes a mailer; faults of the configuration are Invalid.
func New(c Config) (*Mailer, error) {
	if c.Port == 0 {
		c.Port = 587
	}
	if err := mail.NewMsg().From(c.From); err != nil {
		return nil, bine.Errorf(bine.Invalid, "mail.from: %q is not a mail address", c.From)
	}
	if _, known := policies()[c.TLS]; !known {
		return nil, bine.Errorf(bine.Invalid, "mail.tls: %q is not one of required, opportunistic and off", c.TLS)
	}
	return &Mailer{c}, nil
}

func policies() map[string]mail.TLSPolicy {
	return map[string]mail.TLSPolicy{"": mail.TLSMandatory, "required": mail.TLSMandatory, "opportunistic": mail.TLSOpportunistic, "off": mail.NoTLS}
}

// Send sends a text. An address that the server refuses is Invalid, one that
// may be accepted later Unavailable.
func (m *Mailer) Send(ctx context.Context, to []string, subject, text string) error {
	message := mail.NewMsg()
	if err := message.From(m.config.From); err != nil {
		return bine.Errorf(bine.Invalid, "mail.from: %w", err)
	}
	if err := message.To(to...); err != nil {
		return bine.Errorf(bine.Invalid, "%s: %w", strings.Join(to, ", "), err)
	}
	message.Subject(strings.Join(strings.Fields(subject), " "))
	message.SetBodyString(mail.TypeTextPlain, text)
	dial, hangUp := dialer()
	defer hangUp()
	options := []mail.Option{mail.WithPort(m.config.Port), mail.WithTLSPolicy(policies()[m.config.TLS]), mail.WithTimeout(timeout), mail.WithDialContextFunc(dial)}
	if m.config.User != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(m.config.User), mail.WithPassword(m.config.Password))
	}
	client, err := mail.NewClient(m.config.Host, options...)
	if err != nil {
		return bine.Errorf(bine.Invalid, "mail: %w", err)
	}
	if err := client.DialAndSendWithContext(ctx, message); err != nil {
		return bine.Errorf(kindOf(err), "%s: %w", net.JoinHostPort(m.config.Host, fmt.Sprint(m.config.Port)), err)
	}
	return nil
}

// dialer gives what connects, and what ends that connection: the library leaves
// it open where the server offers no TLS, or none that is trusted.
func dialer() (dial mail.DialContextFunc, hangUp func()) {
	var open []net.Conn
	dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{Timeout: timeout}).DialContext(ctx, network, address)
		if err == nil {
			open = append(open, c)
		}
		return c, err
	}
	return dial, func() {
		for _, c := range open {
			_ = c.Close() // which it may be already
		}
	}
}

// kindOf tells what is worth another try: everything but a refusal for good (5yz).
func kindOf(err error) bine.Kind {
	if e, ok := errors.AsType[*mail.SendError](err); ok && !e.IsTemp() && e.ErrorCode() >= 500 {
		return bine.Invalid
	}
	return bine.Unavailable
}
