package webhook

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"rapport/shared/fault"
)

// The headers of HubSpot's signature version 3.
const (
	HubSpotSignature = "X-Hubspot-Signature-V3"
	HubSpotTimestamp = "X-Hubspot-Request-Timestamp"
)

// VerifyHubSpot checks HubSpot's signature version 3: base64 HMAC-SHA256 over method, full address, body and timestamp
// in milliseconds. r.URL must be the address as HubSpot called it, made from the configured public address, never from
// forwarded headers. window 0 = Window. Forged with the reason. The older versions 1 and 2 know no age and are refused.
func VerifyHubSpot(keys []string, r Request, window time.Duration) error {
	if len(keys) == 0 {
		return noKey()
	}
	given, stamp := r.Header.Get(HubSpotSignature), r.Header.Get(HubSpotTimestamp)
	if given == "" {
		return fault.New(fault.Forged, "header %s is absent: only signature version 3 is accepted", HubSpotSignature)
	}
	if err := fresh(stamp, "ms", r.At, window); err != nil {
		return err
	}
	var expected []string
	for _, key := range keys {
		expected = append(expected, hubSpot(key, r.Method, r.URL, stamp, r.Body))
	}
	if !Same(given, expected...) {
		return fault.New(fault.Forged, "the signature in header %s does not fit method, address, body and timestamp; is the public address right?", HubSpotSignature)
	}
	return nil
}

// SignHubSpot gives the headers of VerifyHubSpot.
func SignHubSpot(key, method, address string, body []byte, at time.Time) http.Header {
	stamp := Stamp(at, "ms")
	h := http.Header{}
	h.Set(HubSpotSignature, hubSpot(key, method, address, stamp, body))
	h.Set(HubSpotTimestamp, stamp)
	return h
}

func hubSpot(key, method, address, stamp string, body []byte) string {
	// These characters, and no others, are signed unescaped.
	if strings.Contains(address, "%") {
		address = unescape(address)
	}
	return base64.StdEncoding.EncodeToString(MAC("sha256", key, []byte(method), []byte(address), body, []byte(stamp)))
}

func unescape(address string) string {
	return strings.NewReplacer("%3A", ":", "%2F", "/", "%3F", "?", "%40", "@", "%21", "!", "%24", "$", "%27", "'",
		"%28", "(", "%29", ")", "%2A", "*", "%2C", ",", "%3B", ";",
		"%3a", ":", "%2f", "/", "%3f", "?", "%2a", "*", "%2c", ",", "%3b", ";").Replace(address)
}

// VerifyHub checks a WebSub delivery: "method=hex" over the raw body, where the sender picks the method. least is the
// weakest method taken: sha1, sha256, sha384 or sha512; "" = sha1. Forged with the reason.
func VerifyHub(keys []string, r Request, least string) error {
	const header = "X-Hub-Signature"
	given := r.Header.Get(header)
	if given == "" {
		return fault.New(fault.Forged, "header %s is absent: the call is not signed", header)
	}
	name, _, _ := strings.Cut(given, "=")
	rank := func(name string) int {
		for i, a := range Algorithms() {
			if a == name {
				return i
			}
		}
		return -1
	}
	if rank(name) < 0 {
		return fault.New(fault.Forged, "header %s names no known method", header)
	}
	if rank(name) < rank(least) {
		return fault.New(fault.Forged, "header %s is signed with %s; at least %s is wanted", header, name, least)
	}
	return Scheme{Header: header, Algorithm: name, Prefix: name + "="}.Verify(keys, r)
}

// VerifyEspo checks EspoCRM's Signature header: base64 of webhook id, colon and the hex HMAC-SHA256 of the body. It has
// no timestamp. Forged with the reason.
func VerifyEspo(id string, keys []string, r Request) error {
	if len(keys) == 0 {
		return noKey()
	}
	given := r.Header.Get("Signature")
	if given == "" {
		return fault.New(fault.Forged, "header Signature is absent: the call is not signed")
	}
	var expected []string
	for _, key := range keys {
		expected = append(expected, espo(id, key, r.Body))
	}
	if !Same(given, expected...) {
		return fault.New(fault.Forged, "the signature in header Signature does not fit webhook id and body")
	}
	return nil
}

// SignEspo gives the header of VerifyEspo.
func SignEspo(id, key string, body []byte) http.Header {
	return http.Header{"Signature": {espo(id, key, body)}}
}

func espo(id, key string, body []byte) string {
	return base64.StdEncoding.EncodeToString([]byte(id + ":" + hex.EncodeToString(MAC("sha256", key, body))))
}

// OpenSignedRequest checks Meta's signed_request (data deletion, deauthorisation) and gives its payload, which is JSON.
// The base64url text of the payload is what is signed. The caller looks at issued_at. Forged with the reason.
func OpenSignedRequest(keys []string, signed string) ([]byte, error) {
	if len(keys) == 0 {
		return nil, noKey()
	}
	given, payload, ok := strings.Cut(signed, ".")
	if !ok {
		return nil, fault.New(fault.Forged, "signed_request is not of the form signature.payload")
	}
	var expected []string
	for _, key := range keys {
		expected = append(expected, signature(key, payload))
	}
	if !Same(given, expected...) {
		return nil, fault.New(fault.Forged, "the signature of signed_request does not fit its payload")
	}
	data, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return nil, fault.New(fault.Forged, "the payload of signed_request is not base64url")
	}
	return data, nil
}

// SealSignedRequest makes a signed_request.
func SealSignedRequest(key string, payload []byte) string {
	text := base64.RawURLEncoding.EncodeToString(payload)
	return signature(key, text) + "." + text
}

func signature(key, text string) string {
	return base64.RawURLEncoding.EncodeToString(MAC("sha256", key, []byte(text)))
}
