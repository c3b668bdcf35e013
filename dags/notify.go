package dags

import (
	"net/mail"
	"slices"
	"strings"
)

// NotifyAction sends a message: exactly one of Webhook, Slack and Mail is set.
type NotifyAction struct {
	Webhook string   `json:"webhook,omitempty"`
	Slack   string   `json:"slack,omitempty"`
	Mail    []string `json:"mail,omitempty"`
	Message string   `json:"message"` // may hold expressions
}

// Kind gives notify.
func (NotifyAction) Kind() string { return "notify" }

// Address is where the message goes.
func (a NotifyAction) Address() Notify {
	return Notify{Webhook: a.Webhook, Slack: a.Slack, Mail: a.Mail, Message: a.Message}
}

func (NotifyAction) outputs() map[string]Type { return nil }
func (NotifyAction) refs() []Ref              { return nil }

func (a NotifyAction) check(c *checker, s *Step) {
	c.address(s.at("notify"), a.Address())
	if a.Message == "" {
		c.faultf(s.at("notify", "message"), "the message is empty")
	}
}

func (a NotifyAction) rewrite(f rewriter) (Action, error) {
	var err error
	a.Message, err = f.text(place("notify", "message"), a.Message)
	return a, err
}

// address checks that a message goes to exactly one kind of place.
func (c *checker) address(at string, n Notify) {
	given := 0
	for _, set := range []bool{n.Webhook != "", n.Slack != "", len(n.Mail) > 0} {
		if set {
			given++
		}
	}
	if given != 1 {
		c.faultf(at, "a message goes to exactly one of webhook, slack and mail")
		return
	}
	switch {
	case n.Webhook != "":
		c.webhook(place(at, "webhook"), n.Webhook)
	case n.Slack != "":
		c.webhook(place(at, "slack"), n.Slack)
	}
	for i, address := range n.Mail {
		if parsed, err := mail.ParseAddress(address); err != nil || parsed.Address != address || strings.ContainsAny(address, "\r\n") {
			c.faultf(place(at, "mail", i), "%q is not a mail address", shorten(address))
		}
	}
}

func readAddresses(v value) []string {
	if v.isScalar() {
		return []string{v.text()}
	}
	return v.texts()
}

// addressFields are the keys that say where a message goes.
func addressFields[T any](into func(*T) (webhook, slack *string, mail *[]string)) []field[T] {
	return []field[T]{
		{name: "webhook", doc: "Address that JSON is posted to, signed.", schema: schema{"type": "string", "format": "uri"},
			read: func(v value, t *T) { w, _, _ := into(t); *w = v.text() }},
		{name: "slack", doc: "Address of a Slack-compatible incoming webhook.", schema: schema{"type": "string", "format": "uri"},
			read: func(v value, t *T) { _, s, _ := into(t); *s = v.text() }},
		{name: "mail", doc: "Mail addresses.", schema: schema{"oneOf": []any{schema{"type": "string"}, listOf(textSchema)}},
			read: func(v value, t *T) { _, _, m := into(t); *m = readAddresses(v) }},
	}
}

func notifyFields() []field[NotifyAction] {
	return append(addressFields(func(a *NotifyAction) (*string, *string, *[]string) { return &a.Webhook, &a.Slack, &a.Mail }),
		field[NotifyAction]{name: "message", required: true, doc: "Text of the message; it may hold expressions.", schema: schema{"type": "string"},
			read: func(v value, a *NotifyAction) { a.Message = v.text() }})
}

func notifyKind() Kind {
	return mappingKind(Kind{
		Name: "notify",
		Doc:  "Sends a message to a webhook, to Slack or by mail.",
	}, notifyFields())
}

// hookFields are those of a notification of the pipeline.
func hookFields() []field[Notify] {
	fields := []field[Notify]{
		{name: "on", required: true, doc: "One of failure, success, always, recovery and late.", schema: enum(NotifyOn()...),
			read: func(v value, n *Notify) { n.On = v.choice(NotifyOn()) }},
	}
	return append(fields, channelFields()...)
}

// channelFields are those of a notification whose event is clear.
func channelFields() []field[Notify] {
	return append(addressFields(func(n *Notify) (*string, *string, *[]string) { return &n.Webhook, &n.Slack, &n.Mail }),
		field[Notify]{name: "message", doc: "Text of the message, with expressions that can read event, reason and link too; the usual sentence if absent.", schema: textSchema,
			read: func(v value, n *Notify) { n.Message = v.text() }})
}

func readHooks(v value) []Notify {
	var list []Notify
	for _, item := range v.items("a list of notifications") {
		var n Notify
		readFields(item, "a notification", hookFields(), &n)
		list = append(list, n)
	}
	return list
}

func readChannels(v value) []Notify {
	var list []Notify
	for _, item := range v.items("a list of notifications") {
		var n Notify
		readFields(item, "a notification", channelFields(), &n)
		list = append(list, n)
	}
	return list
}

// checkNotify checks a notification of a pipeline or an approval.
func (c *checker) checkNotify(at string, n Notify, events bool) {
	if events && !slices.Contains(NotifyOn(), n.On) {
		c.faultf(place(at, "on"), "%q is not one of %s", n.On, strings.Join(NotifyOn(), ", "))
	}
	c.address(at, n)
}
