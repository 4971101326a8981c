// Package console is the web console: pages and a JSON API for the people who configure and watch Rapport. It is plain
// HTTP over the pipeline and the configuration: a home gives it a listener, or hands it single requests.
//
// Pages are templates rendered here; they work without scripts, which only save a click or a wait. Nothing is loaded from
// elsewhere. Every configuration change goes into a draft first; publishing shows what is different and can try it on what
// was received.
package console

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"
	"sync"
	"time"

	"rapport/shared/config"
	"rapport/shared/cost"
	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/ledger"
	"rapport/shared/network"
	"rapport/shared/oidc"
	"rapport/shared/pipeline"
	"rapport/shared/queue"
	"rapport/shared/store"
)

// Backend is what the console does with configuration and accounts; app.App has it.
type Backend interface {
	Check(ctx context.Context, text []byte, file string) (*pipeline.Plan, error)
	Publish(ctx context.Context, text []byte, file, by, note string) (config.Version, error)
	History(ctx context.Context, limit int) ([]config.Version, error)
	Version(ctx context.Context, number int) (config.Version, error)
	Rollback(ctx context.Context, number int, by string) (config.Version, error)
	Doctor(ctx context.Context, account string) ([]network.Finding, error)
	Learn(ctx context.Context, account string) error
	SetupApply(ctx context.Context, account string) ([]crm.Step, error)
	SetupPlan(ctx context.Context, account string) ([]crm.Step, error)
	SecretRef(ctx context.Context, account, name string) string
	LogInAddress(ctx context.Context, account, redirect, state string) (string, error)
	LogIn(ctx context.Context, account, redirect, code string) (target network.Target, all []network.Target, err error)
	CostOf(ctx context.Context, from, to time.Time, region string, each func(add func(ledger.Line)) error) (cost.Report, error)
}

// Options is what a Console stands on. Pipeline, Backend and Queue are required.
type Options struct {
	Pipeline *pipeline.Pipeline
	Backend  Backend
	Queue    queue.Admin
	Hosts    []string       // the values of the Host header that are answered; see Allow
	Secure   bool           // reached by https: cookies are sent that way only
	Base     string         // its address, without a slash at its end; "" = as it is called
	Login    *oidc.Provider // where people log in; nil = by links only
	Inline   bool           // dry runs end before their call does: this process sleeps between calls
}

// Console answers requests. Safe for concurrent use.
type Console struct {
	Options
	pages     func() (map[string]*pages, error) // by language
	routes    []route
	mux       *http.ServeMux
	throttles throttles

	links    store.Table[linkRow]
	sessions store.Table[sessionRow]
	tokens   store.Table[tokenRow]
	drafts   store.Table[draftRow]
	mentions store.Table[pipeline.MentionRow]
	authors  store.Table[pipeline.AuthorRow]
	people   store.Table[pipeline.PersonRow]
	talks    store.Table[pipeline.ConversationRow]
	replies  store.Table[pipeline.ReplyRow]
	jobs     store.Table[pipeline.JobRow]
	lines    store.Table[ledger.Line]
	hours    store.Table[pipeline.HourRow]

	trialRows store.Table[trialRow]

	mu      sync.Mutex
	hosts   map[string]bool
	trials  map[string]*trial // dry runs, by id
	glances map[string]glance // the overview, for a moment, by brands
	lore    lore
}

// New makes a console. The error is a mistake in the templates.
func New(o Options) (*Console, error) {
	c := &Console{Options: o, hosts: map[string]bool{}, trials: map[string]*trial{}, glances: map[string]glance{}}
	c.Allow(o.Hosts...)
	s := o.Pipeline.Store
	c.links = store.Table[linkRow]{Store: s, Name: "consolelink"}
	c.sessions = store.Table[sessionRow]{Store: s, Name: "consolesession"}
	c.tokens = store.Table[tokenRow]{Store: s, Name: "consoletoken"}
	c.drafts = store.Table[draftRow]{Store: s, Name: "consoledraft"}
	c.mentions = store.Table[pipeline.MentionRow]{Store: s, Name: "mention"}
	c.authors = store.Table[pipeline.AuthorRow]{Store: s, Name: "author"}
	c.people = store.Table[pipeline.PersonRow]{Store: s, Name: "person"}
	c.talks = store.Table[pipeline.ConversationRow]{Store: s, Name: "conversation"}
	c.replies = store.Table[pipeline.ReplyRow]{Store: s, Name: "reply"}
	c.jobs = store.Table[pipeline.JobRow]{Store: s, Name: "job"}
	c.lines = store.Table[ledger.Line]{Store: s, Name: "line"}
	c.trialRows = store.Table[trialRow]{Store: s, Name: "consoletrial"}
	c.hours = store.Table[pipeline.HourRow]{Store: s, Name: "hour"}
	c.pages = sync.OnceValues(parse)
	c.routes = c.table()
	c.mux = c.handlers()
	return c, nil
}

// Allow adds hosts that are answered: the address of the listener, once that is known.
func (c *Console) Allow(hosts ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range hosts {
		c.hosts[strings.ToLower(h)] = true
	}
}

func (c *Console) allowed(host string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hosts[strings.ToLower(host)]
}

func (c *Console) now() time.Time { return c.Pipeline.Ports.Now().UTC() }

func (c *Console) plan(ctx context.Context) (*pipeline.Plan, error) {
	return c.Pipeline.Plans.Plan(ctx, "")
}

// secretText gives 128 bits of chance as text.
func secretText() string { return rand.Text() }

// noted is set in the context of a writing call, so that none goes without a row in the audit trail.
type noted struct{ done bool }

type notedKey struct{}

// note writes the audit trail. Ids and names only, never content or secrets.
func (c *Console) note(ctx context.Context, by, did, what string) error {
	if n, ok := ctx.Value(notedKey{}).(*noted); ok {
		n.done = true
	}
	return c.Pipeline.Note(ctx, pipeline.AuditRow{By: by, Did: did, What: what, From: "console"})
}

// trail lists what was done lately, newest first.
func (c *Console) trail(ctx context.Context, limit int) ([]pipeline.AuditRow, error) {
	return c.Pipeline.Trail(ctx, c.now().AddDate(0, -2, 0), limit)
}

// carry carries out a writing route and sees to it that the audit trail tells of it, also of what was refused.
func (c *Console) carry(q *request, rt route) (answer, error) {
	n := &noted{}
	q.r = q.r.WithContext(context.WithValue(q.r.Context(), notedKey{}, n))
	a, err := rt.do(q)
	if n.done && err == nil {
		return a, nil
	}
	row := pipeline.AuditRow{By: q.who.User, Did: rt.method + " " + rt.path, From: "console"}
	for _, name := range []string{"name", "account", "number"} { // of places, never of people
		if v := q.r.PathValue(name); v != "" {
			row.What = v
		}
	}
	if err != nil {
		row.Result = fault.Of(err).String()
	}
	if nerr := c.Pipeline.Note(q.r.Context(), row); err == nil {
		err = nerr
	}
	return a, err
}

// wrong makes a fault of what somebody typed.
func wrong(format string, args ...any) error { return fault.New(fault.Invalid, format, args...) }
