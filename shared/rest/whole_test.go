package rest_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"rapport/shared/rest"
)

// sdkBody is a body whose owner closes it before net/http looks at its end once more.
type sdkBody struct{ io.Reader }

func (sdkBody) WriteTo(io.Writer) (int64, error) { return 0, io.EOF }

func (sdkBody) Close() error { return nil }

func TestWhole(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.ContentLength != int64(len(body)) {
			t.Errorf("the body has %d bytes of %d, %v", len(body), r.ContentLength, err)
		}
		_, _ = io.WriteString(w, r.Method+" "+string(body))
	}))
	defer server.Close()
	client := rest.Whole{Next: server.Client()}
	for body, want := range map[string]string{"": "PUT ", "hello": "PUT hello", strings.Repeat("x", 100000): "PUT " + strings.Repeat("x", 100000)} {
		r, err := http.NewRequest(http.MethodPut, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body != "" {
			r.Body, r.ContentLength = sdkBody{strings.NewReader(body)}, int64(len(body))
		}
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || string(got) != want {
			t.Errorf("the answer has %d bytes (%v), want %d", len(got), err, len(want))
		}
	}
	r, err := http.NewRequest(http.MethodPut, server.URL, iotest.ErrReader(errors.New("torn")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Do(r); err == nil || !strings.Contains(err.Error(), "torn") {
		t.Errorf("a body that cannot be read gave %v", err)
	}
}
