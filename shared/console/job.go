package console

import (
	"context"
	"slices"
	"strings"
	"time"

	"rapport/shared/config"
	"rapport/shared/fault"
	"rapport/shared/network"
	"rapport/shared/pipeline"
)

// jobRoutes are long work: what is under way, reading the past, matching keys, and taking back what was written.
func (c *Console) jobRoutes() []route {
	return []route{
		{"GET", "/jobs", operating, "jobs", "long work of the last weeks, newest first", true, c.jobList},
		{"POST", "/jobs", admins, "", "start one: kind (backfill, reconcile, sync), account, from and to (days; not for sync)", true, c.startJob},
		{"POST", "/jobs/quote", admins, "", "what it would take: kind, account, from, to", true, c.quote},
		{"POST", "/jobs/try", admins, "", "what would be written: kind (undo, replay), day, event (a mention; undo only, and no day), account (none = all)", true, c.tryAgain},
		{"POST", "/jobs/apply", admins, "", "write what was shown: id, hash (of its dry run)", true, c.apply},
		{"GET", "/jobs/{id}", operating, "job", "how far a job is, and what became of it", true, c.jobOf},
		{"POST", "/jobs/{id}/cancel", admins, "", "stop a job after its present page", true, c.cancel},
	}
}

// jobKind is a kind of job that can be started here, and for which accounts.
type jobKind struct {
	Name     string   `json:"name"`
	Say      string   `json:"say"`
	Accounts []string `json:"accounts"`
	Days     bool     `json:"days"` // it is about days
}

type jobsPage struct {
	Jobs     []pipeline.JobRow `json:"jobs"`
	Kinds    []jobKind         `json:"kinds"`
	Accounts []string          `json:"-"`
	Today    string            `json:"-"`
}

func (c *Console) jobList(q *request) (answer, error) {
	ctx := q.r.Context()
	plan, err := c.plan(ctx)
	if err != nil {
		return answer{}, err
	}
	p := jobsPage{Kinds: c.jobKinds(plan.Doc), Today: c.now().Format(time.DateOnly)}
	for _, a := range plan.Doc.Networks {
		p.Accounts = append(p.Accounts, a.Name)
	}
	p.Jobs, err = c.Pipeline.JobsLately(ctx, 100)
	for i := range p.Jobs {
		p.Jobs[i] = nobody(p.Jobs[i])
	}
	return answer{Title: "Jobs", Data: p}, err
}

// nobody takes out of a job whom it is about.
func nobody(j pipeline.JobRow) pipeline.JobRow {
	j.Authors, j.People, j.Erasure.Author, j.Erasure.Person, j.Erasure.Email, j.Erasure.Reason, j.Cursor = nil, nil, "", "", "", "", ""
	return j
}

func (c *Console) jobKinds(doc *config.Document) []jobKind {
	back := jobKind{Name: "backfill", Say: "Read the past of a network account. It comes in as history: no case, clock, alert or answer.", Days: true}
	check := jobKind{Name: "reconcile", Say: "Compare days with what the network has, and fetch what is missing.", Days: true}
	keys := jobKind{Name: "sync", Say: "Read the matching keys of a CRM account, kept as hashes."}
	for _, a := range doc.Networks {
		if _, can := c.Pipeline.Networks[a.Kind].(network.Ranger); can {
			back.Accounts, check.Accounts = append(back.Accounts, a.Name), append(check.Accounts, a.Name)
		}
	}
	for _, a := range doc.CRMs {
		if len(a.Match) > 0 {
			keys.Accounts = append(keys.Accounts, a.Name)
		}
	}
	return slices.DeleteFunc([]jobKind{back, check, keys}, func(k jobKind) bool { return len(k.Accounts) == 0 })
}

