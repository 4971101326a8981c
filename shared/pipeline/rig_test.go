package pipeline_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"rapport/shared/app"
	"rapport/shared/archive"
	archivememory "rapport/shared/archive/memory"
	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/network"
	"rapport/shared/pipeline"
	"rapport/shared/queue"
	queuememory "rapport/shared/queue/memory"
	"rapport/shared/store"
	storememory "rapport/shared/store/memory"
	"rapport/shared/topology"
	"rapport/shared/webhook"
)

// rig is an app on memory drivers with a clock that stands still, one network and CRMs made for the test.
type rig struct {
	t       *testing.T
	now     time.Time
	ids     int
	app     *app.App
	store   *flaky
	queue   *queuememory.Queue
	sender  *slips
	archive *archivememory.Archive
	net     *site
	crm     *crmFake
	other   *crmFake
	log     bytes.Buffer
	secrets map[string]string
	ports   pipeline.Ports
	crms    map[string]crm.CRM
	nets    map[string]network.Network
}

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// basic is a configuration with one network account, its hook, and one keyed CRM in write mode. %s adds more.
const basic = `version: 1
score: {strangers: true}
brands:
  - name: nord
    languages: [de, en]
    terms: [nord]
    region: DE
    budget: 1
    sla: {low: 4h, normal: 2h, high: 1h, urgent: 30m}
hooks:
  - {name: hook, kind: site, secrets: {secret: "env:HOOK"}}
  - {name: crmhook, kind: crm, secrets: {secret: "env:HOOK"}}
networks:
  - {name: site, kind: site, hook: hook, brand: nord, replies: approve, secrets: {token: "env:SITE"}}
crms:
  - {name: crm, kind: crm, hook: crmhook, mode: write, secrets: {token: "env:CRM"}}
mapping:
  - crm: crm
    object: mention
    for: mention
    fields:
      text: {value: text, wins: rapport}
      note: sentiment
      source: {value: source, wins: rapport}
  - crm: crm
    object: case
    for: conversation
    when: conversation.case
    fields:
      subject: {value: conversation.subject, wins: rapport}
      state: {value: conversation.status, wins: rapport}
      note: conversation.priority
      first: {value: conversation.subject, once: true}
      rapport_reply_state: {value: conversation.reply_state, at: conversation.reply_at}
      rapport_reply_reason: {value: conversation.reply_note, at: conversation.reply_at}
  - crm: crm
    object: contact
    for: person
    when: crm.accepted || crm.linked
    fields:
      name: {value: person.name, once: true}
      score: {value: person.score.total, wins: rapport}
      accounts: {value: 'join(person.authors, ";")', wins: rapport}
`

// options of a rig: what differs from the usual.
type options struct {
	config string // "" = basic
	edit   func(text string) string
	crms   map[string]crm.CRM
	nets   map[string]network.Network
	ports  func(*pipeline.Ports)
	http   *http.Client
}

func newRig(t *testing.T, o options) *rig {
	t.Helper()
	r := &rig{t: t, now: start, queue: nil, archive: archivememory.New(), secrets: map[string]string{"env:HOOK": "hook", "env:SITE": "site-token", "env:CRM": "crm-token"}}
	clock := func() time.Time { return r.now }
	r.store = &flaky{Store: storememory.New(storememory.Options{Now: clock})}
	r.queue = queuememory.New(queuememory.Options{Now: clock, NewID: r.newID, Visibility: time.Minute})
	r.sender = &slips{Queue: r.queue}
	r.net = &site{r: r, poll: time.Minute, rules: network.Rules{MayMatch: "yes", MayScore: true, MayStore: true}}
	r.crm, r.other = newFake(r, true), newFake(r, false)
	r.crms, r.nets = map[string]crm.CRM{"crm": r.crm, "list": r.other}, map[string]network.Network{"site": r.net}
	maps.Copy(r.crms, o.crms)
	maps.Copy(r.nets, o.nets)
	r.ports = pipeline.Ports{Now: clock, NewID: r.newID, Log: slog.New(slog.NewTextHandler(&r.log, nil)), HTTP: o.http}
	if o.ports != nil {
		o.ports(&r.ports)
	}
	r.boot()
	text := o.config
	if text == "" {
		text = basic
	}
	if o.edit != nil {
		edited := o.edit(text)
		if edited == text {
			t.Fatal("the configuration is not changed by the test's edit")
		}
		text = edited
	}
	r.publish(text)
	return r
}

