// Package preview shows the beginning of a file: text, a table, a notebook. What
// it is given is what anybody uploaded, so it believes nothing that a file says of
// its own size, takes a bounded amount of memory and time, and answers an error
// where others would end. What it gives is text and values only: nothing of it is
// markup, and whoever draws it has to escape it as any text.
package preview

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"runtime/debug"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// The limits of a preview.
const (
	TextBytes     = 64 << 10 // of a text
	TableBytes    = 256 << 10
	NotebookBytes = 4 << 20
	mostRows      = 200
	mostCells     = 200 // columns of a table of text
	longestCell   = 1000
)

// Of shows the beginning of a file of a size, by the ending of its name and by
// what is in it. What cannot be shown has the kind none, and a note that says why.
func Of(ctx context.Context, name string, size int64, src io.ReaderAt) (p client.FilePreview, err error) {
	defer func() {
		if r := recover(); r != nil {
			p, err = client.FilePreview{}, fmt.Errorf("preview of %s: %v\n%s", name, r, debug.Stack())
		}
	}()
	p, err = of(name, size, src)
	if e, ok := errors.AsType[*bine.Error](err); ok {
		return client.FilePreview{}, e // of the file system
	}
	if ctx.Err() != nil {
		return client.FilePreview{}, ctx.Err()
	}
	if err != nil {
		return client.FilePreview{Kind: client.PreviewNone, Note: err.Error()}, nil
	}
	return p, nil
}

func of(name string, size int64, src io.ReaderAt) (client.FilePreview, error) {
	switch strings.ToLower(path.Ext(name)) {
	case ".png", ".jpg", ".jpeg", ".gif", ".webp":
		return client.FilePreview{Kind: client.PreviewImage}, nil
	case ".parquet", ".parq", ".pq":
		return parquet(src, size)
	case ".ipynb":
		if text, cut, err := head(src, size, NotebookBytes); err != nil || !cut {
			if p, ok := notebook(text); ok || err != nil {
				return p, err
			}
		}
	case ".csv":
		return fromText(src, size, TableBytes, func(t []byte, cut bool) client.FilePreview { return Table(t, separator(t), cut) })
	case ".tsv", ".tab":
		return fromText(src, size, TableBytes, func(t []byte, cut bool) client.FilePreview { return Table(t, '\t', cut) })
	case ".jsonl", ".ndjson":
		return fromText(src, size, TableBytes, jsonLines)
	case ".json", ".geojson":
		return fromText(src, size, TextBytes, jsonText)
	case ".md", ".markdown":
		return fromText(src, size, TextBytes, func(t []byte, cut bool) client.FilePreview {
			return client.FilePreview{Kind: client.PreviewMarkdown, Text: string(t), Truncated: cut}
		})
	}
	return fromText(src, size, TextBytes, plainText)
}

func plainText(t []byte, cut bool) client.FilePreview {
	return client.FilePreview{Kind: client.PreviewText, Text: string(t), Truncated: cut}
}

// head reads up to most bytes from the beginning.
func head(src io.ReaderAt, size, most int64) (text []byte, cut bool, err error) {
	text = make([]byte, min(size, most))
	n, err := io.ReadFull(io.NewSectionReader(src, 0, int64(len(text))), text)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = nil
	}
	return text[:n], size > int64(n), err
}

// fromText shows what is text, whatever its encoding.
func fromText(src io.ReaderAt, size, most int64, show func([]byte, bool) client.FilePreview) (client.FilePreview, error) {
	raw, cut, err := head(src, size, most)
	if err != nil {
		return client.FilePreview{}, err
	}
	text, encoding, ok := Decode(raw)
	if !ok {
		return client.FilePreview{Kind: client.PreviewNone}, nil
	}
	p := show(text, cut)
	if encoding != "" && p.Note == "" {
		p.Note = "read as " + encoding
	}
	return p, nil
}

// Decode gives a text as UTF-8, and the encoding that it was in where that is
// another. What is no text is not ok. A character that is cut off at the end is
// left out.
func Decode(raw []byte) (text []byte, encoding string, ok bool) {
	switch {
	case bytes.HasPrefix(raw, []byte("\xef\xbb\xbf")):
		raw = raw[3:]
	case bytes.HasPrefix(raw, []byte("\xff\xfe")):
		return fromUTF16(raw[2:], 0, 1), "UTF-16", true
	case bytes.HasPrefix(raw, []byte("\xfe\xff")):
		return fromUTF16(raw[2:], 1, 0), "UTF-16", true
	}
	if bytes.IndexByte(raw, 0) >= 0 {
		return nil, "", false
	}
	if text := whole(raw); utf8.Valid(text) {
		return text, "", true
	}
	control := 0
	for _, b := range raw {
		if b < ' ' && b != '\n' && b != '\r' && b != '\t' && b != '\f' && b != 0x1b {
			control++
		}
	}
	if control*100 > len(raw) {
		return nil, "", false
	}
	runes := make([]rune, len(raw))
	for i, b := range raw {
		runes[i] = rune(b)
	}
	return []byte(string(runes)), "Latin-1", true
}

func fromUTF16(raw []byte, low, high int) []byte {
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = uint16(raw[2*i+low]) | uint16(raw[2*i+high])<<8
	}
	return []byte(string(utf16.Decode(units)))
}

// whole leaves out a character that is cut off at the end.
func whole(text []byte) []byte {
	for i := 1; i < utf8.UTFMax && i <= len(text); i++ {
		if at := len(text) - i; utf8.RuneStart(text[at]) {
			if !utf8.FullRune(text[at:]) {
				return text[:at]
			}
			break
		}
	}
	return text
}

// clip shortens what is shown in one cell, and makes it UTF-8.
func clip(s string) string {
	if len(s) <= longestCell {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	return strings.ToValidUTF8(s[:longestCell], "") + "…"
}
