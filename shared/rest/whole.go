package rest

import (
	"bytes"
	"io"
	"net/http"
)

// Doer sends a request and gives its answer, as *http.Client does.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Whole reads a request's body into memory before it sends the request.
//
// It is for SDKs that hand over bodies of their own making and close them as soon as an answer begins: net/http, which
// looks once more whether such a body has ended, then takes the closing for an error and cuts the answer off
// (https://github.com/aws/smithy-go, transport/http, safeReadCloser.WriteTo). A write that succeeded would look lost.
// A body in memory has no such moment, goes out in one piece with its headers, and can be sent again by net/http when a
// kept connection turns out to be closed before anything was written.
type Whole struct{ Next Doer }

// Do sends a request.
func (w Whole) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return w.Next.Do(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	_ = r.Body.Close()
	whole := *r
	whole.Body, whole.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	whole.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return w.Next.Do(&whole)
}
