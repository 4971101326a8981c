package webhook

import (
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"rapport/shared/fault"
)

// Standard Webhooks (https://www.standardwebhooks.com): id, timestamp in seconds and body are signed with HMAC-SHA256
// under the bytes behind "whsec_"; the header lists "v1,<base64>", several during a rotation.
const (
	StandardID        = "Webhook-Id"
	StandardTimestamp = "Webhook-Timestamp"
	StandardSignature = "Webhook-Signature"
)

// VerifyStandard checks a call signed as Standard Webhooks. window 0 = Window. Forged with the reason; Invalid where a key
// is not base64 behind an optional "whsec_".
func VerifyStandard(keys []string, r Request, window time.Duration) error {
	if len(keys) == 0 {
		return noKey()
	}
	id, stamp, list := r.Header.Get(StandardID), r.Header.Get(StandardTimestamp), r.Header.Get(StandardSignature)
	if id == "" || list == "" {
		return fault.New(fault.Forged, "header %s or %s is absent: the call is not signed as Standard Webhooks", StandardID, StandardSignature)
	}
	if err := fresh(stamp, "s", r.At, window); err != nil {
		return err
	}
	given := strings.Fields(list)
	given = given[:min(len(given), 8)]
	good := 0
	for _, key := range keys {
		want, err := standardSignature(key, id, stamp, r.Body)
		if err != nil {
			return err
		}
		for _, g := range given {
			good |= subtle.ConstantTimeCompare([]byte(g), []byte(want))
		}
	}
	if good != 1 {
		return fault.New(fault.Forged, "no v1 signature in header %s fits id, timestamp and body", StandardSignature)
	}
	return nil
}

// SignStandard gives the headers of a call signed as Standard Webhooks, with one signature per key. Invalid where a key
// is not base64 behind an optional "whsec_".
func SignStandard(keys []string, id string, body []byte, at time.Time) (http.Header, error) {
	stamp := Stamp(at, "s")
	var list []string
	for _, key := range keys {
		sig, err := standardSignature(key, id, stamp, body)
		if err != nil {
			return nil, err
		}
		list = append(list, sig)
	}
	h := http.Header{}
	h.Set(StandardID, id)
	h.Set(StandardTimestamp, stamp)
	h.Set(StandardSignature, strings.Join(list, " "))
	return h, nil
}

func standardSignature(key, id, stamp string, body []byte) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(key, "whsec_"))
	if err != nil || len(raw) == 0 {
		return "", fault.New(fault.Invalid, "a secret for Standard Webhooks must be base64, with or without whsec_ before it")
	}
	sum := MAC("sha256", string(raw), []byte(id), []byte("."), []byte(stamp), []byte("."), body)
	return "v1," + base64.StdEncoding.EncodeToString(sum), nil
}
