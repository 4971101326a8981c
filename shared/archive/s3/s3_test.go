package s3_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"rapport/shared/archive"
	"rapport/shared/archive/archivetest"
	"rapport/shared/archive/s3"
	"rapport/shared/awsapi"
	"rapport/shared/emulator"
	"rapport/shared/fault"
)

func TestMain(m *testing.M) { emulator.Main(m) }

func client(t testing.TB, endpoint string) *awsapi.Client {
	t.Helper()
	c, err := awsapi.New(awsapi.Options{Service: "s3", Region: emulator.Region, Endpoint: endpoint, HTTP: http.DefaultClient,
		Credentials: credentials.NewStaticCredentialsProvider(emulator.Key, emulator.Key, "")})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// open makes an archive in a bucket of its own.
func open(t testing.TB) *s3.Archive {
	t.Helper()
	a, err := s3.New(s3.Options{Client: client(t, emulator.URL(t)), Bucket: "t" + strings.ToLower(rand.Text())})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.CreateBucket(t.Context(), emulator.Region); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestArchive(t *testing.T) {
	shared := open(t)
	archivetest.Run(t, archivetest.Harness{New: func(testing.TB) archive.Archive { return shared }})
}

func batch(n int, at time.Time) archive.Batch {
	b := archive.Batch{Account: "nordlicht", At: at, ID: fmt.Sprintf("b%04d", n)}
	for i := range 3 {
		b.Entries = append(b.Entries, archive.Entry{Line: fmt.Sprint(i), Account: "nordlicht", Author: fmt.Sprint(i), Raw: []byte("raw")})
	}
	return b
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// More than a thousand keys take several lists.
func TestListOfManyPages(t *testing.T) {
	a := open(t)
	var calls atomic.Int32
	small := behind(t, a, func(r *http.Request) { // pages of ten
		if q := r.URL.Query(); q.Get("list-type") != "" {
			calls.Add(1)
			q.Set("max-keys", "10")
			r.URL.RawQuery = q.Encode()
		}
	})
	for i := range 35 {
		if _, err := a.Write(t.Context(), batch(i, noon.Add(time.Duration(i)*time.Hour))); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for ref, err := range small.List(t.Context(), "nordlicht", noon.Add(2*time.Hour), noon.Add(30*time.Hour)) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, ref)
	}
	if len(got) != 28 || !strings.HasSuffix(got[0], "b0002") || !strings.HasSuffix(got[27], "b0029") || calls.Load() < 3 {
		t.Errorf("%d references in %d calls: %v", len(got), calls.Load(), got)
	}
}

// behind gives the same bucket by way of a proxy that changes requests. Their signatures no longer fit, which the emulator
// does not look at.
func behind(t *testing.T, a *s3.Archive, change func(*http.Request)) *s3.Archive {
	t.Helper()
	target, err := url.Parse(emulator.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		change(r)
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	b, err := s3.New(s3.Options{Client: client(t, server.URL), Bucket: a.Bucket()})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Two processes that rewrite one object must not undo each other: between the read and the write of the first the second
// rewrites.
func TestRewriteOfTwoProcesses(t *testing.T) {
	a := open(t)
	ref, err := a.Write(t.Context(), batch(1, noon))
	if err != nil {
		t.Fatal(err)
	}
	drop := func(author string) func(archive.Entry) bool {
		return func(e archive.Entry) bool { return e.Author == author }
	}
	var once atomic.Bool
	other := behind(t, a, func(r *http.Request) {
		if r.Method == http.MethodPut && once.CompareAndSwap(false, true) {
			if err := a.Rewrite(context.Background(), ref, drop("0")); err != nil {
				t.Error(err)
			}
		}
	})
	if err := other.Rewrite(t.Context(), ref, drop("1")); err != nil {
		t.Fatal(err)
	}
	got, err := a.Read(t.Context(), ref)
	if err != nil || len(got.Entries) != 1 || got.Entries[0].Author != "2" {
		t.Errorf("after two rewrites: %v %+v", err, got.Entries)
	}
}

func TestServiceBusy(t *testing.T) {
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`<?xml version="1.0"?><Error><Code>SlowDown</Code></Error>`))
			return
		}
		w.WriteHeader(http.StatusOK)
	}))
	defer server.Close()
	a, err := s3.New(s3.Options{Client: client(t, server.URL), Bucket: "b"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Write(t.Context(), batch(1, noon)); err != nil || calls.Load() != 3 {
		t.Errorf("write while the service is busy: %v after %d calls", err, calls.Load())
	}
}

func TestMissingBucketIsNoMissingBatch(t *testing.T) {
	a, err := s3.New(s3.Options{Client: client(t, emulator.URL(t)), Bucket: "nobody-made-this"})
	if err != nil {
		t.Fatal(err)
	}
	ref, err := archive.Ref(batch(1, noon))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Read(t.Context(), ref); !fault.Is(err, fault.Transient) {
		t.Errorf("reading from a bucket that is not there gave %v, want Transient: nothing must look erased", err)
	}
}
