package console

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"rapport/shared/fault"
	"rapport/shared/pipeline"
	"rapport/shared/report"
)

// Bounds of a report: rows that are read for days which are not counted yet, and how many days it spans.
const (
	reportLines = 4000
	reportDays  = 92
)

// reportPage is a report as it is shown: what cannot be told is a dash.
type reportPage struct {
	pipeline.Figures
	Span   int          `json:"span"` // days
	Today  string       `json:"today"`
	Spans  []int        `json:"-"`
	Bys    []report.By  `json:"-"`
	Facts  []definition `json:"-"` // the whole in a few figures
	Tables []reportPart `json:"-"`
	Rules  []string     `json:"-"`
	Volume bars         `json:"-"`
	Owed   bars         `json:"-"`
	Reason string       `json:"-"` // why figures of the staff are there
	Agents []reportLine `json:"-"`
}

type definition struct{ Name, Say string }

// reportPart is a table of figures that belong together, few enough to stand beside each other.
type reportPart struct {
	Title string
	keys  []string
	Head  []definition
	Lines []reportLine
}

// reportParts cuts the figures into tables. What is in none stands in the last.
func reportParts() []reportPart {
	return []reportPart{
		{Title: "What was said", keys: []string{"mentions", "positive", "negative", "mood", "complaints", "reach_of_top_fifth_percent"}},
		{Title: "What was answered", keys: []string{"contacts", "answered", "closed_without_answer", "answered_percent", "usd_per_contact"}},
		{Title: "How soon", keys: []string{"first_answer_minutes", "first_answer_p90_minutes", "first_answer_clock_minutes", "sla_decided", "sla_kept_percent", "escalated"}},
	}
}

// reportFacts are the figures of the whole that stand on top.
var reportFacts = []string{"mentions", "mood", "complaints", "contacts", "answered_percent", "first_answer_minutes", "sla_kept_percent"}

type reportLine struct {
	Name  string
	Cells []string
	All   bool
}

// reportOf works out the figures that somebody asks for, of the brands that they may see.
func (c *Console) reportOf(q *request) (p reportPage, err error) {
	plan, err := c.plan(q.r.Context())
	if err != nil {
		return p, err
	}
	ask := pipeline.ReportQuery{By: report.By(q.value("by")), Lines: reportLines}
	if ask.By == "" {
		ask.By = report.Network
	}
	if !q.who.has(q.right.roles...) {
		ask.Brands = []string{""} // nobody's, where they may see none
		for _, b := range q.narrowed(plan.Doc).Brands {
			ask.Brands = append(ask.Brands, b.Name)
		}
	}
	zone := time.UTC
	if len(plan.Doc.Brands) > 0 {
		zone = plan.Decider.Zone(plan.Doc.Brands[0].Name)
	}
	p.Today = c.now().In(zone).Format(time.DateOnly)
	if ask.From, ask.To, err = days(q, p.Today); err != nil {
		return p, err
	}
	if p.Figures, err = c.Pipeline.Figures(q.r.Context(), ask); err != nil {
		return p, err
	}
	p.Heard = slices.DeleteFunc(p.Heard, func(m pipeline.Multiplier) bool { return !q.who.reads(m.Brand, m.Private) })
	p.Span, p.Spans, p.Bys = spanOf(p.From, p.To), []int{1, 7, 30, reportDays}, report.Divisions()
	return p, nil
}

// days gives the first and the last day that are asked for: from and to, or so many days up to today.
func days(q *request, today string) (from, to string, err error) {
	from, to = q.value("from"), q.value("to")
	if to == "" {
		to = today
	}
	end, err := time.Parse(time.DateOnly, to)
	if err != nil {
		return "", "", fault.New(fault.Invalid, "%q is no day: write 2026-11-22", to)
	}
	if from == "" {
		from = end.AddDate(0, 0, 1-within(q.value("days"), 7, reportDays)).Format(time.DateOnly)
	}
	if begin, err := time.Parse(time.DateOnly, from); err != nil || begin.After(end) || end.Sub(begin) > (reportDays-1)*24*time.Hour {
		return "", "", fault.New(fault.Invalid, "a report spans 1 to %d days: from %q to %q does not", reportDays, from, to)
	}
	return from, to, nil
}

// spanOf counts days, both included.
func spanOf(from, to string) int {
	a, err := time.Parse(time.DateOnly, from)
	b, berr := time.Parse(time.DateOnly, to)
	if err != nil || berr != nil {
		return 0
	}
	return int(b.Sub(a)/(24*time.Hour)) + 1
}

func (c *Console) report(q *request) (answer, error) {
	p, err := c.reportOf(q)
	if err != nil || q.api {
		return answer{Title: "Reports", Data: p}, err
	}
	for _, r := range report.Rules() {
		p.Rules = append(p.Rules, r.In(q.lang))
	}
	p.lay(q.lang)
	if p.Figures.Agents != nil {
		p.Reason = p.Figures.Agents.Reason
	}
	for _, a := range p.Staff {
		like := report.Row{Contacts: a.Contacts, Answered: a.Answered, Median: a.Median, Kept: a.Kept}
		line := reportLine{Name: a.Name}
		for _, key := range []string{"contacts", "answered", "first_answer_minutes", "sla_kept_percent"} {
			line.Cells = append(line.Cells, shown(q.lang, key, like.Value(key)))
		}
		p.Agents = append(p.Agents, line)
	}
	p.draw(pick(q.lang, "2 Jan", "2.1."))
	return answer{Title: "Reports", Data: p}, nil
}

