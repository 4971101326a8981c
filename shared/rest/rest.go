// Package rest is the one HTTP client: it binds a call to its account's origin, bounds what it reads, hides secrets in
// errors and classifies failures. It never retries: the queue does.
package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
)

// MaxAnswer bounds an answer's body in bytes, after decompression.
const MaxAnswer = 16 << 20

// Account is what an adapter is given to speak to a vendor for one configured account. It is read-only and may be
// shared between goroutines.
type Account struct {
	Name     string                     // ours, from the configuration
	Kind     string                     // mastodon, hubspot …
	ID       string                     // the vendor's id of it
	Brand    string                     //
	Origin   string                     // scheme://host[:port]; credentials go nowhere else
	Settings map[string]any             // as configured, checked against Info
	Secrets  map[string]flow.Secret     // resolved by name; access tokens under "token"
	HTTP     *http.Client               // guarded transport, see Guard; the twin's RoundTripper in the simulation
	Now      time.Time                  // when this call began
	History  bool                       // a backfill reads, nothing live
	OnCall   func(bucket string, n int) // counts calls against quota buckets; may be nil
	Pay      Payer                      // asked before each paid call; nil = no paid call is made
}

// Payer gives leave for a paid call, or QuotaExhausted where the budget does not hold it. most says by price how much the
// call can bring at most; that much is spent before the call. settle is told afterwards what really came, and gives back
// the rest; who never calls it has spent all.
type Payer func(ctx context.Context, most map[string]int) (settle func(came map[string]int), err error)

// Text gives a setting as text, "" if absent.
func (a Account) Text(name string) string {
	switch v := a.Settings[name].(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		return fmt.Sprint(v)
	}
}

// Texts gives a setting that is a list of texts (a single text counts as a list of one).
func (a Account) Texts(name string) []string {
	switch v := a.Settings[name].(type) {
	case string:
		if v != "" {
			return []string{v}
		}
	case []string:
		return v
	case []any:
		var out []string
		for _, x := range v {
			out = append(out, fmt.Sprint(x))
		}
		return out
	}
	return nil
}

// Int gives a setting as a whole number, or def.
func (a Account) Int(name string, def int) int {
	switch v := a.Settings[name].(type) {
	case int:
		return v
	case int64:
		return int(v)
	case uint64:
		return int(v)
	case float64:
		return int(v)
	}
	return def
}

// Bool gives a setting that is true or false.
func (a Account) Bool(name string) bool { b, _ := a.Settings[name].(bool); return b }

// Secret gives a secret's text by name, "" if absent.
func (a Account) Secret(name string) string { return a.Secrets[name].Reveal() }

// Request is one call.
type Request struct {
	Method string // "" = GET
	URL    string // absolute, or a path under the account's origin
	Query  url.Values
	Header http.Header
	JSON   any // encoded as the body, unless Body is set
	Body   []byte
	Auth   string // value of Authorization; sent only to the account's origin
	Bucket string // quota bucket; "" = "default"
	Max    int64  // bytes of answer, 0 = MaxAnswer

	// Paid says by price how much of what is paid for the call can bring at most; nil = it is free. Do asks Account.Pay
	// first and makes no call without its leave.
	Paid map[string]int
	// Came counts what an answer of status 2xx brought of it; of any other answer that is nothing. nil = the call itself is
	// paid for, whatever comes of it.
	Came func(Response) map[string]int
}

// Response is an answer whose body was read whole.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// JSON decodes the body. The fault is Transient: a cut or foreign answer passes by itself more often than not.
func (r Response) JSON(v any) error {
	if err := json.Unmarshal(r.Body, v); err != nil {
		return fault.New(fault.Transient, "answer %d is no JSON of the expected shape: %w", r.Status, err)
	}
	return nil
}

// Do makes one call and gives any answer, whatever its status; use [Classify] on it. Errors: Ambiguous when the request
// may have reached the vendor and no whole answer came, Unavailable when it did not leave, Invalid for a bad or
// forbidden address, QuotaExhausted when the budget does not hold a paid call, the context's error when ctx ended before
// the send. No error holds a query or a credential.
func (a Account) Do(ctx context.Context, req Request) (Response, error) {
	u, err := a.resolve(req)
	if err != nil {
		return Response{}, err
	}
	body := req.Body
	if body == nil && req.JSON != nil {
		if body, err = json.Marshal(req.JSON); err != nil {
			return Response{}, fault.New(fault.Invalid, "request body for %s: %w", u.Path, err)
		}
	}
	method := req.Method
	if method == "" {
		method = http.MethodGet
	}
	hr, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return Response{}, fault.New(fault.Invalid, "request for %s: %v", u.Path, bare(err))
	}
	for k, v := range req.Header {
		hr.Header[http.CanonicalHeaderKey(k)] = v
	}
	if body != nil && hr.Header.Get("Content-Type") == "" {
		hr.Header.Set("Content-Type", "application/json")
	}
	if hr.Header.Get("User-Agent") == "" {
		hr.Header.Set("User-Agent", "rapport/1")
	}
	if req.Auth != "" && Origin(u) == a.Origin {
		hr.Header.Set("Authorization", req.Auth)
	}
	if err := ctx.Err(); err != nil {
		return Response{}, err
	}
	client := a.HTTP
	if client == nil {
		return Response{}, fault.New(fault.Invalid, "account %s has no HTTP client", a.Name)
	}
	settle, err := a.pay(ctx, req)
	if err != nil {
		return Response{}, err
	}
	if a.OnCall != nil {
		a.OnCall(req.Bucket, 1)
	}
	resp, err := client.Do(hr)
	if err != nil {
		err = sendFault(method, u, err)
		if !fault.Is(err, fault.Ambiguous) { // it never left
			settle(nil)
		}
		return Response{}, err
	}
	defer resp.Body.Close()
	limit := req.Max
	if limit == 0 {
		limit = MaxAnswer
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return Response{}, fault.New(fault.Ambiguous, "%s %s: the answer was cut: %v", method, place(u), bare(err))
	}
	if int64(len(answer)) > limit {
		return Response{}, fault.New(fault.Invalid, "%s %s: the answer is larger than %d bytes", method, place(u), limit)
	}
	if resp.StatusCode >= 400 {
		answer = a.scrub(answer)
	}
	whole := Response{Status: resp.StatusCode, Header: resp.Header, Body: answer}
	switch {
	case req.Came == nil:
	case resp.StatusCode >= 200 && resp.StatusCode < 300:
		settle(req.Came(whole))
	default:
		settle(nil)
	}
	return whole, nil
}

