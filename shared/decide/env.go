package decide

import (
	"slices"

	"rapport/shared/config"
	"rapport/shared/flow"
)

// Env is what the expressions of filters, routing, actions and mappings see. What does not apply is the zero value: a
// stranger has an empty person, a mention that opened nothing an empty conversation, and a filter, which runs before
// routing, sees no department yet.
type Env struct {
	Mention      flow.Mention      `expr:"mention"`
	Author       flow.Author       `expr:"author"`
	Conversation flow.Conversation `expr:"conversation"`
	Person       flow.Person       `expr:"person"`
	Decision     Decision          `expr:"decision"`
	Brand        Brand             `expr:"brand"`
	Source       string            `expr:"source"` // live, history, test

	Text       string   `expr:"text"` // the text as it may be shown: redacted where personal data stood in public, "" once deleted
	Lang       string   `expr:"lang"`
	Sentiment  string   `expr:"sentiment"` // positive, neutral, negative
	Polarity   float64  `expr:"polarity"`  // −1 … 1
	Complaint  bool     `expr:"complaint"`
	Severity   int      `expr:"severity"` // 0–3
	Intents    []string `expr:"intents"`  // question, complaint, praise, purchase, idea, churn, legal, press, job, spam, chatter
	Confidence float64  `expr:"confidence"`
	PII        []string `expr:"pii"`    // kinds of personal data in the text
	Topics     []string `expr:"topics"` // names of the brand's topics that the text is about
	Score      int      `expr:"score"`
	Department string   `expr:"department"`
	Priority   string   `expr:"priority"` // low, normal, high, urgent
	Action     string   `expr:"action"`
	Why        string   `expr:"why"`      // in mappings: all of that in a line, at most ShortLength characters, without words of the text
	Crisis     bool     `expr:"crisis"`   // the brand was in crisis when it was decided
	Known      bool     `expr:"known"`    // the author is linked to a person
	Customer   bool     `expr:"customer"` // that person is linked to a CRM record
}

// Brand is what expressions see of a brand.
type Brand struct {
	Name      string   `expr:"name"`
	Title     string   `expr:"title"`
	Industry  string   `expr:"industry"`
	Region    string   `expr:"region"`
	Languages []string `expr:"languages"`
}

// EnvOf gathers what expressions see. Conversation and person may be nil.
func EnvOf(m flow.Mention, d Decision, c *flow.Conversation, p *flow.Person, b config.Brand, source string) *Env {
	env := &Env{
		Mention: m, Author: m.Author, Decision: d, Source: source,
		Brand: Brand{Name: b.Name, Title: b.Title, Industry: b.Industry, Region: b.Region, Languages: b.Languages},
		Text:  m.Text, Known: d.Person != "",
	}
	switch {
	case m.Deleted:
		env.Text = ""
	case d.Safe != "":
		env.Text = d.Safe
	}
	if c != nil {
		env.Conversation = *c
	}
	if p != nil {
		env.Person, env.Known = *p, true
		env.Customer = customer(p)
	}
	env.read(d)
	return env
}

// customer tells whether a person is linked to a CRM record.
func customer(p *flow.Person) bool {
	return p != nil && slices.ContainsFunc(p.Links, func(l flow.Link) bool { return l.Record != "" })
}

// read copies the results of a decision to where expressions find them.
func (e *Env) read(d Decision) {
	e.Lang, e.Sentiment, e.Polarity, e.Complaint, e.Severity = d.Lang, d.Sentiment, d.Polarity, d.Complaint, d.Severity
	e.Intents, e.Confidence, e.PII, e.Score = d.Intents, d.Confidence, d.PII, d.Score.Total
	e.Crisis, e.Topics = d.Crisis, d.Topics
	if d.Combined.Version != "" {
		e.Score = d.Combined.Total
	}
	e.Department, e.Priority, e.Action, e.Why = d.Department, d.Priority, d.Action, Short(d)
}
