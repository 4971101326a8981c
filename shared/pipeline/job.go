package pipeline

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"rapport/shared/config"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/queue"
	"rapport/shared/rest"
	"rapport/shared/store"
	"rapport/shared/topology"
)

// JobRow is long work in pages. Kept under its id; one message does one page.
type JobRow struct {
	ID        string       `json:"id"`
	Kind      string       `json:"kind"` // backfill, gap, erase, recheck, reconcile, sync, replay, undo, relink
	Account   string       `json:"account,omitempty"`
	From      time.Time    `json:"from,omitzero"`
	To        time.Time    `json:"to,omitzero"`
	Erasure   flow.Erasure `json:"erasure,omitzero"`
	Cursor    string       `json:"cursor,omitempty"`
	Pages     int          `json:"pages"`
	Done      int          `json:"done"`  // things so far
	Total     int          `json:"total"` // estimate, 0 = not known
	State     string       `json:"state"` // running, done, failed, cancelled
	Problem   string       `json:"problem,omitempty"`
	Started   time.Time    `json:"started"`
	Updated   time.Time    `json:"updated"`
	Fails     int          `json:"fails,omitempty"`   // in a row
	Pass      int          `json:"pass,omitempty"`    // an erasure goes through everything until it finds nothing new
	Fresh     int          `json:"fresh,omitempty"`   // what the present pass found new
	Swept     bool         `json:"swept,omitempty"`   // no further pass follows
	Authors   []string     `json:"authors,omitempty"` // whom an erasure is about
	People    []string     `json:"people,omitempty"`  // persons whom an erasure is about, besides their authors
	Closing   bool         `json:"closing,omitempty"` // an erasure found everything; now ids give way to hashes
	Report    string       `json:"report,omitempty"`  // hash of an erasure's report, once it is finished
	Held      string       `json:"held,omitempty"`    // the legal hold that an erasure waits for
	Result    *Erased      `json:"result,omitempty"`
	Copies    int          `json:"copies,omitempty"`    // of a retention sweep: mentions whose copies in CRMs were let go
	Objection *Objection   `json:"objection,omitempty"` // of an objection, or of what takes one back
	Spec      string       `json:"spec,omitempty"`      // of a sync: hash of the fields it reads
	Gaps      *Gaps        `json:"gaps,omitempty"`      // of a reconcile: what it found
	Again     *Again       `json:"again,omitempty"`     // of a replay or an undo
	Relink    *Relink      `json:"relink,omitempty"`    // of links that a person decided on
}

// startAgain is when a job is woken once more after its start, should nobody have done so.
const startAgain = 5 * time.Minute

// Start stores a job and wakes it.
func (p *Pipeline) Start(ctx context.Context, j JobRow) (string, error) {
	if j.ID == "" {
		j.ID = p.Ports.NewID()
	}
	j.State, j.Started, j.Updated = "running", p.now(), p.now()
	if j.Again != nil { // the audit trail knows who approved it
		again := *j.Again
		again.By = p.Pseudonym(again.By)
		j.Again = &again
	}
	// Who dies between storing and waking it may never come back: then tick wakes it.
	if err := p.wakeAt(ctx, j.ID, p.now().Add(startAgain)); err != nil {
		return j.ID, err
	}
	row := store.Row[JobRow]{Part: j.ID, Sort: "-", Value: j}
	for _, res := range p.jobs.Put(ctx, &row, listed(j)) {
		if res.Err != nil && !conflicted(res) {
			return j.ID, res.Err
		}
	}
	return j.ID, p.wake(ctx, j.ID, 0)
}

// jobList is where the jobs of the last time are listed, by day and id; jobListed is how long.
const (
	jobList   = "#list"
	jobListed = 35 * 24 * time.Hour
)

// listed is the row by which a job is found without its id. It tells of nobody.
func listed(j JobRow) *store.Row[JobRow] {
	return &store.Row[JobRow]{Part: jobList, Sort: j.Started.Format("20060102") + "#" + j.ID, Expires: j.Started.Add(jobListed), Value: JobRow{ID: j.ID, Kind: j.Kind}}
}

