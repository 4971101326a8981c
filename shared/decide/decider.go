package decide

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"rapport/shared/config"
	"rapport/shared/decide/calendar"
	"rapport/shared/decide/identity"
	"rapport/shared/decide/language"
	"rapport/shared/decide/personal"
	"rapport/shared/decide/route"
	"rapport/shared/decide/score"
	"rapport/shared/decide/text"
	"rapport/shared/decide/topic"
	"rapport/shared/flow"
)

// Decider decides by one version of the configuration. It is immutable and safe for concurrent use.
type Decider struct {
	scorer  *score.Scorer
	topics  []string // lower case
	basis   config.Basis
	filters []rule
	routes  []rule
	actions []rule
	brands  []brand
	nobody  brand // for mentions of a brand that is not configured
}

// The readers of language and text are the same whatever is configured, and large. They are made when the first mention is read, so
// that a program that only compiles a configuration neither waits for them nor is linked with their weights, which it would be
// by a variable that is set at the start.
var (
	theDetector lazy[*language.Detector]
	theReader   lazy[*text.Reader]
)

func detector() *language.Detector { return theDetector.get(language.New) }
func reader() *text.Reader         { return theReader.get(text.New) }

// lazy is made when it is first asked for. It is safe for concurrent use.
type lazy[T any] struct {
	once sync.Once
	it   T
}

func (l *lazy[T]) get(make func() (T, error)) T {
	l.once.Do(func() {
		var err error
		if l.it, err = make(); err != nil {
			panic(err) // of weights that are built in, and tested
		}
	})
	return l.it
}

// brand is a brand with its parts made ready.
type brand struct {
	config.Brand
	finder   *personal.Finder
	calendar *calendar.Calendar
	sla      route.SLA
	marks    []identity.Mark
	terms    []string // lower case
	subjects *topic.Finder
	reopen   time.Duration

	escalations []escalation
}

// New makes a decider. Its error names every rule, brand and key that is wrong, with the place in the expression and the
// nearest right name.
func New(doc *config.Document) (*Decider, error) {
	d := &Decider{basis: doc.Basis}
	var errs []error
	var err error
	if d.scorer, err = score.New(doc.Score); err != nil {
		errs = append(errs, err)
	}
	if err = d.compile(doc); err != nil {
		errs = append(errs, err)
	}
	for _, t := range doc.Score.Terms {
		if t != "" {
			d.topics = append(d.topics, strings.ToLower(t))
		}
	}
	for i, b := range doc.Brands {
		made, err := newBrand(b, queues(doc, b.Name))
		if err != nil {
			errs = append(errs, fmt.Errorf("brands[%d] %q: %w", i, b.Name, err))
		}
		d.brands = append(d.brands, made)
	}
	if d.nobody, err = newBrand(config.Brand{}, nil); err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return d, nil
}

func newBrand(c config.Brand, queues []string) (brand, error) {
	b := brand{Brand: c, reopen: 14 * 24 * time.Hour}
	if c.ReopenDays > 0 {
		b.reopen = time.Duration(c.ReopenDays) * 24 * time.Hour
	}
	names := append([]string{c.Title, c.Name}, c.Terms...)
	b.marks = identity.Marks(names)
	for _, n := range names {
		if n = strings.ToLower(n); n != "" && !slices.Contains(b.terms, n) {
			b.terms = append(b.terms, n)
		}
	}
	var topics []topic.Topic
	for _, t := range c.Topics {
		topics = append(topics, topic.Topic{Name: t.Name, Words: t.Words, Whole: t.Whole})
	}
	b.subjects = topic.New(topics)
	var errs [4]error
	b.finder, errs[0] = personal.New(c.Region, c.Numbers)
	b.calendar, errs[1] = calendar.New(c.Calendar)
	b.sla, errs[2] = route.NewSLA(c.SLA)
	b.escalations, errs[3] = escalations(c.Escalate, queues)
	return b, errors.Join(errs[:]...)
}

// queues names the routing rules that may send mentions of a brand somewhere.
func queues(doc *config.Document, brand string) []string {
	var out []string
	for _, r := range doc.Routing {
		if len(r.Brands) == 0 || slices.Contains(r.Brands, brand) {
			out = append(out, r.Name)
		}
	}
	return out
}

func (d *Decider) brand(name string) *brand {
	for i := range d.brands {
		if d.brands[i].Name == name {
			return &d.brands[i]
		}
	}
	return &d.nobody
}