// pay asks for leave to make a paid call. settle is never nil.
func (a Account) pay(ctx context.Context, req Request) (settle func(map[string]int), err error) {
	if len(req.Paid) == 0 {
		return func(map[string]int) {}, nil
	}
	if a.Pay == nil {
		return nil, fault.New(fault.Invalid, "account %s has no budget, so its paid calls are not made", a.Name)
	}
	return a.Pay(ctx, req.Paid)
}

// scrub takes the account's secrets out of a refusal: some vendors repeat the credential they refuse, and refusals end
// up in messages.
func (a Account) scrub(body []byte) []byte {
	for _, s := range a.Secrets {
		if text := s.Reveal(); len(text) >= 8 {
			body = bytes.ReplaceAll(body, []byte(text), []byte(s.String()))
		}
	}
	return body
}

func (a Account) resolve(req Request) (*url.URL, error) {
	u, err := url.Parse(req.URL)
	if err != nil {
		return nil, fault.New(fault.Invalid, "an address of account %s cannot be read", a.Name)
	}
	if !u.IsAbs() {
		base, err := url.Parse(a.Origin)
		if err != nil || base.Host == "" {
			return nil, fault.New(fault.Invalid, "account %s has no origin: set its address", a.Name)
		}
		u = base.ResolveReference(u)
	}
	if u.Scheme != "https" && u.Scheme != "http" {
		return nil, fault.New(fault.Invalid, "account %s: only http and https addresses can be called", a.Name)
	}
	if u.User != nil {
		return nil, fault.New(fault.Invalid, "account %s: an address must not carry a user or password", a.Name)
	}
	if len(req.Query) > 0 {
		q := u.Query()
		for k, v := range req.Query {
			q[k] = v
		}
		u.RawQuery = q.Encode()
	}
	return u, nil
}

// Origin gives scheme://host[:port] of an address.
func Origin(u *url.URL) string { return strings.ToLower(u.Scheme + "://" + u.Host) }

func place(u *url.URL) string { return u.Host + u.Path }

// bare takes the address, which may hold a secret, out of a transport error.
func bare(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}

func sendFault(method string, u *url.URL, err error) error {
	var f *fault.Error
	if errors.As(err, &f) { // the guard refused the address
		return f
	}
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" || errors.Is(err, syscall.ECONNREFUSED) {
		return fault.New(fault.Unavailable, "%s %s: cannot be reached: %v", method, place(u), bare(err))
	}
	return fault.New(fault.Ambiguous, "%s %s: no answer: %v", method, place(u), bare(err))
}

// Classify turns a status into a fault, nil for 2xx. It is the table all adapters start from; they override where the
// vendor means something else. now is the call's clock, for dates in Retry-After.
func Classify(resp Response, now time.Time) error {
	s := resp.Status
	if s >= 200 && s < 300 {
		return nil
	}
	after := RetryAfter(resp.Header, now)
	kind := fault.Invalid
	switch {
	case s == 401 || s == 407:
		kind = fault.Unauthorized
	case s == 403:
		kind = fault.Unauthorized
	case s == 404:
		kind = fault.NotFound
	case s == 409:
		kind = fault.Conflict
	case s == 410:
		kind = fault.Gone
	case s == 408 || s == 425:
		kind = fault.Transient
	case s == 429:
		kind = fault.RateLimited
	case s >= 500:
		kind = fault.Unavailable
	case s >= 300 && s < 400:
		return fault.New(fault.Invalid, "answered %d: redirects are not followed with credentials; set the final address", s)
	}
	return fault.Wait(kind, after, "answered %d %s: %s", s, http.StatusText(s), Snippet(resp.Body))
}

// RetryAfter reads Retry-After as seconds or date, bounded to one day; 0 if absent or past.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0
	}
	var d time.Duration
	if n, err := strconv.ParseFloat(v, 64); err == nil {
		d = time.Duration(n * float64(time.Second))
	} else if t, err := http.ParseTime(v); err == nil {
		d = t.Sub(now)
	}
	return min(max(d, 0), 24*time.Hour)
}

// Snippet shortens an answer for an error message, in one line.
func Snippet(body []byte) string {
	s := strings.Join(strings.Fields(strings.ToValidUTF8(string(body[:min(len(body), 400)]), "�")), " ")
	if r := []rune(s); len(r) > 200 {
		s = string(r[:200]) + "…"
	}
	return s
}
