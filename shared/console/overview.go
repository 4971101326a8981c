package console

import (
	"context"
	"maps"
	"slices"
	"sort"
	"time"

	"rapport/shared/config"
	"rapport/shared/flow"
	"rapport/shared/ledger"
)

// Bounds of the overview: lines counted, and mentions among them that are looked into.
const (
	glanceLines    = 1800
	glanceMentions = 800
	glanceTalks    = 400
	glanceFor      = 3 * time.Second
)

// glance keeps the overview for a moment, so that reloading costs nothing.
type glance struct {
	at   time.Time
	data *overview
}

type overview struct {
	From        time.Time    `json:"from"`
	Partly      bool         `json:"partly,omitempty"` // there is more than was counted
	Total       ledger.Tally `json:"total"`
	Networks    []tallied    `json:"networks"`
	CRMs        []tallied    `json:"crms"`
	Unaccounted int          `json:"unaccounted"`
	Waiting     int          `json:"waiting"`
	Parked      int          `json:"parked"`
	DeadLetters int          `json:"dead_letters"`
	Oldest      string       `json:"oldest,omitempty"`
	Volume      bars         `json:"volume"`
	Mood        bars         `json:"mood"`
	Moods       []spark      `json:"moods"` // by network
	Topics      []counted    `json:"topics"`
	Intents     []counted    `json:"intents"`
	Clock       clock        `json:"clock"`
	Alerts      []row        `json:"alerts"`
	Accounts    []health     `json:"accounts"`
	Spent       spent        `json:"spent"`
	Unusual     []brandPulse `json:"unusual,omitempty"` // brands that are not as usual
}

type tallied struct {
	Name string `json:"name"`
	ledger.Tally
}

type counted struct {
	Name string `json:"name"`
	N    int    `json:"n"`
	Part int    `json:"-"` // percent of the largest
}

// clock is how the brands stand with their first answers.
type clock struct {
	Open, Waiting, Answered, Closed int
	Overdue                         int
	Next                            []due
}

type due struct {
	ID, Subject, Handle, Name, Network, Priority string
	Due                                          time.Time
	Late                                         bool
	brand                                        string
	private                                      bool
}

// health is what is known of an account without asking the vendor.
type health struct {
	Name    string    `json:"name"`
	Kind    string    `json:"kind"`
	CRM     bool      `json:"crm"`
	Brand   string    `json:"brand,omitempty"`
	Mode    string    `json:"mode,omitempty"`
	State   string    `json:"state"` // ok, waiting, bad, paused
	Say     string    `json:"say,omitempty"`
	Mend    string    `json:"mend,omitempty"`
	Parked  int       `json:"parked,omitempty"`
	Dead    int       `json:"dead,omitempty"`
	Last    time.Time `json:"last,omitzero"`
	Gap     string    `json:"gap,omitempty"` // the last one, and what was fetched of it
	Replies string    `json:"replies,omitempty"`
}

type spent struct {
	USD  float64 `json:"usd"`
	Most float64 `json:"most"`
}

func (c *Console) overview(q *request) (answer, error) {
	c.mu.Lock()
	scope := q.scope()
	g := c.glances[scope]
	c.mu.Unlock()
	now := c.now()
	if g.data == nil || now.Sub(g.at) > glanceFor {
		data, err := c.look(q.r.Context(), q)
		if err != nil {
			return answer{}, err
		}
		g = glance{now, data}
		c.mu.Lock()
		if len(c.glances) > 100 { // brands come and go
			clear(c.glances)
		}
		c.glances[scope] = g
		c.mu.Unlock()
	}
	seen := *g.data
	seen.Alerts, seen.Clock.Next = slices.Clone(seen.Alerts), slices.Clone(seen.Clock.Next)
	for i := range seen.Clock.Next {
		if d := &seen.Clock.Next[i]; !q.who.reads(d.brand, d.private) {
			d.Subject = ""
		}
	}
	for i := range seen.Alerts { // kept for everybody: masked for each
		if m := seen.Alerts[i].raw; m != nil {
			seen.Alerts[i].Text, seen.Alerts[i].Masked = shownText(q, m)
		}
	}
	return answer{Title: "Overview", Data: &seen}, nil
}

