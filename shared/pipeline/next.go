package pipeline

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"rapport/shared/config"
	"rapport/shared/decide"
	"rapport/shared/decide/action"
	"rapport/shared/decide/phrase"
	"rapport/shared/decide/score"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
)

// matterFor is how long something that nobody has to answer, such as praise, is worth a reaction.
const matterFor = 7 * 24 * time.Hour

// NextAsk is a question for the next action: exactly one key, and where the moment of contact is.
type NextAsk struct {
	Handle  string `json:"handle,omitempty"`
	Network string `json:"network,omitempty"` // narrows Handle
	Email   string `json:"email,omitempty"`
	Phone   string `json:"phone,omitempty"`
	CRM     string `json:"crm,omitempty"` // CRM account; with ID
	ID      string `json:"id,omitempty"`  // of a record there, or object/id
	Author  string `json:"author,omitempty"`
	Person  string `json:"person,omitempty"`
	Mention string `json:"mention,omitempty"`
	Moment  string `json:"moment,omitempty"` // call, shop, chat, mail; "" = on the network
	Brand   string `json:"brand,omitempty"`  // "" = the one that the matter is about
	Agent   string `json:"-"`                // name of whoever asks, for the text

	// Reach tells whether the brand may be looked at; nil = all of them, and persons whom no brand has met.
	Reach func(brand string) bool `json:"-"`
}

// Next is who somebody is, how they stand and what to do.
type Next struct {
	By        string        `json:"by"` // how they were found
	Who       NextWho       `json:"who"`
	Standing  NextStanding  `json:"standing"`
	Do        NextDo        `json:"do"`
	Forbidden []action.Bar  `json:"forbidden"`
	Template  *NextTemplate `json:"template,omitempty"` // nil = the action says nothing

	Matter MentionRow `json:"-"` // the mention that it is about; none = no ID
}

// NextWho is who it is.
type NextWho struct {
	Person   string        `json:"person,omitempty"` // "" = an author whom nobody linked
	Name     string        `json:"name,omitempty"`
	Accounts []flow.Author `json:"accounts,omitempty"` // id, handle and name alone
	Links    []flow.Link   `json:"links,omitempty"`    // without who made them
	Claimed  bool          `json:"claimed,omitempty"`  // linked by a public claim alone: nothing that stands in a CRM may be told them
	Score    *flow.Score   `json:"score,omitempty"`    // with confidence and reasons; nil = none is made
	Unscored string        `json:"unscored,omitempty"` // why
}

// NextStanding is how things stand with them.
type NextStanding struct {
	Open       []NextTalk   `json:"open,omitempty"` // conversations, the gravest first
	Newest     *NextMention `json:"newest,omitempty"`
	Complaint  bool         `json:"complaint"` // what it is about is one
	Due        time.Time    `json:"due,omitzero"`
	Late       bool         `json:"late,omitempty"`
	Answered   time.Time    `json:"answered,omitzero"`   // when they were last answered
	Pending    string       `json:"pending,omitempty"`   // state of an answer on its way
	Objections []string     `json:"objections"`          // purposes they objected to
	Protected  bool         `json:"protected,omitempty"` // their trouble raises an alert
	Crisis     bool         `json:"crisis"`              // of the brand
	Quiet      bool         `json:"quiet,omitempty"`     // outside the brand's hours
}

// NextTalk is an open conversation.
type NextTalk struct {
	ID         string      `json:"id"`
	Brand      string      `json:"brand"`
	Network    string      `json:"network"`
	Status     flow.Status `json:"status"`
	Department string      `json:"department,omitempty"`
	Priority   string      `json:"priority,omitempty"`
	Severity   int         `json:"severity"`
	Private    bool        `json:"private,omitempty"`
	Due        time.Time   `json:"due,omitzero"`
}

// NextMention is the newest thing they said.
type NextMention struct {
	ID        string    `json:"id"`
	Brand     string    `json:"brand"`
	Network   string    `json:"network"`
	At        time.Time `json:"at"`
	Private   bool      `json:"private,omitempty"`
	Sentiment string    `json:"sentiment"`
	Intents   []string  `json:"intents"`
	Severity  int       `json:"severity"`
	Text      string    `json:"text,omitempty"` // as it may be shown; the console leaves it out for who may not read it
}

