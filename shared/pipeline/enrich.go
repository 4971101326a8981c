package pipeline

import (
	"cmp"
	"context"
	"slices"
	"time"

	"rapport/shared/archive"
	"rapport/shared/config"
	"rapport/shared/decide"
	"rapport/shared/decide/identity"
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
	index    int // among the events of its message
	env      Envelope
	place    ledger.Place
	event    flow.Event
	id       string // of the event
	body     *body  // what it came in
	account  config.Account
	profile  network.Rules
	line     ledger.Line
	keys     []decide.Key      // by which its author is looked up
	who      *identity.Profile // its author's, to be compared; nil = not looked for
	judged   Judged            // what is noted of that
	likely   []string          // persons whose name is alike
	exchange string            // place of the conversation it belongs to
	inputs   *decide.Inputs
	made     *decide.Decision
	settled  bool          // the line is final without a decision, or the decision was made
	resumed  bool          // an earlier attempt committed the mention; only line and deliveries are owed
	lost     bool          // it lost a race before
	known    bool          // merged: content is archived already
	wait     time.Duration // until what it points at is read again
	late     error         // it was tried for so long that it is given up
	again    bool          // its message was handed out before
	remains  bool          // an attempt left something of an author who is erased already
	whose    string        // that author, where the event names none
	left     bool          // its conversation showed what is deleted, and CRMs may have been told
}

// body is what a message held, on its way to the archive: with its only event, or by itself where there were several. Where
// one of them may not be kept, the body may not either.
type body struct {
	data   []byte
	events int
	barred bool
	kept   map[string]bool // accounts in whose archive it is
}

// Enrich parses bodies, gathers what is known, decides and commits, for a batch of one mentions lane.
func (p *Pipeline) Enrich(ctx context.Context, batch []queue.Message) []error {
	errs := make([]error, len(batch))
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return all(len(batch), err)
	}
	var todo []*one
	pointers := map[int]Envelope{}
	for i, m := range batch {
		env, events, err := p.read(ctx, plan, i, m)
		errs[i] = err
		for _, o := range events {
			o.again = m.Receives > 1
		}
		todo = append(todo, events...)
		if env.Pointer != "" && err == nil {
			pointers[i] = env
		}
	}
	p.bookPushed(ctx, todo)
	p.hydrate(ctx, plan, todo)
	whole := make([][]*one, len(batch))
	for _, o := range todo {
		whole[o.message] = append(whole[o.message], o)
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
	for i, m := range batch {
		if errs[i] != nil {
			continue
		}
		var needed bool
		needed, errs[i] = p.again(ctx, m, whole[i])
		if env, ok := pointers[i]; ok && !needed {
			errs[i] = p.consumed(ctx, env)
		}
	}
	return errs
}

// consumed removes a large body from where it waited: what may be kept of it is in the archive under its own name now.
func (p *Pipeline) consumed(ctx context.Context, env Envelope) error {
	row := store.Row[SeenRow]{Part: "body#" + env.Receipt, Sort: "-", Expires: p.now().Add(seenFor), Value: SeenRow{At: p.now()}}
	if res := p.seen.Put(ctx, &row)[0]; res.Err != nil && !conflicted(res) {
		return res.Err
	}
	return p.Archive.Rewrite(ctx, env.Pointer, func(archive.Entry) bool { return true })
}

// fetchBody reads a large body; nil where it was worked on before.
func (p *Pipeline) fetchBody(ctx context.Context, env Envelope) ([]byte, error) {
	b, err := p.Archive.Read(ctx, env.Pointer)
	if fault.Is(err, fault.NotFound) {
		if row, err := p.seen.One(ctx, "body#"+env.Receipt, "-"); err != nil || row.Version > 0 {
			return nil, err
		}
	}
	if err != nil {
		return nil, fault.New(fault.Transient, "body of receipt %s: %w", env.Receipt, err)
	}
	if len(b.Entries) == 0 {
		return nil, fault.New(fault.Transient, "body of receipt %s is empty in the archive", env.Receipt)
	}
	return b.Entries[0].Raw, nil
}

// read opens a message and parses its body. What cannot be parsed or has no account becomes a rejected line.
func (p *Pipeline) read(ctx context.Context, plan *Plan, i int, m queue.Message) (Envelope, []*one, error) {
	env, body, err := open(m.Body)
	if err != nil {
		return env, nil, err
	}
	if env.Pointer != "" {
		if body, err = p.fetchBody(ctx, env); err != nil || body == nil {
			return env, nil, err
		}
	}
	list, err := p.parse(plan, i, env, body)
	return env, list, err
}

