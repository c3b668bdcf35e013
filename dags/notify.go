package dags

// NotifyAction posts a message to a webhook.
type NotifyAction struct {
	Webhook string `json:"webhook"`
	Message string `json:"message"` // may hold expressions
}

// Kind gives notify.
func (NotifyAction) Kind() string { return "notify" }

func (NotifyAction) outputs() map[string]Type { return nil }
func (NotifyAction) refs() []Ref              { return nil }

func (a NotifyAction) check(c *checker, s *Step) {
	c.webhook(s.at("notify", "webhook"), a.Webhook)
	if a.Message == "" {
		c.faultf(s.at("notify", "message"), "the message is empty")
	}
}

func (a NotifyAction) rewrite(f rewriter) (Action, error) {
	var err error
	a.Message, err = f.text(place("notify", "message"), a.Message)
	return a, err
}

func notifyFields() []field[NotifyAction] {
	return []field[NotifyAction]{
		{name: "webhook", required: true, doc: "Address that the message is posted to, http or https.", schema: schema{"type": "string", "format": "uri"},
			read: func(v value, a *NotifyAction) { a.Webhook = v.text() }},
		{name: "message", required: true, doc: "Text of the message; it may hold expressions.", schema: schema{"type": "string"},
			read: func(v value, a *NotifyAction) { a.Message = v.text() }},
	}
}

func notifyKind() Kind {
	return mappingKind(Kind{
		Name: "notify",
		Doc:  "Posts a message to a webhook.",
	}, notifyFields())
}
