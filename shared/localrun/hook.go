package localrun

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"rapport/shared/fault"
	"rapport/shared/webhook"
)

// hookHandler answers /hooks/<name>, the paths that hooks configure for themselves, and /healthz.
func (h *Home) hookHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			_, _ = io.WriteString(w, "ok\n")
			return
		}
		name, ok := h.hookAt(r)
		if !ok {
			http.Error(w, "no such hook", http.StatusNotFound)
			return
		}
		h.calls.Add(1)
		defer h.calls.Add(-1)
		body, status := readBody(w, r)
		if status != 0 {
			http.Error(w, http.StatusText(status), status)
			return
		}
		answer, err := h.Receive(r.Context(), name, webhook.Request{Method: r.Method, URL: h.Ports.Base + r.URL.RequestURI(), Path: r.URL.Path,
			Query: r.URL.Query(), Header: r.Header, Body: body, At: time.Now().UTC()})
		if err != nil {
			h.options.Log.Warn("refused", "call", describe(r), "status", answer.Status, "kind", fault.Of(err).String(), "error", err.Error())
		}
		if answer.Type != "" {
			w.Header().Set("Content-Type", answer.Type)
		}
		w.WriteHeader(answer.Status)
		_, _ = w.Write(answer.Body)
	})
}

// hookAt finds the hook of an address.
func (h *Home) hookAt(r *http.Request) (string, bool) {
	plan, err := h.Plan(r.Context(), "")
	if err != nil {
		return "", false
	}
	name, under := strings.CutPrefix(r.URL.Path, "/hooks/")
	for _, k := range plan.Doc.Hooks {
		if k.Path != "" && k.Path == r.URL.Path || k.Path == "" && under && k.Name == name {
			return k.Name, true
		}
	}
	return "", false
}

// readBody reads a body within its limits, as sent and after decompression. The status is 0 where that worked.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, int) {
	var in io.Reader = http.MaxBytesReader(w, r.Body, webhook.MaxBody)
	switch strings.ToLower(r.Header.Get("Content-Encoding")) {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, http.StatusBadRequest
		}
		in = io.LimitReader(z, webhook.MaxBody+1)
	default:
		return nil, http.StatusUnsupportedMediaType
	}
	buf := bytes.NewBuffer(make([]byte, 0, min(max(r.ContentLength, 512), webhook.MaxBody)+bytes.MinRead))
	_, err := buf.ReadFrom(in)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large), buf.Len() > webhook.MaxBody:
		return nil, http.StatusRequestEntityTooLarge
	case err != nil:
		return nil, http.StatusBadRequest
	}
	return buf.Bytes(), 0
}
