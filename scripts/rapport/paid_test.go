package main

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

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
