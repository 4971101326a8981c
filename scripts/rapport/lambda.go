package main

import (
	"encoding/base64"
	"mime"
	"net/url"
	"strings"
	"unicode/utf8"

	"rapport/shared/webhook"
)

// functionURL is what Lambda hands to a function that a function URL woke, payload format 2.0:
// https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
type functionURL struct {
	Version  string            `json:"version"`
	RouteKey string            `json:"routeKey"`
	Path     string            `json:"rawPath"`
	RawQuery string            `json:"rawQueryString"`
	Headers  map[string]string `json:"headers"`
	Query    map[string]string `json:"queryStringParameters,omitempty"`
	Context  functionContext   `json:"requestContext"`
	Body     string            `json:"body"`
	Base64   bool              `json:"isBase64Encoded"`
}

type functionContext struct {
	Account   string       `json:"accountId"`
	API       string       `json:"apiId"`
	Domain    string       `json:"domainName"`
	Prefix    string       `json:"domainPrefix"`
	HTTP      functionHTTP `json:"http"`
	Request   string       `json:"requestId"`
	RouteKey  string       `json:"routeKey"`
	Stage     string       `json:"stage"`
	Time      string       `json:"time"`
	TimeEpoch int64        `json:"timeEpoch"` // milliseconds
}

type functionHTTP struct {
	Method   string `json:"method"`
	Path     string `json:"path"`
	Protocol string `json:"protocol"`
	SourceIP string `json:"sourceIp"`
	Agent    string `json:"userAgent"`
}

// functionURLEvent makes the event by which Lambda would hand over a request. What is no text travels as base64;
// encode asks for it in any case.
func functionURLEvent(r webhook.Request, encode bool) functionURL {
	const id = "rapportlocal" // the part of a function's address that differs
	e := functionURL{
		Version: "2.0", RouteKey: "$default", Path: r.Path, RawQuery: r.Query.Encode(), Headers: map[string]string{}, Query: map[string]string{},
		Context: functionContext{
			Account: "anonymous", API: id, Domain: id + ".lambda-url.eu-central-1.on.aws", Prefix: id, Request: "00000000-0000-4000-8000-000000000000",
			RouteKey: "$default", Stage: "$default", Time: r.At.UTC().Format("02/Jan/2006:15:04:05 -0700"), TimeEpoch: r.At.UnixMilli(),
			HTTP: functionHTTP{Method: r.Method, Path: r.Path, Protocol: "HTTP/1.1", SourceIP: "127.0.0.1", Agent: r.Header.Get("User-Agent")},
		},
	}
	for name, values := range r.Header {
		e.Headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	e.Headers["host"] = e.Context.Domain
	if u, err := url.Parse(r.URL); err == nil && r.Query == nil {
		e.RawQuery = u.RawQuery
		r.Query = u.Query()
	}
	for name, values := range r.Query {
		e.Query[name] = strings.Join(values, ",")
	}
	if e.Base64 = encode || !isText(r); e.Base64 {
		e.Body = base64.StdEncoding.EncodeToString(r.Body)
	} else {
		e.Body = string(r.Body)
	}
	return e
}

// isText tells whether Lambda hands a body over as it is.
func isText(r webhook.Request) bool {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) // what is no media type is no text
	text := strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "json") || strings.HasSuffix(kind, "xml") || kind == "application/javascript"
	return text && r.Header.Get("Content-Encoding") == "" && utf8.Valid(r.Body)
}

// sqsEvent is what Lambda hands to a function that a queue woke:
// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
type sqsEvent struct {
	Records []sqsRecord `json:"Records"`
}

type sqsRecord struct {
	ID         string            `json:"messageId"`
	Receipt    string            `json:"receiptHandle"`
	Body       string            `json:"body"`
	Attributes map[string]string `json:"attributes"`
	Custom     map[string]any    `json:"messageAttributes"`
	Source     string            `json:"eventSource"`
	ARN        string            `json:"eventSourceARN"`
	Region     string            `json:"awsRegion"`
}
