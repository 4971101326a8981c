package lambdarun

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"rapport/shared/fault"
	"rapport/shared/telemetry"
	"rapport/shared/topology"
	"rapport/shared/webhook"
)

// call is what Lambda hands to a function that a function URL or an HTTP API woke, payload format 2.0:
// https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
type call struct {
	Path    string            `json:"rawPath"`
	Query   string            `json:"rawQueryString"`
	Cookies []string          `json:"cookies"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
	Base64  bool              `json:"isBase64Encoded"`
	Context struct {
		Domain string `json:"domainName"`
		HTTP   struct {
			Method string `json:"method"`
			Source string `json:"sourceIp"`
		} `json:"http"`
		TimeEpoch int64 `json:"timeEpoch"` // milliseconds
	} `json:"requestContext"`
}

// reply is what Lambda wants to hear.
type reply struct {
	Status  int               `json:"statusCode"`
	Headers map[string]string `json:"headers,omitempty"`
	Cookies []string          `json:"cookies,omitempty"`
	Body    string            `json:"body"`
	Base64  bool              `json:"isBase64Encoded"`
}

// HTTP makes the handler of a function that calls wake. serve answers one; its error is for the log.
func HTTP(serve func(ctx context.Context, f *Function, r webhook.Request) (webhook.Answer, error)) func(*Function) Handler {
	return func(f *Function) Handler {
		return func(ctx context.Context, event []byte) ([]byte, error) {
			var c call
			if err := json.Unmarshal(event, &c); err != nil || c.Context.HTTP.Method == "" {
				return nil, fault.New(fault.Invalid, "this is no event of a function URL or an HTTP API with payload format 2.0")
			}
			return json.Marshal(f.answer(ctx, c, serve))
		}
	}
}

func (f *Function) answer(ctx context.Context, c call, serve func(context.Context, *Function, webhook.Request) (webhook.Answer, error)) reply {
	w := f.begin()
	var answer webhook.Answer
	err := f.safely(func() error {
		inner, cancel := f.Time(ctx)
		defer cancel()
		r, status := f.request(c)
		if status != 0 {
			answer = webhook.Answer{Status: status, Type: "text/plain; charset=utf-8", Body: []byte(http.StatusText(status) + "\n")}
			return nil
		}
		var err error
		answer, err = serve(inner, f, r)
		return err
	})
	if answer.Status == 0 {
		answer.Status = http.StatusOK
		if err != nil {
			answer = webhook.Answer{Status: http.StatusInternalServerError, Body: []byte("try again\n")}
		}
	}
	w.fail(err)
	w.say(slog.String("call", c.Context.HTTP.Method+" "+c.Path), slog.Int("status", answer.Status))
	var measures []telemetry.Measure
	if f.Name == "receive" {
		name := topology.MetricReceived
		switch {
		case answer.Status >= 500:
			name = topology.MetricNotTaken
		case answer.Status >= 400 || fault.Is(err, fault.Forged):
			name = topology.MetricRefused
		}
		measures = append(measures, telemetry.Count(name, 1))
	}
	w.end(ctx, measures...)
	return answered(answer)
}

// request reads a call. The status is 0, or what the sender is to be told.
func (f *Function) request(c call) (webhook.Request, int) {
	r := webhook.Request{Method: c.Context.HTTP.Method, Path: c.Path, Header: http.Header{}, At: time.Now().UTC()}
	for name, value := range c.Headers {
		r.Header.Set(name, value)
	}
	if len(c.Cookies) > 0 {
		r.Header.Set("Cookie", strings.Join(c.Cookies, "; "))
	}
	base := f.Settings.Base
	if base == "" {
		base = "https://" + c.Context.Domain
	}
	if r.URL = base + c.Path; c.Query != "" {
		r.URL += "?" + c.Query
	}
	var err error
	if r.Query, err = url.ParseQuery(c.Query); err != nil {
		return r, http.StatusBadRequest
	}
	raw := []byte(c.Body)
	if c.Base64 {
		if raw, err = base64.StdEncoding.DecodeString(c.Body); err != nil {
			return r, http.StatusBadRequest
		}
	}
	if len(raw) == 0 {
		return r, 0
	}
	var status int
	r.Body, status = webhook.Body(bytes.NewReader(raw), r.Header.Get("Content-Encoding"), int64(len(raw)))
	return r, status
}

// answered writes an answer; what is no text travels as base64.
func answered(a webhook.Answer) reply {
	r := reply{Status: a.Status, Body: string(a.Body)}
	if a.Type != "" {
		r.Headers = map[string]string{"Content-Type": a.Type}
	}
	if !utf8.Valid(a.Body) {
		r.Body, r.Base64 = base64.StdEncoding.EncodeToString(a.Body), true
	}
	return r
}
