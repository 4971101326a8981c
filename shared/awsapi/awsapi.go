// Package awsapi makes single calls to AWS services by signed HTTP, for services of which Rapport uses three or four
// operations: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
//
// The SDK's clients of such services weigh megabytes in every function, which a cold start pays for. The credentials and the
// signature are the SDK's own.
package awsapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// MaxAnswer bounds an answer in bytes.
const MaxAnswer = 256 << 20

const (
	tries      = 3 // of one call where nothing else is said, as the SDK's clients do
	firstPause = 50 * time.Millisecond
)

// Doer sends a request and gives its answer, as *http.Client does.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Options of a client.
type Options struct {
	Service     string // name that the signature carries: dynamodb, sqs, s3, ssm, secretsmanager
	Region      string
	Endpoint    string // address of the service; "" = the public one of service and region
	Credentials aws.CredentialsProvider
	HTTP        Doer
	Now         func() time.Time                // nil = time.Now
	Tries       int                             // of one call while the service is busy; 0 = 3
	JSON        string                          // version of the service's JSON protocol: "1.0" of DynamoDB and SQS, "" = "1.1"
	OnCall      func(service, operation string) // told of every try
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
	if o.Tries == 0 {
		o.Tries = tries
	}
	if o.JSON == "" {
		o.JSON = "1.1"
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
	Status  int    // 0 = no answer
	Code    string // the service's own word
	Message string // what it says to that, where it speaks JSON
	Body    []byte // the answer, read whole
	Err     error  // the cause where there is no answer
}

// Error says what the service said.
func (e *Error) Error() string {
	switch {
	case e.Err != nil:
		return e.Err.Error()
	case e.Code == "":
		return http.StatusText(e.Status)
	case e.Message == "":
		return e.Code
	}
	return e.Code + ": " + e.Message
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Passing tells whether the same call may well succeed later.
func (e *Error) Passing() bool {
	return e.Status == 0 || e.Status == http.StatusTooManyRequests || e.Status >= 500 ||
		strings.Contains(e.Code, "Throttl") || slices.Contains([]string{"TooManyUpdates", "RequestTimeout", "SlowDown",
		"ProvisionedThroughputExceededException", "RequestLimitExceeded", "LimitExceededException"}, e.Code)
}

// Do makes a call, several times while the service is busy; so every call must be one that may be repeated. The
// error is an *Error for every status but 2xx.
func (c *Client) Do(ctx context.Context, call Call) (Answer, error) {
	pause := firstPause
	for n := 1; ; n++ {
		answer, err := c.once(ctx, call)
		var e *Error
		if err == nil || n == c.opt.Tries || ctx.Err() != nil || !errors.As(err, &e) || !e.Passing() {
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
		word, message := refusal(answer)
		return answer, &Error{Status: answer.Status, Code: word, Message: message, Body: body}
	}
	return answer, nil
}

// JSON makes a call of a service that speaks JSON, such as DynamoDB and SSM. target is its prefix of operations.
func (c *Client) JSON(ctx context.Context, target, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return &Error{Err: err}
	}
	answer, err := c.Do(ctx, Call{Operation: operation, Method: http.MethodPost, Path: "/", Body: body,
		Header: http.Header{"Content-Type": {"application/x-amz-json-" + c.opt.JSON}, "X-Amz-Target": {target + "." + operation}}})
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(answer.Body, out); err != nil {
		return &Error{Status: answer.Status, Err: err}
	}
	return nil
}

// refusal finds the service's own word for a refusal, in JSON, XML or the header, and what it says to it.
func refusal(a Answer) (word, message string) {
	word = a.Header.Get("X-Amzn-Errortype")
	var j struct {
		Type    string `json:"__type"`
		Message string `json:"message"` // some write it with a capital letter, which is read too
	}
	if json.Unmarshal(a.Body, &j) == nil {
		message = j.Message
		if word == "" {
			word = j.Type
		}
	} else if _, rest, ok := strings.Cut(string(a.Body), "<Code>"); ok && word == "" { // a reader of XML would be a tenth of a MiB
		word, _, _ = strings.Cut(rest, "</Code>")
	}
	word, _, _ = strings.Cut(word, ":")
	return word[strings.LastIndexByte(word, '#')+1:], message
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