// days reads days of the form; the last one is included.
func (c *Console) days(from, to string) (begin, end time.Time, err error) {
	if begin, err = time.Parse(time.DateOnly, from); err != nil {
		return begin, end, wrong("a day is written as 2026-11-01, not %q", from)
	}
	if end = c.now(); to != "" {
		if end, err = time.Parse(time.DateOnly, to); err != nil {
			return begin, end, wrong("a day is written as 2026-11-30, not %q", to)
		}
		end = end.Add(24 * time.Hour)
	}
	if !begin.Before(end) {
		return begin, end, wrong("the first day has to lie before the last")
	}
	return begin, end, nil
}

// asked reads which job a form wants.
func (c *Console) asked(q *request) (j pipeline.JobRow, err error) {
	plan, err := c.plan(q.r.Context())
	if err != nil {
		return j, err
	}
	j = pipeline.JobRow{Kind: q.value("kind"), Account: q.value("account")}
	kinds := c.jobKinds(plan.Doc)
	at := slices.IndexFunc(kinds, func(k jobKind) bool { return k.Name == j.Kind })
	if at < 0 || !slices.Contains(kinds[at].Accounts, j.Account) {
		return j, wrong("there is no %q for account %q", j.Kind, j.Account)
	}
	if kinds[at].Days {
		j.From, j.To, err = c.days(q.value("from"), q.value("to"))
	}
	return j, err
}

// quotePage is what a job would take, to be said yes to.
type quotePage struct {
	Kind     string  `json:"kind"`
	Account  string  `json:"account"`
	From     string  `json:"from,omitempty"`
	To       string  `json:"to,omitempty"`
	Mentions int     `json:"mentions,omitempty"`
	Calls    int     `json:"calls,omitempty"`
	Exact    bool    `json:"exact,omitempty"`
	USD      float64 `json:"usd,omitempty"`
	Records  int     `json:"records,omitempty"` // of a CRM
}

func (c *Console) quote(q *request) (answer, error) {
	ctx := q.r.Context()
	j, err := c.asked(q)
	if err != nil {
		return answer{}, err
	}
	p := quotePage{Kind: j.Kind, Account: j.Account, From: q.value("from"), To: q.value("to")}
	if j.Kind == "sync" {
		p.Records, err = c.Pipeline.SyncEstimate(ctx, j.Account)
	} else {
		p.Mentions, p.Calls, p.Exact, p.USD, err = c.Pipeline.Estimate(ctx, j.Account, j.From, j.To)
	}
	if err != nil {
		return answer{}, err
	}
	if err := c.note(ctx, q.who.User, "asked for a quote", j.Kind+" "+j.Account); err != nil || q.api {
		return answer{Data: p}, err
	}
	c.show(q.w, q, "quote", 200, view{Title: "What it takes", Data: p})
	return answer{Raw: []byte{}, Type: "text/html; charset=utf-8"}, nil
}

func (c *Console) startJob(q *request) (answer, error) {
	j, err := c.asked(q)
	if err != nil {
		return answer{}, err
	}
	id, err := c.Pipeline.Start(q.r.Context(), j)
	if err != nil {
		return answer{}, err
	}
	return answer{To: "/jobs/" + escape(id), Data: map[string]any{"job": id}}, c.note(q.r.Context(), q.who.User, "started "+j.Kind, j.Account+" "+id)
}

// tryAgain shows what an undo, or writing a day anew by the present configuration, would write.
func (c *Console) tryAgain(q *request) (answer, error) {
	ctx := q.r.Context()
	plan, err := c.plan(ctx)
	if err != nil {
		return answer{}, err
	}
	t := &trial{Kind: q.value("kind"), Event: q.value("event")}
	if t.Kind != pipeline.JobUndo && t.Kind != pipeline.JobReplay || t.Kind == pipeline.JobReplay && t.Event != "" {
		return answer{}, wrong("what can be tried is undo, of a day or an event, and replay, of a day")
	}
	if t.Event == "" {
		if t.From, t.To, err = c.days(q.value("day"), q.value("day")); err != nil {
			return answer{}, err
		}
	}
	for _, a := range plan.Doc.Networks {
		if want := q.value("account"); want == "" || want == a.Name {
			t.Accounts = append(t.Accounts, a.Name)
		}
	}
	if len(t.Accounts) == 0 {
		return answer{}, fault.New(fault.NotFound, "there is no network account %q", q.value("account"))
	}
	return c.rehearse(q, t, func(ctx context.Context) (pipeline.Replayed, error) {
		if t.Kind == pipeline.JobUndo {
			return c.Pipeline.Undo(ctx, t.Accounts, t.From, t.To, t.Event)
		}
		return c.Pipeline.Replay(ctx, plan, t.Accounts, t.From, t.To)
	})
}