// JobsLately lists the jobs that were started last, newest day first, at most so many.
func (p *Pipeline) JobsLately(ctx context.Context, limit int) ([]JobRow, error) {
	var keys []store.Key
	for row, err := range p.jobs.List(ctx, store.Range{Part: jobList, Desc: true, Limit: limit}) {
		if err != nil {
			return nil, err
		}
		keys = append(keys, p.jobs.Key(row.Value.ID, "-"))
	}
	rows, err := p.jobs.Get(ctx, keys...)
	var out []JobRow
	for _, row := range rows {
		if row.Version > 0 {
			out = append(out, row.Value)
		}
	}
	slices.SortStableFunc(out, func(a, b JobRow) int { return b.Started.Compare(a.Started) })
	return out, err
}

func (p *Pipeline) wake(ctx context.Context, id string, delay time.Duration) error {
	body, _ := json.Marshal(id) // a text: cannot fail
	return p.Queue.Send(ctx, queue.Message{Lane: topology.Jobs, Group: id, Body: body, Delay: min(delay, 15*time.Minute)})[0]
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
		if mention, is := strings.CutPrefix(id, mediaJob); is {
			errs[i] = p.copyMedia(ctx, mention)
			continue
		}
		if id == sealJob {
			errs[i] = p.sealWoken(ctx)
			continue
		}
		if alert, is := strings.CutPrefix(id, alertJob); is {
			errs[i] = p.deliverAlert(ctx, alert)
			continue
		}
		if id == pulseJob {
			errs[i] = p.pulseWoken(ctx)
			continue
		}
		errs[i] = p.work(ctx, id)
	}
	return errs
}

func (p *Pipeline) work(ctx context.Context, id string) error {
	release, ok, err := p.Leases.Acquire(ctx, "job#"+id, 5*time.Minute)
	if err != nil {
		return err
	}
	if !ok { // of two messages one works; who holds the lease may also have died
		return p.wake(ctx, id, time.Minute)
	}
	release = sync.OnceFunc(release)
	defer release()
	row, err := p.jobs.One(ctx, id, "-")
	j := &row.Value
	again := j.Kind == "erase" && j.State == "done" && !j.Swept
	if err != nil || row.Version == 0 || j.State != "running" && !again {
		return err
	}
	row.Part, row.Sort = id, "-"
	more, wait := false, time.Duration(0)
	switch j.Kind {
	case "backfill", gapJob:
		more, err = p.backfill(ctx, j)
	case "erase":
		more, wait, err = p.erasePage(ctx, j)
	case "recheck":
		more, err = p.recheck(ctx, j)
	case "reconcile":
		more, err = p.reconcile(ctx, j)
	case "sync":
		more, err = p.syncPage(ctx, j)
	case reportJob:
		more, err = p.reportPage(ctx, j)
	case retainJob:
		more, err = p.retainPage(ctx, j)
	case JobRelink:
		more, err = p.relinkPage(ctx, j)
	case JobReplay, JobUndo:
		more, err = p.againPage(ctx, j)
	case accessJob:
		more, err = p.accessPage(ctx, j)
	case objectJob:
		more, wait, err = p.objectPage(ctx, j)
	default:
		err = fault.New(fault.Invalid, "nobody knows how to do a job of kind %q", j.Kind)
	}
	j.Updated = p.now()
	switch {
	case err == nil && j.Held != "":
		j.Problem, j.Fails, more = j.Held, 0, true
	case fault.Is(err, fault.Invalid), fault.Is(err, fault.NotFound):
		j.State, j.Problem, more = "failed", brief(err.Error()), false
	case err != nil: // the page is done again, for as long as it takes
		j.Problem, more, wait = brief(err.Error()), true, max(backoff(j.Fails), fault.After(err))
		j.Fails++
	default:
		j.Problem, j.Fails = "", 0
		if !more || j.Pass > 0 {
			j.State = "done"
		}
	}
	if res := p.jobs.Put(ctx, &row)[0]; res.Err != nil && !conflicted(res) { // it was cancelled meanwhile
		return res.Err
	}
	switch {
	case !more:
		return nil
	case wait > 0 && (j.State == "done" || j.Held != ""):
		return p.wakeAt(ctx, id, p.now().Add(wait))
	}
	release() // the next page may be handed out before this call is over, and would wait a minute for the lease
	return p.wake(ctx, id, wait)
}

