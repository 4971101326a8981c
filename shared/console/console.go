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
	SetupPlan(ctx context.Context, account string) ([]crm.Step, error)
	SecretRef(ctx context.Context, account, name string) string
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
	audits   store.Table[auditRow]
	verdicts store.Table[verdictRow]
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
	c.audits = store.Table[auditRow]{Store: s, Name: "consoleaudit"}
	c.verdicts = store.Table[verdictRow]{Store: s, Name: "consoleverdict"}
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

// auditRow is one thing that somebody did in the console. Kept under the month.
type auditRow struct {
	At   time.Time `json:"at"`
	By   string    `json:"by"`
	Did  string    `json:"did"`
	What string    `json:"what,omitempty"`
}

// note writes the audit trail. Ids and names only, never content or secrets.
func (c *Console) note(ctx context.Context, by, did, what string) error {
	now := c.now()
	row := &store.Row[auditRow]{Part: now.Format("200601"), Sort: now.Format(time.RFC3339Nano) + "#" + secretText()[:6],
		Value: auditRow{At: now, By: by, Did: did, What: what}}
	if res := c.audits.Put(ctx, row)[0]; res.Err != nil {
		return res.Err
	}
	return nil
}

// trail lists what was done this month and the last, newest first.
func (c *Console) trail(ctx context.Context, limit int) ([]auditRow, error) {
	var out []auditRow
	for _, month := range []time.Time{c.now(), c.now().AddDate(0, 0, -c.now().Day())} {
		for row, err := range c.audits.List(ctx, store.Range{Part: month.Format("200601"), Desc: true, Limit: limit - len(out)}) {
			if err != nil {
				return nil, err
			}
			out = append(out, row.Value)
		}
		if len(out) >= limit {
			break
		}
	}
	return out, nil
}

// wrong makes a fault of what somebody typed.
func wrong(format string, args ...any) error { return fault.New(fault.Invalid, format, args...) }
