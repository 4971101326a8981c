package feed

import (
	"bytes"
	"mime"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"rapport/shared/fault"
	"rapport/shared/pattern"
	"rapport/shared/rest"
)

// Feeds are read in UTF-8 and in every encoding of one byte a character. The tables of the others are larger than the rest
// of this package; who writes those languages has long published in UTF-8. The bytes that came stay in the archive.

// declared finds the encoding that a document of XML names.
var declared = pattern.New(`^\s*<\?xml[^>]*?\bencoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']`)

// head is how much of a document its declaration may take, in bytes.
const head = 400

// utf gives an answer's body in UTF-8 where only its header says what it is in; else the document says it itself.
func utf(resp rest.Response) []byte {
	body := bytes.TrimPrefix(resp.Body, []byte("\ufeff"))
	if utf8.Valid(body) || declared().Match(body[:min(len(body), head)]) {
		return body
	}
	_, params, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		return body
	}
	table, known := table(params["charset"])
	if !known || table == nil {
		return body
	}
	out, err := table.NewDecoder().Bytes(body)
	if err != nil {
		return body
	}
	return out
}

// unified gives a document in UTF-8, and lets its declaration say so.
func unified(body []byte) ([]byte, error) {
	at := declared().FindSubmatchIndex(body[:min(len(body), head)])
	if at == nil {
		return body, nil
	}
	from, to := at[2], at[3]
	table, known := table(string(body[from:to]))
	if !known {
		return nil, fault.New(fault.Invalid, "this feed is in the encoding %q: UTF-8 and encodings of one byte a character can be read", body[from:to])
	}
	if table == nil {
		return body, nil
	}
	rest, err := table.NewDecoder().Bytes(body[to:])
	if err != nil {
		return nil, fault.New(fault.Invalid, "this feed is not in the encoding %q that it names: %w", body[from:to], err)
	}
	return append(append(append(make([]byte, 0, len(body)+len("utf-8")), body[:from]...), "utf-8"...), rest...), nil
}

// table finds an encoding by one of its many names; nil = UTF-8, or nothing is named.
func table(label string) (*charmap.Charmap, bool) {
	name := plainName(label)
	switch name {
	case "", "utf8", "unicode11utf8":
		return nil, true
	case "ascii", "usascii", "ansix341968", "latin1", "l1", "iso88591", "cp819": // browsers read all of them as this one
		name = "windows1252"
	case "latin2", "l2":
		name = "iso88592"
	case "latin5", "l5", "iso88599":
		name = "windows1254"
	case "latin9", "l9":
		name = "iso885915"
	case "tis620", "iso885911":
		name = "windows874"
	case "cyrillic":
		name = "iso88595"
	case "greek":
		name = "iso88597"
	case "koi8", "koi":
		name = "koi8r"
	}
	if number, ok := strings.CutPrefix(strings.TrimPrefix(name, "x"), "cp125"); ok {
		name = "windows125" + number
	}
	for _, e := range charmap.All {
		if c, ok := e.(*charmap.Charmap); ok && plainName(c.String()) == name {
			return c, true
		}
	}
	return nil, false
}

// plainName is a name without what people write it with: "ISO_8859-2" and "iso 8859-2" are the same.
func plainName(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return -1
	}, s)
}
