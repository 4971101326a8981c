// Package s3 keeps the archive in an S3 bucket: https://docs.aws.amazon.com/AmazonS3/latest/API/
//
// What makes it odd: a key is only a name, so account and day stand in front for listing and life cycle rules; a write
// replaces the whole object; two rewrites at once are told apart by the object's ETag; a list gives a thousand keys at a
// time. The bucket is without versions: what an erasure removes must be gone.
//
// The key of a batch is its reference and ".zst"; `zstd -dc` shows what is in it.
package s3

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"rapport/shared/archive"
	"rapport/shared/awsapi"
	"rapport/shared/fault"
)

var _ archive.Archive = (*Archive)(nil)

const (
	suffix   = ".zst"
	rewrites = 10 // tries of one rewrite while others rewrite the same object
)

// Options of an archive.
type Options struct {
	Client *awsapi.Client // of the service s3
	Bucket string
	Host   string // of the bucket; "" = the bucket stands in the path, as emulators want it
}

// Archive is an archive.Archive in a bucket. Safe for concurrent use.
type Archive struct {
	bucket
	codec     archive.Codec
	rewriting sync.Mutex // in this process they wait for each other instead of trying again
}

// New makes an archive. It asks nothing of the service yet.
func New(o Options) (*Archive, error) {
	if o.Client == nil || o.Bucket == "" {
		return nil, fault.New(fault.Invalid, "archive: the name of the bucket is missing")
	}
	return &Archive{bucket: bucket{client: o.Client, name: o.Bucket, host: o.Host}}, nil
}

// Bucket names the bucket.
func (a *Archive) Bucket() string { return a.name }

// Write stores a batch.
func (a *Archive) Write(ctx context.Context, b archive.Batch) (string, error) {
	ref, err := archive.Ref(b)
	if err != nil {
		return "", err
	}
	object, err := a.codec.Encode(b)
	if err != nil {
		return "", err
	}
	if err := a.put(ctx, ref+suffix, object, ""); err != nil {
		return "", classify(err, "write", ref)
	}
	return ref, nil
}

// Read gives a batch back.
func (a *Archive) Read(ctx context.Context, ref string) (archive.Batch, error) {
	b, _, err := a.read(ctx, ref)
	return b, err
}

func (a *Archive) read(ctx context.Context, ref string) (b archive.Batch, tag string, err error) {
	if _, err := archive.Locate(ref); err != nil {
		return b, "", err
	}
	object, tag, err := a.get(ctx, ref+suffix)
	if err != nil {
		return b, "", classify(err, "read", ref)
	}
	b, err = a.codec.Decode(object)
	return b, tag, err
}

// List walks an account's references, oldest first.
func (a *Archive) List(ctx context.Context, account string, from, to time.Time) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		name := archive.Name(account)
		first, last := archive.Span(from, to)
		prefix := name + "/"
		if first == last {
			prefix += first + "/"
		}
		for keys, err := range a.keys(ctx, prefix, name+"/"+first) {
			if err != nil {
				yield("", classify(err, "list", name))
				return
			}
			for _, key := range keys {
				ref, ok := strings.CutSuffix(key, suffix)
				place, err := archive.Locate(ref)
				if !ok || err != nil || !archive.Within(place.At, from, to) {
					if err == nil && place.Day > last {
						return
					}
					continue // not ours, or outside
				}
				if !yield(ref, nil) {
					return
				}
			}
		}
	}
}

// Rewrite removes entries. Where somebody else rewrote the object since it was read, it is read again.
func (a *Archive) Rewrite(ctx context.Context, ref string, drop func(archive.Entry) bool) error {
	a.rewriting.Lock()
	defer a.rewriting.Unlock()
	var err error
	for range rewrites {
		if err = a.rewrite(ctx, ref, drop); !fault.Is(err, fault.Conflict) {
			return err
		}
	}
	return fault.New(fault.Transient, "archive: %d others rewrite %q: %w", rewrites, ref, err)
}

func (a *Archive) rewrite(ctx context.Context, ref string, drop func(archive.Entry) bool) error {
	b, tag, err := a.read(ctx, ref)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	before := len(b.Entries)
	b.Entries = slices.DeleteFunc(b.Entries, drop)
	switch {
	case len(b.Entries) == before && before > 0:
		return nil
	case len(b.Entries) == 0:
		return classify(a.remove(ctx, ref+suffix), "remove", ref)
	}
	object, err := a.codec.Encode(b)
	if err != nil {
		return err
	}
	return classify(a.put(ctx, ref+suffix, object, tag), "rewrite", ref)
}

// classify names the kind of the service's error. A missing bucket or right passes once somebody has mended it.
func classify(err error, verb, ref string) error {
	if err == nil {
		return nil
	}
	kind := fault.Transient
	var e *awsapi.Error
	if errors.As(err, &e) {
		switch {
		case e.Status == 404 && e.Code != "NoSuchBucket":
			return fault.New(fault.NotFound, "archive: there is no batch %q", ref)
		case e.Status == 412, e.Status == 409:
			kind = fault.Conflict
		}
	}
	return fault.New(kind, "archive: cannot %s %q: %w", verb, ref, err)
}
