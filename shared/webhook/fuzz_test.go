package webhook

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// FuzzVerify gives every verifier arbitrary headers and bodies. What passes must be what its signer would have sent.
func FuzzVerify(f *testing.F) {
	all := vectors()
	for i, v := range all {
		var lines []string
		for name := range v.header {
			lines = append(lines, name+": "+v.header.Get(name))
		}
		f.Add(uint8(i), strings.Join(lines, "\n"), []byte(v.body), v.at.UnixMilli())
		f.Add(uint8(i), strings.Join(lines, "\n"), []byte(v.body+" "), v.at.UnixMilli())
	}
	f.Fuzz(func(t *testing.T, which uint8, lines string, body []byte, ms int64) {
		v := all[int(which)%len(all)]
		h := http.Header{}
		for line := range strings.SplitSeq(lines, "\n") {
			name, value, _ := strings.Cut(line, ": ")
			h.Set(name, value)
		}
		err := v.verify([]string{v.key}, Request{Method: "POST", URL: hubspotURL, Header: h, Body: body, At: time.UnixMilli(ms)})
		if err == nil && string(body) != v.body {
			signed := v.sign(v.key, body, time.UnixMilli(ms))
			for name := range signed {
				if strings.Contains(name, "Signature") && signed.Get(name) == h.Get(name) {
					return
				}
			}
			t.Fatalf("%s took a body that nobody signed", v.name)
		}
	})
}

// FuzzSignedRequest does the same for Meta's signed_request.
func FuzzSignedRequest(f *testing.F) {
	f.Add(SealSignedRequest("k", []byte(`{}`)))
	f.Add("a.b")
	f.Fuzz(func(t *testing.T, signed string) {
		payload, err := OpenSignedRequest([]string{"k"}, signed)
		if err == nil && SealSignedRequest("k", payload) != signed {
			t.Fatal("took what nobody signed")
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	s := Scheme{Header: "X-Signature", Prefix: "sha256="}
	body := []byte(strings.Repeat("x", 1300))
	r := Request{Header: s.Sign("key", body, time.Time{}), Body: body}
	for b.Loop() {
		if err := s.Verify([]string{"key"}, r); err != nil {
			b.Fatal(err)
		}
	}
}
