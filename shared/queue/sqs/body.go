package sqs

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"

	"rapport/shared/fault"
	"rapport/shared/queue"
)

// MaxPlain is the largest body in bytes that always fits. Larger ones, up to queue.MaxBody, fit if they compress.
const MaxPlain = (maxText - 1) / 4 * 3

const (
	service = 1 << 20         // bytes of a message, and of a whole batch
	spare   = 2 << 10         // left free for what a dead letter is labelled with
	maxText = service - spare // bytes of an encoded body
	worth   = 4 << 10         // bodies below this are not compressed: it would save nothing, the service counts in 64 KiB
)

// The first letter of an encoded body says how to read the rest.
const (
	asText = 't' // as it is
	asBase = 'b' // base64
	asGzip = 'z' // gzip, then base64
)

// encoder turns bodies into the text that the service takes. Safe for concurrent use.
type encoder struct{ writers sync.Pool }

// encode gives the text of a body; Invalid where it does not fit.
func (e *encoder) encode(body []byte) (string, error) {
	if len(body) > queue.MaxBody {
		return "", fault.New(fault.Invalid, "queue: a body of %d bytes is too large, at most %d fit", len(body), queue.MaxBody)
	}
	clean := sendable(body)
	plain := 1 + len(body)
	if !clean {
		plain = 1 + base64.StdEncoding.EncodedLen(len(body))
	}
	if len(body) >= worth {
		packed, err := e.pack(body)
		if err != nil {
			return "", err
		}
		if size := 1 + base64.StdEncoding.EncodedLen(len(packed)); size < plain*9/10 && size <= maxText {
			return string(asGzip) + base64.StdEncoding.EncodeToString(packed), nil
		}
	}
	switch {
	case plain > maxText:
		return "", fault.New(fault.Invalid, "queue: a body of %d bytes is too large, it takes %d when encoded and %d fit", len(body), plain, maxText)
	case clean:
		return string(asText) + string(body), nil
	}
	return string(asBase) + base64.StdEncoding.EncodeToString(body), nil
}

func (e *encoder) pack(body []byte) ([]byte, error) {
	var out bytes.Buffer
	w, ok := e.writers.Get().(*gzip.Writer)
	if !ok {
		w, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed) // fails for an unknown level only
	}
	defer e.writers.Put(w)
	w.Reset(&out)
	if _, err := w.Write(body); err != nil {
		return nil, fault.New(fault.Unknown, "queue: a body cannot be compressed: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fault.New(fault.Unknown, "queue: a body cannot be compressed: %w", err)
	}
	return out.Bytes(), nil
}

// Decode gives the body of a message as Send was given it. Functions that the service wakes by itself use it.
// Invalid: the text was not written by Send.
func Decode(text string) ([]byte, error) {
	if text == "" {
		return nil, fault.New(fault.Invalid, "queue: a message has no body")
	}
	kind, rest := text[0], text[1:]
	if kind == asText {
		return []byte(rest), nil
	}
	if kind != asBase && kind != asGzip {
		return nil, fault.New(fault.Invalid, "queue: a message was not sent by Rapport: its body begins with %q", kind)
	}
	body, err := base64.StdEncoding.DecodeString(rest)
	if err != nil {
		return nil, fault.New(fault.Invalid, "queue: a message is damaged: %w", err)
	}
	if kind == asBase {
		return body, nil
	}
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, fault.New(fault.Invalid, "queue: a message is damaged: %w", err)
	}
	body, err = io.ReadAll(io.LimitReader(r, queue.MaxBody+1))
	switch {
	case err != nil:
		return nil, fault.New(fault.Invalid, "queue: a message is damaged: %w", err)
	case len(body) > queue.MaxBody:
		return nil, fault.New(fault.Invalid, "queue: a message unpacks to more than %d bytes", queue.MaxBody)
	}
	return body, nil
}

// sendable tells whether the service takes bytes as they are: UTF-8 without control characters and noncharacters.
// It takes carriage returns too, but some readers make line feeds of them.
func sendable(body []byte) bool {
	for i := 0; i < len(body); {
		c := body[i]
		if c < utf8.RuneSelf {
			if c < ' ' && c != '\t' && c != '\n' {
				return false
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(body[i:])
		if r == utf8.RuneError && size == 1 || r == 0xFFFE || r == 0xFFFF {
			return false
		}
		i += size
	}
	return true
}

// label makes a text fit for an attribute: cut, without what the service refuses, never empty.
func label(text string, max int) string {
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || r < ' ' && r != '\t' && r != '\n' || r == 0xFFFE || r == 0xFFFF {
			return '?'
		}
		return r
	}, text)
	for len(text) > max {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	if text == "" {
		return "-"
	}
	return text
}

const (
	maxGroup  = 128 // letters of a message group
	maxReason = 1 << 10
)

// groupID makes a message group of any text: what the service does not take stands as %hex; a text that gets too long
// is replaced by its beginning and can then not be read back, which is enough to be fair.
func groupID(group string) string {
	out := make([]byte, 0, len(group))
	for i := range len(group) {
		if c := group[i]; c > ' ' && c < 0x7f && c != '%' {
			out = append(out, c)
		} else {
			out = append(out, '%')
			out = append(out, hex.EncodeToString([]byte{c})...)
		}
	}
	if len(out) > maxGroup {
		out = append(out[:maxGroup-17], '~')
		out = append(out, fingerprint(group)...)
	}
	return string(out)
}

// Group gives the Group of a message whose MessageGroupId the service names.
func Group(id string) string {
	if !strings.Contains(id, "%") {
		return id
	}
	out := make([]byte, 0, len(id))
	for i := 0; i < len(id); i++ {
		if id[i] == '%' && i+2 < len(id) {
			if b, err := hex.DecodeString(id[i+1 : i+3]); err == nil {
				out = append(out, b[0])
				i += 2
				continue
			}
		}
		out = append(out, id[i])
	}
	return string(out)
}