// NextDo is what to do.
type NextDo struct {
	Action     string  `json:"action"`
	Why        string  `json:"why"`
	RunnerUp   string  `json:"runner_up,omitempty"`
	Propensity float64 `json:"propensity"`
	Brand      string  `json:"brand,omitempty"`
	Mention    string  `json:"mention,omitempty"` // what it is about; "" = nothing is open
	Moment     string  `json:"moment,omitempty"`
}

// NextTemplate is a text to start from.
type NextTemplate struct {
	Name     string   `json:"name"`
	Language string   `json:"language"`
	Text     string   `json:"text"`
	Missing  []string `json:"missing,omitempty"` // placeholders that nothing is known for
}

// Next says of whoever a key leads to how they stand, and what to do. It reads by keys alone, never through the ledger, and
// writes nothing. NotFound says what was looked at; Invalid: not exactly one key; Conflict: it may mean several.
func (p *Pipeline) Next(ctx context.Context, ask NextAsk) (Next, error) {
	if err := ask.check(); err != nil {
		return Next{}, err
	}
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return Next{}, err
	}
	n := &asking{p: p, plan: plan, ask: ask, now: p.now()}
	if err := n.find(ctx); err != nil {
		return Next{}, err
	}
	if err := n.gather(ctx); err != nil {
		return Next{}, err
	}
	return n.out, n.propose(ctx)
}

// check wants exactly one key, and a moment that there is.
func (a NextAsk) check() error {
	keys := 0
	for _, k := range []string{a.Handle, a.Email, a.Phone, cmp.Or(a.CRM, a.ID), a.Author, a.Person, a.Mention} {
		if k != "" {
			keys++
		}
	}
	const forms = `send exactly one of handle (with network, where it is known), email, phone, crm with id, author, person or mention`
	switch {
	case keys != 1:
		return fault.New(fault.Invalid, "%d keys were sent: %s", keys, forms)
	case (a.CRM == "") != (a.ID == ""):
		return fault.New(fault.Invalid, "crm names a CRM account and id a record in it: send both")
	case a.Network != "" && a.Handle == "":
		return fault.New(fault.Invalid, "network goes with a handle: %s", forms)
	case a.Moment != "" && !slices.Contains(action.Moments(), a.Moment):
		return fault.New(fault.Invalid, "moment %q is none: it is one of %s, or left out", a.Moment, strings.Join(action.Moments(), ", "))
	}
	return nil
}

// asking is one question on its way.
type asking struct {
	p        *Pipeline
	plan     *Plan
	ask      NextAsk
	now      time.Time
	authors  []string // ids
	person   *flow.Person
	rows     []AuthorRow
	told     []flow.Told
	mentions []MentionRow
	talks    []ConversationRow
	matter   *MentionRow
	talk     *ConversationRow // of the matter
	out      Next
}

func (n *asking) unknown(looked string) error {
	return fault.New(fault.NotFound, "nobody is known by that key; looked at: %s", looked)
}

// find finds whom the key means.
func (n *asking) find(ctx context.Context) error {
	a, p := n.ask, n.p
	switch {
	case a.Mention != "":
		return n.byMention(ctx)
	case a.Handle != "":
		return n.byHandle(ctx)
	case a.Author != "":
		n.out.By, n.authors = "author", []string{a.Author}
		return nil
	case a.Person != "":
		n.out.By = "person"
		return n.ofPerson(ctx, a.Person, "ids of persons")
	case a.Email != "":
		n.out.By = "email"
		s, err := p.byEmail(ctx, n.plan, a.Email)
		return n.subject(ctx, s, err, "e-mail addresses of CRM records, by their hash")
	case a.Phone != "":
		n.out.By = "phone"
		s, err := p.byPhone(ctx, n.plan, a.Phone)
		return n.subject(ctx, s, err, "phone numbers of CRM records, by their hash")
	}
	return n.byRecord(ctx)
}

// subject takes over whom a key leads to. Nothing of an error is told but that nobody, or that several are known.
func (n *asking) subject(ctx context.Context, s Subject, err error, looked string) error {
	switch {
	case fault.Is(err, fault.NotFound):
		return n.unknown(looked)
	case fault.Is(err, fault.Conflict) && n.ask.Reach != nil: // which persons is not for everybody
		return fault.New(fault.Conflict, "the key leads to several persons: ask by another one")
	case err != nil:
		return err
	}
	n.authors = s.Authors
	if s.Person == "" {
		return nil
	}
	return n.ofPerson(ctx, s.Person, looked)
}