// wakeAt lets tick wake a job.
func (p *Pipeline) wakeAt(ctx context.Context, id string, at time.Time) error {
	row := &store.Row[DueRow]{Part: at.Truncate(time.Minute).Add(time.Minute).Format(minute), Sort: "job#" + id, Value: DueRow{Kind: "job", Subject: id, At: at}}
	if res := p.due.Put(ctx, row)[0]; res.Err != nil && !conflicted(res) {
		return res.Err
	}
	return nil
}

// backfill reads one page of the past into the bulk lane, marked as history. What was missed comes as if it were told now,
// and is counted as far as nobody told it before.
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
	var page network.Page
	buckets := p.infos[conf.Kind].Buckets
	err = p.vendor(ctx, conf, buckets, false, func(a rest.Account) (err error) {
		if err = p.afford(ctx, plan, conf, buckets); err == nil {
			a.History = true
			page, err = ranger.Range(ctx, a, j.From, j.To, j.Cursor)
		}
		return err
	})
	if err != nil {
		return false, err
	}
	for _, body := range page.Bodies {
		env, lane, n := Envelope{Receipt: p.Ports.NewID(), At: p.now(), Account: conf.Name, Stream: body.Stream, Source: history}, queue.Lane(topology.MentionsBulk), 1
		if j.Kind == gapJob {
			env.Source, lane = "", topology.MentionsLive
			if n, err = p.unknown(ctx, plan, &env, body); err != nil {
				return false, err
			}
			if n == 0 && env.Only != nil {
				continue // all of it is gone for good
			}
		}
		if err := p.enqueue(ctx, p.Queue, lane, env, body.Data); err != nil {
			return false, err
		}
		j.Done += n
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
	return mentions, calls, exact, p.fees(conf, mentions, calls), err
}

// fees tells what reading mentions in calls costs at most.
func (p *Pipeline) fees(conf config.Account, mentions, calls int) (usd float64) {
	info := p.infos[conf.Kind]
	if len(info.Buckets) > 0 {
		usd = info.Buckets[0].Cost * float64(calls)
	}
	return usd + info.PerMention*float64(mentions)
}

// Forecast is what one stream of an account would bring and cost.
type Forecast struct {
	Account string  `json:"account"`
	Stream  string  `json:"stream"`
	Daily   float64 `json:"daily"`  // mentions a day, by the last week
	USD     float64 `json:"usd"`    // a day, at most
	Budget  float64 `json:"budget"` // of the brand, a day
	Problem string  `json:"problem,omitempty"`
}

// Forecasts estimates the streams of those accounts of a plan, published or not, that are paid for by the mention: by what
// the last week had. Streams that known holds are left out. The estimate itself may cost, and passes the budget too.
func (p *Pipeline) Forecasts(ctx context.Context, plan *Plan, known func(account, stream string) bool) ([]Forecast, error) {
	var out []Forecast
	for _, conf := range plan.Doc.Networks {
		info := p.infos[conf.Kind]
		ranger, can := p.Networks[conf.Kind].(network.Ranger)
		if info.PerMention <= 0 || !can || conf.Paused {
			continue
		}
		streams := conf.Streams
		if len(streams) == 0 {
			streams = info.FirstStreams
		}
		brand := plan.Doc.Brand(conf.Brand)
		for _, stream := range streams {
			if known(conf.Name, stream) {
				continue
			}
			f := Forecast{Account: conf.Name, Stream: stream, Budget: brand.Budget}
			conf.Streams = []string{stream}
			a, err := p.connect(ctx, conf)
			if err == nil {
				a.Pay = p.payer(conf, func(context.Context) (config.Brand, error) { return brand, nil })
				var mentions int
				mentions, _, _, err = ranger.Estimate(ctx, a, p.now().Add(-week), p.now())
				f.Daily, f.USD = float64(mentions)/7, p.fees(conf, mentions, 0)/7
			}
			if err != nil {
				if ctx.Err() != nil {
					return out, err
				}
				f.Problem = brief(err.Error())
			}
			out = append(out, f)
		}
	}
	return out, nil
}

const week = 7 * 24 * time.Hour
