package console

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"rapport/shared/decide"
	"rapport/shared/decide/text"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/pipeline"
)

func (c *Console) correctRoutes() []route {
	return []route{
		{"POST", "/mentions/{id}/correct", running, "", "say how a mention should have been read: lang, sentiment, complaint, severity, intents, department; or undo", true, c.correct},
		{"GET", "/corrections/file", running, "", "what people corrected, as training data: one JSON object a line", true, c.corrections},
	}
}

// wording is what the form for corrections offers.
type wording struct {
	ID                               string
	Intents, Sentiments, Departments []string
	Severities                       []string
	Marked                           func(string) bool // an intent that was read
	Done                             []corrected
	Stands                           bool
	Csrf                             string
}

// corrected is a correction as the page shows it.
type corrected struct {
	By, At, Say string
	Undone      bool
}

// wordingOf makes the form for a mention; nil where this visitor may not correct it.
func wordingOf(q *request, s pipeline.Story) *wording {
	if !q.who.answers(s.Mention.Brand) || !q.who.reads(s.Mention.Brand, s.Mention.Private) || s.Mention.Direction == flow.Out || s.Mention.Deleted {
		return nil
	}
	w := &wording{ID: s.Mention.ID, Intents: text.Intents(), Sentiments: decide.Sentiments(), Departments: decide.Departments(), Severities: []string{"0", "1", "2", "3"},
		Marked: func(i string) bool { return slices.Contains(s.Decision.Intents, i) }, Csrf: q.who.CSRF}
	_, newest := flow.Corrected(s.Corrections)
	w.Stands = newest != nil
	for _, c := range s.Corrections {
		if !c.Undo {
			w.Done = append(w.Done, corrected{c.By, c.At.Format("2006-01-02 15:04"), decide.Tell(c.To), !c.Undone.IsZero()})
		}
	}
	return w
}

// correct says how a mention should have been read, or takes the newest correction back.
func (c *Console) correct(q *request) (answer, error) {
	ctx, id := q.r.Context(), q.value("id")
	to, err := readingOf(q)
	change := flow.Correction{By: q.who.User, To: to, Undo: q.value("undo") != ""}
	switch {
	case err != nil:
		return answer{}, err
	case change.Undo:
		change.To = flow.Reading{}
	case to.Empty():
		return answer{}, wrong("say what is to be corrected: lang, sentiment, complaint, severity, main, intents or department; or undo")
	}
	row, err := c.mentions.One(ctx, id, "-")
	if err != nil {
		return answer{}, err
	}
	m := row.Value.Mention
	if row.Version == 0 || row.Value.Erased || !q.mine(m.Brand) {
		return answer{}, fault.New(fault.NotFound, "no mention %q is known", id)
	}
	if !q.who.answers(m.Brand) || !q.who.reads(m.Brand, m.Private) {
		return answer{}, fault.New(fault.Unauthorized, "who corrects must be allowed to read what was said: that takes the roles viewer and operator, or admin")
	}
	done, err := c.Pipeline.Correct(ctx, id, change)
	if err != nil {
		return answer{}, err
	}
	a := answer{Data: done, To: "/mentions/" + escape(id), Say: "Corrected; it is decided anew now"}
	if change.Undo {
		a.Say = "The correction is taken back; it is decided anew now"
	}
	return a, c.note(ctx, q.who.User, "corrected", id)
}

// readingOf reads the form: what is empty stays as it is.
func readingOf(q *request) (flow.Reading, error) {
	r := flow.Reading{Lang: q.value("lang"), Sentiment: q.value("sentiment"), Department: q.value("department")}
	if first := q.value("main"); first != "" {
		r.Intents = append(r.Intents, first)
	}
	for _, list := range q.form["intents"] { // boxes of the form, or a list of the API
		for i := range strings.SplitSeq(list, ",") {
			if i = strings.TrimSpace(i); i != "" && !slices.Contains(r.Intents, i) {
				r.Intents = append(r.Intents, i)
			}
		}
	}
	switch v := q.value("complaint"); v {
	case "":
	case "yes", "true", "no", "false":
		is := v == "yes" || v == "true"
		r.Complaint = &is
	default:
		return r, wrong("complaint is yes or no, not %q", v)
	}
	if v := q.value("severity"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			return r, wrong("severity is a number from 0 to 3, not %q", v)
		}
		r.Severity = &n
	}
	return r, nil
}

// corrections gives what people corrected as training data: one JSON object a line.
func (c *Console) corrections(q *request) (answer, error) {
	ctx := q.r.Context()
	plan, err := c.plan(ctx)
	if err != nil {
		return answer{}, err
	}
	var accounts []string
	for _, a := range q.narrowed(plan.Doc).Networks {
		accounts = append(accounts, a.Name)
	}
	var b bytes.Buffer
	now := c.now()
	err = c.Pipeline.Corrections(ctx, accounts, now.Add(-correctedFor), now.Add(time.Minute), func(m pipeline.CorrectedMention) error {
		if !q.mine(m.Mention.Brand) || !q.who.reads(m.Mention.Brand, m.Mention.Private) {
			return nil
		}
		return m.Write(&b)
	})
	if err == nil {
		err = c.note(ctx, q.who.User, "exported corrections", "")
	}
	return answer{Raw: append([]byte{}, b.Bytes()...), Type: "application/jsonl", Name: "corrections.jsonl"}, err
}

// correctedFor is how far back corrections are exported.
const correctedFor = 365 * 24 * time.Hour
