package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"iter"
	"net/http"
	"net/url"

	"rapport/shared/awsapi"
)

// bucket speaks the service's words.
type bucket struct {
	client *awsapi.Client
	name   string
	host   string // of the bucket; "" = it stands in the path
}

func (b *bucket) call(ctx context.Context, operation, method, key string, query url.Values, header http.Header, body []byte) (awsapi.Answer, error) {
	c := awsapi.Call{Operation: operation, Method: method, Host: b.host, Path: "/" + key, Query: query, Header: header, Body: body}
	if b.host == "" {
		c.Path = "/" + b.name + "/" + key
	}
	return b.client.Do(ctx, c)
}

// put stores an object; with a tag only over the object that has it.
func (b *bucket) put(ctx context.Context, key string, object []byte, tag string) error {
	header := http.Header{"Content-Type": {"application/zstd"}}
	if tag != "" {
		header.Set("If-Match", tag)
	}
	_, err := b.call(ctx, "PutObject", http.MethodPut, key, nil, header, object)
	return err
}

func (b *bucket) get(ctx context.Context, key string) (object []byte, tag string, err error) {
	answer, err := b.call(ctx, "GetObject", http.MethodGet, key, nil, nil, nil)
	if err != nil {
		return nil, "", err
	}
	return answer.Body, answer.Header.Get("ETag"), nil
}

func (b *bucket) remove(ctx context.Context, key string) error {
	_, err := b.call(ctx, "DeleteObject", http.MethodDelete, key, nil, nil, nil)
	return err
}

// listing is an answer of ListObjectsV2.
type listing struct {
	Keys []string `xml:"Contents>Key"`
	More bool     `xml:"IsTruncated"`
	Next string   `xml:"NextContinuationToken"`
}

// keys walks the keys with a prefix that come after another, a page at a time.
func (b *bucket) keys(ctx context.Context, prefix, after string) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		query := url.Values{"list-type": {"2"}, "prefix": {prefix}, "start-after": {after}}
		for {
			answer, err := b.call(ctx, "ListObjectsV2", http.MethodGet, "", query, nil, nil)
			if err != nil {
				yield(nil, err)
				return
			}
			var page listing
			if err := xml.Unmarshal(answer.Body, &page); err != nil {
				yield(nil, &awsapi.Error{Status: answer.Status, Err: err})
				return
			}
			if !yield(page.Keys, nil) || !page.More || page.Next == "" {
				return
			}
			query.Set("continuation-token", page.Next)
		}
	}
}

// CreateBucket makes the bucket where it is missing. For tests and local use; in AWS the stack makes it.
func (b *bucket) CreateBucket(ctx context.Context, region string) error {
	body := []byte(`<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>` + region + `</LocationConstraint></CreateBucketConfiguration>`)
	_, err := b.call(ctx, "CreateBucket", http.MethodPut, "", nil, nil, body)
	if e := (*awsapi.Error)(nil); errors.As(err, &e) && e.Code == "BucketAlreadyOwnedByYou" {
		return nil
	}
	return err
}