// lay puts the figures into tables, and those of the whole on top.
func (p *reportPage) lay(lang string) {
	p.Tables = reportParts()
	last := &p.Tables[len(p.Tables)-1]
	for _, m := range p.Terms {
		if !slices.ContainsFunc(p.Tables, func(t reportPart) bool { return slices.Contains(t.keys, m.Key) }) {
			last.keys = append(last.keys, m.Key)
		}
	}
	for i := range p.Tables {
		t := &p.Tables[i]
		terms := slices.DeleteFunc(slices.Clone(p.Terms), func(m report.Meaning) bool { return !slices.Contains(t.keys, m.Key) })
		for _, m := range terms {
			t.Head = append(t.Head, definition{m.Name.In(lang), m.Say.In(lang)})
		}
		for _, row := range p.Rows {
			t.Lines = append(t.Lines, lineOf(lang, row, terms))
		}
		if p.Total != nil {
			line := lineOf(lang, *p.Total, terms)
			line.All = true
			t.Lines = append(t.Lines, line)
		}
	}
	for _, m := range p.Terms {
		if p.Total != nil && slices.Contains(reportFacts, m.Key) {
			p.Facts = append(p.Facts, definition{m.Name.In(lang), shown(lang, m.Key, p.Total.Value(m.Key))})
		}
	}
}

func lineOf(lang string, row report.Row, terms []report.Meaning) reportLine {
	line := reportLine{Name: row.Name}
	if slices.Contains([]string{"all", "none", report.Other}, row.Name) {
		line.Name = say(lang, row.Name)
	}
	for _, m := range terms {
		line.Cells = append(line.Cells, shown(lang, m.Key, row.Value(m.Key)))
	}
	return line
}

// shown writes a figure as people read it.
func shown(lang, key, value string) string {
	if value == "" {
		return "–"
	}
	whole, part, broken := strings.Cut(value, ".")
	text := strings.Replace(whole, "-", "−", 1)
	if n, err := strconv.Atoi(whole); err == nil && n != 0 {
		text = number(lang, n)
	}
	if broken {
		text += pick(lang, ".", ",") + part
	}
	switch {
	case strings.HasSuffix(key, "_minutes"):
		return text + " min"
	case strings.HasSuffix(key, "_percent"):
		return text + " %"
	}
	return text
}

// draw makes the charts: what was said each day, and what of it was answered. Days of which nothing may be told are empty.
func (p *reportPage) draw(stamp string) {
	p.Volume = bars{Title: "Mentions per day", Series: []series{{Name: "positive", Class: "good"}, {Name: "neutral", Class: "calm"}, {Name: "negative", Class: "bad"}}}
	p.Owed = bars{Title: "Contacts per day", Series: []series{{Name: "answered", Class: "good"}, {Name: "not answered", Class: "calm"}}}
	first, err := time.Parse(time.DateOnly, p.From)
	if err != nil {
		return
	}
	for i := range p.Span {
		at := first.AddDate(0, 0, i)
		var d report.Bar
		if k := slices.IndexFunc(p.Days, func(b report.Bar) bool { return b.Day == at.Format(time.DateOnly) }); k >= 0 {
			d = p.Days[k]
		}
		p.Volume.put(at, d.Positive, d.Mentions-d.Positive-d.Negative, d.Negative)
		p.Owed.put(at, d.Answered, d.Contacts-d.Answered)
	}
	p.Volume.draw(func(name string) bool { return name == "negative" }, stamp)
	p.Owed.draw(nil, stamp)
}

// put adds a stretch of time.
func (b *bars) put(at time.Time, counts ...int) {
	b.Slots = append(b.Slots, slot{At: at, Counts: counts})
	for i, n := range counts {
		b.Series[i].Total += n
	}
}

// reportFile gives the same figures as CSV.
func (c *Console) reportFile(q *request) (answer, error) {
	p, err := c.reportOf(q)
	if err != nil {
		return answer{}, err
	}
	var b bytes.Buffer
	err = report.CSV(&b, p.Report)
	return answer{Raw: b.Bytes(), Type: "text/csv; charset=utf-8", Name: fmt.Sprintf("rapport-%s-%s.csv", p.From, p.To)}, err
}

// germanReport is the German of the page of reports; definitions bring their own.
var germanReport = map[string]string{
	"{0} groups of fewer than five people are not told of by themselves.":       "Über {0} Gruppen mit weniger als fünf Menschen wird für sich nichts gesagt.",
	"{0} holds too much to be counted at once; it shows what was counted last.": "{0} enthält zu viel, um auf einmal gezählt zu werden; gezeigt wird, was zuletzt gezählt wurde.",
	"By owner of the case, by name; nobody is ranked.":                          "Nach Zuständigen im CRM, dem Namen nach; ohne Rangfolge.",
	"Split by":              "Aufgeteilt nach",
	"Contacts per day":      "Kontakte je Tag",
	"Mentions per day":      "Äußerungen je Tag",
	"Switched on, because:": "Eingeschaltet, weil:",
	"What was said":         "Was gesagt wurde",
	"What was answered":     "Was beantwortet wurde",
	"How soon":              "Wie schnell",
	"Print":                 "Drucken",
	"Whose words carry far": "Wessen Worte weit tragen",
	"Of the staff":          "Beschäftigte",
	"Contacts":              "Kontakte",
	"SLA kept":              "SLA gehalten",
	"brand":                 "Marke",
	"day":                   "Tag",
	"not answered":          "nicht beantwortet",
	"other":                 "übrige",
	"queue":                 "Warteschlange",
	"team":                  "Abteilung",
	"Searched: {0} rows.":   "Durchsucht: {0} Zeilen.",
}