// apply starts the job that writes what a dry run showed. The job itself refuses where that is not the same any more.
func (c *Console) apply(q *request) (answer, error) {
	ctx := q.r.Context()
	t, err := c.tried(ctx, q.value("id"))
	switch {
	case err != nil:
		return answer{}, err
	case t == nil || !t.Done || t.Of == nil || t.Kind == "":
		return answer{}, fault.New(fault.NotFound, "this dry run is not remembered any more: start another")
	case t.Of.Hash != q.value("hash"):
		return answer{}, fault.New(fault.Conflict, "what would change is %s: look at the dry run again", t.Of.Hash)
	}
	id, err := c.Pipeline.Start(ctx, pipeline.JobRow{Kind: t.Kind, From: t.From, To: t.To,
		Again: &pipeline.Again{Accounts: t.Accounts, Event: t.Event, Approved: t.Of.Hash, By: q.who.User}})
	if err != nil {
		return answer{}, err
	}
	return answer{To: "/jobs/" + escape(id), Data: map[string]any{"job": id}}, c.note(ctx, q.who.User, "approved "+t.Kind, t.Of.Hash+" "+id)
}

// jobPage is the one way in which a job is shown.
type jobPage struct {
	pipeline.JobRow
	Patched *pipeline.Patched `json:"patched,omitempty"` // of an undo or a replay
	Part    int               `json:"percent,omitempty"`
	Back    string            `json:"-"`
	May     bool              `json:"-"` // stop it
}

// maxPatches is up to how many records of a job are counted one by one when it is shown.
const maxPatches = 4000

func (c *Console) jobOf(q *request) (answer, error) {
	ctx := q.r.Context()
	j, err := c.Pipeline.Job(ctx, q.value("id"))
	if err != nil {
		return answer{}, err
	}
	p := jobPage{JobRow: nobody(j), Back: "/jobs", May: q.who.has(Admin) && j.State == "running" && stoppable(j.Kind)}
	if j.Total > 0 {
		p.Part = min(j.Done*100/j.Total, 100)
	}
	if j.Again != nil && j.Done <= maxPatches {
		got, err := c.Pipeline.Patched(ctx, j.ID)
		if err != nil {
			return answer{}, err
		}
		got.Job = pipeline.JobRow{}
		got.List = got.List[:min(len(got.List), shownWrites)]
		p.Patched = &got
	}
	return answer{Title: "Job", Data: p}, nil
}

// stoppable tells whether a job may be stopped: what the law asks for may not.
func stoppable(kind string) bool { return kind != "erase" && !strings.HasPrefix(kind, "retain") }

func (c *Console) cancel(q *request) (answer, error) {
	ctx, id := q.r.Context(), q.value("id")
	j, err := c.Pipeline.Job(ctx, id)
	if err != nil {
		return answer{}, err
	}
	if !stoppable(j.Kind) {
		return answer{}, fault.New(fault.Invalid, "a job of kind %s is not stopped by hand", j.Kind)
	}
	if err := c.Pipeline.Cancel(ctx, id); err != nil {
		return answer{}, err
	}
	return answer{To: "/jobs/" + escape(id), Say: "The job stops after its present page"}, c.note(ctx, q.who.User, "cancelled a job", j.Kind+" "+id)
}
