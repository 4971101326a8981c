package meta_test

import (
	"io"
	"net/http"
	"testing"

	"rapport/shared/network/meta"
	"rapport/shared/webhook"
)

// receiver is a hook on a socket that keeps what Verify lets through.
func receiver(t *testing.T, kept *[][]byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		a, err := meta.New().Verify(r.Context(), hook(), webhook.Request{Method: r.Method, URL: "https://hooks.nordlicht.example" + r.URL.RequestURI(), Path: r.URL.Path, Query: r.URL.Query(), Header: r.Header, Body: body, At: noon})
		if err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if a.Keep {
			*kept = append(*kept, body)
		}
		if a.Status != 0 {
			w.WriteHeader(a.Status)
		}
		_, _ = w.Write(a.Body)
	})
}
