package pipeline

import (
	"context"
	"slices"
	"strings"
	"time"

	"rapport/shared/config"
	"rapport/shared/cost"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/report"
	"rapport/shared/store"
)

// StaleRow says that something of a day that is over has changed: it is counted anew. Kept under the brand, sorted by that
// day and the day on which the change was.
type StaleRow struct{}

// reportJob counts the days that are over and not counted yet, those that changed, and today as far as it is.
const reportJob = "report"

// noTaker is why a mention goes nowhere that no rule drops.
const noTaker = "no CRM account takes it"

// dayOf gives the date of a moment where a brand is.
func dayOf(plan *Plan, brand string, at time.Time) string {
	return at.In(plan.Decider.Zone(brand)).Format(time.DateOnly)
}

// span gives begin and end of a brand's day.
func daySpan(plan *Plan, brand, day string) (from, to time.Time, err error) {
	from, err = time.ParseInLocation(time.DateOnly, day, plan.Decider.Zone(brand))
	if err != nil {
		return from, to, fault.New(fault.Invalid, "%q is no day: write 2026-11-22", day)
	}
	return from.UTC(), from.AddDate(0, 0, 1).UTC(), nil
}

// nextDay gives the date after another.
func nextDay(day string) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return "9999"
	}
	return t.AddDate(0, 0, 1).Format(time.DateOnly)
}

// expire notes that a conversation of a day that is over changes, before it does. Today is counted anew anyway.
func (p *Pipeline) expire(ctx context.Context, c flow.Conversation) error {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return err
	}
	row, ok := p.stalled(plan, c)
	if !ok {
		return nil
	}
	if res := p.stale.Put(ctx, &row)[0]; res.Err != nil && !conflicted(res) {
		return res.Err
	}
	p.marked.open(row.Part + "#" + row.Sort)
	return nil
}

// stalled makes the note; ok is false where none is needed.
func (p *Pipeline) stalled(plan *Plan, c flow.Conversation) (row store.Row[StaleRow], ok bool) {
	today := dayOf(plan, c.Brand, p.now())
	day := dayOf(plan, c.Brand, c.Received)
	row = store.Row[StaleRow]{Part: c.Brand, Sort: day + "#" + today}
	return row, !c.Received.IsZero() && c.Brand != "" && day < today && !p.marked.opened(row.Part+"#"+row.Sort)
}

// stageStale stages the notes of the conversations that a round changes.
func (p *Pipeline) stageStale(w *world) (out []staged) {
	for _, rows := range []map[string]*held[ConversationRow]{w.conversations, w.past} {
		for _, id := range sorted(rows) {
			if !rows[id].dirty {
				continue
			}
			row, ok := p.stalled(w.plan, rows[id].Value.Conversation)
			if !ok {
				continue
			}
			item, err := p.stale.Item(row)
			if err != nil {
				w.err = err
				continue
			}
			out = append(out, staged{item, func(res store.Result) {
				switch {
				case res.Err == nil || conflicted(res):
					p.marked.open(row.Part + "#" + row.Sort)
				case !fault.Is(res.Err, fault.Invalid): // the same row twice in a call is one
					w.err = res.Err
				}
			}})
		}
	}
	return out
}

// reportPage counts one day of one brand: first those that changed, then those that are over, then today.
func (p *Pipeline) reportPage(ctx context.Context, j *JobRow) (more bool, err error) {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return true, err
	}
	j.Pages++
	for _, b := range plan.Doc.Brands {
		for row, err := range p.stale.List(ctx, store.Range{Part: b.Name}) {
			if err != nil {
				return true, err
			}
			day, on, _ := strings.Cut(row.Sort, "#")
			mark := b.Name + "#" + row.Sort
			if mark <= j.Cursor && strings.HasPrefix(j.Cursor, b.Name+"#") {
				continue
			}
			if err := p.countDay(ctx, plan, b.Name, day); err != nil {
				return true, err
			}
			j.Done++
			if j.Cursor = mark; on < dayOf(plan, b.Name, p.now()) { // nobody writes it any more
				return true, p.remove(ctx, p.stale.Key(b.Name, row.Sort))
			}
			return true, nil
		}
		if more, err = p.countNext(ctx, plan, b.Name, j); more || err != nil {
			return true, err
		}
	}
	return false, nil
}