func (c *Console) look(ctx context.Context, q *request) (*overview, error) {
	plan, err := c.plan(ctx)
	if err != nil {
		return nil, err
	}
	doc := q.narrowed(plan.Doc)
	now := c.now()
	o := &overview{From: now.Add(-24 * time.Hour)}
	entries, next, err := c.newest(ctx, places(doc), "", glanceLines, nil)
	if err != nil {
		return nil, err
	}
	for i, e := range entries {
		if e.Line.At.Before(o.From) {
			entries = entries[:i]
			next = ""
			break
		}
	}
	if o.Partly = next != "" && len(entries) >= glanceLines; o.Partly {
		o.From = entries[len(entries)-1].Line.At
	}
	o.count(entries, now)
	depth, err := c.Queue.Depth(ctx)
	if err != nil {
		return nil, err
	}
	var oldest time.Duration
	for _, d := range depth {
		if d.Lane != "polls" {
			o.Waiting += d.Waiting + d.Held + d.Delayed
			oldest = max(oldest, d.Oldest)
		}
		o.DeadLetters += d.Dead
	}
	if oldest > 0 {
		o.Oldest = span(q.lang, oldest)
	}
	if o.Accounts, err = c.healths(ctx, doc); err != nil {
		return nil, err
	}
	for _, a := range o.Accounts {
		o.Parked += a.Parked
	}
	o.Unaccounted = max(o.Unaccounted-o.Waiting-o.Parked, 0)
	if err := c.understand(ctx, q, o, entries); err != nil {
		return nil, err
	}
	if o.Unusual, err = c.unusual(ctx, doc.Brands); err != nil {
		return nil, err
	}
	for _, b := range doc.Brands {
		usd, err := c.Pipeline.Spent(ctx, b.Name)
		if err != nil {
			return nil, err
		}
		o.Spent.USD += usd
		o.Spent.Most += b.Budget
	}
	return o, nil
}

