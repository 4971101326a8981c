package pipeline

import (
	"context"
	"slices"
	"time"

	"rapport/shared/config"
	"rapport/shared/decide"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/network"
	"rapport/shared/queue"
	"rapport/shared/store"
)

// history marks what comes from backfill, replay or a first sync: no case, clock, alert, owner change or reply.
const history = "history"

// one is an event on its way through enrich.
type one struct {
	message  int // index in the batch
	env      Envelope
	place    ledger.Place
	event    flow.Event
	id       string // of the event
	raw      []byte // the whole body, at its first event
	account  config.Account
	profile  network.Rules
	line     ledger.Line
	keys     []decide.Key // strong keys of the mention
	exchange string       // place of the conversation it belongs to
	inputs   *decide.Inputs
	made     *decide.Decision
	settled  bool // the line is final without a decision, or the decision was made
	resumed  bool // an earlier attempt committed the mention; only line and deliveries are owed
	lost     bool // it lost a race before
	known    bool // merged: content is archived already
}

// Enrich parses bodies, gathers what is known, decides and commits, for a batch of one mentions lane.
func (p *Pipeline) Enrich(ctx context.Context, batch []queue.Message) []error {
	errs := make([]error, len(batch))
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return all(len(batch), err)
	}
	var todo []*one
	for i, m := range batch {
		events, err := p.read(ctx, plan, i, m)
		errs[i] = err
		todo = append(todo, events...)
	}
	for round := 0; len(todo) > 0; round++ {
		again, failed := p.round(ctx, plan, todo)
		for _, o := range failed {
			errs[o.message] = o.err
		}
		if todo = again; round == 4 && len(todo) > 0 {
			for _, o := range todo {
				errs[o.message] = fault.New(fault.Transient, "mention %s is written by others at the same time", o.event.Mention.ID)
			}
			break
		}
	}
	return errs
}

// read opens a message and parses its body. What cannot be parsed or has no account becomes a rejected line.
func (p *Pipeline) read(ctx context.Context, plan *Plan, i int, m queue.Message) ([]*one, error) {
	env, body, err := open(m.Body)
	if err != nil {
		return nil, err
	}
	if env.Pointer != "" {
		b, err := p.Archive.Read(ctx, env.Pointer)
		if err != nil || len(b.Entries) == 0 {
			return nil, fault.New(fault.Transient, "body of receipt %s: %w", env.Receipt, err)
		}
		body = b.Entries[0].Raw
	}
	raw := network.Raw{Stream: env.Stream, Header: env.Header, Body: body, At: env.At}
	var kind, fallback string
	if env.Hook != "" {
		h, ok := plan.Doc.Hook(env.Hook)
		if !ok {
			return []*one{p.reject(i, env, body, 0, flow.Event{}, "hook "+env.Hook+" is not configured any more")}, nil
		}
		kind, raw.Settings = h.Kind, h.Settings
		fallback = onlyAccount(plan.Doc, env.Hook)
	} else {
		a, ok := plan.Doc.Network(env.Account)
		if !ok {
			return []*one{p.reject(i, env, body, 0, flow.Event{}, "account "+env.Account+" is not configured any more")}, nil
		}
		kind, raw.Settings, raw.Account, raw.Origin, fallback = a.Kind, a.Settings, a.ID, a.Origin, a.Name
	}
	parser, ok := p.Networks[kind].(network.Parser)
	if !ok {
		return []*one{p.reject(i, env, body, 0, flow.Event{}, "network "+kind+" cannot be parsed")}, nil
	}
	events, err := parser.Parse(raw)
	if err != nil {
		return []*one{p.reject(i, env, body, 0, flow.Event{}, "cannot be read: "+err.Error())}, nil
	}
	out := make([]*one, 0, len(events))
	for k, e := range events {
		a, ok := accountOf(plan.Doc, env, e, fallback)
		if !ok {
			out = append(out, p.reject(i, env, body, k, e, "unknown account "+e.Account))
		} else {
			e.Mention.Account, e.Mention.Brand = a.Name, a.Brand
			e.Mention.Private = e.Mention.Private || e.Mention.Kind == flow.Message
			o := &one{message: i, env: env, event: e, id: e.ID(), account: a, profile: p.infos[kind].Rules,
				place: ledger.At(a.Name, env.At, env.Receipt, k)}
			o.line = ledger.Line{Account: a.Name, Network: e.Mention.Network, Brand: a.Brand, At: env.At, Event: o.id,
				Mention: e.Mention.ID, Source: source(env, e), Config: plan.Doc.Hash}
			if e.Mention.Author.ID != "" {
				o.line.Author = p.hashed("author", e.Mention.Author.ID)[:12]
			}
			out = append(out, o)
		}
		if k == 0 {
			out[0].raw = body
		}
	}
	return out, nil
}

