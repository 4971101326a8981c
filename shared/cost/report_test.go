package cost

import (
	"math"
	"testing"
	"time"

	"rapport/shared/ledger"
)

func TestFold(t *testing.T) {
	list, err := Of("us-east-1")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	f := NewFold(list, func(account string) bool { return account == "monitor" })
	written := ledger.Line{Network: "forum", Account: "monitor", Brand: "nordlicht", At: at, Outcome: ledger.Mention,
		Deliveries: []ledger.Delivery{{Account: "sales", State: ledger.Written, Created: 2}, {Account: "feedback", State: ledger.Written, Created: 1}}}
	merged, filtered, polled := written, written, written
	merged.Outcome, merged.Deliveries = ledger.Merged, nil
	filtered.Outcome, filtered.Deliveries = ledger.Filtered, nil
	polled.Account, polled.Network = "social", "mastodon"
	for range 10 {
		f.Add(written)
		f.Add(merged)
		f.Add(filtered)
		f.Add(polled)
	}
	reads := []Reading{{Account: "social", Calls: 30, Fees: 4, Polls: 30, AWS: 0.001}}
	r := f.Report(at, at.Add(24*time.Hour), reads, map[string]int{"sales": 40})
	if r.Events != 40 || len(r.Rows) != 4 || r.Fees != 4 {
		t.Fatalf("%+v", r)
	}
	by := map[string]Row{}
	sum := r.Idle + 0.001
	for _, row := range r.Rows {
		by[row.Account+" "+row.Outcome] = row
		sum += row.AWS
	}
	if w, m, p := by["monitor written"], by["monitor merged"], by["social written"]; w.Events != 10 || !(w.AWS > by["monitor filtered"].AWS && by["monitor filtered"].AWS > m.AWS && m.AWS > 0) ||
		p.AWS >= w.AWS || w.Fees != 0 || p.Fees != 4 || w.Calls != 20 || p.Calls != 20 || m.Calls != 0 {
		t.Errorf("rows are %+v", by)
	}
	if math.Abs(sum-r.AWS) > 1e-12 {
		t.Errorf("the parts are %g USD, the whole %g", sum, r.AWS)
	}
	if c := r.CRMs[1]; c.Account != "sales" || c.Deliveries != 20 || c.Created != 40 || c.Calls != 40 || c.PerMille != 2000 || r.CRMs[0].Calls != -1 {
		t.Errorf("CRM accounts: %+v", r.CRMs)
	}
	if again := f.Report(at, at.Add(24*time.Hour), reads, map[string]int{"sales": 40}); again.AWS != r.AWS {
		t.Errorf("counted again it is %g instead of %g", again.AWS, r.AWS)
	}
}
