package webhook

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"net/http"
	"strconv"
	"strings"
	"time"

	"rapport/shared/fault"
)

// Window is how far a signed timestamp may lie before or after the receipt, unless a scheme says otherwise.
const Window = 5 * time.Minute

// Scheme is an HMAC signature described as data. What is signed is Text, then the timestamp and Separator where there is
// a timestamp, then the raw body. The zero value of a field has the meaning given beside it.
type Scheme struct {
	Header    string        // carries the signature
	Algorithm string        // sha1, sha256, sha384 or sha512; "" = sha256
	Encoding  string        // hex (lower case), HEX (upper case), base64, base64url (without padding); "" = hex
	Prefix    string        // stands before the signature: "sha256=", "v0="
	Pair      string        // the header is a list such as "t=1,s=ab": name of the signature in it; it may occur several times
	TimePair  string        // and of the timestamp in it
	Timestamp string        // header of the timestamp, where it has its own
	Unit      string        // of the timestamp: s, ms or rfc3339; "" = s
	Text      string        // signed before all else: "v0:", "hmacsha256="
	Separator string        // signed between timestamp and body: ".", ":"
	Window    time.Duration // 0 = Window
}

// Algorithms lists how a signature may be computed.
func Algorithms() []string { return []string{"sha1", "sha256", "sha384", "sha512"} }

// Encodings lists how a signature may be written.
func Encodings() []string { return []string{"hex", "HEX", "base64", "base64url"} }

// Check tells what is wrong with the scheme itself; the fault is Invalid.
func (s Scheme) Check() error {
	switch {
	case s.Header == "":
		return fault.New(fault.Invalid, "no header is named that carries the signature")
	case digest(s.Algorithm) == nil:
		return fault.New(fault.Invalid, "algorithm %q is not known: use %s", s.Algorithm, strings.Join(Algorithms(), ", "))
	case encode(s.Encoding, nil) == nil:
		return fault.New(fault.Invalid, "encoding %q is not known: use %s", s.Encoding, strings.Join(Encodings(), ", "))
	case s.Unit != "" && s.Unit != "s" && s.Unit != "ms" && s.Unit != "rfc3339":
		return fault.New(fault.Invalid, "timestamp unit %q is not known: use s, ms or rfc3339", s.Unit)
	case s.Window < 0:
		return fault.New(fault.Invalid, "the tolerance must not be negative")
	}
	return nil
}

func (s Scheme) timed() bool { return s.Timestamp != "" || s.TimePair != "" }

// Verify checks r against each of the keys, in constant time. Forged, with the reason, where none fits; Invalid where
// the scheme itself is wrong.
func (s Scheme) Verify(keys []string, r Request) error {
	if err := s.Check(); err != nil {
		return err
	}
	if len(keys) == 0 {
		return noKey()
	}
	given, stamp, err := s.read(r.Header)
	if err != nil {
		return err
	}
	if s.timed() {
		if err := fresh(stamp, s.Unit, r.At, s.Window); err != nil {
			return err
		}
	}
	good := 0
	for _, key := range keys {
		want := s.signature(key, stamp, r.Body)
		for _, g := range given {
			if len(g) != len(want) {
				return fault.New(fault.Forged, "a signature in header %s has not the length of one", s.Header)
			}
			good |= subtle.ConstantTimeCompare([]byte(g), want)
		}
	}
	if good != 1 {
		return fault.New(fault.Forged, "the signature in header %s does not fit the body%s", s.Header, s.also())
	}
	return nil
}

// Sign gives the headers that a sender with this scheme and key puts on body at the given time.
func (s Scheme) Sign(key string, body []byte, at time.Time) http.Header {
	stamp := ""
	if s.timed() {
		stamp = Stamp(at, s.Unit)
	}
	sig := s.Prefix + string(s.signature(key, stamp, body))
	h := http.Header{}
	if s.Pair != "" {
		sig = s.Pair + "=" + sig
	}
	if s.TimePair != "" {
		sig = s.TimePair + "=" + stamp + "," + sig
	}
	h.Set(s.Header, sig)
	if s.Timestamp != "" {
		h.Set(s.Timestamp, stamp)
	}
	return h
}

func (s Scheme) also() string {
	if s.timed() {
		return " and timestamp"
	}
	return ""
}