func (n *asking) ofPerson(ctx context.Context, id, looked string) error {
	row, err := n.p.person(ctx, id)
	if err != nil {
		return err
	}
	if row.Version == 0 || !row.Value.Erased.IsZero() {
		return n.unknown(looked)
	}
	v := row.Value.Person
	n.person, n.authors = &v, v.Authors
	return nil
}

func (n *asking) byMention(ctx context.Context) error {
	n.out.By = "mention"
	row, err := n.p.mentions.One(ctx, n.ask.Mention, "-")
	if err != nil {
		return err
	}
	m := row.Value.Mention
	if row.Version == 0 || row.Value.Erased || m.Direction == flow.Out || !n.reaches(m.Brand) {
		return n.unknown("ids of mentions")
	}
	n.matter = &row.Value
	if m.Author.ID != "" {
		n.authors = []string{m.Author.ID}
	}
	return nil
}

func (n *asking) byHandle(ctx context.Context) error {
	n.out.By = "handle"
	looked := "handles of whoever had a conversation or is linked, on "
	list, err := n.p.AuthorsOf(ctx, n.ask.Network, n.ask.Handle)
	if err != nil {
		return err
	}
	if len(list) > 1 { // one person may have the same handle on several networks
		people := map[string]bool{}
		for _, a := range list {
			row, err := n.p.authors.One(ctx, a.ID, "-")
			if err != nil {
				return err
			}
			people[cmp.Or(row.Value.Person, a.ID)] = true
		}
		if len(people) > 1 {
			return fault.New(fault.Conflict, "%d accounts go by that handle: name the network, or ask by author", len(list))
		}
	}
	if len(list) == 0 {
		return n.unknown(looked + cmp.Or(n.ask.Network, "all networks"))
	}
	n.authors = []string{list[0].ID}
	return nil
}

// byRecord finds whom a CRM record belongs to: of a case the conversation, of an activity the mention.
func (n *asking) byRecord(ctx context.Context) error {
	n.out.By = "crm"
	looked := "records of " + n.ask.CRM
	if _, ok := n.plan.Doc.CRM(n.ask.CRM); !ok {
		return fault.New(fault.Invalid, "there is no CRM account of that name: crm is the name of one in the configuration")
	}
	id := n.ask.ID
	if strings.Contains(id, "/") {
		id = n.ask.CRM + ":" + id
	}
	found, err := n.p.Records(ctx, id)
	if err != nil {
		return err
	}
	for _, o := range found {
		if account, _, _ := strings.Cut(o.Record, ":"); account != n.ask.CRM {
			continue
		}
		switch o.Kind {
		case flow.KindPerson:
			return n.ofPerson(ctx, o.ID, looked)
		case flow.KindMention:
			n.ask.Mention = o.ID
			err := n.byMention(ctx)
			n.out.By = "crm"
			return err
		case flow.KindConversation:
			row, _, err := n.p.conversation(ctx, o.ID)
			if err != nil {
				return err
			}
			if c := row.Value.Conversation; c.Author.ID != "" && !row.Value.Erased && n.reaches(c.Brand) {
				n.authors = []string{c.Author.ID}
				return nil
			}
		}
	}
	return n.unknown(looked)
}

func (n *asking) reaches(brand string) bool {
	return (n.ask.Brand == "" || n.ask.Brand == brand) && (n.ask.Reach == nil || n.ask.Reach(brand))
}

// replier tells how a network account can answer.
func (n *asking) replier(m flow.Mention) (noReply, noPrivate bool) {
	conf, ok := n.plan.Doc.Network(m.Account)
	if !ok {
		return false, false
	}
	_, can := n.p.Networks[conf.Kind].(network.Replier)
	return !can, can && !n.p.infos[conf.Kind].Private
}

