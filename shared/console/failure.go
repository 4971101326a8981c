package console

import (
	"regexp"
	"slices"
	"sort"
	"strconv"
	"time"

	"rapport/shared/fault"
	"rapport/shared/pipeline"
	"rapport/shared/topology"
)

type failures struct {
	Causes  []cause   `json:"causes"`
	Parked  []health  `json:"parked"`
	Rejects []row     `json:"rejected"`
	Lanes   []laneRow `json:"lanes"`
	Partly  []partly  `json:"partly,omitempty"` // where not everything was looked at
}

// partly says how much of what failed somewhere was looked at.
type partly struct {
	Where string `json:"where"`
	Read  int    `json:"read"`
	Of    int    `json:"of,omitempty"` // 0 = nobody counted them
}

// Bounds of the page: how many dead letters of a lane and dead deliveries of an account it looks at.
const (
	lettersRead    = 200
	deliveriesRead = 500
)

// cause is why some things failed in the same way.
type cause struct {
	Where    string    `json:"where"` // CRM account or lane
	Lane     bool      `json:"lane,omitempty"`
	Plain    string    `json:"cause"` // in plain words
	Say      string    `json:"say"`   // the reason of one of them, and the kind: those alike are sent again by it
	Mend     string    `json:"mend"`
	To       string    `json:"-"` // where it is mended
	Link     string    `json:"-"`
	N        int       `json:"n"`
	Newest   time.Time `json:"newest"`
	Mentions []string  `json:"mentions,omitempty"`
}

type laneRow struct {
	Name                         string `json:"name"`
	Waiting, Held, Delayed, Dead int
	Oldest                       string `json:"oldest,omitempty"`
}

func (c *Console) failures(q *request) (answer, error) {
	ctx := q.r.Context()
	plan, err := c.plan(ctx)
	if err != nil {
		return answer{}, err
	}
	var f failures
	doc, whole := q.narrowed(plan.Doc), q.scope() == ""
	groups, known := map[string]*cause{}, remedies()
	note := func(where string, lane bool, reason, mention string, at time.Time) {
		key := where + "\x00" + fault.Alike(reason)
		g := groups[key]
		if g == nil {
			r := remedyOf(known, reason)
			if g = (&cause{Where: where, Lane: lane, Plain: r.say, Say: reason, Mend: r.mend, To: r.to, Link: r.name}); lane && r.to == "/accounts/" {
				g.To = "/accounts"
			} else if r.to == "/accounts/" {
				g.To += where
			}
			groups[key] = g
		}
		g.N++
		if at.After(g.Newest) {
			g.Newest = at
		}
		if mention != "" && len(g.Mentions) < 5 {
			g.Mentions = append(g.Mentions, mention)
		}
	}
	depth, err := c.Queue.Depth(ctx)
	if err != nil {
		return answer{}, err
	}
	for _, d := range depth {
		l := laneRow{Name: string(d.Lane), Waiting: d.Waiting, Held: d.Held, Delayed: d.Delayed, Dead: d.Dead}
		if d.Oldest > 0 {
			l.Oldest = span(q.lang, d.Oldest)
		}
		f.Lanes = append(f.Lanes, l)
		if d.Dead > 0 && whole { // a lane is everybody's
			letters, err := c.Queue.Dead(ctx, d.Lane, lettersRead)
			if err != nil {
				return answer{}, err
			}
			for _, l := range letters {
				note(string(d.Lane), true, l.Reason, "", l.At)
			}
			if len(letters) < d.Dead {
				f.Partly = append(f.Partly, partly{string(d.Lane), len(letters), d.Dead})
			}
		}
	}
	for _, a := range doc.CRMs {
		if !q.owns(a, true) {
			continue
		}
		dead, err := c.Pipeline.DeadDeliveries(ctx, a.Name, deliveriesRead)
		if err != nil {
			return answer{}, err
		}
		for _, d := range dead {
			note(a.Name, false, d.Reason, d.Mention, d.At)
		}
		if len(dead) == deliveriesRead {
			f.Partly = append(f.Partly, partly{Where: a.Name, Read: len(dead)})
		}
	}
	for _, key := range sortedKeys(groups) {
		f.Causes = append(f.Causes, *groups[key])
	}
	sort.SliceStable(f.Causes, func(i, j int) bool { return f.Causes[i].N > f.Causes[j].N })
	all, err := c.healths(ctx, doc)
	if err != nil {
		return answer{}, err
	}
	f.Parked = slices.DeleteFunc(all, func(h health) bool { return h.State == "ok" && h.Parked == 0 })
	return answer{Title: "Failures", Data: f}, nil
}