// reject makes a line for what cannot go on.
func (p *Pipeline) reject(i int, env Envelope, body []byte, k int, e flow.Event, reason string) *one {
	account := env.Hook + env.Account
	o := &one{message: i, env: env, event: e, settled: true, place: ledger.At(account, env.At, env.Receipt, k)}
	if k == 0 {
		o.raw = body
	}
	o.account.Name = account
	o.line = ledger.Line{Account: account, At: env.At, Outcome: ledger.Rejected, Reason: reason, Mention: e.Mention.ID, Network: e.Mention.Network}
	return o
}

func source(env Envelope, e flow.Event) string {
	if env.Source != "" {
		return env.Source
	}
	return e.Source
}

// onlyAccount names the account of a hook that has exactly one.
func onlyAccount(doc *config.Document, hook string) string {
	name := ""
	for _, a := range doc.Networks {
		if a.Hook == hook {
			if name != "" {
				return ""
			}
			name = a.Name
		}
	}
	return name
}

// accountOf finds the configured account of an event: by the vendor's id among those of the hook, else the fallback.
func accountOf(doc *config.Document, env Envelope, e flow.Event, fallback string) (config.Account, bool) {
	if env.Hook != "" && e.Account != "" {
		for _, a := range doc.Networks {
			if a.Hook == env.Hook && a.ID == e.Account {
				return a, true
			}
		}
		if a, ok := doc.Network(fallback); ok && a.ID == "" {
			return a, true
		}
		return config.Account{}, false
	}
	return doc.Network(fallback)
}

// failure is an event that cannot be committed now.
type failure struct {
	*one
	err error
}

// round gathers, decides and commits once. What lost a race comes back for another round.
func (p *Pipeline) round(ctx context.Context, plan *Plan, todo []*one) (again []*one, failed []failure) {
	w, err := p.gather(ctx, plan, todo)
	if err != nil {
		for _, o := range todo {
			failed = append(failed, failure{o, err})
		}
		return nil, failed
	}
	for _, o := range todo {
		if !o.settled {
			w.decide(o)
		}
	}
	return p.commit(ctx, plan, w, todo)
}

// world is what a round knows: rows as they are in the store, then as the decisions change them.
type world struct {
	plan          *Plan
	now           time.Time
	mentions      map[string]*held[MentionRow]
	authors       map[string]*held[AuthorRow]
	conversations map[string]*held[ConversationRow]
	earlier       []*held[ConversationRow] // exchanges that a new one followed
	people        map[string]*held[PersonRow]
	keys          map[string]KeyRow // by hashed key
	reminders     []flow.Conversation
	err           error // a reminder could not be written: the whole round goes again
	p             *Pipeline
}

// held is a row with what became of it in this round.
type held[T any] struct {
	store.Row[T]
	dirty bool
	lost  bool // somebody else was faster: all that touched it goes again
	err   error
}

// fetch reads rows into a map, keyed by partition.
func fetch[T any](ctx context.Context, t store.Table[T], sort string, ids []string, into map[string]*held[T]) error {
	keys := make([]store.Key, 0, len(ids))
	var want []string
	for _, id := range ids {
		if id == "" || into[id] != nil {
			continue
		}
		into[id] = &held[T]{}
		keys, want = append(keys, t.Key(id, sort)), append(want, id)
	}
	rows, err := t.Get(ctx, keys...)
	if err != nil {
		return err
	}
	for i, row := range rows {
		row.Part, row.Sort = want[i], sort
		into[want[i]].Row = row
	}
	return nil
}

