package pipeline_test

import (
	"fmt"
	"testing"
	"time"

	"rapport/shared/crm"
	"rapport/shared/network"
	"rapport/shared/pipeline"
)

// TestQuotaTreaty plays six hours in which three times as much is to be written as our share of the quota allows, a fifth of
// it urgent: that goes its way at once, the reserve of the customer's other tools is never touched, and the rest arrives
// in the end.
func TestQuotaTreaty(t *testing.T) {
	const (
		calls, reserve = 100, 20
		ours           = calls - calls*reserve/100 // an hour
		hours          = 6
	)
	r := newRig(t, options{})
	r.crm.buckets = []network.Bucket{{Name: "default", Calls: calls, Per: time.Hour, Shared: "account", Reserve: reserve}}
	r.crm.batch = 1 // so each record is a call
	r.boot()
	r.now = r.now.Truncate(time.Hour)
	begin, made := r.now, map[time.Time]int{}
	arrived := map[string]time.Time{}
	r.crm.call = func(_ string, _ crm.Account, records []crm.Record) error {
		hour := r.now.Truncate(time.Hour)
		if made[hour]++; made[hour] > ours {
			t.Errorf("%s: call %d of %d: the reserve is touched", r.now.Format("15:04"), made[hour], ours)
		}
		for _, rec := range records {
			arrived[rec.Key] = r.now
		}
		return nil
	}
	urgent, sent, slowest := map[string]time.Time{}, 0, time.Duration(0)
	for minute := range hours * 60 {
		r.pass(time.Minute)
		// 200 calls an hour for the bulk lane; for the urgent one 48: twelve complaints of two records each, which are
		// written once more when their answers are overdue.
		for i := range 3 + (minute%3+2)/4 {
			r.hook(said(fmt.Sprintf("b%d-%d", minute, i), "anna", "just saw your shop", r.now))
			sent++
		}
		if minute%5 == 0 {
			id := fmt.Sprintf("u%d", minute)
			r.hook(said(id, "berta"+id, complaint, r.now))
			urgent[id], sent = r.now, sent+1
		}
		r.tick()
		r.run()
		if q, err := r.app.Quotas(t.Context(), 0); minute%60 == 50 && (err != nil || q[0].Urgent == 0 || q[0].By["crm"] != q[0].Used || q[0].Reserve != calls-ours) {
			t.Errorf("the quota stands at %+v (%v)", q, err)
		}
	}
	for id, at := range urgent {
		when, ok := arrived["rapport:mention:site:"+id]
		if slowest = max(slowest, when.Sub(at)); !ok || when.Sub(at) > pipeline.UrgentWithin {
			t.Errorf("%s, urgent since %s, arrived at %s", id, at.Format("15:04"), when.Format("15:04"))
		}
	}
	if there := len(r.crm.all("mention")); there >= sent {
		t.Fatalf("all %d arrived at once: this was no triple load", sent)
	}
	drained := r.now
	for len(r.crm.all("mention")) < sent && r.now.Sub(begin) < 48*time.Hour {
		r.pass(time.Minute)
		r.tick()
		r.run()
	}
	if there := len(r.crm.all("mention")); there != sent {
		t.Errorf("%d of %d arrived in the end", there, sent)
	}
	t.Logf("%d mentions, %d of them urgent: the slowest of these took %s; the bulk lane was empty %s after the load", sent, len(urgent), slowest, r.now.Sub(drained))
}

// The forecast says when our share is used up, who uses it, and nothing while it is too early to tell.
func TestQuotas(t *testing.T) {
	r := newRig(t, options{})
	r.crm.buckets = []network.Bucket{{Name: "daily", Calls: 100, Per: 24 * time.Hour, Reserve: 20}, {Name: "second", Calls: 10, Per: time.Second}}
	r.crm.batch = 1
	r.boot()
	r.now = r.now.Truncate(24 * time.Hour).Add(time.Hour)
	stand := func() pipeline.Quota {
		t.Helper()
		list, err := r.app.Quotas(t.Context(), time.Hour)
		if err != nil || len(list) != 1 || list[0].Bucket != "daily" {
			t.Fatalf("%+v (%v), want the daily bucket alone", list, err)
		}
		return list[0]
	}
	write := func(from, n int) {
		for i := range n {
			r.hook(said(fmt.Sprintf("m%d", from+i), fmt.Sprintf("anna%d", from+i), complaint, r.now)) // mention and case
			r.run()
		}
	}
	write(0, 10)
	q := stand()
	if q.Used != 20 || q.Left != 60 || q.Reserve != 20 || q.By["crm"] != 20 || q.Percent != 0 || !q.Out.IsZero() {
		t.Errorf("after an hour: %+v, too early for a forecast", q)
	}
	r.now = r.now.Truncate(24 * time.Hour).Add(4 * time.Hour)
	q = stand()
	if q.Percent < 149 || q.Percent > 151 || q.Out.Sub(r.now.Truncate(24*time.Hour)).Round(time.Minute) != 16*time.Hour {
		t.Errorf("after 20 of 80 in four hours: %+v, want 150 %% and an end at 16:00", q)
	}
	if h, err := r.app.Health(t.Context()); err != nil || h.Quota != q.Percent {
		t.Errorf("the alarm's number is %v (%v), want %v", h.Quota, err, q.Percent)
	}
	r.pass(8 * time.Hour)
	if q = stand(); q.Percent > 51 || !q.Out.IsZero() {
		t.Errorf("after 20 of 80 at noon: %+v, it holds", q)
	}
	r.pass(24 * time.Hour)
	if q = stand(); q.Used != 0 || q.Left != 80 {
		t.Errorf("on the next day: %+v", q)
	}
	write(100, 3)
	plan, err := r.app.Plan(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	conf, _ := plan.Doc.CRM("crm")
	calls, usd, err := r.app.Days(t.Context(), conf, r.now.Add(-48*time.Hour), r.now)
	if err != nil || len(usd) != 0 || len(calls) != 2 || calls[r.now.Format(time.DateOnly)] != 6 {
		t.Errorf("by day: %v %v (%v), want 20 and 6 calls", calls, usd, err)
	}
}