// propose makes the answer of what was gathered.
func (n *asking) propose(ctx context.Context) error {
	brand := n.brand()
	crisis, err := n.p.crisis(ctx, n.plan, nil)
	if err != nil {
		return err
	}
	in := decide.Inputs{Now: n.now, Crisis: crisis[brand.Name], Person: n.person, Refuses: refused(n.told), Config: n.plan.Doc.Hash}
	in.Event.Mention.Brand = brand.Name
	at := decide.Moment{Contact: n.ask.Moment}
	var was decide.Decision
	if n.person != nil {
		in.Consented = n.person.Consented
	}
	if n.out.Who.Score != nil {
		at.Score = n.out.Who.Score.Total
	}
	if m := n.matter; m != nil {
		was, in.Event.Mention, in.Source, in.Corrections = m.Decision, m.Mention, m.Source, m.Corrections
		in.NoReply, in.NoPrivate = n.replier(m.Mention)
		if n.talk != nil {
			c := n.talk.Conversation
			in.Conversation = &c
			if err := n.answers(ctx, &at); err != nil {
				return err
			}
		}
	}
	for _, a := range n.rows {
		if m := in.Event.Mention; a.Author.ID != "" && (a.Author.ID == m.Author.ID || m.ID == "") {
			known := a.Author
			in.Known = &known
		}
	}
	c := n.plan.Decider.Propose(in, was, at)
	s := &n.out.Standing
	s.Crisis, s.Quiet = in.Crisis, !n.plan.Decider.Works(brand.Name, n.now)
	s.Complaint = n.matter != nil && was.Complaint
	n.out.Do = NextDo{Action: c.Action, Why: c.Why, RunnerUp: c.RunnerUp, Propensity: c.Propensity, Brand: brand.Name, Mention: in.Event.Mention.ID, Moment: n.ask.Moment}
	if n.out.Forbidden = c.Forbidden; n.out.Forbidden == nil {
		n.out.Forbidden = []action.Bar{}
	}
	if n.matter != nil {
		n.out.Matter = *n.matter
	}
	if !in.NoReply || n.ask.Moment != "" { // else there is nobody to say it to
		n.out.Template = n.template(brand, was.Lang)
	}
	return nil
}

// brand is the one that is to act: the matter's, the one that was asked for, or the only one.
func (n *asking) brand() config.Brand {
	name := n.ask.Brand
	switch {
	case n.matter != nil:
		name = n.matter.Mention.Brand
	case name == "" && len(n.mentions) > 0:
		name = n.mentions[0].Mention.Brand
	case name == "":
		reached := slices.DeleteFunc(slices.Clone(n.plan.Doc.Brands), func(b config.Brand) bool { return !n.reaches(b.Name) })
		if len(reached) == 1 {
			name = reached[0].Name
		}
	}
	return n.plan.Doc.Brand(name)
}

// template fills the brand's text for the action.
func (n *asking) template(brand config.Brand, lang string) *NextTemplate {
	if lang == "" && len(brand.Languages) > 0 {
		lang = brand.Languages[0]
	}
	t, ok := phrase.Pick(brand, lang, n.out.Do.Action)
	if !ok {
		return nil
	}
	who := phrase.Case{Brand: brand, Agent: n.ask.Agent, Private: n.ask.Moment != ""}
	if len(n.rows) > 0 {
		who.Author = n.rows[0].Author
	}
	if n.matter != nil {
		m := n.matter.Mention
		who.Author, who.Private, who.Network = m.Author, who.Private || m.Private || m.Kind == flow.Message, m.Network
		if conf, ok := n.plan.Doc.Network(m.Account); ok {
			who.Network = n.p.infos[conf.Kind].Title
		}
	}
	text, missing := phrase.Fill(t.Text, who.Values(t.Lang))
	return &NextTemplate{Name: t.Name, Language: t.Lang, Text: text, Missing: missing}
}

// scored gives the score that may be shown, and why there is none.
func (n *asking) scored() (*flow.Score, string) {
	var s flow.Score
	why := ""
	for _, a := range n.rows {
		if s.Version == "" {
			s = a.Score
		}
		why = cmp.Or(why, a.Unscored)
	}
	if n.person != nil {
		if n.person.Score.Version != "" {
			s = n.person.Score
		}
		why = cmp.Or(n.person.Unscored, why)
	}
	switch {
	case why != "":
		return nil, "excluded: " + why
	case !holds(n.plan.Doc, "scoring", n.person, n.told):
		return nil, "no lawful basis for scoring"
	case s.Version == "":
		return nil, "no score was made"
	}
	s = score.Aged(s, n.now)
	return &s, ""
}
