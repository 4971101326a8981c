package rest_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"rapport/shared/fault"
	"rapport/shared/rest"
)

// answers is a vendor of one answer.
type answers func(*http.Request) (*http.Response, error)

func (f answers) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestNoPaidCallWithoutLeave(t *testing.T) {
	calls := 0
	client := &http.Client{Transport: answers(func(*http.Request) (*http.Response, error) {
		calls++
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("ab"))}, nil
	})}
	a := rest.Account{Name: "a", Origin: "https://x.example", HTTP: client}
	req := rest.Request{URL: "/", Paid: map[string]int{"post": 10}}
	if _, err := a.Do(t.Context(), req); !fault.Is(err, fault.Invalid) || calls != 0 {
		t.Errorf("without a budget: %v after %d calls", err, calls)
	}
	a.Pay = func(context.Context, map[string]int) (func(map[string]int), error) {
		return nil, fault.New(fault.QuotaExhausted, "used up")
	}
	if _, err := a.Do(t.Context(), req); !fault.Is(err, fault.QuotaExhausted) || calls != 0 {
		t.Errorf("without leave: %v after %d calls", err, calls)
	}
	if _, err := a.Do(t.Context(), rest.Request{URL: "/"}); err != nil || calls != 1 {
		t.Errorf("a free call: %v, %d calls", err, calls)
	}
}

// What did not come is given back; where nobody knows whether it came, nothing is.
func TestWhatDidNotComeIsGivenBack(t *testing.T) {
	all := map[string]int{"post": 10}
	came := func(r rest.Response) map[string]int { return map[string]int{"post": len(r.Body)} }
	for _, c := range []struct {
		name   string
		status int
		err    error
		came   func(rest.Response) map[string]int
		spent  map[string]int // nil = nothing is given back
	}{
		{"two of ten", 200, nil, came, map[string]int{"post": 2}},
		{"refused", 429, nil, came, map[string]int{}},
		{"the vendor is down", 503, nil, came, map[string]int{}},
		{"the call itself is paid for", 403, nil, nil, nil},
		{"nobody knows", 0, errors.New("cut"), came, nil},
	} {
		a := rest.Account{Name: "a", Origin: "https://x.example", HTTP: &http.Client{Transport: answers(func(*http.Request) (*http.Response, error) {
			if c.err != nil {
				return nil, c.err
			}
			return &http.Response{StatusCode: c.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("ab"))}, nil
		})}}
		var asked, spent map[string]int
		a.Pay = func(_ context.Context, most map[string]int) (func(map[string]int), error) {
			asked = most
			return func(came map[string]int) {
				spent = map[string]int{}
				maps.Copy(spent, came)
			}, nil
		}
		_, _ = a.Do(t.Context(), rest.Request{URL: "/", Paid: all, Came: c.came}) // what it says is tested elsewhere
		if !maps.Equal(asked, all) || !maps.Equal(spent, c.spent) || (spent == nil) != (c.spent == nil) {
			t.Errorf("%s: asked for %v, spent %v, want %v", c.name, asked, spent, c.spent)
		}
	}
}
