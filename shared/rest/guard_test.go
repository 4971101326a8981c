package rest_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/rest"
)

// TestAllowed wants what belongs to the machine to be refused always, private ranges unless the process allows them.
func TestAllowed(t *testing.T) {
	const never, private, public = "never", "private", "public"
	for address, want := range map[string]string{
		"93.184.215.14:443": public, "[2606:4700::6810:84e5]:443": public, "[64:ff9b::5db8:d70e]:443": public,

		"127.0.0.1:80": private, "127.9.9.9:9001": private, "[::1]:80": private, "10.0.0.1:80": private, "172.16.0.1:80": private, "172.31.255.255:80": private,
		"192.168.1.1:80": private, "100.64.0.1:80": private, "[fd12:3456::1]:80": private, "[fec0::1]:80": private, "[::ffff:127.0.0.1]:80": private,
		"[::ffff:10.1.2.3]:80": private, "[64:ff9b::7f00:1]:80": private, "[64:ff9b::a00:1]:80": private, "[64:ff9b:1::1]:80": private, "[2002:7f00:1::]:80": private,
		"[2002:c0a8:101::1]:80": private,

		"169.254.169.254:80": never, "169.254.170.2:80": never, "169.254.100.1:9001": never, "[fe80::1]:80": never, "[fe80::1%eth0]:80": never, "[fd00:ec2::254]:80": never,
		"[fd00:ec2::23]:80": never, "0.0.0.0:80": never, "0.1.2.3:80": never, "[::]:80": never, "224.0.0.1:80": never, "[ff02::1]:80": never, "255.255.255.255:80": never,
		"[::ffff:169.254.169.254]:80": never, "[64:ff9b::a9fe:a9fe]:80": never, "[2002:a9fe:a9fe::]:80": never, "localhost:80": never, "": never, "2130706433:80": never,
	} {
		plain, open := rest.Allowed(address, false), rest.Allowed(address, true)
		if (plain == nil) != (want == public) || (open == nil) != (want != never) {
			t.Errorf("%s is %s, and was answered: %v; where private addresses may be called: %v", address, want, plain, open)
		}
		for _, err := range []error{plain, open} {
			if err != nil && !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: %v is not Invalid", address, err)
			}
		}
	}
}

// TestGuard dials: a name that leads to a private address is refused after it was resolved, a redirect is not followed, and
// nothing ever reaches what is never called.
func TestGuard(t *testing.T) {
	var calls atomic.Int64
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	defer inside.Close()
	_, port, _ := net.SplitHostPort(inside.Listener.Addr().String())
	ask := func(o rest.GuardOptions, address string) error {
		a := rest.Account{Name: "a", Origin: address, HTTP: rest.Guard(o), Now: time.Now()}
		_, err := a.Do(t.Context(), rest.Request{URL: "/", Auth: "Bearer secret"})
		return err
	}
	for _, address := range []string{inside.URL, "http://localhost:" + port, "http://[::ffff:127.0.0.1]:" + port, "http://0.0.0.0:" + port} {
		if err := ask(rest.GuardOptions{}, address); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v, want a refusal", address, err)
		}
	}
	if err := ask(rest.GuardOptions{Private: true, Never: inside.Listener.Addr().String()}, inside.URL); !fault.Is(err, fault.Invalid) {
		t.Errorf("the runtime's own address: %v, want a refusal", err)
	}
	for _, address := range []string{"file:///etc/passwd", "gopher://a.example/", "http://user:word@a.example/", "//a.example"} {
		if err := ask(rest.GuardOptions{Private: true}, address); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v, want a refusal", address, err)
		}
	}
	if calls.Load() != 0 {
		t.Fatalf("%d calls got through", calls.Load())
	}
	if err := ask(rest.GuardOptions{Private: true}, inside.URL); err != nil || calls.Load() != 1 {
		t.Errorf("where private addresses may be called: %v, %d calls", err, calls.Load())
	}
}

// TestCredentialsStayAtTheirOrigin: a redirect is not followed, an address elsewhere is called without the credential, and
// no refusal that repeats a secret brings it into an error.
func TestCredentialsStayAtTheirOrigin(t *testing.T) {
	const secret = "c4n4ry-credential"
	var leaked atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Authorization")+r.URL.String(), secret) {
			leaked.Add(1)
		}
	}))
	defer elsewhere.Close()
	home := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/moved":
			http.Redirect(w, r, elsewhere.URL+"/there", http.StatusTemporaryRedirect)
		case r.Header.Get("Authorization") != "Bearer "+secret:
			w.WriteHeader(http.StatusForbidden)
		default:
			http.Error(w, "the token "+secret+" is not welcome", http.StatusUnauthorized)
		}
	}))
	defer home.Close()
	a := rest.Account{Name: "a", Origin: home.URL, HTTP: rest.Guard(rest.GuardOptions{Private: true}), Now: time.Now(), Secrets: map[string]flow.Secret{"token": flow.NewSecret(secret)}}
	for path, status := range map[string]int{"/moved": 307, "/": 401, elsewhere.URL + "/next": 200, strings.Replace(home.URL, "127.0.0.1", "localhost", 1): 403} {
		res, err := a.Do(t.Context(), rest.Request{URL: path, Auth: "Bearer " + secret})
		if err != nil || res.Status != status {
			t.Errorf("%s: %d, %v, want %d", path, res.Status, err, status)
		}
		if err := rest.Classify(res, a.Now); err != nil && strings.Contains(err.Error(), secret) || strings.Contains(string(res.Body), secret) {
			t.Errorf("%s: the secret stands in the answer: %v", path, err)
		}
	}
	if leaked.Load() != 0 {
		t.Errorf("%d calls carried the credential elsewhere", leaked.Load())
	}
}