// countNext counts a brand's next day; more is false once that was today.
func (p *Pipeline) countNext(ctx context.Context, plan *Plan, brand string, j *JobRow) (more bool, err error) {
	through, err := p.accounts.One(ctx, "#report#"+brand, "-")
	if err != nil {
		return true, err
	}
	today := dayOf(plan, brand, j.To)
	day := nextDay(through.Value.Cursor)
	if through.Version == 0 {
		first, err := p.firstHour(ctx, plan, j.To)
		if err != nil {
			return true, err
		}
		day = dayOf(plan, brand, first)
	}
	if day > today {
		return false, nil
	}
	if err := p.countDay(ctx, plan, brand, day); err != nil {
		return true, err
	}
	j.Done++
	if day == today {
		return false, nil
	}
	through.Part, through.Sort, through.Value.Cursor, through.Value.Last = "#report#"+brand, "-", day, p.now()
	if res := p.accounts.Put(ctx, &through)[0]; res.Err != nil && !conflicted(res) {
		return true, res.Err
	}
	return true, nil
}

// countDay counts a day and keeps it. One whose content was swept is left as it was counted before.
func (p *Pipeline) countDay(ctx context.Context, plan *Plan, brand, day string) error {
	from, _, err := daySpan(plan, brand, day)
	if err != nil {
		return nil // a damaged row is nobody's day
	}
	row, err := p.reports.One(ctx, brand, day)
	if err != nil {
		return err
	}
	for _, conf := range plan.Doc.Networks {
		content, _ := p.keeps(plan, conf)
		if row.Version > 0 && conf.Brand == brand && content > 0 && from.Before(p.now().Add(-content)) {
			return nil
		}
	}
	value, _, err := p.fold(ctx, plan, brand, day, 0)
	if err != nil || row.Version == 0 && len(value.Cells) == 0 {
		return err
	}
	row.Part, row.Sort, row.Value = brand, day, value
	if res := p.reports.Put(ctx, &row)[0]; res.Err != nil && !conflicted(res) {
		return res.Err
	}
	return nil
}

// dayFold is a day that is being counted.
type dayFold struct {
	*report.Fold
	plan     *Plan
	brand    string
	staff    func(string) string // nil = figures of the staff are not asked for
	costs    *cost.Fold
	networks map[string]bool
	opened   map[string]ledger.Line // mention → the line that opened a conversation
	lines    int
	most     int // 0 = any number
}

// errTooLong ends a count that would take too long for a page.
var errTooLong = fault.New(fault.Unavailable, "the day is too long to be counted at once")

// fold counts a brand's day from the ledger and the conversations that began in it. most bounds the lines read, 0 = all.
func (p *Pipeline) fold(ctx context.Context, plan *Plan, brand, day string, most int) (report.Day, int, error) {
	from, to, err := daySpan(plan, brand, day)
	if err != nil {
		return report.Day{}, 0, err
	}
	list, err := cost.Of("")
	if err != nil {
		return report.Day{}, 0, err
	}
	f := &dayFold{Fold: report.NewFold(brand, day, p.now()), plan: plan, brand: brand, networks: map[string]bool{},
		opened: map[string]ledger.Line{}, most: most}
	if plan.Doc.Reports.Agents.On {
		f.staff = p.Pseudonym
	}
	f.costs = cost.NewFold(list, func(account string) bool { conf, ok := plan.Doc.Network(account); return !ok || conf.Hook != "" })
	var reads []cost.Reading
	for _, conf := range plan.Doc.Networks {
		if conf.Brand != brand {
			continue
		}
		if err := p.Lines(ctx, conf.Name, from, to, f.line); err != nil {
			return report.Day{}, f.lines, err
		}
		_, usd, err := p.Days(ctx, conf, from, to)
		if err != nil {
			return report.Day{}, f.lines, err
		}
		read := cost.Reading{Account: conf.Name}
		for _, date := range sorted(usd) {
			read.Fees += usd[date]
		}
		reads = append(reads, read)
	}
	ids := sorted(f.opened)
	for part := range slices.Chunk(ids, store.MaxGet) {
		if f.lines += 2 * len(part); most > 0 && f.lines > most { // a mention and a conversation each
			return report.Day{}, f.lines, errTooLong
		}
		if err := p.foldOpened(ctx, f, part); err != nil {
			return report.Day{}, f.lines, err
		}
	}
	spent := map[string]float64{}
	for _, row := range f.costs.Report(from, to, reads, nil).Rows {
		spent[row.Network] += row.AWS + row.Fees
	}
	for _, network := range sorted(spent) {
		f.Cost(network, spent[network])
	}
	return f.Day(), f.lines, nil
}

