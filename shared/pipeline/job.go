package pipeline

import (
	"context"
	"encoding/json"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/queue"
	"rapport/shared/store"
	"rapport/shared/topology"
)

// JobRow is long work in pages. Kept under its id; one message does one page.
type JobRow struct {
	ID      string       `json:"id"`
	Kind    string       `json:"kind"` // backfill, erase
	Account string       `json:"account,omitempty"`
	From    time.Time    `json:"from,omitzero"`
	To      time.Time    `json:"to,omitzero"`
	Erasure flow.Erasure `json:"erasure,omitzero"`
	Cursor  string       `json:"cursor,omitempty"`
	Pages   int          `json:"pages"`
	Done    int          `json:"done"`  // things so far
	Total   int          `json:"total"` // estimate, 0 = not known
	State   string       `json:"state"` // running, done, failed, cancelled
	Problem string       `json:"problem,omitempty"`
	Started time.Time    `json:"started"`
	Updated time.Time    `json:"updated"`
	Result  *Erased      `json:"result,omitempty"`
}

// Start stores a job and wakes it.
func (p *Pipeline) Start(ctx context.Context, j JobRow) (string, error) {
	if j.ID == "" {
		j.ID = p.Ports.NewID()
	}
	j.State, j.Started, j.Updated = "running", p.now(), p.now()
	row := store.Row[JobRow]{Part: j.ID, Sort: "-", Value: j}
	if res := p.jobs.Put(ctx, &row)[0]; res.Err != nil && !conflicted(res) {
		return j.ID, res.Err
	}
	return j.ID, p.wake(ctx, j.ID)
}

func (p *Pipeline) wake(ctx context.Context, id string) error {
	body, _ := json.Marshal(id) // a text: cannot fail
	return p.Queue.Send(ctx, queue.Message{Lane: topology.Jobs, Group: id, Body: body})[0]
}

// Job gives the state of a job.
func (p *Pipeline) Job(ctx context.Context, id string) (JobRow, error) {
	row, err := p.jobs.One(ctx, id, "-")
	if err == nil && row.Version == 0 {
		err = fault.New(fault.NotFound, "there is no job %s", id)
	}
	return row.Value, err
}

// Cancel stops a job after its present page.
func (p *Pipeline) Cancel(ctx context.Context, id string) error {
	_, err := p.jobs.Update(ctx, id, "-", func(r *store.Row[JobRow]) (bool, error) {
		if r.Version == 0 || r.Value.State != "running" {
			return false, nil
		}
		r.Value.State, r.Value.Updated = "cancelled", p.now()
		return true, nil
	})
	return err
}

// Jobs does one page of each job.
func (p *Pipeline) Jobs(ctx context.Context, batch []queue.Message) []error {
	errs := make([]error, len(batch))
	for i, m := range batch {
		var id string
		if err := json.Unmarshal(m.Body, &id); err != nil {
			errs[i] = fault.New(fault.Invalid, "a job message is damaged: %w", err)
			continue
		}
		errs[i] = p.work(ctx, id)
	}
	return errs
}

func (p *Pipeline) work(ctx context.Context, id string) error {
	release, ok, err := p.Leases.Acquire(ctx, "job#"+id, 5*time.Minute)
	if err != nil || !ok {
		return err
	}
	defer release()
	row, err := p.jobs.One(ctx, id, "-")
	if err != nil || row.Version == 0 || row.Value.State != "running" {
		return err
	}
	row.Part, row.Sort = id, "-"
	more := false
	switch j := &row.Value; j.Kind {
	case "backfill":
		more, err = p.backfill(ctx, j)
	case "erase":
		var done Erased
		done, err = p.Erase(ctx, j.Erasure, j.From, j.To)
		j.Result, j.Done = &done, done.Mentions
	default:
		err = fault.New(fault.Invalid, "nobody knows how to do a job of kind %q", j.Kind)
	}
	if err != nil && !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.NotFound) {
		return err // the page is done again
	}
	j := &row.Value
	j.Updated = p.now()
	switch {
	case err != nil:
		j.State, j.Problem = "failed", err.Error()
	case !more:
		j.State = "done"
	}
	if res := p.jobs.Put(ctx, &row)[0]; res.Err != nil && !conflicted(res) {
		return res.Err
	}
	if more && err == nil {
		return p.wake(ctx, id)
	}
	return nil
}

// backfill reads one page of the past into the bulk lane, marked as history.
func (p *Pipeline) backfill(ctx context.Context, j *JobRow) (more bool, err error) {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return false, err
	}
	conf, ok := plan.Doc.Network(j.Account)
	ranger, can := p.Networks[conf.Kind].(network.Ranger)
	if !ok || !can {
		return false, fault.New(fault.Invalid, "account %q cannot be read backwards", j.Account)
	}
	a, err := p.connect(ctx, conf)
	if err != nil {
		return false, err
	}
	info := p.infos[conf.Kind]
	if err := p.draw(ctx, a, info.Buckets, conf, false); err != nil {
		return false, err
	}
	page, err := ranger.Range(ctx, a, j.From, j.To, j.Cursor)
	if err != nil {
		return false, err
	}
	for _, body := range page.Bodies {
		env := Envelope{Receipt: p.Ports.NewID(), At: p.now(), Account: conf.Name, Stream: body.Stream, Source: history}
		if err := p.enqueue(ctx, p.Queue, topology.MentionsBulk, env, body.Data); err != nil {
			return false, err
		}
		j.Done++
	}
	j.Pages++
	more = page.More && page.Cursor != j.Cursor
	j.Cursor = page.Cursor
	return more, nil
}

// Estimate tells what a backfill of an account would take.
func (p *Pipeline) Estimate(ctx context.Context, account string, from, to time.Time) (mentions, calls int, exact bool, cost float64, err error) {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return 0, 0, false, 0, err
	}
	conf, ok := plan.Doc.Network(account)
	ranger, can := p.Networks[conf.Kind].(network.Ranger)
	if !ok || !can {
		return 0, 0, false, 0, fault.New(fault.Invalid, "account %q cannot be read backwards", account)
	}
	a, err := p.connect(ctx, conf)
	if err != nil {
		return 0, 0, false, 0, err
	}
	mentions, calls, exact, err = ranger.Estimate(ctx, a, from, to)
	for _, b := range p.infos[conf.Kind].Buckets {
		cost += b.Cost * float64(calls)
		break
	}
	return mentions, calls, exact, cost, err
}