// boot starts the process anew on what is stored.
func (r *rig) boot() {
	r.t.Helper()
	var err error
	r.app, err = app.New(r.t.Context(), app.Options{Store: r.store, Queue: r.sender, Archive: r.archive, Secrets: r, Networks: r.nets, CRMs: r.crms, Ports: r.ports})
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) publish(text string) {
	r.t.Helper()
	if _, err := r.app.Publish(r.t.Context(), []byte(text), "test", "test", ""); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) newID() string { r.ids++; return fmt.Sprintf("%015d%05d", r.now.UnixMilli(), r.ids) }

// Get implements secret.Source.
func (r *rig) Get(_ context.Context, ref string) (flow.Secret, error) {
	s, ok := r.secrets[ref]
	if !ok {
		return flow.Secret{}, fault.New(fault.NotFound, "%s is not set", ref)
	}
	return flow.NewSecret(s), nil
}

// Forget implements secret.Source.
func (r *rig) Forget(string) {}

// pass lets time go by.
func (r *rig) pass(d time.Duration) { r.now = r.now.Add(d) }

// hook sends events as the network's webhook does and wants 200.
func (r *rig) hook(events ...flow.Event) {
	r.t.Helper()
	body, err := json.Marshal(events)
	if err != nil {
		r.t.Fatal(err)
	}
	r.post("hook", body, http.StatusOK)
}

func (r *rig) post(hook string, body []byte, want int) {
	r.t.Helper()
	a, err := r.app.Receive(r.t.Context(), hook, webhook.Request{Method: "POST", Body: body, At: r.now})
	if a.Status != want {
		r.t.Fatalf("the hook is answered with %d (%v), want %d", a.Status, err, want)
	}
}

// change tells a change in the CRM.
func (r *rig) change(c flow.Change) {
	r.t.Helper()
	if c.At.IsZero() {
		c.At = r.now
	}
	if c.ID == "" {
		c.ID = r.newID()
	}
	body, err := json.Marshal([]flow.Change{c})
	if err != nil {
		r.t.Fatal(err)
	}
	r.post("crmhook", body, http.StatusOK)
}

// work hands one batch of a lane to its handler, and tells how many messages it held and what became of them.
func (r *rig) work(lane string, size int) (int, []error) {
	batch := r.queue.Receive(queue.Lane(lane), size)
	if len(batch) == 0 {
		return 0, nil
	}
	errs := r.app.Handler(queue.Lane(lane))(r.t.Context(), batch)
	for i, m := range batch {
		r.queue.Settle(m, errs[i])
	}
	return len(batch), errs
}

// run works on all lanes until nothing is visible any more, without letting time go by.
func (r *rig) run() {
	r.t.Helper()
	for range 1000 {
		n := 0
		for _, q := range topology.Queues() {
			size := 100
			if q.Name == topology.Jobs || q.Name == topology.Replies || q.Name == topology.Polls {
				size = 1
			}
			m, _ := r.work(q.Name, size)
			n += m
		}
		if n == 0 {
			return
		}
	}
	r.t.Fatal("the queues are never empty")
}

// tick does what is due.
func (r *rig) tick() {
	r.t.Helper()
	if err := r.app.Tick(r.t.Context(), pipeline.Feed{Probe: 2, Most: 100}); err != nil {
		r.t.Fatalf("tick: %v", err)
	}
}

// live lets time go by in steps, with a tick at each.
func (r *rig) live(d, step time.Duration) {
	r.t.Helper()
	for end := r.now.Add(d); r.now.Before(end); {
		r.pass(step)
		r.tick()
		r.run()
	}
}

// lines gives the ledger in order of reception.
func (r *rig) lines() []ledger.Line {
	r.t.Helper()
	type placed struct {
		at   ledger.Place
		line ledger.Line
	}
	var list []placed
	for _, name := range []string{"site", "site2", "hook"} {
		err := r.app.Lines(r.t.Context(), name, start.Add(-48*time.Hour), r.now.Add(time.Hour), func(at ledger.Place, l ledger.Line) error {
			list = append(list, placed{at, l})
			return nil
		})
		if err != nil {
			r.t.Fatal(err)
		}
	}
	slices.SortFunc(list, func(a, b placed) int { return strings.Compare(a.at.Sort, b.at.Sort) })
	out := make([]ledger.Line, len(list))
	for i, p := range list {
		out[i] = p.line
	}
	return out
}