// count folds lines into tallies. Unaccounted holds for now what is open and not just taken in hand.
func (o *overview) count(entries []entry, now time.Time) {
	networks, crms := map[string]ledger.Tally{}, map[string]ledger.Tally{}
	for _, e := range entries {
		o.Total.Add(e.Line)
		name := e.Line.Network
		if name == "" {
			name = e.Line.Account
		}
		t := networks[name]
		t.Add(e.Line)
		networks[name] = t
		if _, open := e.Line.Final(); open && now.Sub(e.Line.At) > time.Minute {
			o.Unaccounted++
		}
		if e.Line.Outcome == ledger.Mention {
			for _, d := range e.Line.Deliveries {
				t := crms[d.Account]
				t.AddDelivery(d)
				crms[d.Account] = t
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(networks)) {
		o.Networks = append(o.Networks, tallied{name, networks[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(crms)) {
		o.CRMs = append(o.CRMs, tallied{name, crms[name]})
	}
}

// understand looks into the newest mentions: volume and mood over the hours in which they were said, topics, clock, alerts.
func (c *Console) understand(ctx context.Context, q *request, o *overview, entries []entry) error {
	some := entries[:min(len(entries), glanceMentions)]
	rows, err := c.rows(ctx, q, some)
	if err != nil {
		return err
	}
	now := c.now()
	begin := now.Truncate(time.Hour).Add(-23 * time.Hour)
	volume := bars{Title: "Mentions per hour", Slots: hoursFrom(begin)}
	mood := bars{Title: "Mood per hour", Slots: hoursFrom(begin), Series: []series{{Name: "positive", Class: "good"}, {Name: "negative", Class: "bad"}}}
	of := o.busiest()
	for i, name := range of {
		volume.Series = append(volume.Series, series{Name: name, Class: "s" + string(rune('0'+i))})
	}
	for i := range volume.Slots {
		volume.Slots[i].Counts = make([]int, len(volume.Series))
		mood.Slots[i].Counts = make([]int, 2)
	}
	moods := sparksOf(of)
	topics, intents := map[string]int{}, map[string]int{}
	talks, seen := map[string]*flow.Conversation{}, map[string]bool{}
	for _, r := range rows {
		if r.raw == nil || seen[r.ID] {
			continue
		}
		seen[r.ID] = true
		m, d := r.raw.Mention, r.raw.Decision
		if at := int(m.Created.Sub(begin) / time.Hour); !m.Created.Before(begin) && at < len(volume.Slots) {
			i := slices.Index(of, m.Network)
			if i < 0 {
				i = len(of) - 1 // others
			}
			volume.Slots[at].Counts[i]++
			volume.Series[i].Total++
			moods[i].add(at, d.Sentiment)
			switch d.Sentiment {
			case "positive":
				mood.Slots[at].Counts[0]++
				mood.Series[0].Total++
			case "negative":
				mood.Slots[at].Counts[1]++
				mood.Series[1].Total++
			}
		}
		for _, name := range d.Topics {
			topics[name]++
		}
		for _, tag := range m.Tags {
			topics["#"+tag]++
		}
		if len(d.Intents) > 0 && m.Direction != flow.Out {
			intents[d.Intents[0]]++
		}
		if d.Alert != "" && len(o.Alerts) < 6 {
			r.Reason = d.Alert
			o.Alerts = append(o.Alerts, r)
		}
	}
	current, err := c.talksOf(ctx, rows, glanceTalks)
	if err != nil {
		return err
	}
	for i := range current {
		talks[current[i].Value.Conversation.ID] = &current[i].Value.Conversation
	}
	volume.spike()
	volume.draw(nil, "15:04")
	mood.draw(func(name string) bool { return name == "negative" }, "15:04")
	for i := range moods {
		moods[i].draw()
	}
	o.Volume, o.Mood, o.Moods = volume, mood, slices.DeleteFunc(moods, func(s spark) bool { return s.Good+s.Bad == 0 })
	o.Topics, o.Intents = ranked(topics, 8), ranked(intents, 8)
	o.Clock = clockOf(talks, now)
	return nil
}

func hoursFrom(begin time.Time) []slot {
	out := make([]slot, 24)
	for i := range out {
		out[i].At = begin.Add(time.Duration(i) * time.Hour)
	}
	return out
}

func ranked(of map[string]int, most int) []counted {
	var out []counted
	for _, name := range slices.Sorted(maps.Keys(of)) {
		out = append(out, counted{Name: name, N: of[name]})
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].N > out[j].N })
	out = out[:min(len(out), most)]
	for i := range out {
		out[i].Part = out[i].N * 100 / out[0].N
	}
	return out
}

// clockOf counts conversations by state, and lists the first answers that are owed next.
func clockOf(talks map[string]*flow.Conversation, now time.Time) clock {
	var k clock
	for _, id := range slices.Sorted(maps.Keys(talks)) {
		c := talks[id]
		switch c.Status {
		case flow.Open:
			k.Open++
		case flow.Waiting:
			k.Waiting++
		case flow.Answered:
			k.Answered++
		case flow.Closed:
			k.Closed++
		}
		if c.Due.IsZero() || !c.AnsweredAt.IsZero() || c.Status == flow.Closed || c.Status == flow.Answered {
			continue
		}
		late := now.After(c.Due)
		if late {
			k.Overdue++
		}
		k.Next = append(k.Next, due{c.ID, c.Subject, c.Author.Handle, c.Author.Name, c.Network, c.Priority, c.Due, late, c.Brand, c.Private})
	}
	sort.SliceStable(k.Next, func(i, j int) bool { return k.Next[i].Due.Before(k.Next[j].Due) })
	k.Next = k.Next[:min(len(k.Next), 6)]
	return k
}

// healths tells how every account is, from what Rapport itself knows.
func (c *Console) healths(ctx context.Context, doc *config.Document) ([]health, error) {
	var out []health
	for i, list := range [][]config.Account{doc.Networks, doc.CRMs} {
		for _, a := range list {
			h := health{Name: a.Name, Kind: a.Kind, CRM: i == 1, Brand: a.Brand, State: "ok", Replies: a.Replies}
			if h.CRM {
				if h.Mode = a.Mode; h.Mode == "" {
					h.Mode = "observe"
				}
			}
			if err := c.state(ctx, a, &h); err != nil {
				return nil, err
			}
			out = append(out, h)
		}
	}
	return out, nil
}

func (c *Console) state(ctx context.Context, a config.Account, h *health) error {
	p := c.Pipeline
	st, err := p.AccountState(ctx, a.Name)
	if err != nil {
		return err
	}
	h.Last = st.Last
	if st.Problem != "" {
		h.State, h.Say, h.Mend = "waiting", st.Problem, "It is tried again by itself; test the account to learn more."
	}
	conditions, err := p.Conditions(ctx, a.Name)
	if err != nil {
		return err
	}
	for _, cond := range conditions { // one, or none of a paused account
		h.Last, h.Gap = cond.Last, cond.Gap.Tell()
		if cond.Bad {
			h.State, h.Say, h.Mend = "waiting", cond.Say, "It is tried again by itself; test the account to learn more."
		}
		if cond.Kind == "unauthorized" {
			h.State, h.Mend = "bad", "Set its secret anew, or log in again with rapport connect."
		}
	}
	closure, closed, err := p.Closed(ctx, a.Name)
	if err != nil {
		return err
	}
	if closed {
		h.State, h.Say, h.Mend = "waiting", closure.Reason, "What waits is kept and fed back in order once the account answers."
		if closure.Kind == "unauthorized" {
			h.State, h.Mend = "bad", "Set its secret anew, or log in again with rapport connect."
		}
	}
	if h.CRM {
		if h.Parked, err = p.Waiting(ctx, a.Name); err != nil {
			return err
		}
		dead, err := p.DeadDeliveries(ctx, a.Name, 100)
		if err != nil {
			return err
		}
		if h.Dead = len(dead); h.Dead > 0 && h.State == "ok" {
			h.State, h.Say, h.Mend = "bad", dead[len(dead)-1].Reason, "Look at the failures, mend the cause, and send them again."
		}
	}
	if a.Paused {
		h.State, h.Say, h.Mend = "paused", "", "Paused in the configuration."
	}
	return nil
}

// busiest names the networks with most mentions; what does not fit into eight colours is called others.
func (o *overview) busiest() []string {
	all := slices.Clone(o.Networks)
	sort.SliceStable(all, func(i, j int) bool { return all[i].Received > all[j].Received })
	var out []string
	for _, n := range all {
		if len(out) == 7 && len(all) > 8 {
			return append(out, "others")
		}
		out = append(out, n.Name)
	}
	if len(out) == 0 {
		return []string{"others"}
	}
	return out
}
