package store

import (
	"context"
	"net/url"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// Notice is a notice with where it goes and what it says.
type Notice struct {
	bine.Notice
	Target  string // the address, or mail addresses joined by commas
	Body    string // JSON of the message
	Request string // tells the notices of a run apart, so that none is made twice
}

// maxNoticeAttempts is how often a delivery is tried.
const maxNoticeAttempts = 8

// AddNotices puts messages about a run into the outbox. One that is there stays as it is.
func (s *Store) AddNotices(ctx context.Context, project bine.ProjectName, list []Notice) error {
	if len(list) == 0 {
		return nil
	}
	ignore := " ON CONFLICT DO NOTHING"
	if s.db.Dialect() != "sqlite" {
		ignore = " ON DUPLICATE KEY UPDATE request = request"
	}
	return s.write(ctx, func(t *tx) error {
		for _, n := range list {
			_, err := t.exec("INSERT INTO notices (project, run, step, item, event, channel, target, body, request, state, attempts, reason, at) VALUES "+in(13)+ignore,
				project, n.Run, n.Step, n.Item, n.Event, n.Channel, n.Target, n.Body, n.Request, bine.Pending, 0, "", t.now)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

const noticeColumns = "seq, run, step, item, event, channel, target, body, state, attempts, reason, at, sent_at"

func (s *Store) queryNotices(ctx context.Context, where string, args ...any) ([]Notice, error) {
	found, err := s.db.Reader(ctx).QueryContext(ctx, "SELECT "+noticeColumns+" FROM notices WHERE "+where+" ORDER BY seq", args...)
	if err != nil {
		return nil, s.db.Explain(err)
	}
	defer found.Close()
	var all []Notice
	for found.Next() {
		var n Notice
		var at int64
		var sent *int64
		if err := found.Scan(&n.ID, &n.Run, &n.Step, &n.Item, &n.Event, &n.Channel, &n.Target, &n.Body, &n.State, &n.Attempts, &n.Reason, &at, &sent); err != nil {
			return nil, err
		}
		n.At, n.SentAt = database.Time(at), maybe(sent)
		all = append(all, n)
	}
	return all, found.Err()
}

// Notices gives the messages about a run, oldest first.
func (s *Store) Notices(ctx context.Context, project bine.ProjectName, run bine.RunID) ([]Notice, error) {
	return s.queryNotices(ctx, "project = ? AND run = ?", project, run)
}

// UnsentNotices gives those that are to be sent.
func (s *Store) UnsentNotices(ctx context.Context, project bine.ProjectName, run bine.RunID) ([]Notice, error) {
	return s.queryNotices(ctx, "project = ? AND run = ? AND state = ?", project, run, bine.Pending)
}

// NoticeTried writes down how an attempt to deliver went. One that failed for
// good, or too often, is failed.
func (s *Store) NoticeTried(ctx context.Context, id int64, fault string, final bool) error {
	return s.write(ctx, func(t *tx) error {
		if fault == "" {
			_, err := t.exec("UPDATE notices SET state = ?, attempts = attempts + 1, reason = '', sent_at = ? WHERE seq = ?", bine.Succeeded, t.now, id)
			return err
		}
		if _, err := t.exec("UPDATE notices SET attempts = attempts + 1, reason = ? WHERE seq = ?", fault, id); err != nil {
			return err
		}
		_, err := t.exec("UPDATE notices SET state = ? WHERE seq = ? AND (attempts >= ? OR ?)", bine.Failed, id, maxNoticeAttempts, final)
		return err
	})
}

// Whom says where a notice goes, without what may be secret in an address.
func (n Notice) Whom() string {
	if u, err := url.Parse(n.Target); err == nil && u.Host != "" {
		return u.Host
	}
	return n.Target
}
