package sqs

import (
	"bytes"
	"encoding/base64"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"

	"rapport/shared/fault"
	"rapport/shared/queue"
)

// noise makes bytes that do not compress.
func noise(n int) []byte {
	chance := rand.New(rand.NewPCG(3, 4))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(chance.Uint32())
	}
	return b
}

func TestEncoding(t *testing.T) {
	var e encoder
	for name, c := range map[string]struct {
		body string
		kind byte
	}{
		"empty": {"", asText}, "text": {"Grüße 👋\n\tzwei", asText}, "JSON": {`{"a":1}`, asText}, "carriage return": {"a\r\nb", asBase}, "NUL": {"\x00", asBase},
		"invalid UTF-8": {"a\xff", asBase}, "noncharacter": {"\ufffe", asBase}, "replacement": {"\ufffd", asText}, "surrogate": {"\xed\xa0\x80", asBase},
		"short that compresses": {strings.Repeat("a", worth-1), asText}, "long that compresses": {strings.Repeat("a", worth), asGzip},
		"long that does not": {string(noise(worth)), asBase}, "longest that does not": {string(noise(MaxPlain)), asBase}, "longest of all": {strings.Repeat("\x00", queue.MaxBody), asGzip},
	} {
		text, err := e.encode([]byte(c.body))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if text[0] != c.kind || len(text) > maxText || !sendable([]byte(text)) || strings.Contains(text, "\r") {
			t.Errorf("%s: encoded as %q in %d bytes, want %q", name, text[0], len(text), c.kind)
		}
		if body, err := Decode(text); err != nil || string(body) != c.body {
			t.Errorf("%s: decoded to %d bytes (%v), want %d", name, len(body), err, len(c.body))
		}
	}
	for name, body := range map[string][]byte{"noise": noise(MaxPlain + 3), "all noise": noise(queue.MaxBody), "too long": make([]byte, queue.MaxBody+1)} {
		if _, err := e.encode(body); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "too large") {
			t.Errorf("%s: encoding gave %v, want Invalid", name, err)
		}
	}
}

func TestDecodingOfStrangers(t *testing.T) {
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	_, _ = w.Write(make([]byte, 64<<20))
	_ = w.Close()
	packed := base64.StdEncoding.EncodeToString(bomb.Bytes())
	for name, text := range map[string]string{"empty": "", "JSON": "{}", "unknown letter": "x123", "no base64": "b***", "no gzip": "zaGVsbG8=", "cut gzip": "z" + packed[:400], "bomb": "z" + packed} {
		if _, err := Decode(text); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: decoding gave %v, want Invalid", name, err)
		}
	}
}

// groupLetters is what the service takes as MessageGroupId.
var groupLetters = regexp.MustCompile("^[A-Za-z0-9!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~]{1,128}$")

func TestGroups(t *testing.T) {
	seen := map[string]string{}
	for _, group := range []string{"a", "hubspot:nordlicht", "a b", "a%20b", "%", "ä", "\x00\xff", "a/b#c", strings.Repeat("x", 128), strings.Repeat("y", 42) + "💬"} {
		id := groupID(group)
		if !groupLetters.MatchString(id) || Group(id) != group || seen[id] != "" {
			t.Errorf("group %q travels as %q and comes back as %q", group, id, Group(id))
		}
		seen[id] = group
	}
	for _, group := range []string{strings.Repeat("x", 129), strings.Repeat("x", 128) + "y", strings.Repeat("ü", 100)} {
		id := groupID(group)
		if !groupLetters.MatchString(id) || seen[id] != "" {
			t.Errorf("long group %.20q… travels as %q, which is taken or refused", group, id)
		}
		seen[id] = group
	}
}

func FuzzBody(f *testing.F) {
	f.Add([]byte("text"), "group")
	f.Add([]byte("\x00\xff\r"), "\xff%41")
	f.Fuzz(func(t *testing.T, body []byte, text string) {
		var e encoder
		body = bytes.Repeat(body, 1+len(body)%3*100)
		if len(body) > MaxPlain {
			return
		}
		encoded, err := e.encode(body)
		if err != nil || !sendable([]byte(encoded)) {
			t.Fatalf("%.20q is encoded as %.20q, %v", body, encoded, err)
		}
		if got, err := Decode(encoded); err != nil || !bytes.Equal(got, body) {
			t.Errorf("%.20q comes back as %.20q, %v", body, got, err)
		}
		_, _ = Decode(text)
		if id := groupID(text); text != "" && (!groupLetters.MatchString(id) || len(text) < 40 && Group(id) != text) {
			t.Errorf("group %q travels as %q", text, id)
		}
		if l := label(text, 20); len(l) > 20 || l == "" || !utf8.ValidString(l) || !sendable([]byte(l)) {
			t.Errorf("label of %q is %q", text, l)
		}
	})
}