// remedy is a cause in plain words, and what to do about it.
type remedy struct {
	when *regexp.Regexp
	say  string
	mend string
	to   string // the page where it is mended; "" = none
	name string // of the link
}

// remedies lists causes, the more telling ones first.
func remedies() []remedy {
	of := func(when, say, mend, to, name string) remedy {
		return remedy{regexp.MustCompile("(?i)" + when), say, mend, to, name}
	}
	return []remedy{
		of(`unauthor|credential|token|\b40[13]\b`, "The vendor refused our log-in", "Renew the account's secret or log in again, test it, then send these again.", "/accounts/", "To the account"),
		of(`field|property|choice|picklist|required|too long|not a number|text in`, "The CRM refused what a field was to hold", "Mend the mapping of that field, try it in a dry run, publish, then send these again.", "/mapping", "To the mapping"),
		of(`gone|deleted`, "The record was deleted", "Somebody deleted the record in the CRM; it is not made again unless you send it.", "", ""),
		of(`limit|quota|\b429\b`, "The vendor's limit was reached", "The vendor's limit was reached; send these again when it is free.", "/costs", "To quotas and cost"),
		of(`not configured|unknown account|no account`, "The account is not configured", "Add the account or publish the version that knows it, then send these again.", "/accounts", "To the accounts"),
		of(`damaged|cannot be read|no json|invalid character|unexpected end`, "The message cannot be read", "It does not get better by itself: keep it for whoever maintains the connector. Nothing else waits for it.", "", ""),
		of(`panic|crash|broke down|times|nobody ever answered|nobody settled`, "No worker could finish it", "The worker could not finish; the log says why. Send one again to see.", "", ""),
	}
}

// remedyOf finds what to say and do about a reason.
func remedyOf(all []remedy, reason string) remedy {
	for _, r := range all {
		if r.when.MatchString(reason) {
			return r
		}
	}
	return remedy{say: "It failed for a reason of its own", mend: "Look at one of them, mend what its reason names, then send these again."}
}

func (c *Console) redrive(q *request) (answer, error) {
	ctx, where := q.r.Context(), q.value("where")
	limit, err := strconv.Atoi(q.value("limit"))
	if err != nil || limit < 1 || limit > 5000 {
		limit = 1000
	}
	plan, err := c.plan(ctx)
	if err != nil {
		return answer{}, err
	}
	account, known := q.narrowed(plan.Doc).CRM(where)
	lane := slices.ContainsFunc(topology.Queues(), func(l topology.Queue) bool { return l.Name == where })
	switch whole := q.scope() == ""; {
	case !known && !lane:
		return answer{}, fault.New(fault.NotFound, "there is no lane and no CRM account %q", where)
	case known && !q.owns(account, true) || !known && !whole:
		return answer{}, fault.New(fault.Unauthorized, "%s serves other brands too: your role must hold for all of them", where)
	}
	got, err := c.Pipeline.SendAgain(ctx, c.Queue, pipeline.Resending{Where: where, Kind: q.value("kind"), Limit: limit, Try: q.value("try") == "1"})
	n := number(q.lang, got.N)
	switch {
	case err != nil:
		return answer{}, err
	case got.Try && got.Read < got.Of:
		return answer{Data: map[string]any{"would": got.N, "read": got.Read, "of": got.Of}, To: "/failures",
			Say: say(q.lang, "{0} of the {1} that were looked at would be sent again; there are about {2}; nothing was done", n, got.Read, got.Of)}, nil
	case got.Try:
		return answer{Data: map[string]any{"would": got.N}, To: "/failures", Say: say(q.lang, "{0} would be sent again; nothing was done", n)}, nil
	}
	return answer{Data: map[string]any{"redriven": got.N}, To: "/failures", Say: say(q.lang, "{0} sent again", n)}, c.note(ctx, q.who.User, "redrove", where+" "+strconv.Itoa(got.N))
}