// line gives the only line with an outcome.
func (r *rig) line(outcome ledger.Outcome) ledger.Line {
	r.t.Helper()
	var hits []ledger.Line
	for _, l := range r.lines() {
		if l.Outcome == outcome {
			hits = append(hits, l)
		}
	}
	if len(hits) != 1 {
		r.t.Fatalf("%d lines are %s, want 1: %+v", len(hits), outcome, r.lines())
	}
	return hits[0]
}

// state gives where the delivery of the only mention to an account stands.
func (r *rig) state(account string) ledger.Delivery {
	r.t.Helper()
	l := r.line(ledger.Mention)
	d := l.Delivery(account)
	if d == nil {
		r.t.Fatalf("nothing is delivered to %s: %+v", account, l)
	}
	return *d
}

// conversation gives the only exchange.
func (r *rig) conversation() flow.Conversation {
	r.t.Helper()
	list := table[pipeline.ConversationRow](r, "conversation")
	if len(list) != 1 {
		r.t.Fatalf("%d conversations, want 1", len(list))
	}
	for _, v := range list {
		return v.Conversation
	}
	return flow.Conversation{}
}

// table decodes what the store holds under a name, by sort key and partition.
func table[T any](r *rig, name string) map[store.Key]T {
	r.t.Helper()
	out := map[store.Key]T{}
	for k, item := range r.store.items {
		if rest, ok := strings.CutPrefix(k.Part, name+"#"); ok {
			var v T
			if err := json.Unmarshal(plain(item), &v); err != nil {
				r.t.Fatal(err)
			}
			out[store.Key{Part: rest, Sort: k.Sort}] = v
		}
	}
	return out
}

// everywhere tells where a text stands: in the store, queues, archive or log.
func (r *rig) everywhere(text string) []string {
	r.t.Helper()
	var out []string
	look := func(where string, data []byte) {
		if bytes.Contains(data, []byte(text)) {
			out = append(out, where)
		}
	}
	for k, item := range r.store.items {
		look("store "+k.Part, plain(item))
	}
	for _, body := range r.sender.bodies {
		look("queue", body)
	}
	for _, name := range []string{"site", "hook"} {
		for ref, err := range r.archive.List(r.t.Context(), name, time.Time{}, time.Time{}) {
			if err != nil {
				r.t.Fatal(err)
			}
			b, err := r.archive.Read(r.t.Context(), ref)
			if err != nil {
				r.t.Fatal(err)
			}
			for _, e := range b.Entries {
				look("archive "+e.Line, slices.Concat(e.Raw, e.Inputs, e.Decision))
			}
		}
	}
	look("log", r.log.Bytes())
	slices.Sort(out)
	return out
}

// flaky is a store that can be told to fail, and shows what it holds.
type flaky struct {
	store.Store
	items map[store.Key]store.Item
	fail  func(verb string, item store.Item) error // before the write
	gets  func(store.Key)                          // of every row that is read
}

func (f *flaky) Get(ctx context.Context, keys ...store.Key) ([]store.Item, error) {
	for _, k := range keys {
		if f.gets != nil {
			f.gets(k)
		}
	}
	return f.Store.Get(ctx, keys...)
}

func (f *flaky) each(verb string, items []store.Item, do func(store.Item) store.Result) []store.Result {
	if f.items == nil {
		f.items = map[store.Key]store.Item{}
	}
	out := make([]store.Result, len(items))
	for i, item := range items {
		if f.fail != nil {
			if err := f.fail(verb, item); err != nil {
				out[i].Err = err
				continue
			}
		}
		if out[i] = do(item); out[i].Err == nil && verb == "put" {
			f.items[item.Key()] = item
		} else if out[i].Err == nil {
			delete(f.items, item.Key())
		}
	}
	return out
}

func (f *flaky) Put(ctx context.Context, items ...store.Item) []store.Result {
	return f.each("put", items, func(item store.Item) store.Result { return f.Store.Put(ctx, item)[0] })
}