// parse makes the events of a body.
func (p *Pipeline) parse(plan *Plan, i int, env Envelope, data []byte) ([]*one, error) {
	whole := &body{data: data, events: 1, kept: map[string]bool{}}
	raw := network.Raw{Stream: env.Stream, Header: env.Header, Body: data, At: env.At}
	var kind, fallback string
	if env.Hook != "" {
		h, ok := plan.Doc.Hook(env.Hook)
		if !ok {
			return []*one{p.reject(i, env, whole, 0, flow.Event{}, "hook "+env.Hook+" is not configured any more")}, nil
		}
		kind, raw.Settings = h.Kind, h.Settings
		fallback = onlyAccount(plan.Doc, env.Hook)
	} else {
		a, ok := plan.Doc.Network(env.Account)
		if !ok {
			return []*one{p.reject(i, env, whole, 0, flow.Event{}, "account "+env.Account+" is not configured any more")}, nil
		}
		kind, raw.Settings, raw.Account, raw.Origin, fallback = a.Kind, a.Settings, a.ID, a.Origin, a.Name
	}
	parser, ok := p.Networks[kind].(network.Parser)
	if !ok {
		return []*one{p.reject(i, env, whole, 0, flow.Event{}, "network "+kind+" cannot be parsed")}, nil
	}
	var events []flow.Event
	var err error
	switch env.Stream {
	case goneStream:
		events, err = deletions(kind, data, env.At)
	case correctStream:
		events, err = corrections(kind, data, env.At)
	default:
		events, err = parser.Parse(raw)
	}
	if err != nil {
		return []*one{p.reject(i, env, whole, 0, flow.Event{}, "cannot be read: "+unquoted(err.Error()))}, nil
	}
	out := make([]*one, 0, len(events))
	whole.events, whole.barred = len(events), soon(p.infos[kind].Rules) || len(env.Only) > 0 || env.Stream == correctStream // the body was archived with the others
	for k, e := range events {
		if len(env.Only) > 0 && !slices.Contains(env.Only, k) {
			continue
		}
		if e.Erase != nil {
			out = append(out, p.requested(i, env, whole, k, e))
			continue
		}
		id := e.ID() // of all that was said, however much of it is kept
		clip(&e.Mention)
		a, ok := accountOf(plan.Doc, env, e, fallback)
		if !ok {
			out = append(out, p.reject(i, env, whole, k, e, "unknown account "+brief(e.Account)))
		} else {
			e.Mention.Account, e.Mention.Brand = a.Name, a.Brand
			e.Mention.Private = e.Mention.Private || e.Mention.Kind == flow.Message
			o := &one{message: i, index: k, env: env, event: e, id: id, account: a, profile: p.infos[kind].Rules, body: whole,
				place: ledger.At(a.Name, env.At, env.Receipt, k)}
			o.line = ledger.Line{Account: a.Name, Network: e.Mention.Network, Brand: a.Brand, At: env.At, Event: o.id,
				Mention: e.Mention.ID, Source: source(env, e), Config: plan.Doc.Hash}
			o.line.Author, o.line.Found = p.whoseLine(e.Mention), env.Found
			out = append(out, o)
		}
	}
	return out, nil
}

// reject makes a line for what cannot go on.
func (p *Pipeline) reject(i int, env Envelope, whole *body, k int, e flow.Event, reason string) *one {
	account := env.Hook + env.Account
	o := &one{message: i, env: env, event: e, settled: true, body: whole, place: ledger.At(account, env.At, env.Receipt, k)}
	o.account.Name = account
	o.line = ledger.Line{Account: account, At: env.At, Outcome: ledger.Rejected, Reason: reason, Mention: e.Mention.ID, Network: e.Mention.Network}
	if e.Mention.Author.ID != "" {
		o.line.Author = p.authorHash(e.Mention.Author.ID)
	}
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
	earlier       []*held[ConversationRow]          // exchanges that a new one follows in this round
	past          map[string]*held[ConversationRow] // exchanges that one followed before, by whole id
	batch         map[string]*one                   // first event of each mention
	alerts        []alert
	reviews       []ReviewRow // whom decisions suggest
	answers       []answer
	people        map[string]*held[PersonRow]
	keys          map[string]KeyRow // by hashed key
	reminders     []store.Row[DueRow]
	threads       map[string]*held[ThreadRow] // by the thread's start
	tombs         map[string]TombRow          // of authors and mentions that are gone, by where they stand
	crisis        map[string]bool             // brands that are in crisis
	unsynced      map[string]bool             // brands whose people are not all known yet
	often         identity.Often              // how often names occur; nil = not needed
	crowdOf       int                         // how many persons the CRMs know
	err           error                       // a reminder could not be written: the whole round goes again
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
	return fill(ctx, t, t.Get, sort, ids, into)
}