// line counts a line of the ledger.
func (f *dayFold) line(at ledger.Place, l ledger.Line) error {
	if f.lines++; f.most > 0 && f.lines > f.most {
		return errTooLong
	}
	f.costs.Add(l)
	g := l.Gist
	if l.Source != "" && l.Source != "live" || l.Outcome != ledger.Mention && l.Reason != noTaker || g == nil || g.Own {
		return nil
	}
	if g.Opens && !l.Erased {
		f.opened[l.Mention] = l
	}
	if g.Again {
		return nil
	}
	f.Mention(report.Mention{Network: l.Network, Department: g.Department, Queue: g.Queue, Author: l.Author, Sentiment: g.Sentiment, Complaint: g.Complaint,
		Followers: g.Heard, Score: g.Score, Part: at.Part, Sort: at.Sort})
	return nil
}

// foldOpened counts the conversations that some mentions opened.
func (p *Pipeline) foldOpened(ctx context.Context, f *dayFold, mentions []string) error {
	keys := make([]store.Key, len(mentions))
	for i, id := range mentions {
		keys[i] = p.mentions.Key(id, "-")
	}
	rows, err := p.mentions.Glance(ctx, keys...)
	if err != nil {
		return err
	}
	var ids, of []string
	keys = keys[:0]
	for i, row := range rows {
		if c := row.Value.Decision.Conversation; c != nil && !row.Value.Erased {
			ids, of, keys = append(ids, c.ID), append(of, mentions[i]), append(keys, p.conversations.Key(flow.Place(c.ID), current))
		}
	}
	found, err := p.conversations.Glance(ctx, keys...)
	if err != nil {
		return err
	}
	for i, row := range found {
		if row.Value.Conversation.ID != ids[i] { // another followed in its place
			if row, _, err = p.conversation(ctx, ids[i]); err != nil {
				return err
			}
		}
		l := f.opened[of[i]]
		if c := row.Value.Conversation; !row.Value.Erased && c.ID == ids[i] && c.Received.Equal(l.At) && c.Start == of[i] {
			f.contact(c, l)
		}
	}
	return nil
}

// contact counts a conversation that waited for the brand. What its author took back before anybody answered counts not.
func (f *dayFold) contact(c flow.Conversation, l ledger.Line) {
	left := slices.ContainsFunc(c.Turns, func(t flow.Turn) bool { return t.Direction != flow.Out && !t.Deleted })
	if c.Owed.IsZero() || c.First.IsZero() && !left {
		return
	}
	x := report.Contact{Network: c.Network, Department: c.Department, Queue: c.Queue, Author: l.Author, Answered: !c.First.IsZero(),
		Closed: c.First.IsZero() && c.Status == flow.Closed, SLA: c.SLA, Escalated: len(c.Escalated) > 0}
	if x.Answered {
		x.First = max(c.First.Sub(c.Owed), 0)
		x.Worked = f.plan.Decider.Clock(f.brand, c.Owed, c.First)
	}
	if f.staff != nil && c.Owner != "" {
		x.Owner = f.staff(c.Owner)
	}
	f.Contact(x)
}

// ReportQuery asks for key figures of days, the last included, in the brands' own time zones.
type ReportQuery struct {
	From, To string // 2026-11-22
	By       report.By
	Brands   []string // empty = all
	Lines    int      // how many lines of the ledger may be read for days that are not counted yet; 0 = all
}

// Figures is a report with what is looked up for it.
type Figures struct {
	report.Report
	Partly []string         `json:"partly,omitempty"` // days that are not counted, or only as far as an earlier count saw: too much to count at once
	Read   int              `json:"looked_at"`        // rows
	Heard  []Multiplier     `json:"multipliers,omitempty"`
	Agents *config.Agents   `json:"agents_reason,omitempty"` // set where figures of the staff are switched on
	Terms  []report.Meaning `json:"definitions"`
}

// Multiplier is somebody whose words carry far, by the Social Customer Score. Only who is scored stands there.
type Multiplier struct {
	Author  string `json:"author"`
	Handle  string `json:"handle"`
	Network string `json:"network"`
	Score   int    `json:"score"` // now
	Private bool   `json:"-"`
	Brand   string `json:"-"`
}

// Bounds of the look-up of multipliers.
const (
	multipliers = 10
	lookedUp    = 300 // pointers that are followed at most
)

