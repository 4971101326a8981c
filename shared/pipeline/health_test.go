package pipeline_test

import (
	"testing"
	"time"

	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/pipeline"
)

func TestHealth(t *testing.T) {
	r := newRig(t, options{})
	r.crm.buckets = []network.Bucket{{Name: "daily", Calls: 100, Per: 24 * time.Hour}, {Name: "second", Calls: 1, Per: time.Second}}
	r.boot()
	want := func(when string, want pipeline.Health) {
		t.Helper()
		got, err := r.app.Health(t.Context())
		if err != nil || got != want {
			t.Errorf("%s: %+v (%v), want %+v", when, got, err, want)
		}
	}
	want("at the start", pipeline.Health{})

	token := network.Token{Access: flow.NewSecret("t"), Expires: r.now.Add(6 * 24 * time.Hour)}
	for _, c := range []struct {
		when   string
		change func()
		n      int
	}{
		{"a token that nobody renews", func() {}, 1},
		{"one that is renewed by itself", func() { token.Refresh = flow.NewSecret("r") }, 0},
		{"one that lasts", func() { token.Refresh, token.Expires = flow.Secret{}, r.now.Add(8*24*time.Hour) }, 0},
		{"one that never ends", func() { token.Expires = time.Time{} }, 0},
	} {
		c.change()
		if err := r.app.SaveToken(t.Context(), "site", token); err != nil {
			t.Fatal(err)
		}
		want(c.when, pipeline.Health{Expiring: c.n})
	}

	r.hook(said("m1", "anna", complaint, r.now))
	r.run()
	r.now = r.now.Truncate(24 * time.Hour).Add(12 * time.Hour)
	h, err := r.app.Health(t.Context())
	if err != nil || h.Quota <= 0 || h.Quota > 50 {
		t.Errorf("after a few of a hundred calls at noon the forecast is %v (%v)", h.Quota, err)
	}
	r.now = r.now.Add(12 * time.Hour)
	want("on the next day", pipeline.Health{})
	r.crm.call = func(string, crm.Account, []crm.Record) error { return fault.New(fault.Unavailable, "down") }
	r.hook(said("m2", "anna", complaint, r.now))
	r.run()
	if h, err := r.app.Health(t.Context()); err != nil || h.Closed != 1 {
		t.Errorf("a CRM that is down: %+v (%v)", h, err)
	}
}