// glance reads as fetch does, for half the units, rows that may be a moment old.
func glance[T any](ctx context.Context, t store.Table[T], sort string, ids []string, into map[string]*held[T]) error {
	return fill(ctx, t, t.Glance, sort, ids, into)
}

func fill[T any](ctx context.Context, t store.Table[T], get func(context.Context, ...store.Key) ([]store.Row[T], error), sort string, ids []string, into map[string]*held[T]) error {
	keys := make([]store.Key, 0, len(ids))
	var want []string
	for _, id := range ids {
		if id == "" || into[id] != nil {
			continue
		}
		into[id] = &held[T]{}
		keys, want = append(keys, t.Key(id, sort)), append(want, id)
	}
	rows, err := get(ctx, keys...)
	if err != nil {
		return err
	}
	for i, row := range rows {
		row.Part, row.Sort = want[i], sort
		into[want[i]].Row = row
	}
	return nil
}

// fresh tells whether an event brings something new for the first time, as far as anybody knows. Whatever is decided on it
// is written into the rows of its mention and its author on condition of what was read, so a glance at them is enough: what
// was too old loses, and the next round reads again.
func (o *one) fresh() bool {
	return !o.lost && !o.again && o.event.Verb == flow.New && o.event.Mention.Direction != flow.Out
}

// gather does all reading of a round.
func (p *Pipeline) gather(ctx context.Context, plan *Plan, todo []*one) (*world, error) {
	w := &world{plan: plan, now: p.now(), p: p, mentions: map[string]*held[MentionRow]{}, authors: map[string]*held[AuthorRow]{},
		conversations: map[string]*held[ConversationRow]{}, people: map[string]*held[PersonRow]{}, keys: map[string]KeyRow{}, threads: map[string]*held[ThreadRow]{},
		past: map[string]*held[ConversationRow]{}, batch: map[string]*one{}, tombs: map[string]TombRow{}}
	var ids, fresh []string
	for _, o := range todo {
		if o.settled {
			continue
		}
		m := o.event.Mention
		if w.batch[m.ID] == nil {
			w.batch[m.ID] = o
		}
		if o.fresh() {
			fresh = append(fresh, m.ID)
		} else {
			ids = append(ids, m.ID)
		}
		if m.Parent != "" && (m.Root == "" || m.Direction == flow.Out) {
			ids = append(ids, m.Parent) // its thread is the parent's, and what the brand says is said to its author
		}
	}
	if err := fetch(ctx, p.mentions, "-", ids, w.mentions); err != nil {
		return nil, err
	}
	if err := glance(ctx, p.mentions, "-", fresh, w.mentions); err != nil {
		return nil, err
	}
	var authors, writers, conversations, threads []string
	for _, o := range todo {
		if o.settled {
			continue
		}
		m := &o.event.Mention
		row := w.mentions[m.ID]
		*m = complete(row.Value.Mention, o.event)
		if o.line.Author == "" { // a deletion names nobody
			o.line.Author = cmp.Or(row.Value.By, p.whoseLine(*m))
		}
		m.Root = w.rootOf(*m, 0)
		if o.fresh() {
			writers = append(writers, m.Author.ID)
		} else {
			authors = append(authors, m.Author.ID)
		}
		if o.event.Verb == flow.New && m.Direction == flow.In && !m.Private && m.Thread() != m.ID && o.line.Source != history {
			threads = append(threads, m.Thread())
		}
		o.exchange = w.placeOf(*m, 0)
		if c := row.Value.Decision.Conversation; c != nil {
			o.exchange = flow.Place(c.ID) // it stays where it was put
		}
		// Who opens a thread with something new has no conversation there yet, but for an attempt that died half way: then
		// writing it is a lost race, and the next round reads it.
		if o.lost || o.event.Verb != flow.New || m.Private || m.Thread() != m.ID || exists(row) {
			conversations = append(conversations, o.exchange)
		}
	}
	if err := fetch(ctx, p.authors, "-", authors, w.authors); err != nil {
		return nil, err
	}
	if err := glance(ctx, p.authors, "-", writers, w.authors); err != nil {
		return nil, err
	}
	if err := p.mourn(ctx, w, todo); err != nil {
		return nil, err
	}
	if err := fetch(ctx, p.threads, "-", threads, w.threads); err != nil {
		return nil, err
	}
	if err := fetch(ctx, p.conversations, current, conversations, w.conversations); err != nil {
		return nil, err
	}
	if err := p.gatherPast(ctx, w, todo); err != nil {
		return nil, err
	}
	var err error
	if w.unsynced, err = p.unsynced(ctx, plan); err != nil {
		return nil, err
	}
	if w.crisis, err = p.crisis(ctx, plan, todo); err != nil {
		return nil, err
	}
	return w, p.gatherPeople(ctx, w, todo)
}

