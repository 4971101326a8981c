package cost

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"rapport/shared/ledger"
)

// Row is what became of events of one network, account, brand and outcome, and what that cost.
type Row struct {
	Network string  `json:"network"`
	Account string  `json:"account"`
	Brand   string  `json:"brand"`
	Outcome string  `json:"outcome"` // column of the ledger
	Events  int     `json:"events"`
	AWS     float64 `json:"aws_usd"`   // reckoned
	Fees    float64 `json:"fees_usd"`  // of the network: the account's are counted, and shared by its events alike
	Calls   float64 `json:"crm_calls"` // units of the CRMs' quotas: each account's are counted, and shared by its deliveries alike
}

// CRMRow is what a CRM account was asked for.
type CRMRow struct {
	Account    string  `json:"account"`
	Deliveries int     `json:"deliveries"`
	Created    int     `json:"created"`
	Updated    int     `json:"updated"`
	Calls      int     `json:"calls"` // counted: all of the account, look-ups and polls included; -1 = nobody counts them
	PerMille   float64 `json:"calls_per_1000,omitempty"`
}

// Reading is what reading a network account took.
type Reading struct {
	Account string  `json:"account"`
	Calls   int     `json:"calls"`    // counted; -1 = nobody counts them
	Fees    float64 `json:"fees_usd"` // counted
	Polls   float64 `json:"polls"`    // by the configured pause
	AWS     float64 `json:"aws_usd"`  // of the polls, reckoned
}

// Report is what a stretch of time cost.
type Report struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Region string    `json:"region"`
	Date   string    `json:"date"`
	Rows   []Row     `json:"rows"`
	CRMs   []CRMRow  `json:"crms"`
	Reads  []Reading `json:"reads"`
	Idle   float64   `json:"idle_usd"` // of AWS: clock, reports, listening
	Events int       `json:"events"`
	AWS    float64   `json:"aws_usd"` // all of AWS, idle and polls included
	Fees   float64   `json:"fees_usd"`
}

type place struct{ network, account, brand, outcome string }

// work is what a group of lines made the verbs do.
type work struct {
	events, hooked, polled int
	repeats, news, lines   int
	deliveries, extra      int
	shared                 int
	to                     map[string]int // deliveries by CRM account
}

// Fold adds up lines of the ledger. The zero value is not ready: make it with NewFold. Not safe for concurrent use.
type Fold struct {
	list  List
	hook  func(account string) bool
	hours map[time.Time]map[place]*work
	crms  map[string]*CRMRow
}

// NewFold begins a count by the prices of a list; hook tells which accounts get webhooks, all others are polled.
func NewFold(list List, hook func(account string) bool) *Fold {
	return &Fold{list: list, hook: hook, hours: map[time.Time]map[place]*work{}, crms: map[string]*CRMRow{}}
}

// Add counts a line.
func (f *Fold) Add(l ledger.Line) {
	hour := l.At.UTC().Truncate(time.Hour)
	if f.hours[hour] == nil {
		f.hours[hour] = map[place]*work{}
	}
	column, _ := l.Final()
	at := place{l.Network, l.Account, l.Brand, column}
	w := f.hours[hour][at]
	if w == nil {
		w = &work{to: map[string]int{}}
		f.hours[hour][at] = w
	}
	w.events++
	if f.hook(l.Account) {
		w.hooked++
	} else {
		w.polled++
	}
	switch l.Outcome {
	case ledger.Merged:
		w.repeats++
	case ledger.Rejected, ledger.Suppressed:
		w.lines++
	default:
		w.news++
	}
	for i, d := range l.Deliveries {
		c := f.crms[d.Account]
		if c == nil {
			c = &CRMRow{Account: d.Account, Calls: -1}
			f.crms[d.Account] = c
		}
		c.Deliveries, c.Created, c.Updated = c.Deliveries+1, c.Created+d.Created, c.Updated+d.Updated
		w.to[d.Account]++
		w.deliveries++
		w.shared += max(d.Created+d.Updated-1, 0)
		if i > 0 {
			w.extra++
		}
	}
}

// usage reckons what a group of an hour used, in which so many events came in all. Batches fill up for a second.
func (w *work) usage(all int) Usage {
	const window = 1.0 / 3600
	fill := bounded(float64(all) * window)
	page := bounded(float64(w.polled)) // a body that a poll brought holds many
	u := Webhook.Of(fill).Times(float64(w.hooked))
	bodies := float64(w.hooked)
	if w.polled > 0 {
		bodies += float64(w.polled) / min(page, 40)
		u = u.Plus(Page.Of(fill).Times(float64(w.polled) / min(page, 40)))
	}
	u = u.Plus(Enrich.Of(fill).Times(bodies / fill))
	u = u.Plus(Mention.Of(fill).Times(float64(w.news))).Plus(Repeat.Of(fill).Times(float64(w.repeats)))
	u.Writes += float64(w.lines + w.extra)
	n := float64(w.deliveries)
	u = u.Plus(Delivery.Of(fill).Times(n)).Plus(Deliver.Of(fill).Times(n / fill))
	return u.Plus(Shared.Of(fill).Times(float64(w.shared)))
}

// Report gives what was counted, with what reading the accounts took.
func (f *Fold) Report(from, to time.Time, reads []Reading, calls map[string]int) Report {
	r := Report{From: from, To: to, Region: f.list.Region, Date: f.list.Date, Reads: reads}
	rows := map[place]*Row{}
	events := map[string]int{}
	for _, groups := range f.hours {
		all := 0
		for _, w := range groups {
			all += w.events
		}
		for at, w := range groups {
			row := rows[at]
			if row == nil {
				row = &Row{Network: at.network, Account: at.account, Brand: at.brand, Outcome: at.outcome}
				rows[at] = row
			}
			row.Events += w.events
			row.AWS += f.list.USD(w.usage(all))
			for _, crm := range slices.Sorted(maps.Keys(w.to)) {
				row.Calls += float64(calls[crm]) * float64(w.to[crm]) / float64(f.crms[crm].Deliveries)
			}
			events[at.account] += w.events
		}
	}
	fees := map[string]float64{}
	for _, read := range reads {
		fees[read.Account] += read.Fees
		r.Fees, r.AWS = r.Fees+read.Fees, r.AWS+read.AWS
	}
	for _, row := range rows {
		row.Fees = fees[row.Account] * float64(row.Events) / float64(events[row.Account])
		r.Rows = append(r.Rows, *row)
	}
	slices.SortFunc(r.Rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Network, b.Network), cmp.Compare(a.Account, b.Account), cmp.Compare(a.Brand, b.Brand), cmp.Compare(a.Outcome, b.Outcome))
	})
	for _, row := range r.Rows { // in order, so that sums of the same numbers are the same
		r.Events, r.AWS = r.Events+row.Events, r.AWS+row.AWS
	}
	for _, c := range f.crms {
		if n, counted := calls[c.Account]; counted {
			c.Calls = n
			if c.Deliveries > 0 {
				c.PerMille = float64(n) / float64(c.Deliveries) * 1000
			}
		}
		r.CRMs = append(r.CRMs, *c)
	}
	slices.SortFunc(r.CRMs, func(a, b CRMRow) int { return cmp.Compare(a.Account, b.Account) })
	r.Idle = f.list.USD(Waiting(to.Sub(from).Hours()))
	r.AWS += r.Idle
	return r
}
