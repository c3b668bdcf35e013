package main

import (
	"context"
	"os"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/mail"
	"github.com/bine-ml/bine/internal/run"
	"github.com/bine-ml/bine/server/api"
)

// open makes the mailer; without a host there is none.
func (c mailConfig) open() (run.Mailer, error) {
	if c.Host == "" {
		return nil, nil
	}
	var password string
	if c.PasswordFile != "" {
		text, err := os.ReadFile(c.PasswordFile)
		if err != nil {
			return nil, bine.Errorf(bine.Invalid, "mail.password_file: %w", err)
		}
		password = strings.TrimSpace(string(text))
	}
	return mail.New(mail.Config{Host: c.Host, Port: c.Port, User: c.User, Password: password, From: c.From, TLS: c.TLS})
}

// signApproval makes the token of a link that answers an approval.
func (p *platform) signApproval(t bine.ApprovalToken) string {
	token, err := api.ApprovalToken(p.secrets, t)
	if err != nil {
		p.log.Warn("a link without a token was made", "error", err)
	}
	return token
}

// webhookSecret gives what the webhooks of a project are signed with, making
// it where there is none. It is kept sealed.
func (p *platform) webhookSecret(ctx context.Context, project bine.ProjectName) (string, error) {
	return api.WebhookSecret(ctx, p.store, p.secrets, project)
}
