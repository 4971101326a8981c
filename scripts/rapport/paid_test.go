package main

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"rapport/shared/cost"
	"rapport/shared/pipeline"
	xtwin "rapport/shared/twin/x"
)

// TestPaidStream: what a query costs is shown before it is saved, and it is saved only on a yes. Doctor and backfill tell
// the same, and every question is booked.
func TestPaidStream(t *testing.T) {
	p := newPlace(t)
	x := xtwin.New(xtwin.Options{Bearer: "x-bearer-canary"})
	server := httptest.NewServer(x)
	t.Cleanup(server.Close)
	for range 700 {
		x.Post(xtwin.Post{By: "guest", Text: "a mill"})
	}
	p.write(".env", p.read(".env")+"X_BEARER=x-bearer-canary\n")
	account := fmt.Sprintf("networks:\n  - {name: xing, kind: x, brand: nordlicht, origin: %s, id: %q, paused: PAUSED, streams: [\"search:mill\"], secrets: {bearer: env:X_BEARER}}\n", server.URL, x.Brand())
	paid := strings.Replace(account, "PAUSED", "false", 1)
	p.change("paid.yaml", "networks:\n", paid)
	p.change("poor.yaml", "networks:\n", paid, "    title: Nordlicht Rad", "    title: Nordlicht Rad\n    budget: 0.02")
	h := p.up()
	const forecast = "search:mill of xing: about 100 mentions a day, 1.50 USD a day at most, of the brand's 5.00 USD"
	p.holds(p.feed("n\n", 0, "config", "apply", "paid.yaml"), forecast, "nothing was done")
	p.holds(p.run(0, "config", "history"), "version 1")
	if n := x.Calls("GET /2/tweets/search/recent"); n != 0 {
		t.Errorf("%d paid reads before anybody said yes", n)
	}
	p.holds(p.run(0, "config", "apply", "poor.yaml", "--yes"), "more than the brand's budget of 0.02 USD", "version 2")
	p.holds(p.feed("y\n", 0, "config", "apply", "paid.yaml"), "version 3") // the stream is known by now, so nobody is asked
	p.until("the account was read once", func() bool { return x.Calls("GET /2/tweets/search/recent") > 0 })
	p.holds(p.run(0, "doctor", "xing"), "About 100.0 posts a day, 1.50 USD a day at most", "of 5.00 USD of brand nordlicht are spent today")
	p.holds(p.feed("n\n", 0, "backfill", "xing", "--from", "2020-01-01"), "about 700 mentions", "10.50 USD of the network's fees", "nothing was done")
	h.stop()
	before := x.Calls("GET /2/tweets/counts/recent")
	p.holds(p.run(0, "doctor", "xing"), "spent today") // also where nothing runs
	if n := x.Calls("GET /2/tweets/counts/recent"); n != before+1 {
		t.Errorf("%d counts, want %d", n, before+1)
	}
}

// TestCost: what was paid is told by account and outcome, what quotas have left by bucket, and a plan is billed without any
// home at all.
func TestCost(t *testing.T) {
	p := newPlace(t)
	x := xtwin.New(xtwin.Options{Bearer: "x-bearer-canary"})
	server := httptest.NewServer(x)
	t.Cleanup(server.Close)
	p.write(".env", p.read(".env")+"X_BEARER=x-bearer-canary\n")
	p.write("volumes.yaml", "streams: [{name: tool, by: webhook, mentions: 30000, talk: 20, fee: 0.01}]\ncrms: [{name: sales, daily: 5000}]\n")
	p.holds(p.run(0, "cost", "--plan", "volumes.yaml"), "eu-central-1", "DynamoDB writes", "tool", "30,000", "sales has to bear about 1,000 calls a day, 20.0 % of its quota", "300.00 of networks")
	p.holds(p.run(0, "cost", "--plan", "volumes.yaml", "--region", "us-east-1"), "us-east-1")
	p.holds(p.run(exitFailed, "cost", "--plan", "volumes.yaml", "--region", "mars-1"), "are not known, those of eu-central-1")
	p.write("wrong.yaml", "streams: [{name: tool, by: pigeon, mention: 3}]\n")
	p.holds(p.run(exitFailed, "cost", "--plan", "wrong.yaml"), "wrong.yaml", "mention")

	p.change("paid.yaml", "networks:\n", fmt.Sprintf("networks:\n  - {name: xing, kind: x, brand: nordlicht, origin: %s, id: %q, every: 1s, streams: [\"search:mill\"], secrets: {bearer: env:X_BEARER}}\n", server.URL, x.Brand()))
	h := p.up()
	p.holds(p.run(0, "config", "apply", "paid.yaml", "--yes"), "version 2")
	p.until("the account was read once", func() bool { return x.Calls("GET /2/tweets/search/recent") > 0 })
	for range 3 {
		x.Post(xtwin.Post{By: "guest", Text: "a mill"})
	}
	p.write("one.json", review("r1", "Die Bremse quietscht, niemand antwortet.", 2))
	p.says("200", "send", "one.json", "--hook", "reviews", "--to", h.url)
	p.says("200", "send", "one.json", "--hook", "reviews", "--to", h.url)
	p.until("all is settled", func() bool {
		s := p.tally()
		return s.Total["received"] == 5 && s.Waiting == 0 && s.Total["open"] == 0
	})
	p.holds(p.run(0, "cost"), "merged", "xing", "portal", "feedback", "all", "waiting")
	var r cost.Report
	p.reads(0, &r, "cost")
	var fees float64
	for _, row := range r.Rows {
		if fees += row.Fees; (row.Account == "xing") != (row.Fees > 0) || row.AWS <= 0 || row.Brand == "" {
			t.Errorf("a row says %+v", row)
		}
	}
	if r.Events != 5 || fees < 0.0149 || r.Fees-fees > 1e-9 || r.Fees > 2 {
		t.Errorf("%d events, fees %g in rows, %g in all", r.Events, fees, r.Fees)
	}
	for _, read := range r.Reads {
		if read.Account == "xing" && read.Calls < 1 {
			t.Errorf("reading says %+v", read)
		}
	}
	var q struct {
		Quotas  []pipeline.Quota
		Budgets []pipeline.Budget
	}
	said := p.run(0, "quota")
	p.holds(said, "xing default", "brand nordlicht", "of 5.00 USD are spent today", "xing 0.")
	p.reads(0, &q, "quota")
	if len(q.Quotas) == 0 || len(q.Budgets) != 1 || q.Budgets[0].By["xing"] <= 0 {
		t.Errorf("quota --json: %+v", q)
	}
	h.stop()
}
