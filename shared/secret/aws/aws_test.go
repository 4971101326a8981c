package aws_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"rapport/shared/awsapi"
	"rapport/shared/emulator"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/secret"
	"rapport/shared/secret/aws"
	"rapport/shared/secret/secrettest"
)

func TestMain(m *testing.M) { emulator.Main(m) }

func client(t testing.TB, service, endpoint string) *awsapi.Client {
	t.Helper()
	c, err := awsapi.New(awsapi.Options{Service: service, Region: emulator.Region, Endpoint: endpoint, HTTP: http.DefaultClient,
		Credentials: credentials.NewStaticCredentialsProvider(emulator.Key, emulator.Key, "")})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// open makes a source of one of the services behind an endpoint.
func open(t testing.TB, service, endpoint string, now func() time.Time) *aws.Source {
	t.Helper()
	return calm(t, service, endpoint, now, 0)
}

func calm(t testing.TB, service, endpoint string, now func() time.Time, d time.Duration) *aws.Source {
	t.Helper()
	o := aws.Options{Path: "/t" + rand.Text() + "/", Now: now, Calm: d}
	if service == "ssm" {
		o.Parameters = client(t, service, endpoint)
	} else {
		o.Manager = client(t, service, endpoint)
	}
	s, err := aws.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ref(name string) string { return "aws:/t/" + name }

var services = []string{"ssm", "secretsmanager"}

func TestSource(t *testing.T) {
	for _, service := range services {
		t.Run(service, func(t *testing.T) {
			secrettest.Run(t, secrettest.Harness{Ref: ref, Bad: []string{"aws:", "aws:a b", "aws:/", "aws:a//b", "aws:ä", "env:NAME", "AWS:NAME", " aws:NAME", "aws:A\n", "aws:@previous"},
				New: func(t testing.TB) secret.Source { return open(t, service, emulator.URL(t), nil) },
				Change: func(t testing.TB, name, value string) { // by another process
					if err := open(t, service, emulator.URL(t), nil).Set(context.Background(), ref(name), flow.NewSecret(value)); err != nil {
						t.Fatal(err)
					}
				}})
		})
	}
}

// gives wants a secret.
func gives(t *testing.T, s *aws.Source, ref, want string) {
	t.Helper()
	got, err := s.Get(t.Context(), ref)
	if err != nil || got.Reveal() != want {
		t.Errorf("%s gave %q (%v), want %q", ref, got.Reveal(), err, want)
	}
}

func set(t *testing.T, s *aws.Source, ref, text string) {
	t.Helper()
	if err := s.Set(t.Context(), ref, flow.NewSecret(text)); err != nil {
		t.Fatal(err)
	}
}

// Who takes both during a rotation refuses nobody, whichever of the two the sender uses.
func TestPreviousOfARotation(t *testing.T) {
	for _, service := range services {
		t.Run(service, func(t *testing.T) {
			s := open(t, service, emulator.URL(t), nil)
			set(t, s, "aws:hook", "one")
			gives(t, s, "aws:hook@previous", "one")
			set(t, s, "aws:hook", "two")
			gives(t, s, "aws:hook", "two")
			gives(t, s, "aws:hook@previous", "one")
			set(t, s, "aws:hook", "three")
			gives(t, s, "aws:hook@previous", "two")
			if _, err := s.Get(t.Context(), "aws:none@previous"); !fault.Is(err, fault.NotFound) {
				t.Errorf("previous of what is not there: %v", err)
			}
		})
	}
}

// world is a service that can be down and counts its calls.
type world struct {
	calls atomic.Int32
	down  atomic.Bool
	ahead atomic.Int64
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

func (w *world) start(t *testing.T) string {
	t.Helper()
	target, err := url.Parse(emulator.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.calls.Add(1)
		if w.down.Load() {
			rw.WriteHeader(http.StatusInternalServerError)
			return
		}
		forward.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestCache(t *testing.T) {
	var w world
	s := open(t, "ssm", w.start(t), w.now)
	set(t, s, "aws:hook", "one")
	before := w.calls.Load()
	for range 100 {
		gives(t, s, "aws:hook", "one")
	}
	if n := w.calls.Load() - before; n != 0 {
		t.Errorf("a hundred reads of one secret asked the service %d times", n)
	}
	w.ahead.Store(int64(time.Hour))
	gives(t, s, "aws:hook", "one")
	if n := w.calls.Load() - before; n != 1 {
		t.Errorf("after an hour the service was asked %d times, want once", n)
	}
	w.ahead.Store(int64(2 * time.Hour))
	w.down.Store(true)
	gives(t, s, "aws:hook", "one") // the service is down
	asked := w.calls.Load()
	gives(t, s, "aws:hook", "one")
	if n := w.calls.Load() - asked; n != 0 {
		t.Errorf("a service that is down was asked %d times more at once", n)
	}
	if _, err := s.Get(t.Context(), "aws:other"); !fault.Is(err, fault.Transient) {
		t.Errorf("a secret never read, of a service that is down: %v, want Transient", err)
	}
	w.down.Store(false)
	w.ahead.Store(int64(3 * time.Hour))
	set(t, open(t, "ssm", emulator.URL(t), nil), "aws:/other/x", "x")
	gives(t, s, "aws:hook", "one")
	gives(t, s, "aws:/other/x", "x")
}

// Forged calls make the pipeline forget, and must not make it ask the service each time.
func TestCalm(t *testing.T) {
	var w world
	s := calm(t, "ssm", w.start(t), w.now, 10*time.Second)
	name := "aws:/t" + rand.Text() + "/hook"
	set(t, s, name, "one")
	set(t, open(t, "ssm", emulator.URL(t), nil), name, "two")
	before := w.calls.Load()
	for range 50 {
		s.Forget(name)
		gives(t, s, name, "one")
	}
	if n := w.calls.Load() - before; n != 0 {
		t.Errorf("asked %d times within the calm", n)
	}
	w.ahead.Store(int64(11 * time.Second))
	s.Forget(name)
	gives(t, s, name, "two")
	w.ahead.Store(int64(22 * time.Second))
	w.down.Store(true)
	s.Forget(name)
	gives(t, s, name, "two") // forgotten while the service is down
}