func (f *flaky) Delete(ctx context.Context, items ...store.Item) []store.Result {
	return f.each("delete", items, func(item store.Item) store.Result { return f.Store.Delete(ctx, item)[0] })
}

// Walk implements store.Walker, as the store within does.
func (f *flaky) Walk(ctx context.Context) iter.Seq2[store.Item, error] {
	w, _ := f.Store.(store.Walker)
	return w.Walk(ctx)
}

// slips is a queue that can be told to fail, and shows what it was given last.
type slips struct {
	queue.Queue
	fail   func(queue.Message) error
	bodies [][]byte
	sent   []queue.Message
}

func (s *slips) Send(ctx context.Context, messages ...queue.Message) []error {
	errs := make([]error, len(messages))
	for i, m := range messages {
		if s.fail != nil {
			if errs[i] = s.fail(m); errs[i] != nil {
				continue
			}
		}
		s.sent = append(s.sent, m)
		s.bodies = append(s.bodies, m.Body)
		errs[i] = s.Queue.Send(ctx, m)[0]
	}
	return errs
}

// site is a network: what arrives is JSON of events.
type site struct {
	r       *rig
	poll    time.Duration
	rules   network.Rules
	buckets []network.Bucket
	forged  int
	max     int // characters of an answer; 0 = 40
	verify  error
	pages   func(cursor string) (network.Page, error)
	past    func(cursor string) (network.Page, error)
	reply   func(r flow.Reply, key string) (network.Posted, error)
	find    func(r flow.Reply) (network.Posted, error) // nil = it cannot look
	keyed   bool                                       // honours idempotency keys
	posted  []string
	keys    []string
	seen    []network.Account
}

func (n *site) Info() network.Info {
	return network.Info{Name: "site", Title: "Site", Private: true, Origin: "https://site.example", Hook: []network.Field{{Name: "loud", Type: "flag"}}, HookSecrets: []network.Field{{Name: "secret"}},
		Secrets: []network.Field{{Name: "token"}}, Poll: n.poll, MaxText: cmp.Or(n.max, 40), Unit: "runes", Rules: n.rules, Buckets: n.buckets, Forged: n.forged}
}

func (n *site) Verify(context.Context, network.Hook, webhook.Request) (webhook.Answer, error) {
	return webhook.Answer{Keep: n.verify == nil}, n.verify
}

func (n *site) Parse(raw network.Raw) ([]flow.Event, error) {
	var events []flow.Event
	if err := json.Unmarshal(raw.Body, &events); err != nil {
		return nil, fault.New(fault.Invalid, "the body is no list of events: %w", err)
	}
	if raw.Settings["loud"] == true {
		for i := range events {
			events[i].Mention.Text = strings.ToUpper(events[i].Mention.Text)
		}
	}
	return events, nil
}

func (n *site) Poll(_ context.Context, a network.Account, cursor string) (network.Page, error) {
	n.seen = append(n.seen, a)
	if n.pages == nil {
		return network.Page{Cursor: "0"}, nil
	}
	return n.pages(cursor)
}

func (n *site) Range(_ context.Context, a network.Account, _, _ time.Time, cursor string) (network.Page, error) {
	n.seen = append(n.seen, a)
	if n.past == nil { // nothing was ever said
		return network.Page{Cursor: "0"}, nil
	}
	return n.past(cursor)
}

func (n *site) Estimate(context.Context, network.Account, time.Time, time.Time) (int, int, bool, error) {
	return 10, 2, true, nil
}

func (n *site) Reply(_ context.Context, a network.Account, r flow.Reply, key string) (network.Posted, error) {
	n.seen = append(n.seen, a)
	n.keys = append(n.keys, key)
	if n.reply != nil {
		p, err := n.reply(r, key)
		if err != nil {
			return p, err
		}
	}
	n.posted = append(n.posted, r.Text)
	return network.Posted{Native: "r1", Permalink: "https://site.example/r1"}, nil
}

func (n *site) Idempotent() bool { return n.keyed }

// looking is a site that can find its answers.
type looking struct{ *site }

func (l looking) FindReply(_ context.Context, _ network.Account, r flow.Reply) (network.Posted, error) {
	return l.find(r)
}

