package dags

import (
	"strings"

	"github.com/bine-ml/bine"
)

// Transfer is what a step copies between a connector and the project's files.
type Transfer struct {
	Connector bine.ConnectorName `json:"connector"`
	From      string             `json:"from,omitempty"` // may hold expressions; of an import empty is all of the connector
	To        string             `json:"to,omitempty"`   // may hold expressions; of an export empty is the top of the connector
}

// ImportAction copies from a connector into a directory of the project, and
// waits for the end of the transfer without holding a worker. What is there
// already and unchanged is passed over. Its outputs are transfer, the
// transfer's id, and copied, skipped and bytes: how many files were copied, how
// many were there, and the bytes that were copied.
type ImportAction struct{ Transfer }

// ExportAction is ImportAction the other way: from the project's files into a
// directory of a connector.
type ExportAction struct{ Transfer }

// Kind gives import.
func (ImportAction) Kind() string { return "import" }

// Kind gives export.
func (ExportAction) Kind() string { return "export" }

func (Transfer) outputs() map[string]Type {
	return map[string]Type{"transfer": String, "copied": Int, "skipped": Int, "bytes": Int}
}
func (Transfer) refs() []Ref { return nil }

func (a ImportAction) check(c *checker, s *Step) {
	c.name(s.at("import", "connector"), a.Connector)
	if strings.TrimSpace(a.To) == "" {
		c.faultf(s.at("import", "to"), "where to? Write a directory of the project's files")
	}
}

func (a ExportAction) check(c *checker, s *Step) {
	c.name(s.at("export", "connector"), a.Connector)
	if strings.TrimSpace(a.From) == "" {
		c.faultf(s.at("export", "from"), "what? Write a file or directory of the project's files")
	}
}

func (t Transfer) rewrite(f rewriter, kind string) (Transfer, error) {
	var err error
	if t.From, err = f.text(place(kind, "from"), t.From); err != nil {
		return t, err
	}
	t.To, err = f.text(place(kind, "to"), t.To)
	return t, err
}

func (a ImportAction) rewrite(f rewriter) (Action, error) {
	var err error
	a.Transfer, err = a.Transfer.rewrite(f, "import")
	return a, err
}

func (a ExportAction) rewrite(f rewriter) (Action, error) {
	var err error
	a.Transfer, err = a.Transfer.rewrite(f, "export")
	return a, err
}

func transferFields(from, to string, importing bool) []field[Transfer] {
	return []field[Transfer]{
		{name: "connector", required: true, doc: "Name of a connector of the project.", schema: textSchema,
			read: func(v value, t *Transfer) { t.Connector = bine.ConnectorName(v.text()) }},
		{name: "from", required: !importing, doc: from, schema: textSchema,
			read: func(v value, t *Transfer) { t.From = v.text() }},
		{name: "to", required: importing, doc: to, schema: textSchema,
			read: func(v value, t *Transfer) { t.To = v.text() }},
	}
}

func importKind() Kind {
	return wrappedKind(Kind{Name: "import", Waits: true,
		Doc: "Copies from a connector into the project's files, as a transfer that survives any crash; its outputs are transfer, copied, skipped and bytes."},
		transferFields("File or directory in the connector, all of it if absent; it may hold expressions.", "Directory of the project that it comes into; it may hold expressions.", true),
		func(t Transfer) ImportAction { return ImportAction{t} })
}

func exportKind() Kind {
	return wrappedKind(Kind{Name: "export", Waits: true,
		Doc: "Copies from the project's files to a connector, as a transfer that survives any crash; its outputs are transfer, copied, skipped and bytes."},
		transferFields("File or directory of the project; it may hold expressions.", "Directory in the connector that it comes into, its top if absent; it may hold expressions.", false),
		func(t Transfer) ExportAction { return ExportAction{t} })
}
