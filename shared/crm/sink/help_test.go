package sink

import (
	"io"
	"net/http"
	"strings"

	"rapport/shared/rest"
)

// hundred is an answer to 100 records.
var hundred = `{"results":[` + strings.Repeat(`{"id":"forum:1","success":true,"error":null},`, 99) + `{"id":"forum:1","success":true,"error":null}]}`

// fixed answers every call the same.
type fixed struct {
	status int
	body   string
}

// RoundTrip answers.
func (f fixed) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: f.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(f.body)), Request: r}, nil
}

func restRequest() rest.Request { return rest.Request{Method: "POST", URL: "/upsert"} }