func (s Scheme) signature(key, stamp string, body []byte) []byte {
	m := hmac.New(digest(s.Algorithm), []byte(key))
	m.Write([]byte(s.Text))
	if s.timed() {
		m.Write([]byte(stamp))
		m.Write([]byte(s.Separator))
	}
	m.Write(body)
	return encode(s.Encoding, m.Sum(nil))
}

// read takes signatures, without prefix, and timestamp out of the headers.
func (s Scheme) read(h http.Header) (given []string, stamp string, err error) {
	values := h.Values(s.Header)
	if len(values) == 0 || values[0] == "" {
		return nil, "", fault.New(fault.Forged, "header %s is absent: the call is not signed", s.Header)
	}
	stamp = h.Get(s.Timestamp)
	if s.Pair == "" && s.TimePair == "" {
		given = values[:1]
	} else {
		for part := range strings.SplitSeq(values[0], ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			switch name {
			case s.Pair:
				given = append(given, value)
			case s.TimePair:
				stamp = value
			}
		}
	}
	// A handful of signatures is a rotation; more than that only costs time.
	given = given[:min(len(given), 8)]
	var bare []string
	for _, g := range given {
		if g, ok := strings.CutPrefix(g, s.Prefix); ok {
			bare = append(bare, g)
		}
	}
	if len(bare) == 0 {
		return nil, "", fault.New(fault.Forged, "header %s holds no signature of the form %q", s.Header, s.form())
	}
	return bare, stamp, nil
}

func (s Scheme) form() string {
	form := s.Prefix + "…"
	if s.Pair != "" {
		form = s.Pair + "=" + form
	}
	return form
}

// MAC gives the HMAC of the parts, one after the other; nil for an unknown algorithm.
func MAC(algorithm, key string, parts ...[]byte) []byte {
	d := digest(algorithm)
	if d == nil {
		return nil
	}
	m := hmac.New(d, []byte(key))
	for _, p := range parts {
		m.Write(p)
	}
	return m.Sum(nil)
}

// Fresh refuses a time further than window (0 = Window) before or after now; the fault is Forged.
func Fresh(at, now time.Time, window time.Duration) error {
	if window == 0 {
		window = Window
	}
	switch d := now.Sub(at); {
	case d > window:
		return fault.New(fault.Forged, "the timestamp is too old: more than %s before the receipt; a replay, or a wrong clock", window)
	case d < -window:
		return fault.New(fault.Forged, "the timestamp is too far in the future: more than %s after the receipt; check the clocks", window)
	}
	return nil
}

// Stamp writes a time in a unit: s, ms or rfc3339; "" = s.
func Stamp(at time.Time, unit string) string {
	switch unit {
	case "ms":
		return strconv.FormatInt(at.UnixMilli(), 10)
	case "rfc3339":
		return at.UTC().Format(time.RFC3339)
	}
	return strconv.FormatInt(at.Unix(), 10)
}

func fresh(stamp, unit string, now time.Time, window time.Duration) error {
	if stamp == "" {
		return fault.New(fault.Forged, "the timestamp is absent")
	}
	at, err := parseStamp(stamp, unit)
	if err != nil {
		return fault.New(fault.Forged, "the timestamp cannot be read (unit %s)", cmp.Or(unit, "s"))
	}
	return Fresh(at, now, window)
}

func parseStamp(stamp, unit string) (time.Time, error) {
	if unit == "rfc3339" {
		return time.Parse(time.RFC3339, stamp)
	}
	n, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return time.Time{}, err
	}
	if unit == "ms" {
		return time.UnixMilli(n), nil
	}
	return time.Unix(n, 0), nil
}

func noKey() error {
	return fault.New(fault.Forged, "no secret is set for this hook, so nothing can be verified")
}

func digest(algorithm string) func() hash.Hash {
	switch algorithm {
	case "sha1":
		return sha1.New
	case "sha256", "":
		return sha256.New
	case "sha384":
		return sha512.New384
	case "sha512":
		return sha512.New
	}
	return nil
}

// encode writes a sum; nil for an unknown encoding, never nil for a known one.
func encode(encoding string, sum []byte) []byte {
	out := []byte{}
	switch encoding {
	case "hex", "":
		return hex.AppendEncode(out, sum)
	case "HEX":
		return []byte(strings.ToUpper(string(hex.AppendEncode(out, sum))))
	case "base64":
		return base64.StdEncoding.AppendEncode(out, sum)
	case "base64url":
		return base64.RawURLEncoding.AppendEncode(out, sum)
	}
	return nil
}
