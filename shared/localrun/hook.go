package localrun

import (
	"io"
	"net/http"
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
		name, ok := h.HookAt(r.Context(), r.URL.Path)
		if !ok {
			http.Error(w, "no such hook", http.StatusNotFound)
			return
		}
		h.calls.Add(1)
		defer h.calls.Add(-1)
		body, status := webhook.Body(http.MaxBytesReader(w, r.Body, webhook.MaxBody), r.Header.Get("Content-Encoding"), r.ContentLength)
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
