// Package awsapi makes single calls to AWS services by signed HTTP, for services of which Rapport uses three or four
// operations: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
//
// The SDK's clients of such services weigh megabytes in every function, which a cold start pays for. The credentials, the
// signature and the HTTP client are the SDK's own.
package awsapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"rapport/shared/rest"
)

// MaxAnswer bounds an answer in bytes.
const MaxAnswer = 256 << 20

const (
	tries      = 3 // of one call, as the SDK's clients do
	firstPause = 50 * time.Millisecond
)

// Options of a client.
type Options struct {
	Service     string // name that the signature carries: s3, ssm, secretsmanager
	Region      string
	Endpoint    string // address of the service; "" = the public one of service and region
	Credentials aws.CredentialsProvider
	HTTP        rest.Doer
	Now         func() time.Time // nil = time.Now
	OnCall      func(service, operation string)
}

// Client calls one service. Safe for concurrent use.
type Client struct {
	opt    Options
	base   *url.URL
	signer *v4.Signer
}

// New makes a client. It calls nothing.
func New(o Options) (*Client, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Endpoint == "" {
		o.Endpoint = Endpoint(o.Service, o.Region)
	}
	base, err := url.Parse(o.Endpoint)
	if err != nil || base.Host == "" {
		return nil, errors.New("the address of the service " + o.Service + " cannot be read: " + o.Endpoint)
	}
	// S3 signs paths as they are, the others encoded once more.
	signer := v4.NewSigner(func(s *v4.SignerOptions) { s.DisableURIPathEscaping = o.Service == "s3" })
	return &Client{opt: o, base: base, signer: signer}, nil
}

// Endpoint gives the public address of a service in a region.
func Endpoint(service, region string) string {
	suffix := ".amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		suffix += ".cn"
	}
	return "https://" + service + "." + region + suffix
}

// Call is one call.
type Call struct {
	Operation string // for counting, and for services that take it in a header
	Method    string
	Host      string // replaces the endpoint's; "" = keep it
	Path      string // below the endpoint, with its slash, not encoded
	Query     url.Values
	Header    http.Header
	Body      []byte
}

// Answer is what the service said, read whole.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Error is a refusal, or an answer that did not come.
type Error struct {
	Status int    // 0 = no answer
	Code   string // the service's own word
	Err    error  // the cause where there is no answer
}

// Error says what the service said.
func (e *Error) Error() string {
	switch {
	case e.Err != nil:
		return e.Err.Error()
	case e.Code == "":
		return http.StatusText(e.Status)
	}
	return e.Code
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Passing tells whether the same call may well succeed later.
func (e *Error) Passing() bool {
	return e.Status == 0 || e.Status == http.StatusTooManyRequests || e.Status >= 500 ||
		strings.Contains(e.Code, "Throttl") || e.Code == "TooManyUpdates" || e.Code == "RequestTimeout" || e.Code == "SlowDown"
}

// Do makes a call, up to three times while the service is busy; so every call must be one that may be repeated. The
// error is an *Error for every status but 2xx.
func (c *Client) Do(ctx context.Context, call Call) (Answer, error) {
	pause := firstPause
	for n := 1; ; n++ {
		answer, err := c.once(ctx, call)
		var e *Error
		if err == nil || n == tries || ctx.Err() != nil || !errors.As(err, &e) || !e.Passing() {
			return answer, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return answer, err
		}
		pause *= 4
	}
}

func (c *Client) once(ctx context.Context, call Call) (Answer, error) {
	u := *c.base
	if call.Host != "" {
		u.Host = call.Host
	}
	u.Path = strings.TrimSuffix(u.Path, "/") + call.Path
	u.RawPath = escape(u.Path)
	u.RawQuery = strings.ReplaceAll(call.Query.Encode(), "+", "%20")
	req, err := http.NewRequestWithContext(ctx, call.Method, u.String(), bytes.NewReader(call.Body))
	if err != nil {
		return Answer{}, &Error{Err: err}
	}
	for name, values := range call.Header {
		req.Header[name] = values
	}
	sum := sha256.Sum256(call.Body)
	hash := hex.EncodeToString(sum[:])
	req.Header.Set("X-Amz-Content-Sha256", hash)
	who, err := c.opt.Credentials.Retrieve(ctx)
	if err != nil {
		return Answer{}, &Error{Err: err}
	}
	if err := c.signer.SignHTTP(ctx, who, req, hash, c.opt.Service, c.opt.Region, c.opt.Now().UTC()); err != nil {
		return Answer{}, &Error{Err: err}
	}
	if c.opt.OnCall != nil {
		c.opt.OnCall(c.opt.Service, call.Operation)
	}
	resp, err := c.opt.HTTP.Do(req)
	if err != nil {
		return Answer{}, &Error{Err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxAnswer))
	if err != nil {
		return Answer{}, &Error{Err: err}
	}
	answer := Answer{Status: resp.StatusCode, Header: resp.Header, Body: body}
	if answer.Status < 200 || answer.Status > 299 {
		return answer, &Error{Status: answer.Status, Code: code(answer)}
	}
	return answer, nil
}

// JSON makes a call of a service that speaks JSON 1.1, such as SSM. target is its prefix of operations.
func (c *Client) JSON(ctx context.Context, target, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return &Error{Err: err}
	}
	answer, err := c.Do(ctx, Call{Operation: operation, Method: http.MethodPost, Path: "/", Body: body,
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {target + "." + operation}}})
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(answer.Body, out); err != nil {
		return &Error{Status: answer.Status, Err: err}
	}
	return nil
}

// code finds the service's own word for a refusal, in JSON, XML or the header.
func code(a Answer) string {
	word := a.Header.Get("X-Amzn-Errortype")
	if word == "" {
		var j struct {
			Type string `json:"__type"`
		}
		var x struct {
			Code  string `xml:"Code"`
			Inner string `xml:"Error>Code"` // of services that take forms
		}
		if json.Unmarshal(a.Body, &j) == nil {
			word = j.Type
		} else if xml.Unmarshal(a.Body, &x) == nil {
			word = x.Code + x.Inner
		}
	}
	word, _, _ = strings.Cut(word, ":")
	return word[strings.LastIndexByte(word, '#')+1:]
}

// escape writes a path as AWS wants it: everything but letters, digits, "-", ".", "_", "~" and "/" as %XX.
func escape(path string) string {
	const digits = "0123456789ABCDEF"
	out := make([]byte, 0, len(path)+8)
	for i := range len(path) {
		c := path[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~/", c) >= 0 {
			out = append(out, c)
		} else {
			out = append(out, '%', digits[c>>4], digits[c&15])
		}
	}
	return string(out)
}
