package webhook

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"rapport/shared/fault"
)

// Same compares a given text with several expected ones in constant time, lengths included.
func Same(given string, expected ...string) bool {
	g := sha256.Sum256([]byte(given))
	good := 0
	for _, e := range expected {
		w := sha256.Sum256([]byte(e))
		good |= subtle.ConstantTimeCompare(g[:], w[:])
	}
	return good == 1
}

// VerifyToken checks a shared text that the sender repeats in a header, after prefix ("Bearer " or none). It proves who
// calls and nothing about the body. Forged with the reason.
func VerifyToken(keys []string, r Request, header, prefix string) error {
	if len(keys) == 0 {
		return noKey()
	}
	given := r.Header.Get(header)
	if given == "" {
		return fault.New(fault.Forged, "header %s is absent", header)
	}
	given, ok := strings.CutPrefix(given, prefix)
	if !ok || !Same(given, keys...) {
		return fault.New(fault.Forged, "the token in header %s is not the agreed one", header)
	}
	return nil
}

// SignToken gives the header of VerifyToken.
func SignToken(key, header, prefix string) http.Header {
	h := http.Header{}
	h.Set(header, prefix+key)
	return h
}

// VerifyBasic checks user and password of HTTP Basic authentication. Forged with the reason.
func VerifyBasic(user string, passwords []string, r Request) error {
	if len(passwords) == 0 {
		return noKey()
	}
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Basic ")
	if !ok {
		return fault.New(fault.Forged, "header Authorization is absent or not Basic")
	}
	var expected []string
	for _, p := range passwords {
		expected = append(expected, basic(user, p))
	}
	if !Same(given, expected...) {
		return fault.New(fault.Forged, "user or password of the Basic authentication is not the agreed one")
	}
	return nil
}

// SignBasic gives the header of VerifyBasic.
func SignBasic(user, password string) http.Header {
	return http.Header{"Authorization": {"Basic " + basic(user, password)}}
}

func basic(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
}

// Ed25519 is a public-key signature over the timestamp and the raw body, both in headers, the signature in hex.
type Ed25519 struct {
	Header    string        // "" = X-Signature-Ed25519
	Timestamp string        // "" = X-Signature-Timestamp
	Window    time.Duration // 0 = Window
}

func (e Ed25519) names() (signature, timestamp string) {
	signature, timestamp = e.Header, e.Timestamp
	if signature == "" {
		signature = "X-Signature-Ed25519"
	}
	if timestamp == "" {
		timestamp = "X-Signature-Timestamp"
	}
	return signature, timestamp
}

// Verify checks r against each public key, written in hex. Forged with the reason; Invalid for a key that is none.
func (e Ed25519) Verify(publicKeys []string, r Request) error {
	if len(publicKeys) == 0 {
		return noKey()
	}
	header, timestamp := e.names()
	given := r.Header.Get(header)
	sig, err := hex.DecodeString(given)
	// The text is compared with its own decoding, so that there is one way only to write a signature.
	if err != nil || len(sig) != ed25519.SignatureSize || hex.EncodeToString(sig) != given {
		return fault.New(fault.Forged, "header %s is absent or no Ed25519 signature in lower-case hex", header)
	}
	stamp := r.Header.Get(timestamp)
	if err := fresh(stamp, "s", r.At, e.Window); err != nil {
		return err
	}
	signed := append([]byte(stamp), r.Body...)
	for _, k := range publicKeys {
		key, err := hex.DecodeString(k)
		if err != nil || len(key) != ed25519.PublicKeySize {
			return fault.New(fault.Invalid, "a public key must be %d bytes in hex", ed25519.PublicKeySize)
		}
		if ed25519.Verify(key, signed, sig) {
			return nil
		}
	}
	return fault.New(fault.Forged, "the signature in header %s does not fit timestamp and body", header)
}

// Sign gives the headers of a call signed with the private key that belongs to a seed of 32 bytes.
func (e Ed25519) Sign(seed [ed25519.SeedSize]byte, body []byte, at time.Time) http.Header {
	header, timestamp := e.names()
	stamp := Stamp(at, "s")
	sig := ed25519.Sign(ed25519.NewKeyFromSeed(seed[:]), append([]byte(stamp), body...))
	h := http.Header{}
	h.Set(header, hex.EncodeToString(sig))
	h.Set(timestamp, stamp)
	return h
}