// refreshing is a site or CRM whose token can be renewed.
type refresher struct {
	refreshed int
	refresh   func(old network.Token) (network.Token, error)
}

func (*refresher) Connect(context.Context, network.Account, string, string) (string, error) {
	return "", nil
}

func (*refresher) Exchange(context.Context, network.Account, string, string) (network.Token, []network.Target, error) {
	return network.Token{}, nil, nil
}

func (f *refresher) Refresh(_ context.Context, _ network.Account, old network.Token) (network.Token, error) {
	f.refreshed++
	return f.refresh(old)
}

// crmFake is a CRM in memory.
type crmFake struct {
	r       *rig
	byKey   bool
	keyed   bool // ids of records are our keys
	batch   int
	buckets []network.Bucket
	rows    map[string]*crm.Row // by object and id
	order   []string
	next    int
	call    func(verb string, a crm.Account, records []crm.Record) error // refuses a whole call
	judge   func(crm.Record) error                                       // refuses a record
	cut     func() error                                                 // after the work
	extra   func(*crm.Outcome)
	upserts [][]crm.Record
	reads   [][]string
	erases  []crm.Subject
	at      []time.Time
}

func newFake(r *rig, byKey bool) *crmFake {
	return &crmFake{r: r, byKey: byKey, batch: 10, rows: map[string]*crm.Row{}}
}

func (f *crmFake) Info() crm.Info {
	name := "list"
	i := crm.Info{Batch: f.batch, Keyed: f.byKey, KeyField: "key", Text: crm.Limit{Max: 1000, Unit: "runes"}, Buckets: f.buckets, Secrets: []network.Field{{Name: "token"}}}
	if f.byKey {
		name, i.Hook, i.HookSecrets = "crm", []network.Field{}, []network.Field{{Name: "secret"}}
	}
	i.Name, i.Title = name, name
	return i
}

func (f *crmFake) Verify(context.Context, network.Hook, webhook.Request) (webhook.Answer, error) {
	return webhook.Answer{Keep: true}, nil
}

func (f *crmFake) ParseChanges(raw network.Raw) ([]flow.Change, error) {
	var list []flow.Change
	err := json.Unmarshal(raw.Body, &list)
	return list, err
}

func (f *crmFake) begin(verb string, a crm.Account, records []crm.Record) error {
	f.at = append(f.at, f.r.now)
	if f.call != nil {
		return f.call(verb, a, records)
	}
	return nil
}

