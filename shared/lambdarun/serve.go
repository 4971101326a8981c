package lambdarun

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"unicode/utf8"

	"rapport/shared/fault"
)

// Serve makes the handler of a function that browsers call. open gives what answers; it is asked at every call, before
// which nothing is opened.
func Serve(open func(ctx context.Context, f *Function) (http.Handler, error)) func(*Function) Handler {
	return func(f *Function) Handler {
		return func(ctx context.Context, event []byte) ([]byte, error) {
			var c call
			if err := json.Unmarshal(event, &c); err != nil || c.Context.HTTP.Method == "" {
				return nil, fault.New(fault.Invalid, "this is no event of a function URL or an HTTP API with payload format 2.0")
			}
			return json.Marshal(f.page(ctx, c, open))
		}
	}
}

// page answers a browser's call.
func (f *Function) page(ctx context.Context, c call, open func(context.Context, *Function) (http.Handler, error)) reply {
	w := f.begin()
	a := &recorded{header: http.Header{}}
	err := f.safely(func() error {
		inner, cancel := f.Time(ctx)
		defer cancel()
		r, err := f.browsed(inner, c)
		if err != nil {
			http.Error(a, err.Error(), http.StatusBadRequest)
			return nil
		}
		h, err := open(inner, f)
		if err != nil {
			return err
		}
		h.ServeHTTP(a, r)
		return nil
	})
	if err != nil {
		a = &recorded{header: http.Header{}}
		http.Error(a, "try again in a moment", http.StatusServiceUnavailable)
	}
	w.fail(err)
	// Paths hold ids of people; their first part says enough.
	first, _, _ := strings.Cut(strings.TrimPrefix(c.Path, "/"), "/")
	w.say(slog.String("call", c.Context.HTTP.Method+" /"+first), slog.Int("status", a.code()))
	w.end(ctx)
	return a.reply()
}

// browsed makes the request of a call.
func (f *Function) browsed(ctx context.Context, c call) (*http.Request, error) {
	body := []byte(c.Body)
	if c.Base64 {
		var err error
		if body, err = base64.StdEncoding.DecodeString(c.Body); err != nil {
			return nil, fault.New(fault.Invalid, "the body is not base64")
		}
	}
	target := c.Path
	if !strings.HasPrefix(target, "/") {
		target = "/" + target
	}
	if c.Query != "" {
		target += "?" + c.Query
	}
	r, err := http.NewRequestWithContext(ctx, c.Context.HTTP.Method, "https://"+c.Context.Domain+target, bytes.NewReader(body))
	if err != nil {
		return nil, fault.New(fault.Invalid, "this is no address of a page")
	}
	for name, value := range c.Headers {
		r.Header.Set(name, value)
	}
	if len(c.Cookies) > 0 {
		r.Header.Set("Cookie", strings.Join(c.Cookies, "; "))
	}
	r.RequestURI = target
	r.RemoteAddr = c.Context.HTTP.Source
	return r, nil
}

// recorded is an answer as it is being written.
type recorded struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *recorded) Header() http.Header { return a.header }

func (a *recorded) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *recorded) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}

func (a *recorded) code() int {
	if a.status == 0 {
		return http.StatusOK
	}
	return a.status
}

// reply is what Lambda wants to hear; cookies have a place of their own.
func (a *recorded) reply() reply {
	out := reply{Status: a.code(), Headers: map[string]string{}, Cookies: a.header["Set-Cookie"], Body: a.body.String()}
	for name, values := range a.header {
		if name != "Set-Cookie" {
			out.Headers[name] = strings.Join(values, ", ")
		}
	}
	if !utf8.Valid(a.body.Bytes()) {
		out.Body, out.Base64 = base64.StdEncoding.EncodeToString(a.body.Bytes()), true
	}
	return out
}