// gatherPast reads exchanges that another followed in their place, for mentions that belong to them.
func (p *Pipeline) gatherPast(ctx context.Context, w *world, todo []*one) error {
	for _, o := range todo {
		if o.settled {
			continue
		}
		at := w.mentions[o.event.Mention.ID].Value.Decision.Conversation
		now := w.conversations[o.exchange]
		if at == nil || w.past[at.ID] != nil || !exists(now) || now.Value.Conversation.ID == at.ID {
			continue
		}
		row, err := p.conversations.One(ctx, flow.Place(at.ID), at.ID)
		if err != nil {
			return err
		}
		row.Part, row.Sort = flow.Place(at.ID), at.ID
		w.past[at.ID] = &held[ConversationRow]{Row: row}
	}
	return nil
}

// deepest bounds how far a chain of answers within a batch is followed.
const deepest = 20

// parentOf gives the mention that another answers, as far as it is known: from the store or from the same batch.
func (w *world) parentOf(m flow.Mention) (MentionRow, bool) {
	if row := w.mentions[m.Parent]; exists(row) {
		return row.Value, true
	}
	if o := w.batch[m.Parent]; o != nil {
		return MentionRow{Mention: o.event.Mention}, true
	}
	return MentionRow{}, false
}

// rootOf gives the start of a mention's thread, "" where that is itself.
func (w *world) rootOf(m flow.Mention, depth int) string {
	if m.Root != "" || m.Parent == "" || depth > deepest {
		return m.Root
	}
	parent, ok := w.parentOf(m)
	if !ok {
		return m.Parent
	}
	if root := w.rootOf(parent.Mention, depth+1); root != "" {
		return root
	}
	return m.Parent
}

// placeOf gives the place of the exchange a mention belongs to, "" where it has no author. What the brand says belongs to
// whom it answers.
func (w *world) placeOf(m flow.Mention, depth int) string {
	if m.Direction != flow.Out {
		if m.Author.ID == "" {
			return ""
		}
		return flow.ConversationID(m.Account, m.Thread(), m.Author.ID, m.Private)
	}
	if m.Private && m.To != "" {
		return flow.ConversationID(m.Account, m.Thread(), m.To, true)
	}
	parent, ok := w.parentOf(m)
	if !ok || depth > deepest {
		return ""
	}
	if c := parent.Decision.Conversation; c != nil {
		return flow.Place(c.ID)
	}
	p := parent.Mention
	p.Root, p.Account, p.Private = w.rootOf(p, 0), m.Account, p.Private || m.Private
	return w.placeOf(p, depth+1)
}

// complete adds what is known of a mention to an event that does not tell all, and lets it stay in its conversation,
// whoever brings the news.
func complete(known flow.Mention, e flow.Event) flow.Mention {
	m := e.Mention
	if known.ID == "" {
		return m
	}
	switch e.Verb {
	case flow.Delete:
		m = known
		m.Deleted, m.Text, m.Media, m.Links, m.Extra = true, "", nil, nil, nil
	case flow.Correct:
		m = known
	case flow.Reaction:
		m = known
		m.Likes, m.Shares, m.Comments, m.Views = e.Mention.Likes, e.Mention.Shares, e.Mention.Comments, e.Mention.Views
	}
	if known.Account != "" {
		m.Account, m.Brand, m.Private = known.Account, known.Brand, known.Private || m.Private
	} else {
		m.Account, m.Brand = e.Mention.Account, e.Mention.Brand
	}
	if m.Author.ID == "" {
		m.Author = known.Author
	}
	if m.Parent == "" {
		m.Parent = known.Parent
	}
	if m.To == "" {
		m.To = known.To
	}
	if e.Verb == flow.Edit && m.Created.Equal(m.Edited) && !known.Created.IsZero() {
		m.Created = known.Created // some tell of an edit only when it was made
	}
	if known.Root != "" {
		m.Root = known.Root
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