func (f *crmFake) Upsert(_ context.Context, a crm.Account, records []crm.Record) ([]crm.Outcome, error) {
	kept := make([]crm.Record, len(records))
	for i, r := range records {
		kept[i] = r
		kept[i].Fields = maps.Clone(r.Fields)
	}
	f.upserts = append(f.upserts, kept)
	if err := f.begin("upsert", a, kept); err != nil {
		return nil, err
	}
	out := make([]crm.Outcome, len(records))
	for i, r := range records {
		out[i] = f.write(r)
		if f.extra != nil {
			f.extra(&out[i])
		}
	}
	if f.cut != nil {
		if err := f.cut(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (f *crmFake) write(r crm.Record) crm.Outcome {
	out := crm.Outcome{Key: r.Key, State: crm.Updated}
	if f.judge != nil {
		if out.Err = f.judge(r); out.Err != nil {
			return out
		}
	}
	row := f.find(r.Object, r.ID, r.Key, f.byKey || r.Attempted)
	if row == nil && r.ID != "" {
		out.Err = fault.New(fault.Gone, "no record %s", r.ID)
		return out
	}
	if row == nil {
		f.next++
		id := fmt.Sprintf("%d", f.next)
		if f.keyed {
			id = r.Key
		}
		row = &crm.Row{Found: true, ID: id, Key: r.Key, Object: r.Object, Fields: map[string]any{}}
		f.rows[r.Object+"/"+row.ID] = row
		f.order = append(f.order, r.Object+"/"+row.ID)
		out.State = crm.Created
	}
	maps.Copy(row.Fields, r.Fields)
	row.Key = r.Key
	out.ID = row.ID
	return out
}

func (f *crmFake) find(object, id, key string, byKey bool) *crm.Row {
	for _, name := range f.order {
		row := f.rows[name]
		if row == nil || row.Object != object {
			continue
		}
		if id != "" && row.ID == id || id == "" && byKey && row.Key == key {
			return row
		}
	}
	return nil
}

func (f *crmFake) Read(_ context.Context, a crm.Account, object string, keys, _ []string) ([]crm.Row, error) {
	f.reads = append(f.reads, keys)
	if err := f.begin("read", a, nil); err != nil {
		return nil, err
	}
	out := make([]crm.Row, len(keys))
	for i, k := range keys {
		id, byID := strings.CutPrefix(k, "id:")
		if !byID {
			id = ""
		}
		if row := f.find(object, id, k, true); row != nil {
			out[i] = *row
			out[i].Fields = maps.Clone(row.Fields)
			out[i].Object = ""
		}
	}
	return out, nil
}

func (f *crmFake) Erase(_ context.Context, a crm.Account, s crm.Subject) error {
	if err := f.begin("erase", a, s.Records); err != nil {
		return err
	}
	f.erases = append(f.erases, s)
	for _, r := range s.Records {
		for _, row := range f.rows {
			if row.Object == r.Object && (row.ID == r.ID || row.Key == r.Key) {
				for name := range r.Fields {
					row.Fields[name] = nil
				}
				row.Key = ""
			}
		}
	}
	return nil
}

// all gives the rows of an object, in order of creation.
func (f *crmFake) all(object string) []*crm.Row {
	var out []*crm.Row
	for _, name := range f.order {
		if row := f.rows[name]; row != nil && row.Object == object {
			out = append(out, row)
		}
	}
	return out
}

// one gives the only row of an object.
func (f *crmFake) one(object string) *crm.Row {
	f.r.t.Helper()
	list := f.all(object)
	if len(list) != 1 {
		f.r.t.Fatalf("the CRM holds %d of %s, want 1", len(list), object)
	}
	return list[0]
}

// said makes an event of somebody who says something.
func said(id, author, text string, at time.Time) flow.Event {
	return flow.Event{Verb: flow.New, At: at, Mention: flow.Mention{ID: "site:" + id, Network: "site", Kind: flow.Comment, Direction: flow.In, Text: text, Created: at,
		Author: flow.Author{ID: "site:" + author, Handle: author, Name: "Name of " + author, Counted: true, Followers: 100}, Permalink: "https://site.example/" + id}}
}

const complaint = "Meine Bestellung kam schon wieder kaputt an, unverschämt!"

// edited makes an edit of what was said.
func edited(e flow.Event, text string, at time.Time) flow.Event {
	e.Verb, e.At = flow.Edit, at
	e.Mention.Text, e.Mention.Edited = text, at
	return e
}

func deleted(e flow.Event, at time.Time) flow.Event {
	return flow.Event{Verb: flow.Delete, At: at, Mention: flow.Mention{ID: e.Mention.ID, Network: "site", Kind: e.Mention.Kind, Direction: e.Mention.Direction, Author: flow.Author{ID: e.Mention.Author.ID}}}
}

// Short names for what tests make often.
type (
	pageType   = network.Page
	bodyType   = network.Body
	bucketType = network.Bucket
	itemType   = store.Item
)

// jobOf makes a job over the last day.
func jobOf(kind string) pipeline.JobRow {
	return pipeline.JobRow{ID: kind + "1", Kind: kind, Account: "site", From: start.Add(-24 * time.Hour), To: start.Add(time.Minute)}
}

type (
	entryType  = archive.Entry
	recordType = crm.Record
)

// brokenArchive takes nothing.
type brokenArchive struct{ archive.Archive }

func (brokenArchive) Write(context.Context, archive.Batch) (string, error) { return "", errDown }

type (
	accountType     = crm.Account
	outcomeType     = crm.Outcome
	storeRow[T any] = store.Row[T]
)

func tableOf[T any](r *rig, name string) store.Table[T] {
	return store.Table[T]{Store: r.store, Name: name}
}

func keyOf(part, sort string) store.Key { return store.Key{Part: part, Sort: sort} }

type outcomeRow = crm.Row

// plain gives an item's JSON.
func plain(item store.Item) []byte {
	text, err := store.Unpack(item.Data)
	if err != nil {
		panic(err)
	}
	return text
}