// gather does all reading of a round.
func (p *Pipeline) gather(ctx context.Context, plan *Plan, todo []*one) (*world, error) {
	w := &world{plan: plan, now: p.now(), p: p, mentions: map[string]*held[MentionRow]{}, authors: map[string]*held[AuthorRow]{},
		conversations: map[string]*held[ConversationRow]{}, people: map[string]*held[PersonRow]{}, keys: map[string]KeyRow{}}
	var ids []string
	for _, o := range todo {
		if !o.settled {
			ids = append(ids, o.event.Mention.ID)
			if m := o.event.Mention; m.Parent != "" && (m.Root == "" || m.Direction == flow.Out) {
				ids = append(ids, m.Parent) // its thread is the parent's, and what the brand says is said to its author
			}
		}
	}
	if err := fetch(ctx, p.mentions, "-", ids, w.mentions); err != nil {
		return nil, err
	}
	var authors, conversations, keys []string
	for _, o := range todo {
		if o.settled {
			continue
		}
		if row := w.mentions[o.event.Mention.ID]; o.event.Verb == flow.Delete || o.event.Verb == flow.Reaction {
			o.event.Mention = merge(row.Value.Mention, o.event)
		}
		m := &o.event.Mention
		if m.Root == "" && m.Parent != "" {
			if parent := w.mentions[m.Parent]; parent.Version > 0 {
				m.Root = parent.Value.Mention.Thread()
			} else {
				m.Root = m.Parent
			}
		}
		authors = append(authors, m.Author.ID)
		// Who opens a thread with something new has no conversation there yet, but for an attempt that died half way: then
		// writing it is a lost race, and the next round reads it.
		if o.lost || o.event.Verb != flow.New || m.Private || m.Thread() != m.ID || exists(w.mentions[m.ID]) {
			o.exchange = w.placeOf(*m)
			conversations = append(conversations, o.exchange)
		}
		o.keys = plan.Decider.Keys(*m)
		for _, k := range o.keys {
			if k.Kind != "author" {
				keys = append(keys, p.hashed(k.Kind, k.Value))
			}
		}
	}
	if err := fetch(ctx, p.authors, "-", authors, w.authors); err != nil {
		return nil, err
	}
	if err := fetch(ctx, p.conversations, current, conversations, w.conversations); err != nil {
		return nil, err
	}
	return w, p.gatherPeople(ctx, w, keys)
}

// gatherPeople reads the persons that authors are linked to and those that strong keys lead to.
func (p *Pipeline) gatherPeople(ctx context.Context, w *world, keys []string) error {
	found := map[string]*held[KeyRow]{}
	if err := fetch(ctx, p.keys, "-", keys, found); err != nil {
		return err
	}
	var people []string
	for _, k := range keys {
		if row := found[k]; row.Version > 0 {
			w.keys[k] = row.Value
			people = append(people, row.Value.Person)
		}
	}
	for _, id := range sorted(w.authors) {
		people = append(people, w.authors[id].Value.Person)
	}
	return fetch(ctx, p.people, "-", people, w.people)
}

// placeOf gives the place of the exchange a mention belongs to, "" where it has no author. What the brand says belongs to
// whom it answers.
func (w *world) placeOf(m flow.Mention) string {
	author := m.Author.ID
	if m.Direction == flow.Out {
		author = ""
		if parent := w.mentions[m.Parent]; exists(parent) {
			author = parent.Value.Mention.Author.ID
		}
	}
	if author == "" {
		return ""
	}
	return flow.ConversationID(m.Account, m.Thread(), author, m.Private)
}

// merge completes an event that names only a mention with what is known of it.
func merge(known flow.Mention, e flow.Event) flow.Mention {
	m := known
	if m.ID == "" {
		return e.Mention
	}
	if m.Account == "" { // else it stays in its conversation, whoever brings the news
		m.Account, m.Brand = e.Mention.Account, e.Mention.Brand
	}
	if e.Verb == flow.Delete {
		m.Deleted, m.Text, m.Media, m.Links, m.Extra = true, "", nil, nil, nil
	} else {
		m.Likes, m.Shares, m.Comments, m.Views = e.Mention.Likes, e.Mention.Shares, e.Mention.Comments, e.Mention.Views
	}
	return m
}

func sorted[T any](m map[string]T) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