// Figures works out key figures: from days that were counted, and counts what is not counted yet.
func (p *Pipeline) Figures(ctx context.Context, q ReportQuery) (Figures, error) {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return Figures{}, err
	}
	if !slices.Contains(report.Divisions(), q.By) {
		return Figures{}, fault.New(fault.Invalid, "a report is not divided by %q: use one of %v", q.By, report.Divisions())
	}
	if q.From > q.To {
		return Figures{}, fault.New(fault.Invalid, "the report would end on %s, before it begins on %s", q.To, q.From)
	}
	var out Figures
	var days []report.Day
	for _, b := range plan.Doc.Brands {
		if len(q.Brands) > 0 && !slices.Contains(q.Brands, b.Name) {
			continue
		}
		if _, _, err := daySpan(plan, b.Name, q.From); err != nil {
			return out, err
		}
		if _, _, err := daySpan(plan, b.Name, q.To); err != nil {
			return out, err
		}
		more, err := p.brandDays(ctx, plan, b.Name, q, &out)
		if err != nil {
			return out, err
		}
		days = append(days, more...)
	}
	agents := plan.Doc.Reports.Agents
	out.Report = report.New(days, q.From, q.To, q.By, agents.On)
	out.Terms = report.Meanings()
	if agents.On {
		out.Agents = &agents
	}
	slices.Sort(out.Partly)
	out.Partly = slices.Compact(out.Partly)
	return out, p.multiply(ctx, &out)
}

// brandDays gives the days of a brand: those that were counted, and anew what is not over or was not counted yet.
func (p *Pipeline) brandDays(ctx context.Context, plan *Plan, brand string, q ReportQuery, out *Figures) ([]report.Day, error) {
	through, err := p.accounts.One(ctx, "#report#"+brand, "-")
	if err != nil {
		return nil, err
	}
	kept := map[string]report.Day{}
	var days []report.Day
	for row, err := range p.reports.List(ctx, store.Range{Part: brand, From: q.From, To: nextDay(q.To)}) {
		if err != nil {
			return nil, err
		}
		out.Read++
		if row.Sort <= through.Value.Cursor {
			days = append(days, row.Value)
		} else {
			kept[row.Sort] = row.Value
		}
	}
	day := max(q.From, nextDay(through.Value.Cursor))
	if through.Version == 0 {
		first, err := p.firstHour(ctx, plan, p.now())
		if err != nil {
			return nil, err
		}
		day = max(q.From, dayOf(plan, brand, first))
	}
	for ; day <= q.To && day <= dayOf(plan, brand, p.now()); day = nextDay(day) {
		most := q.Lines
		if most > 0 {
			most = max(q.Lines-out.Read, 1)
		}
		fresh, n, err := p.fold(ctx, plan, brand, day, most)
		out.Read += n
		if err == errTooLong {
			out.Partly = append(out.Partly, day)
			fresh = kept[day]
		} else if err != nil {
			return nil, err
		}
		days = append(days, fresh)
	}
	return days, nil
}

// multiply looks up whose the highest scores are, as far as they are scored still.
func (p *Pipeline) multiply(ctx context.Context, out *Figures) error {
	seen, marks := map[string]bool{}, map[string]bool{}
	looked := 0
	for _, top := range out.Tops {
		if len(out.Heard) == multipliers || looked == lookedUp {
			break
		}
		place := top.Mark + top.Part[:max(strings.IndexByte(top.Part, '#'), 0)]
		if marks[place] {
			continue
		}
		looked++
		line, err := p.lines.One(ctx, top.Part, top.Sort)
		if err != nil {
			return err
		}
		out.Read++
		if line.Version == 0 || line.Value.Erased {
			continue
		}
		row, err := p.mentions.One(ctx, line.Value.Mention, "-")
		if err != nil {
			return err
		}
		out.Read++
		m := row.Value.Mention
		if row.Version == 0 || row.Value.Erased || m.Author.ID == "" || seen[m.Author.ID] {
			continue
		}
		author, err := p.authors.One(ctx, m.Author.ID, "-")
		if err != nil {
			return err
		}
		out.Read++
		a := author.Value
		if author.Version == 0 || a.Objected || a.Score.Version == "" || a.Score.Total <= 0 {
			continue
		}
		seen[m.Author.ID], marks[place] = true, true
		out.Heard = append(out.Heard, Multiplier{Author: m.Author.ID, Handle: a.Author.Handle, Network: m.Network, Score: a.Score.Total, Private: m.Private, Brand: m.Brand})
	}
	slices.SortStableFunc(out.Heard, func(a, b Multiplier) int { return b.Score - a.Score })
	return nil
}