// draft is one decision in the making.
type draft struct {
	*Decider
	Decision
	in     *Inputs
	m      *flow.Mention
	brand  *brand
	author flow.Author  // with the fuller profile
	person *flow.Person // nil where none may be known
	env    *Env
	spoke  text.Result

	corrected flow.Reading // by people
	held      bool         // something is in the text that is only held back; it is written down nowhere

	otherwise func(*text.Result) // nil = as it is read
}

// Decide says what becomes of an event. The same Inputs give the same Decision, byte for byte; it never panics.
func (d *Decider) Decide(in Inputs) Decision { return d.decide(in, nil) }

// decide decides; otherwise, where it is not nil, changes what the text is read as.
func (d *Decider) decide(in Inputs, otherwise func(*text.Result)) Decision {
	m := &in.Event.Mention
	w := &draft{Decider: d, in: &in, m: m, brand: d.brand(m.Brand), author: m.Author, otherwise: otherwise}
	w.Outcome = Mention
	w.corrected, _ = flow.Corrected(in.Corrections)
	w.Receipts = make([]Receipt, 0, 10)
	if in.Known != nil && (w.author.ID == "" || in.Known.ID == w.author.ID) && !w.author.Newer(*in.Known) {
		w.author = *in.Known
	}
	switch {
	case in.Event.Verb == flow.Delete || m.Deleted: // what is gone goes, whatever else holds
		w.Seen = in.Seen
		w.Conversation = w.deleted()
	case w.suppressed():
	case w.own():
		w.Seen = in.Seen
		w.tongue()
		w.Conversation = w.answered()
	default:
		w.judge()
	}
	return w.Decision
}

// judge decides on what somebody said.
func (w *draft) judge() {
	w.tongue()
	w.read()
	w.subjects()
	w.personal()
	w.identify()
	w.Crisis = w.in.Crisis
	w.env = EnvOf(*w.m, w.Decision, w.in.Conversation, w.person, w.brand.Brand, w.source())
	w.env.Author = w.author
	if w.filtered() {
		return
	}
	w.score()
	w.route()
	w.act()
	if w.in.Event.Verb != flow.Reaction {
		w.Conversation = w.next()
	}
	w.alarm()
}

func (w *draft) say(of, format string, args ...any) {
	w.Receipts = append(w.Receipts, Receipt{of, fmt.Sprintf(format, args...)})
}

func (w *draft) source() string {
	switch {
	case w.in.Source != "":
		return w.in.Source
	case w.in.Event.Source != "":
		return w.in.Event.Source
	}
	return "live"
}

// history tells what must not start clocks, cases or alerts.
func (w *draft) history() bool { return w.source() == "history" }

// serves tells whether a purpose has a lawful basis for this author.
func (w *draft) serves(purpose string) (bool, string) {
	if p := w.in.Person; p != nil && slices.Contains(p.Objected, purpose) {
		return false, "the person objected to " + purpose
	}
	if slices.Contains(w.in.Refuses, purpose) {
		return false, "the author objected to " + purpose
	}
	switch basis := w.basis[purpose]; basis {
	case "none":
		return false, "no lawful basis for " + purpose
	case "consent":
		if !slices.Contains(w.in.Consented, purpose) {
			return false, "no consent to " + purpose
		}
	}
	return true, ""
}

func (w *draft) suppressed() bool {
	switch ok, why := w.serves("service"); {
	case w.in.Objected:
		w.Reason = "objection"
	case w.in.Event.Erase != nil:
		w.Reason = "erasure"
	case !ok:
		w.Reason = why
	default:
		return false
	}
	w.Outcome = Suppressed
	w.say("suppression", "nothing is kept: %s", w.Reason)
	return true
}

// own tells what the brand said itself.
func (w *draft) own() bool {
	return w.m.Direction == flow.Out || w.m.Author.ID != "" && slices.Contains(w.brand.Official, w.m.Author.ID)
}

// filtered applies the filters. Somebody who is known is never dropped as spam: the label is hidden from the rules.
func (w *draft) filtered() bool {
	spam := slices.Contains(w.Intents, "spam")
	if spam && w.person != nil {
		w.env.Intents = slices.DeleteFunc(slices.Clone(w.Intents), func(i string) bool { return i == "spam" })
		w.env.Decision.Intents = w.env.Intents
	}
	r := first(w.filters, w.m.Brand, w.env, &w.Receipts)
	w.env.Intents = w.Intents
	w.env.Decision.Intents = w.Intents
	if r == nil {
		if spam && w.person != nil {
			w.say("filter", "reads like spam, but the author is known: not dropped")
		}
		return false
	}
	w.Outcome, w.Reason = Filtered, r.name
	w.Seen = w.in.Seen
	w.say("filter", "rule “%s”: %s", r.name, r.when)
	return true
}
